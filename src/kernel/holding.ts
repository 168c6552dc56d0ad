/**
 * The holder's machine: what a keychain holds of one connection, and what it may do next.
 *
 * 1. `plan` says what to do; it changes nothing. `intend.ts` records a request before its first byte, `settle.ts` takes
 *    in what came of it. Between the two, a crash anywhere leaves a named state.
 * 2. Two counters: a token's *serial* counts the different refresh tokens the provider gave us; the *generation*
 *    counts the access tokens we handed out. Some providers return the same refresh token for ever.
 * 3. Tokens are sealed before they get here. Two tokens are the same iff their prints are: a keyed digest.
 * 4. A refusal is believed only after every other token at hand was tried where that does no harm. Nothing here ever
 *    drops a token that a provider's policy may still accept.
 * 5. A successor is not used while an earlier request of its chain may still arrive and count as replay.
 */

import {
  type Advice,
  accessLifetimeOf,
  advise,
  harmlessAfterwards,
  type Knowledge,
  minIntervalOf,
  predecessorOpenUntil,
  refreshEndsAccess,
  refreshLifetimeOf,
  replayRevokes,
  silenceWithin,
} from "./doubt.ts";
import type { BlockCause, LossCause } from "./loss.ts";
import type { Doubt } from "./outcome.ts";
import { type Duration, FOREVER, type Instant } from "./time.ts";

export type Status =
  /** A token was brought in and never presented by us: its refusal would be no loss. */
  | "imported"
  /** The newest answer is ours. Whether its access token still lives is a question of time. */
  | "fresh"
  /** A request is on its way. */
  | "redeeming"
  /** A request was sent and not answered: the token may be spent. */
  | "uncertain"
  /** Two different successors are at hand. */
  | "forked"
  /** Another live holder may own a successor: we wait for it, until a deadline. */
  | "held"
  /** The provider refused a token, and that is not yet believed: others are tried. */
  | "refused"
  /** The token is unspent, but the provider will have none of it until somebody acts. */
  | "blocked"
  /** No token at hand is accepted: a new authorization grant is needed. */
  | "lost"
  | "disconnecting"
  | "revoked";

export interface Held {
  readonly sealed: string;
  /** Keyed digest of the token: equal prints, equal tokens. */
  readonly print: string;
  /** The attempt that brought it, or `IMPORTED`; part of the seal's context. */
  readonly by: string;
  readonly serial: number;
}

export interface Access {
  readonly sealed: string;
  readonly by: string;
  readonly tokenType: string;
  readonly scope: string | null;
  /** Its own end, counted from before the request was sent: early rather than late. */
  readonly expiresAt: Instant;
  /** What else the answer said that whoever uses the token needs: no secret. */
  readonly more?: Readonly<Record<string, string>>;
}

export type Why = "due" | "resend" | "lastResort" | "candidate";

/** What became of the process that sent a request: dead for certain, or past its time and not known to be. */
export type OwnerDoubt = "ownerGone" | "ownerSilent";

/** An instant in milliseconds since a boot; unscaled. */
export interface BootInstant {
  readonly id: string;
  readonly at: number;
}

export interface Attempt {
  readonly id: string;
  readonly epoch: number;
  readonly owner: string;
  /** The print of the token it presents. */
  readonly print: string;
  readonly why: Why;
  /** Recorded before the first byte. */
  readonly sentAt: Instant;
  /** From then on its request cannot be processed any more. */
  readonly deadAt: Instant;
  /** The same by the time since a boot, which nobody sets. */
  readonly boot: BootInstant;
  /** Null while its owner may still report; else why its outcome is not known. */
  readonly doubt: Doubt | OwnerDoubt | null;
}

/** Whether a request is open for want of any answer, and not for what its answer said. */
export const isUnheard = ({ doubt }: Attempt): boolean =>
  isListenedFor(doubt) || doubt === "unanswered" || doubt === "ownerGone";

