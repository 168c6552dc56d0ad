/**
 * When a wrong token was presented because nothing could tell which one lives: a guess, and no loss of ours.
 */

import { overlapOf } from "../../src/kernel/doubt.ts";
import type { Serial } from "../../src/kernel/ids.ts";
import {
  type Delivery,
  type Kept,
  type Ledger,
  type LedgerOptions,
  type Mark,
  type Sent,
  successorsOf,
} from "./ledger.ts";
import { AGAIN_MS, type Finding, finding, REACTION_MS, told, WINDOW_MARGIN_MS } from "./verdict.ts";

/** Tokens of which one lives, and a request that presents one of them. */
interface Fork {
  readonly ledger: Ledger;
  readonly kept: Kept;
  readonly request: Sent;
  /** The others, in words. */
  readonly others: string;
  /** Which of them are successors that were not presented yet. */
  readonly successors: readonly Serial[];
  /** The one that came last. */
  readonly last: Delivery;
  /** What may be asked which one lives: older tokens that were presented, and when their windows close. */
  readonly older: ReadonlyMap<Serial, number>;
}

/**
 * Two successors were at hand and nothing could tell which one lives: when the second one came, their predecessor, which
 * would have brought a third, was not open any more, or whoever had heard it was not there to ask, or it was asked in
 * vain while it was open, or faults left no time for that.
 */
export function byGuess(
  ledger: Ledger,
  kept: Kept,
  request: Sent,
  keepable: readonly Serial[],
): Finding | undefined {
  const { presented, sent } = request;
  const isOld = (serial: Serial): boolean =>
    kept.requests.some((one) => one.presented === serial && one.id < request.id);
  const successors = keepable.filter((serial) => !isOld(serial));
  const found = [presented, ...successors].map((serial) =>
    kept.deliveries.find((one) => one.serial === serial && one.came.number < sent.number),
  );
  const came = found.filter((one) => one !== undefined);
  if (came.length < found.length) return undefined;
  const last = came.reduce((a, b) => (b.came.number > a.came.number ? b : a));
  const oldest = Math.min(presented, ...successors);
  const asked = new Set(kept.requests.map((one) => one.presented).filter((one) => one < oldest));
  const older = new Map([...asked].map((serial) => [serial, closesAt(ledger, kept, serial)]));
  const others = `serial ${keepable.join(", ")}`;
  const fork: Fork = { ledger, kept, request, others, successors, last, older };
  const acts = Math.max(...came.map((one) => awakeAt(ledger, one))) + actingMs(ledger);
  const died = came.some(({ host }) => host.died !== null && host.died.at < acts);
  if (died || !mayAsk(fork, { ...last.came, at: acts })) {
    return finding("unavoidable", `${told(request)} was a guess between it and ${others}`);
  }
  return askedInVain(fork) ?? leftNoTime(fork);
}

/** What is kept clear of a window's end, and what it takes to act. */
const actingMs = ({ options }: Ledger): number => (WINDOW_MARGIN_MS + REACTION_MS) / options.scale;

/** Whether an older token is open at a moment, for all that a holder knows, and would be accepted. */
const mayAsk = (fork: Fork, at: Mark): boolean =>
  [...fork.older.keys()].some((serial) => isOpen(fork, serial, at));

function isOpen({ ledger, kept, older }: Fork, serial: Serial, at: Mark): boolean {
  if (at.at >= (older.get(serial) ?? 0)) return false;
  return ledger.acceptedOurs(kept, ledger.stateAt(kept, at), at).includes(serial);
}

/** It was asked and nobody heard the answer; or it could not be, while another request might still bring a successor. */
function askedInVain(fork: Fork): Finding | undefined {
  const { ledger, kept, request, others, successors, last, older } = fork;
  const { scale, requestLifeMs } = ledger.options;
  const heard = new Set(
    kept.deliveries
      .filter(({ came }) => came.number < request.sent.number)
      .map(({ arrival }) => arrival.request),
  );
  const unheard = kept.requests.filter(
    (one) => older.has(one.presented) && one.id < request.id && !heard.has(one),
  );
  // Which of several lives is asked at once; whether there is another, when no request may bring one any more.
  const deadMs = requestLifeMs + WINDOW_MARGIN_MS / scale;
  const outlasting = unheard.find(
    (one) => one.recordedAt + deadMs >= (older.get(one.presented) ?? 0),
  );
  if (successors.length === 0 && outlasting) {
    return finding("timing", `${told(outlasting)} may live for as long as its window`);
  }
  const asked = unheard.find(
    (one) =>
      isOpen(fork, one.presented, one.sent) &&
      (one.sent.number > last.came.number ||
        (successorsOf(one) > 1 && one.recordedAt + ledger.silentMs > last.came.at)),
  );
  return asked && finding("timing", `${told(asked)} came too late to tell if ${others} lives`);
}

