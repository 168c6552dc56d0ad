/**
 * The store contract: one verb for all writes.
 *
 * 1. `update` locks its keys, reads their rows, runs a pure decision and persists what it says, all or nothing. There
 *    is no find-then-mark: nobody can come between a decision's reading and its writing.
 * 2. Group commit is part of the contract. Decisions are synchronous, so callers that arrive while a commit is in
 *    flight share the next one, in order of arrival, at most 256. A decision sees what those before it in the same
 *    batch decided. An answered `update` is durable.
 * 3. A decision may run more than once; the last run counts. If it throws, only its own caller fails, with that error.
 * 4. Records are values: what `update` and `read` hand out must not be changed, and equals what was written.
 */

import type { Instant } from "../kernel/time.ts";
import type { KetenEvent, StoredEvent } from "./events.ts";
import type { Kind, Records } from "./records.ts";

export interface Key<K extends Kind = Kind> {
  readonly kind: K;
  readonly id: string;
}

export const keyOf = <K extends Kind>(kind: K, id: string): Key<K> => ({ kind, id });

/** The rows of some keys, in the same order; undefined where there is none. */
export type Rows<Ks extends readonly Key[]> = {
  readonly [I in keyof Ks]: Records[Ks[I]["kind"]] | undefined;
};

/** What to write for each key: a record, null to delete it, undefined to leave it as it is. */
export type Writes<Ks extends readonly Key[]> = {
  readonly [I in keyof Ks]?: Records[Ks[I]["kind"]] | null | undefined;
};

export type Decision<Ks extends readonly Key[], R> =
  | {
      readonly result: R;
      readonly writes?: Writes<Ks>;
      readonly events?: readonly KetenEvent[];
    }
  /** The decision needs other rows: it is run again with all of these keys. */
  | { readonly need: Ks };

export type Decide<Ks extends readonly Key[], R> = (
  rows: Rows<Ks>,
  now: Instant,
) => Decision<Ks, R>;

export interface Page<T> {
  readonly records: readonly { readonly id: string; readonly record: T }[];
  /** Pass as `after` to read on; undefined at the end. */
  readonly next: string | undefined;
}

/** How a list is narrowed: by the record's owner, by what falls due before an instant, or not at all. */
export type Where =
  | { readonly owner: string }
  | { readonly dueBefore: Instant }
  | Record<string, never>;

/**
 * @throws KetenError `store_unavailable` (retryable) when the engine cannot be reached or written: nothing of that
 *   update is durable. `store_closed` after `close`. `commit_unknown` (retryable) when a commit was sent and its
 *   outcome never learned: each record carries its last attempt, so the caller reads back and knows.
 */
export interface Store {
  /** Runs a decision over 1 to 4 keys. Guarantees on failure: nothing of this decision was written. */
  update<const Ks extends readonly Key[], R>(keys: Ks, decide: Decide<Ks, R>): Promise<R>;
  /** Reads one committed record. */
  read<K extends Kind>(key: Key<K>): Promise<Records[K] | undefined>;
  /** Lists records of a kind in order of id (of due, then id, for `dueBefore`), a page at a time. */
  list<K extends Kind>(kind: K, where: Where, after?: string): Promise<Page<Records[K]>>;
  /** Committed events with a number above `after`, in order. Retention may have removed the oldest. */
  events(after: number, limit: number): Promise<readonly StoredEvent[]>;
  /** Size of the records alone: the figure of "one row per chain, for ever". */
  size(): Promise<{ readonly records: number; readonly bytes: number }>;
  /** Finishes the batch in flight and closes. */
  close(): Promise<void>;
}