/** Whether a process may be alive that would hear the answer. */
export const isListenedFor = (doubt: Attempt["doubt"]): boolean =>
  doubt === null || doubt === "overdue" || doubt === "ownerSilent";

/** From then on nobody will hear an answer: the request is dead, and whoever sent it has been waited for. */
export const heardUntil = ({ sentAt, deadAt, doubt }: Attempt, { hold }: Settings): Instant =>
  isListenedFor(doubt) ? Math.max(deadAt, sentAt + hold) : deadAt;

/** From then on another may take its sender for silent: it is dead by then, or its window would close otherwise. */
export const silentAt = ({ sentAt, deadAt }: Attempt, knowledge: Knowledge): Instant =>
  Math.min(deadAt, sentAt + silenceWithin(knowledge));

export interface Parked extends Held {
  readonly at: Instant;
}

export interface Lease {
  readonly owner: string;
  /** Identity of the boot that `until` counts in. */
  readonly boot: string;
  /** Milliseconds since that boot. */
  readonly until: number;
}

export interface Holding {
  /** New with each grant: answers for another chain are never committed. */
  readonly chainId: string;
  readonly status: Status;
  readonly since: Instant;
  /** Why it is lost or blocked. */
  readonly cause: LossCause | BlockCause | null;
  /** What the provider wrote, without secrets: an error code and a status. */
  readonly evidence: string | null;
  /** Nothing is sent before this. */
  readonly notBefore: Instant | null;
  /** A cure is certain only until this; null for no end. */
  readonly notAfter: Instant | null;
  readonly generation: number;
  readonly serials: number;
  readonly current: Held;
  readonly predecessor: (Held & { readonly supersededAt: Instant }) | null;
  readonly parked: readonly Parked[];
  readonly access: Access | null;
  readonly grantAt: Instant;
  /** The last success: the provider granted something between these two. Null before the first. */
  readonly refreshed: { readonly from: Instant; readonly to: Instant } | null;
  readonly epoch: number;
  readonly lease: Lease | null;
  /** Requests whose outcome is open, oldest first, at most `ATTEMPTS_MAX`. */
  readonly attempts: readonly Attempt[];
  /** The attempt recorded last, also when it is settled. */
  readonly newest: string | null;
  /** Prints that the provider refused since the last success. */
  readonly refused: readonly string[];
  /** Since the last success, a request was left without an answer. */
  readonly doubted: boolean;
  /** No successor is used before this: an earlier request may still arrive. */
  readonly quietUntil: Instant;
  /** Generations in a row that needed a retry. */
  readonly streak: number;
  /** Tries in a row that brought nothing; for back-off. */
  readonly failures: number;
}

/** At most so many open requests; the oldest is forgotten, its answer would be parked all the same. */
export const ATTEMPTS_MAX = 8;

export interface Settings {
  /** Refresh so long before the access token's end. */
  readonly lead: Duration;
  /** Kept clear of the edges of a provider's windows. */
  readonly margin: Duration;
  /** An access token with less left is not handed out. */
  readonly leastLeft: Duration;
  readonly backoff: { readonly first: Duration; readonly most: Duration };
  /** How long a request whose sender may still hear its answer holds back what could end the chain. */
  readonly hold: Duration;
}

export type Plan =
  /** The access token at hand is good and nothing is due. */
  | { readonly do: "handOut" }
  | { readonly do: "send"; readonly token: Held; readonly why: Why }
  | {
      readonly do: "wait";
      readonly until: Instant;
      readonly why: "notYet" | "uncertain" | "held" | "backOff" | "quiet";
    }
  | { readonly do: "stop"; readonly why: Status };

/** Stands for the attempt that brought an imported token. */
export const IMPORTED = "0-import";

