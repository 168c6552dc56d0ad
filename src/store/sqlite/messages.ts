/**
 * What travels between the engine and its worker thread.
 *
 * 1. The engine asks, the worker answers, in order: the first answer belongs to the first question that has none yet.
 * 2. Rows travel as columns, their bytes end to end in one buffer that is handed over and not copied: a batch of 64
 *    updates is one object with a few arrays, whatever the rows are.
 * 3. A row of no bytes does not exist: on the way back it was not found, on the way out it is deleted. (No record
 *    is empty; its first byte is its format.)
 */

import { type ErrorCode, KetenError } from "../../env/error.ts";
import type { Instant } from "../../kernel/time.ts";
import {
  BUSY,
  type Change,
  type Found,
  type Listed,
  type NewEvent,
  type Position,
  type Retention,
  type Size,
} from "../engine.ts";
import type { StoredEvent } from "../events.ts";
import type { Kind } from "../records.ts";
import type { Key, Where } from "../store.ts";

/** Rows' bytes end to end; `lengths` has 0 where there is no row. */
export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
}

export interface Keys {
  readonly kinds: readonly Kind[];
  readonly ids: readonly string[];
}

export interface Changes extends Keys, Packed {
  readonly owners: readonly (string | null)[];
  readonly dues: readonly (Instant | null)[];
}

export interface Events {
  readonly ats: readonly Instant[];
  readonly types: readonly string[];
  readonly abouts: readonly string[];
  readonly datas: readonly string[];
}

export type Question =
  | { readonly ask: "begin" | "more" | "read"; readonly keys: Keys }
  | { readonly ask: "commit"; readonly changes: Changes; readonly events: Events }
  | { readonly ask: "rollback" | "size" | "close" }
  | {
      readonly ask: "list";
      readonly kind: Kind;
      readonly where: Where;
      readonly after: Position | undefined;
      readonly limit: number;
    }
  | { readonly ask: "events"; readonly after: number; readonly limit: number };

export type Answer =
  | { readonly found: Packed }
  | { readonly listed: Packed & { readonly positions: readonly Position[] } }
  | { readonly events: readonly StoredEvent[] }
  | { readonly size: Size }
  | { readonly done: true }
  | { readonly failed: Failure };

/** An error without its stack: errors do not keep their class from thread to thread. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly evidence: KetenError["evidence"];
}

/** What the worker is started with. */
export interface WorkerOptions {
  readonly path: string;
  readonly retention: Retention;
  readonly busyTimeoutMs: number;
}

export function pack(rows: readonly Found[]): Packed {
  const lengths = rows.map((row) => row?.length ?? 0);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const row of rows) {
    if (!row) continue;
    bytes.set(row, at);
    at += row.length;
  }
  return { bytes, lengths };
}

export function unpack({ bytes, lengths }: Packed): readonly Found[] {
  let at = 0;
  return lengths.map((length) => {
    const row = length === 0 ? undefined : bytes.subarray(at, at + length);
    at += length;
    return row;
  });
}

export function packKeys(keys: readonly Key[]): Keys {
  return { kinds: keys.map(({ kind }) => kind), ids: keys.map(({ id }) => id) };
}

export function packChanges(changes: readonly Change[]): Changes {
  return {
    ...packKeys(changes),
    ...pack(changes.map(({ bytes }) => bytes ?? undefined)),
    owners: changes.map(({ owner }) => owner),
    dues: changes.map(({ due }) => due),
  };
}

export function packEvents(events: readonly NewEvent[]): Events {
  return {
    ats: events.map(({ at }) => at),
    types: events.map(({ type }) => type),
    abouts: events.map(({ about }) => about),
    datas: events.map(({ data }) => data),
  };
}

export function unpackListed({
  positions,
  ...packed
}: Packed & { readonly positions: readonly Position[] }): readonly Listed[] {
  const rows = unpack(packed);
  return positions.map(({ id, due }, i) => ({ id, due, bytes: rows[i] ?? new Uint8Array() }));
}

const SQLITE_BUSY = 5;

const codeOf = (error: unknown): number =>
  Number((error as { readonly errcode?: unknown } | null)?.errcode ?? 0);

/** Whether SQLite could not go on because another connection holds a lock. */
export const isLocked = (error: unknown): boolean => (codeOf(error) & 0xff) === SQLITE_BUSY;

/** What SQLite says of a file that is no database, or no longer a sound one. Trying again changes nothing. */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** An error as the other thread may read it; what is not ours becomes `otherwise`. */
export function failureOf(error: unknown, otherwise: ErrorCode): Failure {
  if (error instanceof KetenError) {
    const { code, message, retryable, evidence } = error;
    return { code, message, retryable, evidence };
  }
  const reason = error instanceof Error ? error.message : String(error);
  const sqlite = codeOf(error);
  const damaged = [SQLITE_CORRUPT, SQLITE_NOTADB].includes(sqlite & 0xff);
  return {
    code: damaged ? "store_unsafe" : otherwise,
    message: `SQLite failed: ${reason}`,
    retryable: !damaged,
    evidence: isLocked(error) ? { sqlite, ...BUSY } : { sqlite },
  };
}

export function errorOf({ code, message, retryable, evidence }: Failure): KetenError {
  return new KetenError(code, message, { retryable, evidence });
}
