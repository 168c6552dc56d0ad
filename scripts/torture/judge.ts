/**
 * The judge: what became of every chain, computed on the trace and never asserted.
 *
 * 1. A loss is *avoidable* if, at the loss or right before the request that caused it was decided, a token that the
 *    stand-in accepted was durable with us or in a live process of ours.
 * 2. *Unavoidable*: all the stand-in accepted were successors whose answers never became durable, because their process
 *    was killed, or the network cut the answer, between the stand-in's commit and our journal.
 * 3. *Timing*: a request of ours arrived after the time by which we take it for dead, or a limit of time ran out.
 * 4. *Held*: the accepted token is with a holder that lives, or lies in a journal, that nobody else can reach.
 * 5. *Operator*: ended from outside: revoked on request, evicted, at its fixed end, or spent by who is none of ours.
 * 6. *Unexplained*: none of these can be shown.
 * 7. A process that has a courier holds its requests for as long as that lives: until then answers reach our journal, and
 *    a request of the dead is one of a live holder.
 * 8. A *double spend* is two requests for one token from two live holders, or a request without an attempt of its own
 *    that was recorded before.
 */

import type { Serial } from "../../src/kernel/ids.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { replay, type Step } from "./accepted.ts";
import type { Kept, Life, Recorded, Seen, Trace } from "./trace.ts";

export const LOSS_CLASSES = [
  "avoidable",
  "unavoidable",
  "timing",
  "held",
  "operator",
  "unexplained",
] as const;
export type LossClass = (typeof LOSS_CLASSES)[number];

export interface Loss {
  readonly name: string;
  readonly class: LossClass;
  readonly why: string;
}

export interface Verdict {
  readonly losses: readonly Loss[];
  readonly lost: Readonly<Record<LossClass, number>>;
  /** One line for each. */
  readonly doubleSpends: readonly string[];
  /** Where the trace contradicts itself: what was misread is no evidence. */
  readonly contradictions: readonly string[];
}

/** How far the stand-in's and Keten's readings of the one wall clock may be apart. */
const CLOCK_TOLERANCE_MS = 25;
/** How long a process may take from the answer's last byte to its journal, on a busy machine. */
const JOURNAL_MS = 500;

/** Refusals that speak of the token or its chain; the others say "not now" or "not you". */
const ABOUT_TOKEN: ReadonlySet<string> = new Set([
  ...["chainRevoked", "serialAhead", "superseded", "replayed"],
  ...["tokenExpired", "tokenMalformed", "tokenUnknown", "tokenOfAnotherClient"],
]);

/** Judges a whole trace. */
export function judgeTrace(trace: Trace): Verdict {
  const losses = trace.connections
    .filter(({ lost }) => lost)
    .map((kept): Loss => ({ name: kept.name, ...classify(trace, kept) }));
  const lost = Object.fromEntries(
    LOSS_CLASSES.map((name) => [name, losses.filter((loss) => loss.class === name).length]),
  ) as Record<LossClass, number>;
  return {
    losses,
    lost,
    doubleSpends: trace.connections.flatMap((kept) => doubleSpends(trace, kept)),
    contradictions: trace.connections.flatMap((kept) => contradictions(trace, kept)),
  };
}

// --- requests and attempts ------------------------------------------------------------------------------

const seenOf = (trace: Trace, { chain }: Kept): readonly Seen[] =>
  trace.seen.filter(({ line }) => line.chain === chain);

/**
 * Gives each request the attempt it was sent by: the newest that was recorded before it arrived and has no request yet.
 * Keten sends one request at a time for a connection, so that is the one. A second delivery has its first one's.
 */
export function attemptsOf(trace: Trace, kept: Kept): ReadonlyMap<number, Recorded> {
  const found = new Map<number, Recorded>();
  const used = new Set<Recorded>();
  const newestBefore = (at: Instant): Recorded | undefined =>
    kept.attempts.findLast((attempt) => !used.has(attempt) && attempt.sent <= at);
  const inOrder = [...seenOf(trace, kept)].sort((a, b) => a.received - b.received);
  for (const { line, received } of inOrder) {
    const own = newestBefore(received) ?? newestBefore(received + CLOCK_TOLERANCE_MS);
    const attempt = line.duplicateOf === null ? own : found.get(line.duplicateOf);
    if (!attempt) continue;
    used.add(attempt);
    found.set(line.number, attempt);
  }
  return found;
}

