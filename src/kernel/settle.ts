/**
 * What the outcome of an attempt does to a holding.
 *
 * 1. An answer is committed iff its chain is the holding's and its attempt is open and the newest, or presented the
 *    token that is current still. Any other answer that brings a token we do not have is parked, sealed; never dropped.
 * 2. Settling twice is settling once: an answer whose token is at hand already changes nothing but its attempt.
 * 3. A success proves the chain alive: what came before it and was parked, and what was refused, is forgotten. Where
 *    successors live beside each other, the others at hand are kept for a day on which the newest is lost.
 * 4. What is parked is bounded: beyond `PARKED_MAX` the oldest that the provider refused goes. Further tokens are tried
 *    with growing pauses, so that a provider that answers every refusal with another token is not stormed.
 * 5. `invalid_grant` alone never ends a chain. It does so only when no untried token is left and no request is open.
 * 6. An attempt of an epoch above the holding's was recorded by a store that has since fallen back to an earlier state.
 *    Its answer is newer than all that the holding knows, and is committed as the newest: what the holding calls
 *    current was spent by it or before it.
 */

import {
  accessLifetimeOf,
  duplicateDisplaces,
  type Knowledge,
  minIntervalOf,
  siblingsOf,
} from "./doubt.ts";
import {
  type Attempt,
  type Held,
  type Holding,
  heardUntil,
  heldOf,
  isUnheard,
  type Parked,
  type Settings,
  unusedUntil,
} from "./holding.ts";
import { type BlockCause, nameLoss } from "./loss.ts";
import type { About, Outcome } from "./outcome.ts";
import { doubtful, plan } from "./plan.ts";
import { type Duration, FOREVER, type Instant } from "./time.ts";

/** At most so many parked successors; only refused ones make room. */
const PARKED_MAX = 8;

/** So many tokens in a row are tried without a pause. */
const CANDIDATES_AT_ONCE = 2;

/** A token as it comes out of an answer: sealed in the context of its attempt. */
export interface Fresh {
  readonly sealed: string;
  readonly print: string;
}

type Of<Class extends Outcome["class"]> = Extract<Outcome, { readonly class: Class }>;

/** An outcome with its tokens sealed. */
export type Result =
  | Of<"notSent">
  | (Omit<Of<"refusedUnspent">, "found"> & { readonly found: Fresh | null })
  | Omit<Of<"inDoubt">, "found">
  | {
      readonly class: "answered";
      /** Null if the answer has no refresh token. */
      readonly refresh: Fresh | null;
      readonly access: {
        readonly sealed: string;
        readonly more?: Readonly<Record<string, string>>;
      } | null;
      readonly expiresIn: Duration | null;
      readonly tokenType: string | null;
      readonly scope: string | null;
    };

export interface Report {
  readonly chainId: string;
  readonly attemptId: string;
  /** The attempt's own; above the holding's only if the record is older than the attempt: its store fell back. */
  readonly epoch: number;
  readonly result: Result;
  /** As it was recorded, where the reporter knows; a record that fell back does not. */
  readonly attempt: Attempt | null;
  /** When the answer came; `now` unless it has lain in a journal. */
  readonly at: Instant;
  readonly now: Instant;
  /** In [0, 1): spreads retries of many holders. */
  readonly jitter: number;
}

/** What became of an answer. */
export type Settled = "committed" | "parked" | "known" | "noted" | "foreign";

export interface Settlement {
  readonly holding: Holding;
  readonly settled: Settled;
}

/** Takes in the outcome of one attempt. */
export function settleAttempt(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  report: Report,
): Settlement {
  const { result, attemptId, at, now } = report;
  if (report.chainId !== h.chainId) return { holding: h, settled: "foreign" };
  if (report.epoch > h.epoch) return catchUp(h, knowledge, settings, report);
  const attempt = h.attempts.find(({ id }) => id === attemptId);
  if (result.class === "answered") {
    const by = attempt ?? (isOfCurrent(h, attemptId) ? forgottenBy(h, report) : undefined);
    // Also an earlier attempt's, while what it presented is current still: no other brought a successor.
    if (by && (attemptId === h.newest || by.print === h.current.print)) {
      return { holding: commit(h, knowledge, by, result, report), settled: "committed" };
    }
    const parked = park(close(h, attemptId), knowledge, attemptId, result.refresh, { at, now });
    const isNewest = !attempt && attemptId === h.newest && parked.settled === "parked";
    return isNewest && knowledge.some(duplicateDisplaces)
      ? { ...parked, holding: preferNewest(parked.holding) }
      : parked;
  }
  if (!attempt) {
    return { holding: result.class === "inDoubt" ? h : close(h, attemptId), settled: "known" };
  }
  const closed = close(h, attemptId);
  switch (result.class) {
    case "notSent":
      return noted(
        spaceOut(calm(closed, knowledge, settings, now), knowledge, settings, null, report),
      );
    case "inDoubt": {
      const attempts = h.attempts.map((other) =>
        other.id === attemptId ? { ...other, doubt: result.why } : other,
      );
      const open = doubtful({ ...release(h, attempt), attempts }, knowledge, settings, now);
      return noted(spaceOut(open, knowledge, settings, result.retryAfter, report));
    }
    case "refusedUnspent":
      return noted(refuse(closed, knowledge, settings, attempt, result, report));
  }
}