/** A connection as it begins: one token, never presented by us. */
export function importHolding(token: {
  readonly chainId: string;
  readonly sealed: string;
  readonly print: string;
  readonly now: Instant;
}): Holding {
  const { chainId, sealed, print, now } = token;
  return {
    chainId,
    status: "imported",
    since: now,
    cause: null,
    evidence: null,
    notBefore: null,
    notAfter: null,
    generation: 0,
    serials: 1,
    current: { sealed, print, by: IMPORTED, serial: 0 },
    predecessor: null,
    parked: [],
    access: null,
    grantAt: now,
    refreshed: null,
    epoch: 0,
    lease: null,
    attempts: [],
    newest: null,
    refused: [],
    doubted: false,
    quietUntil: Number.NEGATIVE_INFINITY,
    streak: 0,
    failures: 0,
  };
}

// --- the access token -----------------------------------------------------------------------------------

/**
 * When the next refresh is due by time alone: a lead before the end of the access token, or of a refresh token that
 * ends unused; never earlier than the provider allows.
 */
export function dueAt(h: Holding, knowledge: Knowledge, settings: Settings): Instant {
  if (!h.access || !h.refreshed) return Number.NEGATIVE_INFINITY;
  // Half of its life at most, by what is known and by what was said: a token that was just fetched is never due.
  const life = Math.min(accessLifetimeOf(knowledge), h.access.expiresAt - h.refreshed.from);
  const lead = Math.min(settings.lead * (1 + spreadOf(h.chainId)), life / 2);
  const unused = refreshLifetimeOf(knowledge);
  // Half of its life is left for asking again.
  const keepBy = h.refreshed.from + unused / 2;
  const wanted = Math.min(h.access.expiresAt - lead, keepBy);
  return Math.max(wanted, h.refreshed.to + minIntervalOf(knowledge));
}

/** A fraction of its own for each chain, 0 to 1: chains that were granted together are not refreshed together. */
function spreadOf(chainId: string): number {
  let hash = 0;
  for (const sign of chainId) hash = (hash * 31 + sign.charCodeAt(0)) % 4093;
  return hash / 4093;
}

/**
 * The access token's true end: its own, or the moment at which a refresh of ours may have ended it. Negative
 * infinity when there is none.
 */
export function accessEndsAt(h: Holding, knowledge: Knowledge, settings: Settings): Instant {
  if (!h.access || h.status === "lost" || h.status === "revoked") return Number.NEGATIVE_INFINITY;
  if (!refreshEndsAccess(knowledge)) return h.access.expiresAt;
  const sent = h.attempts[0]?.sentAt ?? dueAt(h, knowledge, settings);
  return Math.min(h.access.expiresAt, sent);
}

/** Whether the access token at hand may be handed out. */
export function isUsable(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  now: Instant,
): boolean {
  return now + settings.leastLeft < accessEndsAt(h, knowledge, settings);
}

// --- what to do next ------------------------------------------------------------------------------------

/**
 * What to do next. `newer` asks for an access token newer than the one at hand although that still has time:
 * a worker has seen it fail.
 */
export function plan(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  now: Instant,
  newer = false,
): Plan {
  if (h.status === "lost" || h.status === "disconnecting" || h.status === "revoked") {
    return { do: "stop", why: h.status };
  }
  if (h.notBefore !== null && now < h.notBefore) {
    return {
      do: "wait",
      until: h.notBefore,
      why: h.attempts.length > 0 ? "uncertain" : "backOff",
    };
  }
  const reporting = h.attempts.find(({ doubt }) => doubt === null);
  if (reporting) return { do: "wait", until: silentAt(reporting, knowledge), why: "held" };
  const candidate = nextCandidate(h, knowledge, settings, now);
  if (h.status === "refused") {
    return candidate
      ? { do: "send", token: candidate, why: "candidate" }
      : { do: "stop", why: "refused" };
  }
  const doubted = h.attempts.at(-1);
  if (doubted) return planInDoubt(h, knowledge, settings, doubted, candidate, now);
  // By a clock that was set back the last success lies ahead, and nothing that is counted from it can be told.
  const isSetBack = h.refreshed !== null && h.refreshed.from > now;
  if (isSetBack) return { do: "send", token: candidate ?? h.current, why: "due" };
  // Two successors are told apart by their predecessor while that is open; later it is a guess.
  const cures = candidate !== undefined && candidate.print === h.predecessor?.print;
  const isDue = newer || cures || now >= dueAt(h, knowledge, settings);
  if (!isDue && isUsable(h, knowledge, settings, now)) return { do: "handOut" };
  const allowed = allowedAt(h, knowledge, settings);
  if (now < allowed) return { do: "wait", until: allowed, why: "notYet" };
  if (now < h.quietUntil && replayRevokes(knowledge) && !cures) {
    return { do: "wait", until: h.quietUntil, why: "quiet" };
  }
  return { do: "send", token: candidate ?? h.current, why: "due" };
}

