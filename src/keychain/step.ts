/**
 * The decision at the start of a refresh, made inside one transaction from values alone: take in what is known of the
 * record's open requests, ask the kernel what to do, and if that is to send, write lease and intent.
 */

import {
  type Attempt,
  abandon,
  type Holding,
  intend,
  type Lease,
  plan,
  type Settings,
} from "../kernel/holding.ts";
import { type Result, type Settled, settleAttempt } from "../kernel/settle.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { ConnectionRecord } from "../store/connection-record.ts";
import type { KetenEvent } from "../store/events.ts";
import { knowledgeOf, withHolding } from "./connection.ts";
import { attemptIdOf } from "./token-endpoint.ts";

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
    };

/** An answer that stands in a journal and is not noted as settled. */
export interface Journaled {
  readonly chainId: string;
  readonly attemptId: string;
  readonly at: Instant;
  readonly result: Result;
}

/** What the record's open requests left outside of it. */
export interface Heard {
  /** Oldest first. */
  readonly journaled: readonly Journaled[];
  /** Owners that are certainly dead, and so have journaled all they ever will. */
  readonly dead: ReadonlySet<string>;
}

export interface StepInput {
  readonly heard: Heard;
  /** This process, and the boot it runs in. */
  readonly owner: string;
  readonly boot: { readonly id: string; readonly at: number };
  readonly leaseMs: Duration;
  /** Scaled: after so long a request that was sent cannot be processed any more. */
  readonly requestLife: Duration;
  /** How soon to look again while another process holds the lease; scaled. */
  readonly poll: Duration;
  /** Whether an attempt of this process is on its way. */
  readonly isInFlight: (attemptId: string) => boolean;
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

export function decideStep(record: ConnectionRecord, input: StepInput, now: Instant): Decided {
  if (leaseHolds(record.holding, input)) {
    const step: Step = { kind: "wait", until: now + input.poll, why: "held", record };
    return { step, after: null, events: [], tookIn: false };
  }
  const { settings } = input;
  const knowledge = knowledgeOf(record);
  const taken = takeIn(record, input, now);
  const next = plan(
    taken.holding,
    knowledge,
    settings,
    now,
    taken.holding.generation <= input.newerThan,
  );
  if (next.do !== "send") {
    const changed = taken.holding !== record.holding;
    const after = changed ? withHolding(record, taken.holding, settings, now) : null;
    return { step: told(after ?? record, next), after, events: taken.events, tookIn: true };
  }
  const lease = {
    owner: input.owner,
    boot: input.boot.id,
    until: input.boot.at + input.leaseMs,
  };
  const begun = intend(taken.holding, {
    id: attemptIdOf(taken.holding.epoch + 1, input.unique),
    token: next.token,
    why: next.why,
    lease,
    now,
    deadAt: now + input.requestLife,
  });
  const attempt = begun.attempts.at(-1) as Attempt;
  const after = withHolding(record, begun, settings, now);
  const events = [...taken.events, begunEvent(record.name, attempt, next.token.serial)];
  return { step: { kind: "send", record: after, attempt, lease }, after, events, tookIn: true };
}

/** Whether another live holder has the lease. */
function leaseHolds({ lease }: Holding, { owner, heard, boot }: StepInput): boolean {
  if (!lease || lease.owner === owner || heard.dead.has(lease.owner)) return false;
  return lease.boot === boot.id && boot.at < lease.until;
}

/** Settles what the journals know, and gives up on requests that nobody will report on. */
function takeIn(
  record: ConnectionRecord,
  input: StepInput,
  now: Instant,
): { readonly holding: Holding; readonly events: readonly KetenEvent[] } {
  const { heard, settings, jitter } = input;
  const { holding, events } = settleJournaled(record, heard.journaled, settings, jitter, now);
  const isGone = (attempt: Attempt) =>
    attempt.owner === input.owner
      ? !input.isInFlight(attempt.id)
      : heard.dead.has(attempt.owner) || now >= attempt.deadAt;
  const after = abandon(holding, knowledgeOf(record), settings, isGone, now);
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
    const { attemptId, result, chainId } = answer;
    const report = { chainId, attemptId, result, now, jitter };
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
  { refreshed, attempts }: Holding,
  { at, attemptId }: Journaled,
  { margin }: Settings,
): boolean {
  const isOpen = attempts.some(({ id }) => id === attemptId);
  return !isOpen && refreshed !== null && at + margin < refreshed.from;
}

function told(
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