/** Whether an earlier request presented what is current still: another one's answer was without a successor. */
const isOfCurrent = ({ predecessor, contested }: Holding, attemptId: string): boolean =>
  predecessor === null && contested.includes(attemptId);

/** An attempt that the holding has forgotten. Where nobody knows which token it presented, it was the current one. */
const forgottenBy = (h: Holding, { attempt, attemptId: id, epoch, at, now }: Report): Attempt =>
  attempt ?? {
    ...{ id, epoch, owner: "", print: h.current.print, why: "due", sentAt: at, deadAt: now },
    ...{ boot: { id: "", at: 0 }, doubt: null },
  };

/** Takes in the outcome of an attempt of an epoch above the holding's. */
function catchUp(h: Holding, knowledge: Knowledge, settings: Settings, report: Report): Settlement {
  const { attemptId, epoch, result, now } = report;
  const forgotten = forgottenBy(h, report);
  const known = { ...h, epoch, newest: attemptId, attempts: [...h.attempts, forgotten] };
  if (result.class === "answered") {
    return { holding: commit(known, knowledge, forgotten, result, report), settled: "committed" };
  }
  if (result.class !== "inDoubt") return noted({ ...h, epoch, newest: attemptId });
  const attempts = [...h.attempts, { ...forgotten, doubt: result.why }];
  return noted(doubtful({ ...known, attempts }, knowledge, settings, now));
}

const noted = (holding: Holding): Settlement => ({ holding, settled: "noted" });

/** Ends the lease if this attempt holds it. */
const release = (h: Holding, attempt: Attempt): Holding =>
  h.lease?.owner === attempt.owner && h.newest === attempt.id ? { ...h, lease: null } : h;

/** Without an attempt, and without the lease if that was its. */
function close(holding: Holding, attemptId: string): Holding {
  const contested = holding.contested.filter((id) => id !== attemptId);
  const h = { ...holding, contested };
  const attempt = h.attempts.find(({ id }) => id === attemptId);
  if (!attempt) return h;
  return { ...release(h, attempt), attempts: h.attempts.filter(({ id }) => id !== attemptId) };
}

/** The status between requests: as if the last one had not been. */
function calm(h: Holding, knowledge: Knowledge, settings: Settings, now: Instant): Holding {
  if (h.attempts.length > 0) return doubtful(h, knowledge, settings, now);
  const isForked = h.parked.length > 0 && siblingsOf(knowledge) === 0;
  const status = isForked ? "forked" : h.refreshed ? "fresh" : "imported";
  return h.status === status ? h : { ...h, status, since: now };
}

// --- answered -------------------------------------------------------------------------------------------

