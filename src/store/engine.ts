/**
 * What an engine must do for the group-commit queue: keep bytes under keys, and write many of them at once.
 *
 * 1. The queue (`group-commit.ts`) owns order, decisions, records and errors. An engine knows none of them: it sees
 *    keys, columns and bytes, in one transaction at a time.
 * 2. Calls are carried out in the order they are made, and need not be awaited before the next is made: `begin` may
 *    be called right after `commit`, so that both travel together.
 * 3. `begin` takes every lock the transaction needs for its keys; from then until `commit` or `rollback` nobody else
 *    changes them, in this process or another.
 * 4. `read`, `list`, `events` and `size` see committed data only, also between `begin` and `commit`.
 * 5. After a failed call the queue closes the engine and opens another. An engine never repairs itself. The one
 *    exception is `begin` that waited in vain for somebody else's lock: that says nothing against the engine.
 */

import { KetenError } from "../env/error.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { EventType, StoredEvent } from "./events.ts";
import type { Kind } from "./records.ts";
import type { Key, Where } from "./store.ts";

/** The bytes of a record as they are stored; undefined where there is none. */
export type Found = Uint8Array | undefined;

/** What becomes of one key: its new row, or its deletion where `bytes` is null. */
export interface Change {
  readonly kind: Kind;
  readonly id: string;
  readonly owner: string | null;
  readonly due: Instant | null;
  readonly bytes: Uint8Array | null;
}

/** An event that has no number yet; `data` is JSON. */
export interface NewEvent {
  readonly at: Instant;
  readonly type: EventType;
  readonly about: string;
  readonly data: string;
}

/** Evidence of an error that only says that others hold the locks. */
export const BUSY = { busy: true } as const;

export const isBusy = (error: unknown): boolean =>
  error instanceof KetenError && error.evidence.busy === true;

/** A row of a list. `due` and `id` say where the list goes on. */
export interface Listed {
  readonly id: string;
  readonly due: Instant | null;
  readonly bytes: Uint8Array;
}

/** The last row of the page before. */
export type Position = Pick<Listed, "id" | "due">;

export interface Size {
  readonly records: number;
  readonly bytes: number;
}

/**
 * @throws KetenError `store_unavailable` where nothing of the transaction was written; `commit_unknown` from `commit`
 *   alone, where that cannot be told; `store_unsafe` where going on would endanger what is stored.
 */
export interface Engine {
  /** Opens a transaction, locks the keys and reads them. Keys come without duplicates, in `compareKeys` order. */
  begin(keys: readonly Key[]): Promise<readonly Found[]>;
  /** Locks and reads further keys in the open transaction. */
  more(keys: readonly Key[]): Promise<readonly Found[]>;
  /** Writes, commits, and resolves once all of it is durable. */
  commit(changes: readonly Change[], events: readonly NewEvent[]): Promise<void>;
  /** Ends the transaction without a change. */
  rollback(): Promise<void>;
  /** Committed bytes of some keys, duplicates allowed. */
  read(keys: readonly Key[]): Promise<readonly Found[]>;
  /** Rows in order of id, or of due and then id for `dueBefore`; compared as `compareIds` does. */
  list(
    kind: Kind,
    where: Where,
    after: Position | undefined,
    limit: number,
  ): Promise<readonly Listed[]>;
  events(after: number, limit: number): Promise<readonly StoredEvent[]>;
  size(): Promise<Size>;
  /** Rolls back what is open and lets go of everything. Never fails; a second call does nothing. */
  close(): Promise<void>;
}

/**
 * How long events are kept. Every commit that writes n events looks at the oldest `trimmedBy(n)` and removes those
 * beyond either limit, so the log shrinks in small steps and never stops the queue. The newest event always stays:
 * the next number is counted from it.
 */
export interface Retention {
  readonly ageMs: Duration;
  readonly count: number;
}

/** A quarter of a year, or a million: whichever is less. Enough to look into an incident, small enough for a laptop. */
export const DEFAULT_RETENTION: Retention = { ageMs: 90 * 24 * 60 * 60 * 1000, count: 1_000_000 };

/** Twice what was written: so that a log that was too long becomes shorter while it is written to. */
export const trimmedBy = (written: number): number => 2 * written;

/** Ids in the order of their UTF-8 bytes, which is the order of code points and of every engine's plain collation. */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0;
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The one global order in which keys are locked. */
export function compareKeys(a: Key, b: Key): number {
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** A key as one string, for maps. No kind contains a colon. */
export const nameOf = ({ kind, id }: Key): string => `${kind}:${id}`;