const lifeOf = (trace: Trace, owner: string): Life | undefined =>
  trace.lives.find((life) => life.owner === owner);

function doubleSpends(trace: Trace, kept: Kept): readonly string[] {
  const attempts = attemptsOf(trace, kept);
  const own = seenOf(trace, kept).filter(({ line }) => line.duplicateOf === null);
  const unrecorded = own
    .filter(({ line }) => !attempts.has(line.number))
    .map(
      ({ line }) =>
        `${kept.name}: request ${line.number} for serial ${line.presented} has no attempt of its own`,
    );
  const pairs = own.flatMap((one, index) =>
    own.slice(index + 1).flatMap((other) => {
      if (one.line.presented !== other.line.presented) return [];
      const first = attempts.get(one.line.number);
      const second = attempts.get(other.line.number);
      if (!first || !second || first.owner === second.owner) return [];
      const at = Math.max(one.received, other.received);
      const together = endOf(one) > at && endOf(other) > at;
      const alive = [first, second].every(({ owner }) => livesAt(lifeOf(trace, owner), at));
      return together && alive
        ? [
            `${kept.name}: requests ${one.line.number} and ${other.line.number} for serial ${one.line.presented} from two live holders`,
          ]
        : [];
    }),
  );
  return [...unrecorded, ...pairs];
}

const endOf = ({ answered, decided }: Seen): Instant =>
  Math.max(answered ?? Number.POSITIVE_INFINITY, decided ?? 0);

const livesAt = (life: Life | undefined, at: Instant): boolean =>
  life !== undefined && life.from <= at && at < endOfLife(life);

/** When nobody of a process's own could take an answer any more. */
const endOfLife = ({ until, harvestsUntil }: Life): Instant => harvestsUntil ?? until;

/**
 * One token has one serial at the stand-in and one with Keten: attempts and requests must agree on that. Serials that
 * Keten gave to candidates are left out: a token that comes out of a journal after its time is counted anew.
 */
function contradictions(trace: Trace, kept: Kept): readonly string[] {
  const attempts = attemptsOf(trace, kept);
  const countedAnew = new Set(
    kept.attempts.filter(({ why }) => why === "candidate").map(({ serial }) => serial),
  );
  const serials = new Map<Serial, number>();
  return seenOf(trace, kept).flatMap(({ line }) => {
    const attempt = attempts.get(line.number);
    if (!attempt || line.presented === null || countedAnew.has(attempt.serial)) return [];
    const before = serials.get(line.presented);
    serials.set(line.presented, attempt.serial);
    if (before === undefined || before === attempt.serial) return [];
    return [
      `${kept.name}: serial ${line.presented} at the stand-in is ${before} and ${attempt.serial} with Keten`,
    ];
  });
}

// --- losses ---------------------------------------------------------------------------------------------

type Finding = Omit<Loss, "name">;

const finding = (name: LossClass, why: string): Finding => ({ class: name, why });

/** The class of one lost connection. */
export function classify(trace: Trace, kept: Kept): Finding {
  const alive = kept.held.find(({ accepted }) => accepted);
  if (alive) {
    const { place, serial } = alive;
    return finding(
      "avoidable",
      `given up with serial ${serial} at hand (${place}), still accepted`,
    );
  }
  const { steps } = replay(trace.policy, kept.grantAt, seenOf(trace, kept));
  const lastGrant = steps.findLastIndex(({ seen }) => seen.line.decision === "granted");
  const cause = steps
    .slice(lastGrant + 1)
    .find(({ seen }) => ABOUT_TOKEN.has(seen.line.reason ?? ""));
  if (!cause) return finding("unexplained", "the stand-in never refused a token of it");
  const { line } = cause.seen;
  const unfaithful = steps.find(({ faithful }) => !faithful);
  if (unfaithful && line.reason !== "chainRevoked") {
    const { number } = unfaithful.seen.line;
    return finding("unexplained", `the rules decide request ${number} otherwise than the log`);
  }
  const attempt = attemptsOf(trace, kept).get(line.number);
  return (
    fromOutside(cause, attempt) ?? byTime(trace, cause, attempt) ?? byPlace(trace, kept, cause)
  );
}

