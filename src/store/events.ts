/**
 * Events: the durable log of what happened, written in the same transaction as what it tells of. Audit is a view
 * of it. Events carry chain, serial, generation and cause; never a token or a secret.
 */

import type { Instant } from "../kernel/time.ts";

export type EventType =
  // the issuer's side
  | "chain.granted"
  | "chain.rotated"
  | "chain.retried"
  | "chain.repeated"
  | "chain.revoked"
  | "chain.ahead"
  | "authorization.revoked"
  | "access.revoked"
  | "client.registered"
  | "client.reviewed"
  | "policy.changed"
  | "account.added"
  | "account.passwordChanged"
  | "account.sessionsEnded"
  // the keychain's side
  | "connection.added"
  | "connection.removed"
  | "connection.reconnected"
  | "connection.status"
  | "attempt.begun"
  | "attempt.ended"
  | "token.parked"
  | "token.handedOut"
  | "lease.taken"
  // the relay's side
  | "client.secretReplaced"
  | "consumer.added"
  | "consumer.revoked";

export interface KetenEvent {
  readonly type: EventType;
  /** The id of the record it is about: a chain's key, a connection's name. */
  readonly about: string;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
}

export interface StoredEvent extends KetenEvent {
  /** Rises by at least one with each event; gaps are possible. */
  readonly number: number;
  readonly at: Instant;
}