function commit(
  h: Holding,
  knowledge: Knowledge,
  attempt: Attempt,
  answer: Extract<Result, { class: "answered" }>,
  { at, now }: Report,
): Holding {
  const presented = heldOf(h, attempt.print) ?? h.current;
  const known = answer.refresh ? heldOf(h, answer.refresh.print) : presented;
  const current: Held = known ?? {
    ...(answer.refresh as Fresh),
    by: attempt.id,
    serial: h.serials,
  };
  const rotated = current.print !== presented.print;
  const lifetime = answer.expiresIn ?? accessLifetimeOf(knowledge);
  const retried = attempt.why === "resend" || attempt.why === "lastResort";
  const pending = h.attempts.filter(({ id }) => id !== attempt.id);
  // Whichever request with the same token was sent first may have superseded it.
  const same = pending.filter(({ print }) => print === attempt.print);
  // And what was superseded already, before it was presented once more, is not superseded anew.
  const before = h.predecessor?.print === presented.print ? h.predecessor.supersededAt : FOREVER;
  const supersededAt = Math.min(before, attempt.sentAt, ...same.map(({ sentAt }) => sentAt));
  const contesting = same.filter(
    (other) => other.epoch > attempt.epoch || (isUnheard(other) && other.deadAt > attempt.sentAt),
  );
  const isContested = !rotated || knowledge.some(duplicateDisplaces);
  // What came since this request was sent may have been granted after it, and have displaced what it brings.
  const later = h.parked.filter((one) => one.at > attempt.sentAt && one.print !== current.print);
  const isForked = later.length > 0 && siblingsOf(knowledge) === 0;
  return {
    ...h,
    status: isForked ? "forked" : "fresh",
    since: now,
    cause: null,
    evidence: null,
    notBefore: null,
    notAfter: null,
    generation: h.generation + (answer.access ? 1 : 0),
    serials: known ? h.serials : h.serials + 1,
    current,
    predecessor: rotated ? { ...presented, supersededAt } : null,
    parked: isForked ? later : siblings(h, knowledge, current, presented, now),
    access: answer.access
      ? {
          ...answer.access,
          by: attempt.id,
          tokenType: answer.tokenType ?? "Bearer",
          scope: answer.scope,
          expiresAt: attempt.sentAt + lifetime,
        }
      : null,
    refreshed: { from: attempt.sentAt, to: Math.max(attempt.sentAt, at) },
    lease: h.lease?.owner === attempt.owner ? null : h.lease,
    attempts: [],
    refused: [],
    doubted: false,
    quietUntil: Math.max(h.quietUntil, ...pending.map(({ deadAt }) => deadAt)),
    contested: isContested ? contesting.map(({ id }) => id) : [],
    streak: retried ? h.streak + 1 : 0,
    failures: 0,
  };
}

/** The other successors that live beside the newest one; without those that may be spent, for all that is known. */
function siblings(
  h: Holding,
  knowledge: Knowledge,
  newest: Held,
  presented: Held,
  at: Instant,
): readonly Parked[] {
  const asked = h.attempts.map(({ print }) => print);
  const spent = [newest.print, presented.print, ...h.refused, ...asked];
  const others = [...h.parked, { ...h.current, at }].filter(({ print }) => !spent.includes(print));
  return others.slice(Math.max(0, others.length - siblingsOf(knowledge)));
}

/** With the token parked last as current: a later request displaced what an earlier one had brought. */
function preferNewest(h: Holding): Holding {
  const newest = h.parked.at(-1);
  if (!newest) return h;
  const { at, ...current } = newest;
  return { ...h, current, parked: [...h.parked.slice(0, -1), { ...h.current, at }] };
}

/** Keeps a successor that cannot be committed, unless it is at hand already. */
function park(
  h: Holding,
  knowledge: Knowledge,
  attemptId: string,
  fresh: Fresh | null,
  { at, now }: { readonly at: Instant; readonly now: Instant },
): Settlement {
  if (!fresh || heldOf(h, fresh.print)) return { holding: h, settled: "known" };
  const parked = withRoom(h, { ...fresh, by: attemptId, serial: h.serials, at });
  const dead = h.status === "lost";
  const isFork = dead || siblingsOf(knowledge) === 0;
  const quiet =
    isFork && h.attempts.length === 0 && knowledge.some(({ rotate }) => rotate !== "never");
  return {
    settled: "parked",
    holding: {
      ...h,
      parked,
      serials: h.serials + 1,
      status: quiet ? "forked" : h.status,
      since: quiet && h.status !== "forked" ? now : h.since,
      cause: dead ? null : h.cause,
    },
  };
}

/** The parked successors with one more; beyond the bound, without the oldest that was refused. */
function withRoom(h: Holding, newest: Parked): readonly Parked[] {
  const refused =
    h.parked.length < PARKED_MAX
      ? -1
      : h.parked.findIndex(({ print }) => h.refused.includes(print));
  return [...h.parked.filter((_, index) => index !== refused), newest];
}

// --- refused --------------------------------------------------------------------------------------------

function refuse(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  attempt: Attempt,
  result: Extract<Result, { class: "refusedUnspent" }>,
  report: Report,
): Holding {
  const { now } = report;
  const evidence = `${result.error ?? "no error code"}, status ${result.status}`;
  const withFound =
    result.found && !heldOf(h, result.found.print)
      ? park(h, knowledge, attempt.id, result.found, report).holding
      : h;
  switch (result.about) {
    case "token":
      return refuseToken({ ...withFound, evidence }, knowledge, settings, attempt, report);
    case "tooEarly":
      return tooEarly({ ...withFound, evidence }, knowledge, settings, attempt, now);
    case "rate":
      return spaceOut(
        { ...calm(withFound, knowledge, settings, now), evidence },
        knowledge,
        settings,
        result.retryAfter,
        report,
      );
    default: {
      const blocked = withFound.attempts.length === 0;
      const held: Holding = {
        ...calm(withFound, knowledge, settings, now),
        evidence,
        cause: BLOCKS[result.about],
      };
      const status = blocked ? "blocked" : held.status;
      const waiting: Holding = { ...held, status, since: now };
      return spaceOut(waiting, knowledge, settings, result.retryAfter, report);
    }
  }
}