/** Ended by somebody who is none of ours, or by the network's own doing. */
function fromOutside({ seen, revoked, endedBy }: Step, attempt: Recorded | undefined) {
  const { line } = seen;
  if (line.duplicateOf !== null) {
    return finding("unavoidable", `the network delivered request ${line.duplicateOf} twice`);
  }
  if (!attempt) {
    return finding("operator", `request ${line.number} is not ours: a copy holds the token`);
  }
  if (line.reason === "chainRevoked" && !revoked) {
    return finding("operator", "the chain was revoked, and not for a replay of ours");
  }
  if (endedBy === "authorization" || endedBy === "policyChange") {
    return finding("operator", `the chain has reached its end: ${endedBy}`);
  }
  return undefined;
}

/** A request that outlived the life we give it, or a limit that ran out while nothing was sent. */
function byTime({ requestLifeMs }: Trace, { seen, endedBy }: Step, attempt: Recorded | undefined) {
  const { line, decided } = seen;
  const tookMs = (decided ?? seen.received) - (attempt?.sent ?? seen.received);
  if (tookMs > requestLifeMs) {
    return finding(
      "timing",
      `request ${line.number} was decided ${Math.round(tookMs)} ms after it was sent; taken for dead after ${requestLifeMs} ms`,
    );
  }
  if (endedBy !== null) return finding("timing", `the token came to its end: ${endedBy}`);
  return undefined;
}

/** By where the tokens were that the stand-in accepted right before the decision that caused the loss. */
function byPlace(trace: Trace, kept: Kept, cause: Step): Finding {
  const { accepted, seen } = cause;
  if (accepted.length === 0) {
    return finding("unexplained", `nothing was accepted at request ${seen.line.number}`);
  }
  const at = seen.decided ?? seen.received;
  const places = accepted.map((serial) => placeOf(trace, kept, serial, at));
  const ranks: readonly LossClass[] = ["avoidable", "held", "unexplained", "unavoidable"];
  const worst = ranks.flatMap((name) => places.filter((place) => place.class === name))[0];
  return worst ?? finding("unexplained", "no token was placed");
}

/** Where an accepted token was at an instant: by the best of the answers that carried it. */
function placeOf(trace: Trace, kept: Kept, serial: Serial, at: Instant): Finding {
  // The first token was imported, which is durable before anything is sent.
  if (serial === 0) return finding("avoidable", "serial 0, the imported token, was accepted");
  const attempts = attemptsOf(trace, kept);
  const carriers = seenOf(trace, kept).filter(
    ({ line }) => line.decision === "granted" && line.answered === serial,
  );
  const places = carriers.map((seen) => carried(trace, serial, seen, attempts, at));
  const ranks: readonly LossClass[] = ["avoidable", "held", "unexplained", "unavoidable"];
  const best = ranks.flatMap((name) => places.filter((place) => place.class === name))[0];
  return best ?? finding("unexplained", `no request was answered with serial ${serial}`);
}

function carried(
  trace: Trace,
  serial: Serial,
  { line, answered }: Seen,
  attempts: ReadonlyMap<number, Recorded>,
  at: Instant,
): Finding {
  const attempt = attempts.get(line.number);
  const life = attempt && lifeOf(trace, attempt.owner);
  if (!attempt || !life) {
    return finding("unexplained", `serial ${serial} went to who is not known`);
  }
  if (attempt.durable !== null && attempt.durable <= at) {
    return life.reachable
      ? finding("avoidable", `serial ${serial} was accepted, and durable with us`)
      : finding("held", `serial ${serial} was accepted, and lay out of reach`);
  }
  if (line.duplicateOf !== null || line.written !== "whole" || answered === null) {
    return finding("unavoidable", `serial ${serial} was accepted; its answer was never delivered`);
  }
  const couldJournalMs = endOfLife(life) - answered;
  if (couldJournalMs < JOURNAL_MS) {
    return finding("unavoidable", `serial ${serial} was accepted; its holder died with the answer`);
  }
  if (!life.reachable) {
    return finding("held", `serial ${serial} was accepted, and with a holder that did not answer`);
  }
  return livesAt(life, at)
    ? finding("avoidable", `serial ${serial} was accepted, and in a live process of ours`)
    : finding(
        "unexplained",
        `serial ${serial} came whole ${Math.round(couldJournalMs)} ms before its holder's end and was not journaled`,
      );
}
