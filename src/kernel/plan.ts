/**
 * What a holder may do next.
 *
 * 1. `plan` says it and changes nothing. The same question at the same instant has one answer, for every process.
 * 2. A refusal is believed only after every other token at hand was tried where that does no harm.
 * 3. A successor is not used while an earlier request of its chain may still arrive and count as replay; nor is its
 *    access token where the provider takes that for use.
 * 4. Of two successors one may have displaced the other. Their predecessor tells which lives, while it is open.
 */

import {
  type Advice,
  advise,
  type Knowledge,
  minIntervalOf,
  openThoughUsed,
  predecessorOpenUntil,
  replayRevokes,
  siblingsOf,
} from "./doubt.ts";
import {
  type Attempt,
  accessEndsAt,
  dueAt,
  type Held,
  type Holding,
  heardUntil,
  heldOf,
  heldOnly,
  type Settings,
  type Status,
  silentAt,
  unusedUntil,
  type Why,
} from "./holding.ts";
import { FOREVER, type Instant } from "./time.ts";

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

/** Whether the access token at hand may be handed out. */
export function isUsable(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  now: Instant,
): boolean {
  const isAlive = now + settings.leastLeft < accessEndsAt(h, knowledge, settings);
  return isAlive && !isUseHarmful(h, knowledge, settings, now);
}

/**
 * Whether a use of the access token may close the predecessor too early: an earlier request may still present that, or
 * we do, to tell successors apart.
 */
function isUseHarmful(h: Holding, knowledge: Knowledge, settings: Settings, now: Instant): boolean {
  const { predecessor, parked, attempts, quietUntil } = h;
  if (!predecessor) return false;
  const closesAt = predecessor.supersededAt + openThoughUsed(knowledge);
  if (!Number.isFinite(closesAt)) return false;
  if (attempts.length > 0) {
    return attempts.some(({ print, deadAt }) => print === predecessor.print && closesAt < deadAt);
  }
  if (now < quietUntil && closesAt < quietUntil) return true;
  return parked.length > 0 && isPredecessorOpen(h, knowledge, settings, now);
}

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
  // Two successors are told apart by their predecessor while that is open; later it is a guess.
  const cures = candidate !== undefined && candidate.print === h.predecessor?.print;
  // It is with the provider already: whoever asks twice at once makes one more to choose from.
  const contested = cures ? contestedUntil(h, knowledge, settings) : FOREVER;
  if (now < contested && contested < FOREVER) {
    return { do: "wait", until: contested, why: "quiet" };
  }
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
  const isDue = newer || cures || now >= dueAt(h, knowledge, settings);
  if (!isDue && isUsable(h, knowledge, settings, now)) return { do: "handOut" };
  if (!isDue && now < h.quietUntil && isUseHarmful(h, knowledge, settings, now)) {
    const until = Math.min(h.quietUntil, asksAt(h, knowledge, settings, now));
    return { do: "wait", until, why: "quiet" };
  }
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
  if (advice.do === "resend" && now < advice.harmlessUntil) {
    return { do: "send", token, why: "resend" };
  }
  const silence = silenceOf(h, knowledge, settings);
  if (now < silence) return { do: "wait", until: silence, why: "uncertain" };
  // A predecessor asked for what became of its successors tells nothing more once it is closed: they are at hand.
  const isClosed =
    h.predecessor?.print === token.print && !isPredecessorOpen(h, knowledge, settings, now);
  const other = isClosed ? candidate : siblingOf(h, knowledge, doubted);
  return other
    ? { do: "send", token: other, why: "candidate" }
    : { do: "send", token, why: "lastResort" };
}

/** Another successor at hand that lives whatever became of the request in doubt. */
function siblingOf(h: Holding, knowledge: Knowledge, { print }: Attempt): Held | undefined {
  if (siblingsOf(knowledge) === 0) return undefined;
  const found = h.parked.findLast((one) => one.print !== print && !h.refused.includes(one.print));
  return found && heldOnly(found);
}

/** So many leads are left of a token's life for trying it in doubt: each try may go unanswered. */
const LAST_TRIES = 4;

/**
 * When nobody hears an answer any more, or while there is time to try a token that would end unused. Only lifetimes of
 * policies that revoke hurry: under the others trying is harmless, and under these it may end what is on its way. What had
 * ended before anything was sent is past saving.
 */
function silenceOf(h: Holding, knowledge: Knowledge, settings: Settings): Instant {
  const deadAt = Math.max(...h.attempts.map((attempt) => attempt.deadAt));
  const silence = Math.max(...h.attempts.map((attempt) => heardUntil(attempt, settings)));
  const began = h.attempts[0]?.sentAt ?? Number.NEGATIVE_INFINITY;
  const ends = knowledge
    .filter((policy) => replayRevokes([policy]))
    .map((policy) => unusedUntil(h, [policy]))
    .filter((endsAt) => endsAt > began);
  return Math.max(deadAt, Math.min(silence, ...ends.map((at) => at - LAST_TRIES * settings.lead)));
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
  // What was superseded before this request was sent is open no longer than it was.
  const before = h.predecessor?.print === last.print ? h.predecessor.supersededAt : FOREVER;
  const openUntil = predecessorOpenUntil(knowledge, before, 1, settings.margin);
  const { streak } = h;
  const open = { sentAt: first.sentAt, deadAt, heardUntil: silence, streak, tries, openUntil };
  const advice = advise(knowledge, open, settings.margin);
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
  const contested = now >= contestedUntil(h, knowledge, settings);
  const forked = (parked.length > 0 || contested) && siblingsOf(knowledge) === 0;
  const ordered = replayRevokes(knowledge)
    ? [forked && open ? predecessor : null, h.current, ...parked, predecessor]
    : [h.current, ...parked, predecessor];
  const found = ordered.find(untried);
  return found && heldOnly(found);
}

/**
 * When the predecessor is asked what became of requests that nobody heard of: when they are dead and another may be sent,
 * if it is open then.
 */
export function contestedUntil(
  { predecessor, contested, quietUntil, refreshed }: Holding,
  knowledge: Knowledge,
  { margin }: Settings,
): Instant {
  if (!predecessor || contested.length === 0) return FOREVER;
  const tries = 1 + contested.length;
  const openUntil = predecessorOpenUntil(knowledge, predecessor.supersededAt, tries, margin);
  const allowed = (refreshed?.to ?? Number.NEGATIVE_INFINITY) + minIntervalOf(knowledge);
  const at = Math.max(quietUntil, allowed);
  return at < openUntil ? at : FOREVER;
}

/** The same while it lies ahead: one that has passed is nobody's alarm. */
export function asksAt(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  now: Instant,
): Instant {
  const at = contestedUntil(h, knowledge, settings);
  return at > now ? at : FOREVER;
}

/**
 * Whether the predecessor may be presented once more: each successor at hand tells of one presentation that was, and once
 * an access token may have been handed out it may have been used.
 */
function isPredecessorOpen(
  { predecessor, parked, attempts, quietUntil }: Holding,
  knowledge: Knowledge,
  { margin }: Settings,
  now: Instant,
): boolean {
  if (!predecessor) return false;
  const { print, supersededAt } = predecessor;
  const tries = 1 + parked.length + attempts.filter((attempt) => attempt.print === print).length;
  const unusedUntil = Math.max(supersededAt + openThoughUsed(knowledge), quietUntil);
  return now < Math.min(unusedUntil, predecessorOpenUntil(knowledge, supersededAt, tries, margin));
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
