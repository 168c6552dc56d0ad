/**
 * The decision at the start of a refresh, made inside one transaction from values alone: take in what is known of the
 * record's open requests, ask the kernel what to do, and if that is to send, write lease and intent.
 */

import { deadlineWithin, type Knowledge, silenceWithin } from "../kernel/doubt.ts";
import {
  type Attempt,
  type Holding,
  isUnheard,
  type Lease,
  type Settings,
  silentAt,
} from "../kernel/holding.ts";
import { abandon, followClock, intend, recall } from "../kernel/intend.ts";
import { plan } from "../kernel/plan.ts";
import { type Result, type Settled, settleAttempt } from "../kernel/settle.ts";
import { type Duration, FOREVER, type Instant } from "../kernel/time.ts";
import type { ConnectionRecord } from "../store/connection-record.ts";
import type { KetenEvent } from "../store/events.ts";
import { knowledgeOf, withHolding } from "./connection.ts";
import type { Timing } from "./defaults.ts";
import { attemptIdOf, epochOf } from "./token-endpoint.ts";

/** A wall clock that differs from the boot's time by no more was not set: NTP slews that much. */
const CLOCK_DRIFT_MS = 1000;

/** How a refresh ended for those who wait for it. */
export type Redeemed =
  | { readonly kind: "usable"; readonly record: ConnectionRecord }
  | {
      readonly kind: "wait";
      readonly until: Instant;
      readonly why: string;
      readonly record: ConnectionRecord;
    }
  | { readonly kind: "stopped"; readonly record: ConnectionRecord };

export type Step =
  | Redeemed
  | {
      readonly kind: "send";
      readonly record: ConnectionRecord;
      readonly attempt: Attempt;
      readonly lease: Lease;
      /** The times it is to keep. */
      readonly timing: Timing;
    };

/** An answer that stands in a journal. */
export interface Journaled {
  readonly chainId: string;
  readonly attemptId: string;
  readonly at: Instant;
  readonly result: Result;
}

/**
 * Whether the journals must be asked before anything is decided: a request is open, or was when the last success was
 * committed; a token was refused; or the record is older than one that is known to have been written (`seen` is the
 * newest epoch): its store fell back.
 */
export const needsJournals = (
  { attempts, status, epoch, quietUntil, refreshed }: Holding,
  seen: number,
): boolean =>
  attempts.length > 0 ||
  (refreshed !== null && quietUntil > refreshed.from) ||
  status === "refused" ||
  epoch < seen;

/**
 * Whether the journals must be asked before an outcome is settled: a refused token is believed dead only then, and a
 * record older than the attempt lacks what came between.
 */
export const needsJournalsToSettle = (
  { epoch }: Holding,
  attemptId: string,
  result: Result,
): boolean =>
  (result.class === "refusedUnspent" && result.about === "token") || epochOf(attemptId) > epoch;

/** Whether a journaled answer may tell a holding anything: not yet settled, or settled in a state that was lost since. */
export function mayTell(
  { attempts, epoch }: Holding,
  { attemptId, settled }: { readonly attemptId: string; readonly settled: boolean },
): boolean {
  if (!settled || epochOf(attemptId) > epoch) return true;
  const open = attempts.find(({ id }) => id === attemptId);
  return open !== undefined && isUnheard(open);
}

/** What the record's open requests left outside of it. */
export interface Heard {
  /** Oldest first. */
  readonly journaled: readonly Journaled[];
  /** Owners that are certainly dead, and so have journaled all they ever will. */
  readonly dead: ReadonlySet<string>;
  /** Owners that begin nothing any more and may still journal an answer; none unless given. */
  readonly harvesting?: ReadonlySet<string>;
}

export interface StepInput {
  readonly heard: Heard;
  /** This process. */
  readonly owner: string;
  /**
   * The boot it runs in and the time since then, read in the same moment as the decision's `now`: what one says of the
   * other would else be off by every pause between.
   */
  readonly boot: { readonly id: string; readonly at: number };
  readonly timing: Timing;
  /** How much faster than life the wall clock runs. */
  readonly scale: number;
  /** How soon to look again while another process holds the lease or may still report; scaled. */
  readonly poll: Duration;
  /** Requests of this process that are on their way, whose answers it would hear, or has; oldest first. */
  readonly inFlight: readonly Attempt[];
  readonly newerThan: number;
  readonly settings: Settings;
  /** Fresh randomness for an attempt id, and for jitter. */
  readonly unique: string;
  readonly jitter: number;
}

