/** A connection's record: how it is made, what its provider is known to do, and what may be shown of it. */

import { KetenError } from "../env/error.ts";
import type { Knowledge } from "../kernel/doubt.ts";
import { accessEndsAt, dueAt, type Holding, type Settings } from "../kernel/holding.ts";
import { CAUSES, type Explained } from "../kernel/loss.ts";
import { policyOf } from "../kernel/parse-policy.ts";
import { asksAt, plan } from "../kernel/plan.ts";
import type { Policy } from "../kernel/policy.ts";
import type { Instant } from "../kernel/time.ts";
import type { ConnectionRecord } from "../store/connection-record.ts";

/** When a refresh is made: before the access token ends, or when somebody asks for a token. */
export type Mode = "proactive" | "lazy";

/** By the policies as they are written: every read of a record makes new values of them. */
const known = new Map<string, Knowledge>();
/** By those values, for whoever asks about one record many times. */
const knownAt = new WeakMap<object, Knowledge>();

/** The policies that may be in force at a connection's provider. */
export function knowledgeOf({ provider }: ConnectionRecord): Knowledge {
  const found = knownAt.get(provider.policies);
  if (found) return found;
  const written = JSON.stringify(provider.policies);
  let knowledge = known.get(written);
  if (!knowledge) {
    const [first, ...rest] = provider.policies.map((policy) => policyOf(policy));
    knowledge = [first as Policy, ...rest];
    known.set(written, knowledge);
  }
  knownAt.set(provider.policies, knowledge);
  return knowledge;
}

/** The record with a new holding, due when that next wants something done, whoever does it. */
export function withHolding(
  record: ConnectionRecord,
  holding: Holding,
  settings: Settings,
  now: Instant,
): ConnectionRecord {
  return { ...record, holding, due: wakeAt(holding, knowledgeOf(record), settings, now) };
}

function wakeAt(holding: Holding, knowledge: Knowledge, settings: Settings, now: Instant): Instant {
  const next = plan(holding, knowledge, settings, now);
  switch (next.do) {
    case "stop":
      return Number.POSITIVE_INFINITY;
    case "wait":
      return next.until;
    case "handOut":
      return Math.min(
        dueAt(holding, knowledge, settings),
        asksAt(holding, knowledge, settings, now),
      );
    case "send":
      return now;
  }
}

/** Whether a schedule wakes this connection. A lazy one leaves what is merely due until somebody asks. */
export function wakes(mode: Mode, { holding }: ConnectionRecord): boolean {
  const { attempts, contested, status } = holding;
  const isOpen = attempts.length + contested.length > 0 || ["refused", "forked"].includes(status);
  return mode === "proactive" || isOpen;
}

/** What anybody with the API key may see of a connection: no token, no secret. */
export interface ConnectionView {
  readonly name: string;
  readonly provider: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly status: Holding["status"] | "stale";
  /** Milliseconds since the Unix epoch, like all instants here. */
  readonly since: Instant;
  readonly generation: number;
  /** What the provider says the access token is good for; null if it says nothing. */
  readonly scope: string | null;
  readonly accessEndsAt: Instant | null;
  /** When the keychain does something by itself next. */
  readonly nextAt: Instant | null;
  /** Until when a cure is certain, while the outcome of a request is unknown. */
  readonly curableUntil: Instant | null;
  readonly cause: string | null;
  readonly explanation: Explained | null;
  /** What the provider wrote: error code and status. */
  readonly evidence: string | null;
  readonly grantAt: Instant;
  readonly refreshedAt: Instant | null;
  readonly parked: number;
  readonly openAttempts: number;
}

export function viewOf(record: ConnectionRecord, settings: Settings, now: Instant): ConnectionView {
  const { holding, provider } = record;
  const ends = accessEndsAt(holding, knowledgeOf(record), settings);
  const finite = (at: Instant) => (Number.isFinite(at) ? at : null);
  return {
    name: record.name,
    provider: provider.preset ?? "custom",
    tokenEndpoint: provider.tokenEndpoint,
    clientId: record.clientId,
    status: holding.status === "fresh" && now >= ends ? "stale" : holding.status,
    since: holding.since,
    generation: holding.generation,
    scope: holding.access?.scope ?? null,
    accessEndsAt: finite(ends),
    nextAt: finite(record.due),
    curableUntil: holding.notAfter,
    cause: holding.cause,
    explanation: holding.cause && CAUSES[holding.cause],
    evidence: holding.evidence,
    grantAt: holding.grantAt,
    refreshedAt: holding.refreshed?.to ?? null,
    parked: holding.parked.length,
    openAttempts: holding.attempts.length,
  };
}

export const connectionUnknown = (name: string): KetenError =>
  new KetenError("connection_unknown", `no connection is called "${name}"`);

/** Connection names are used in URLs and on command lines. */
export const NAME_PATTERN: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @throws KetenError `config_invalid` */
export function checkName(name: string): void {
  if (NAME_PATTERN.test(name)) return;
  throw new KetenError(
    "config_invalid",
    `connection name "${name.slice(0, 80)}" is malformed: expected 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit`,
  );
}