/** The last fault while it could be asked was so late that it could not be asked again. */
function leftNoTime(fork: Fork): Finding | undefined {
  const { ledger, kept, request, others, last } = fork;
  const faults = [...kept.faults, ...ledger.clockFaults].filter(
    (fault) => fault.number > last.came.number && mayAsk(fork, fault),
  );
  const fault = faults.reduce<Mark>((a, b) => (b.number > a.number ? b : a), last.came);
  const still = ledger.pauses.filter(({ from }) => faults.some(({ at }) => at === from.at));
  const begun = [...ledger.recorded.values()].filter(
    ({ of, at }) => of === kept && at >= last.came.at && at < request.sent.at,
  );
  // What could not be sent is tried again later each time.
  const unsent = begun.filter(({ unsentAt }) => mayAsk(fork, { ...fault, at: unsentAt }));
  const known = [...still.map(({ until }) => until), ...unsent.map(({ unsentAt }) => unsentAt)];
  const since = Math.max(fault.at, ...known);
  // What a process had begun when it died is taken up by another when its sender counts as silent.
  const isHalfDone = begun.some(({ by }) => by.died !== null && by.died.at < request.sent.at);
  const againMs = isHalfDone ? ledger.silentMs : AGAIN_MS * 2 ** Math.max(unsent.length - 1, 0);
  return mayAsk(fork, { ...fault, at: since + againMs + actingMs(ledger) })
    ? undefined
    : finding("timing", `faults left no time to ask if ${others} lives`);
}

/**
 * When the window of a token closes, for all that a holder knows. It counts from the first request that presented it, and
 * from one that was recorded and that nobody had called unsent when the first successor came.
 */
function closesAt(ledger: Ledger, kept: Kept, serial: Serial): number {
  const first = kept.requests.find((one) => one.presented === serial);
  const since = kept.deliveries.find((one) => one.serial === serial)?.came ?? kept.begun;
  const successor = kept.deliveries.find(({ arrival }) => arrival.request.presented === serial);
  const until = successor?.came.at ?? Number.POSITIVE_INFINITY;
  const unsent = [...ledger.recorded].filter(
    ([attempt, { of, at, unsentAt }]) =>
      of === kept && at > since.at && unsentAt > until && !ledger.byAttempt.has(attempt),
  );
  const { options } = ledger;
  const from = Math.min(
    ...unsent.map(([, { at }]) => at),
    first?.recordedAt ?? Number.POSITIVE_INFINITY,
  );
  return from + toldWindow(options) / options.scale;
}

/**
 * How long a token is open that was superseded, under every policy that the holder takes for possible. Where the use of
 * an access token may close it, that is no longer than nobody gets one to use: while an earlier request may arrive.
 */
function toldWindow({ known, requestLifeMs, scale }: LedgerOptions): number {
  const windows = known
    .filter(({ rotate, replay }) => rotate !== "never" && replay.action !== "refuse")
    .map((policy) => {
      const isClosedByUse = policy.overlap.untilUsed && policy.firstUse === "refreshOrAccess";
      const unused = Math.max(policy.overlap.atLeast, requestLifeMs * scale);
      return isClosedByUse ? Math.min(unused, overlapOf(policy)) : overlapOf(policy);
    });
  return Math.min(Number.POSITIVE_INFINITY, ...windows);
}

/** When the process that an answer came to could act on it: it may have stood still before it was durable. */
function awakeAt({ pauses }: Ledger, { host, came, durable }: Delivery): number {
  const before = durable?.number ?? Number.POSITIVE_INFINITY;
  const still = pauses.filter(
    (one) => one.host === host && one.from.number < before && one.until > came.at,
  );
  return Math.max(came.at, ...still.map(({ until }) => until));
}