export interface Decided {
  readonly step: Step;
  /** The record to write; null if nothing changed. */
  readonly after: ConnectionRecord | null;
  readonly events: readonly KetenEvent[];
  /** Whether the journaled answers were taken in. */
  readonly tookIn: boolean;
}

/** Pauses grow up to so many times the shortest: from 50 ms to a second. */
const POLL_GROWTH_MAX = 20;

export function decideStep(record: ConnectionRecord, input: StepInput, now: Instant): Decided {
  if (leaseHolds(record.holding, input)) {
    const held = { kind: "wait", until: FOREVER, why: "held", record } as const;
    const step = soonAgain(held, input.poll, now);
    return { step, after: null, events: [], tookIn: false };
  }
  const { settings, boot, scale } = input;
  const knowledge = knowledgeOf(record);
  const timing = timingFor(input.timing, knowledge, scale);
  const { leaseMs, requestLifeMs } = timing;
  const taken = takeIn(record, input, now);
  const next = plan(
    taken.holding,
    knowledge,
    settings,
    now,
    taken.holding.generation <= input.newerThan,
  );
  if (next.do !== "send") {
    const told = withHolding(record, taken.holding, settings, now);
    // An alarm that has rung is set anew, or it would ring for ever.
    const isRung = record.due <= now && told.due > now;
    const after = taken.holding !== record.holding || isRung ? told : null;
    const step = soonAgain(stepOf(after ?? record, next), input.poll, now);
    return { step, after, events: taken.events, tookIn: true };
  }
  const lease = { owner: input.owner, boot: boot.id, until: boot.at + leaseMs };
  const begun = intend(taken.holding, {
    id: attemptIdOf(taken.holding.epoch + 1, input.unique),
    token: next.token,
    why: next.why,
    lease,
    now,
    deadAt: now + requestLifeMs * scale,
    boot: { id: boot.id, at: boot.at + requestLifeMs },
  });
  const attempt = begun.attempts.at(-1) as Attempt;
  const after = withHolding(record, begun, settings, now);
  const events = [...taken.events, begunEvent(record.name, attempt, next.token.serial)];
  const step: Step = { kind: "send", record: after, attempt, lease, timing };
  return { step, after, events, tookIn: true };
}

/**
 * While somebody else may report on a request, its answer may be in a journal at any moment: looked for soon, and then
 * after ever longer pauses, a tenth of what it has taken so far.
 */
function soonAgain(step: Redeemed, poll: Duration, now: Instant): Redeemed {
  if (step.kind !== "wait" || step.why !== "held") return step;
  const sentAt = step.record.holding.attempts.find(({ doubt }) => doubt === null)?.sentAt ?? now;
  const pause = Math.min(Math.max((now - sentAt) / 10, poll), POLL_GROWTH_MAX * poll);
  return { ...step, until: Math.min(step.until, now + pause) };
}

/** Where a provider's window is narrow, what would be over too late in it is over sooner. */
export function timingFor(timing: Timing, knowledge: Knowledge, scale: number): Timing {
  const leaseMs = Math.min(timing.leaseMs, silenceWithin(knowledge) / scale);
  return {
    ...timing,
    leaseMs,
    leaseMarginMs: Math.min(timing.leaseMarginMs, leaseMs / 6),
    deadlineMs: Math.min(timing.deadlineMs, deadlineWithin(knowledge) / scale),
  };
}

/** Whether another live holder has the lease. */
function leaseHolds({ lease }: Holding, { owner, heard, boot }: StepInput): boolean {
  if (!lease || lease.owner === owner) return false;
  if (heard.dead.has(lease.owner) || heard.harvesting?.has(lease.owner)) return false;
  return lease.boot === boot.id && boot.at < lease.until;
}