/** When the next refresh may be sent: at once, unless the provider or the last answer says otherwise. */
function allowedAt(h: Holding, knowledge: Knowledge, settings: Settings): Instant {
  if (h.refreshed === null) return Number.NEGATIVE_INFINITY;
  const { from, to } = h.refreshed;
  // A success that brought nothing to hand out would bring the same again at once, and for ever.
  const isEmpty = h.access === null || h.access.expiresAt - from <= settings.leastLeft;
  return to + Math.max(minIntervalOf(knowledge), isEmpty ? settings.backoff.most : 0);
}

/** With a request in doubt: a parked successor where trying it is harmless, else the token again, in its window. */
function planInDoubt(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  doubted: Attempt,
  candidate: Held | undefined,
  now: Instant,
): Plan {
  if (candidate && candidate.print !== doubted.print && !replayRevokes(knowledge)) {
    return { do: "send", token: candidate, why: "candidate" };
  }
  const token = heldOf(h, doubted.print) ?? h.current;
  const advice = adviceOn(h, knowledge, settings) as Advice;
  if (now < advice.notBefore) return { do: "wait", until: advice.notBefore, why: "uncertain" };
  if (advice.do === "resend" && (now < advice.notAfter || harmlessAfterwards(knowledge))) {
    return { do: "send", token, why: "resend" };
  }
  const silence = silenceOf(h, knowledge, settings);
  if (now < silence) return { do: "wait", until: silence, why: "uncertain" };
  // A predecessor asked for what became of its successors tells nothing more once it is closed: they are at hand.
  const isClosed =
    h.predecessor?.print === token.print && !isPredecessorOpen(h, knowledge, settings, now);
  return isClosed && candidate
    ? { do: "send", token: candidate, why: "candidate" }
    : { do: "send", token, why: "lastResort" };
}

/** So many leads are left of a token's life for trying it in doubt: each try may go unanswered. */
const LAST_TRIES = 4;

/**
 * When nobody hears an answer any more, or while there is time to try a token that would end unused. Only lifetimes of
 * policies that revoke hurry: under the others trying is harmless, and under these it may end what is on its way.
 */
function silenceOf(h: Holding, knowledge: Knowledge, settings: Settings): Instant {
  const deadAt = Math.max(...h.attempts.map((attempt) => attempt.deadAt));
  const silence = Math.max(...h.attempts.map((attempt) => heardUntil(attempt, settings)));
  const revoking = knowledge.filter((policy) => replayRevokes([policy]));
  const endsAt = (h.refreshed?.from ?? h.grantAt) + refreshLifetimeOf(revoking);
  return Math.max(deadAt, Math.min(silence, endsAt - LAST_TRIES * settings.lead));
}

/** After so many requests in doubt none is hoped any more not to have been processed: each waits its interval. */
const LATE_AFTER_MAX = 2;