const BLOCKS: Readonly<Record<Exclude<About, "token" | "tooEarly" | "rate">, BlockCause>> = {
  client: "clientRefused",
  request: "requestRefused",
  endpoint: "endpointWrong",
};

/**
 * A token was refused. Requests in doubt that presented it are settled by that: it is dead, whatever became of them.
 * The others at hand are tried before the loss is believed.
 */
function refuseToken(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  attempt: Attempt,
  report: Report,
): Holding {
  const { now } = report;
  // One of them may still hear its answer: the loss is certain when none can.
  const hoped = h.attempts.filter(
    (other) =>
      other.print === attempt.print && isUnheard(other) && heardUntil(other, settings) > now,
  );
  const attempts = h.attempts.filter(
    (other) => other.print !== attempt.print || hoped.includes(other),
  );
  const refused = [...new Set([...h.refused, attempt.print])].slice(-16);
  const waiting: Holding = {
    ...h,
    attempts,
    refused,
    status: "refused",
    since: now,
    notBefore: null,
    notAfter: null,
    quietUntil: Math.max(h.quietUntil, ...h.attempts.map(({ deadAt }) => deadAt)),
  };
  if (attempts.length > 0) {
    const open: Holding = { ...waiting, status: "uncertain" };
    const next = plan(open, knowledge, settings, now);
    if (hoped.length === 0 || (next.do === "send" && next.why === "candidate")) return open;
    const notBefore = Math.max(...hoped.map((other) => heardUntil(other, settings)));
    return { ...open, notBefore };
  }
  if (plan(waiting, knowledge, settings, now).do !== "stop") {
    return refused.length > CANDIDATES_AT_ONCE
      ? spaceOut(waiting, knowledge, settings, null, report)
      : waiting;
  }
  const cause = nameLoss(
    knowledge,
    {
      neverRefreshed: h.refreshed === null,
      doubted: h.doubted,
      forked: h.parked.length > 0,
      grantAt: h.grantAt,
      lastUsedAt: h.refreshed?.to ?? now,
    },
    now,
  );
  // An imported token that is refused at once never was ours to lose.
  return { ...waiting, status: cause === "importRefused" ? "refused" : "lost", cause };
}

/** Too early: the provider granted something less than its interval ago. In doubt, that is what our request did. */
function tooEarly(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  attempt: Attempt,
  now: Instant,
): Holding {
  const interval = minIntervalOf(knowledge);
  const inDoubt = h.attempts.length > 0;
  // In doubt, the grant is at most a request's life away from our sending: few questions find it. Else it may be any
  // time within the interval, and a provider counts its refusals.
  const step = Math.max(settings.margin, interval / (inDoubt ? 20 : 4));
  const grantedAt =
    h.attempts.at(-1)?.sentAt ?? (h.refreshed && h.refreshed.to <= now ? h.refreshed.to : null);
  const until =
    grantedAt === null
      ? now + step
      : Math.max(grantedAt + interval + (inDoubt ? settings.margin : 0), now + step);
  return {
    ...calm(h, knowledge, settings, now),
    cause: inDoubt ? h.cause : "tooEarly",
    notBefore: until,
    failures: h.failures + (attempt.why === "due" ? 1 : 0),
  };
}

// --- waiting --------------------------------------------------------------------------------------------

/**
 * Waits before the next try: as long as the server asks, else longer with each failure, spread by jitter. What would be
 * too late by then, for the window of a request in doubt or for the token itself, is done in the middle of what is left,
 * but for the last moment.
 */
function spaceOut(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  retryAfter: Duration | null,
  { now, jitter }: Report,
): Holding {
  const { first, most } = settings.backoff;
  const growing = Math.min(first * 2 ** Math.min(h.failures, 30), most);
  const later = now + Math.max(retryAfter ?? 0, growing * (0.5 + jitter / 2));
  const endsAt = unusedUntil(h, knowledge);
  const left = Math.min(h.notAfter ?? FOREVER, endsAt > now ? endsAt : FOREVER) - now;
  const isPressed = now + left <= later && left / 2 >= first;
  const wanted = isPressed ? now + left / 2 : later;
  return { ...h, failures: h.failures + 1, notBefore: Math.max(h.notBefore ?? now, wanted) };
}