/** Settles what the journals know, and gives up on requests that nobody will report on. */
function takeIn(
  record: ConnectionRecord,
  input: StepInput,
  now: Instant,
): { readonly holding: Holding; readonly events: readonly KetenEvent[] } {
  const { heard, settings, jitter, boot, scale } = input;
  const followed = followClock(record.holding, boot, scale, CLOCK_DRIFT_MS * scale, now);
  const { holding, events } = settleJournaled(
    { ...record, holding: followed },
    heard.journaled,
    settings,
    jitter,
    now,
  );
  const inFlight = new Set(input.inFlight.map(({ id }) => id));
  const remembered = recall(holding, input.inFlight);
  const knowledge = knowledgeOf(record);
  const ownerOf = (attempt: Attempt) => {
    const { owner, id } = attempt;
    const isGone = owner === input.owner ? !inFlight.has(id) : heard.dead.has(owner);
    if (isGone) return "ownerGone";
    const isSilent = owner !== input.owner && now >= silentAt(attempt, knowledge);
    return isSilent ? "ownerSilent" : null;
  };
  const after = abandon(remembered, knowledge, settings, ownerOf, now);
  return { holding: after, events: [...events, ...statusEvents(record.name, holding, after)] };
}

/** Settles answers from the journals, oldest first. */
export function settleJournaled(
  record: ConnectionRecord,
  journaled: readonly Journaled[],
  settings: Settings,
  jitter: number,
  now: Instant,
): { readonly holding: Holding; readonly events: readonly KetenEvent[] } {
  const knowledge = knowledgeOf(record);
  const events: KetenEvent[] = [];
  let { holding } = record;
  for (const answer of journaled) {
    if (isPast(holding, answer, settings)) continue;
    const { attemptId, result, chainId, at } = answer;
    const epoch = epochOf(attemptId);
    const report = { chainId, attemptId, epoch, attempt: null, result, at, now, jitter };
    const next = settleAttempt(holding, knowledge, settings, report);
    events.push(
      ...settledEvents(record.name, holding, next.holding, attemptId, result, next.settled),
    );
    holding = next.holding;
  }
  return { holding, events };
}

/**
 * Whether an answer was there before the last success was even sent: it was settled then, or that success has made it
 * worthless, and only the note of it was lost with its process. Its token would look like a successor nobody knows.
 */
function isPast(
  { refreshed, attempts, epoch }: Holding,
  { at, attemptId }: Journaled,
  { margin }: Settings,
): boolean {
  const isOpen = attempts.some(({ id }) => id === attemptId);
  return (
    !isOpen && epochOf(attemptId) <= epoch && refreshed !== null && at + margin < refreshed.from
  );
}

function stepOf(
  record: ConnectionRecord,
  next: Exclude<ReturnType<typeof plan>, { do: "send" }>,
): Redeemed {
  if (next.do === "handOut") return { kind: "usable", record };
  if (next.do === "stop") return { kind: "stopped", record };
  return { kind: "wait", until: next.until, why: next.why, record };
}

// --- events ---------------------------------------------------------------------------------------------

function begunEvent(name: string, attempt: Attempt, serial: number): KetenEvent {
  const { id, epoch, owner, why } = attempt;
  return { type: "attempt.begun", about: name, data: { attempt: id, epoch, owner, why, serial } };
}

function statusEvents(name: string, before: Holding, after: Holding): KetenEvent[] {
  if (before.status === after.status && before.cause === after.cause) return [];
  const { status, cause, evidence } = after;
  const data = { from: before.status, status, cause, evidence };
  return [{ type: "connection.status", about: name, data }];
}

export function settledEvents(
  name: string,
  before: Holding,
  after: Holding,
  attempt: string,
  result: Result,
  settled: Settled,
): KetenEvent[] {
  const { generation, serials } = after;
  const ended: KetenEvent = {
    type: settled === "parked" ? "token.parked" : "attempt.ended",
    about: name,
    data: { attempt, outcome: result.class, settled, generation, serials },
  };
  return [ended, ...statusEvents(name, before, after)];
}