/** What the policies say about the oldest open request of the token in doubt; null without one. */
function adviceOn(h: Holding, knowledge: Knowledge, settings: Settings): Advice | null {
  const last = h.attempts.at(-1);
  const first = h.attempts.find(({ print }) => print === last?.print);
  if (!first || !last) return null;
  const deadAt = Math.max(...h.attempts.map((attempt) => attempt.deadAt));
  const silence = silenceOf(h, knowledge, settings);
  const tries = h.attempts.filter(({ print }) => print === last.print).length;
  const open = { sentAt: first.sentAt, deadAt, heardUntil: silence, streak: h.streak, tries };
  const advised = advise(knowledge, open, settings.margin);
  // What was superseded before this request was sent is open no longer than it was.
  const before = h.predecessor?.print === last.print ? h.predecessor.supersededAt : FOREVER;
  const notAfter = predecessorOpenUntil(knowledge, before, 1, settings.margin);
  const advice =
    advised.do === "resend" && notAfter < advised.notAfter ? { ...advised, notAfter } : advised;
  // Each further request begins a least interval of its own; the window is still that of the first.
  const again = last.sentAt + minIntervalOf(knowledge);
  // Where the window would be over by then, one more is sent at once, in the hope that the last was not processed.
  const isLate = advice.do === "resend" && again >= advice.notAfter && tries <= LATE_AFTER_MAX;
  const spaced = minIntervalOf(knowledge) > 0 && last !== first && !isLate;
  return spaced ? { ...advice, notBefore: Math.max(advice.notBefore, again) } : advice;
}

/**
 * The token to try next among several, by the provider's policy. A provider that only refuses gets the newest, then
 * the others, then the predecessor; one that revokes on replay gets the predecessor first while that is still open.
 * Once all others are refused, the predecessor costs nothing under any policy: a provider whose own store fell back
 * knows no later token.
 */
function nextCandidate(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  now: Instant,
): Held | undefined {
  const { predecessor } = h;
  const open = isPredecessorOpen(h, knowledge, settings, now);
  const untried = (token: Held | null): token is Held =>
    token !== null && !h.refused.includes(token.print);
  const parked = h.parked.toReversed();
  const forked = parked.length > 0;
  const ordered = replayRevokes(knowledge)
    ? [forked && open ? predecessor : null, h.current, ...parked, predecessor]
    : [h.current, ...parked, predecessor];
  const found = ordered.find(untried);
  return found && heldOnly(found);
}

/** Whether the predecessor may be presented once more: each successor at hand tells of one presentation that was. */
function isPredecessorOpen(
  { predecessor, parked, attempts }: Holding,
  knowledge: Knowledge,
  { margin }: Settings,
  now: Instant,
): boolean {
  if (!predecessor) return false;
  const { print, supersededAt } = predecessor;
  const tries = 1 + parked.length + attempts.filter((attempt) => attempt.print === print).length;
  return now < predecessorOpenUntil(knowledge, supersededAt, tries, margin);
}

const heldOnly = ({ sealed, print, by, serial }: Held): Held => ({ sealed, print, by, serial });

/** The token at hand with a print. */
export function heldOf(h: Holding, print: string): Held | undefined {
  const found = [h.current, h.predecessor, ...h.parked].find((token) => token?.print === print);
  return found ? heldOnly(found) : undefined;
}

// --- in doubt --------------------------------------------------------------------------------------------

/** The value as it stands with a request in doubt: when to ask again, and until when that is certain to help. */
export function doubtful(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  now: Instant,
): Holding {
  const advice = adviceOn(h, knowledge, settings);
  const reporting = h.attempts.some(({ doubt }) => doubt === null);
  const deadAt = Math.max(h.quietUntil, ...h.attempts.map((attempt) => attempt.deadAt));
  const isHeld =
    advice?.do === "lastResort" && h.attempts.some(({ doubt }) => doubt === "ownerSilent");
  const status = reporting ? "redeeming" : isHeld ? "held" : "uncertain";
  return {
    ...h,
    status,
    since: h.status === status ? h.since : now,
    doubted: true,
    quietUntil: deadAt,
    notBefore: advice?.notBefore ?? null,
    notAfter: advice?.do === "resend" && Number.isFinite(advice.notAfter) ? advice.notAfter : null,
  };
}
