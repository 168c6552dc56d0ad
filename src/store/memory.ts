/**
 * The reference engine: everything in maps, and no cleverness. The oracle of the other engines' tests.
 *
 * 1. It yields to the event loop at every call, by the turn it is given: a store that never yields hides every race.
 * 2. It keeps bytes, as every engine does, so a record that a caller holds on to cannot change what is stored.
 * 3. A `MemoryDatabase` outlives its engines, as a file outlives the processes that open it, and one transaction is
 *    open in it at a time, whoever's it is.
 */

import { strict as assert } from "node:assert";
import type { Clock } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import {
  type Change,
  compareIds,
  DEFAULT_RETENTION,
  type Engine,
  type Found,
  type Listed,
  type NewEvent,
  nameOf,
  type Position,
  type Retention,
  type Size,
  trimmedBy,
} from "./engine.ts";
import type { StoredEvent } from "./events.ts";
import { openGroupCommit } from "./group-commit.ts";
import type { Kind } from "./records.ts";
import type { Key, Store, Where } from "./store.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Waits for another turn of the event loop. */
  readonly turn: () => Promise<void>;
  /** Opened before, or shared with others; a new one by default. */
  readonly database?: MemoryDatabase;
  readonly retention?: Retention;
  readonly pageSize?: number;
}

/** Opens a store in memory. What is in it lasts as long as its database. */
export function openMemoryStore(options: MemoryStoreOptions): Promise<Store> {
  const { clock, turn, retention = DEFAULT_RETENTION, pageSize } = options;
  const database = options.database ?? new MemoryDatabase();
  return openGroupCommit({
    clock,
    open: async () => new MemoryEngine(database, retention, turn),
    ...(pageSize === undefined ? {} : { pageSize }),
  });
}

type Row = Change & { readonly bytes: Uint8Array };

type StoredLine = NewEvent & { readonly number: number };

export class MemoryDatabase {
  readonly rows = new Map<string, Row>();
  readonly events: StoredLine[] = [];
  /** Resolves when the transaction that is open now, or waits last, has ended. */
  #free: Promise<void> = Promise.resolve();

  /** Waits for one's turn at the transaction; what it resolves to gives it up. */
  async lock(): Promise<() => void> {
    const before = this.#free;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#free = promise;
    await before;
    return resolve;
  }
}

export class MemoryEngine implements Engine {
  readonly #database: MemoryDatabase;
  readonly #retention: Retention;
  readonly #turn: () => Promise<void>;
  /** Ends the open transaction. */
  #unlock: (() => void) | undefined;
  /** Resolves when the call made last is done: calls are carried out in order. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(database: MemoryDatabase, retention: Retention, turn: () => Promise<void>) {
    this.#database = database;
    this.#retention = retention;
    this.#turn = turn;
  }

  begin(keys: readonly Key[]): Promise<readonly Found[]> {
    return this.#inOrder(async () => {
      assert.ok(!this.#unlock, "a transaction is open already");
      const unlock = await this.#database.lock();
      if (this.#closed) unlock();
      else this.#unlock = unlock;
      return this.#find(keys);
    });
  }

  more(keys: readonly Key[]): Promise<readonly Found[]> {
    return this.#inOrder(() => {
      assert.ok(this.#unlock, "no transaction is open");
      return this.#find(keys);
    });
  }

  commit(changes: readonly Change[], events: readonly NewEvent[]): Promise<void> {
    return this.#inOrder(() => {
      assert.ok(this.#unlock, "no transaction is open");
      const { rows } = this.#database;
      for (const change of changes) {
        const { bytes } = change;
        if (bytes) rows.set(nameOf(change), { ...change, bytes: new Uint8Array(bytes) });
        else rows.delete(nameOf(change));
      }
      this.#append(events);
      this.#end();
    });
  }

  rollback(): Promise<void> {
    return this.#inOrder(() => {
      assert.ok(this.#unlock, "no transaction is open");
      this.#end();
    });
  }

  read(keys: readonly Key[]): Promise<readonly Found[]> {
    return this.#inOrder(() => this.#find(keys));
  }

  list(
    kind: Kind,
    where: Where,
    after: Position | undefined,
    limit: number,
  ): Promise<readonly Listed[]> {
    return this.#inOrder(() => {
      const compare = "dueBefore" in where ? compareDue : compareById;
      return [...this.#database.rows.values()]
        .filter((row) => row.kind === kind && matches(row, where))
        .filter((row) => !after || compare(row, after) > 0)
        .sort(compare)
        .slice(0, limit)
        .map(({ id, due, bytes }) => ({ id, due, bytes: new Uint8Array(bytes) }));
    });
  }

  events(after: number, limit: number): Promise<readonly StoredEvent[]> {
    return this.#inOrder(() =>
      this.#database.events
        .filter(({ number }) => number > after)
        .slice(0, limit)
        .map((event) => ({ ...event, data: JSON.parse(event.data) })),
    );
  }

  size(): Promise<Size> {
    return this.#inOrder(() => {
      let bytes = 0;
      for (const row of this.#database.rows.values()) {
        bytes += Buffer.byteLength(row.id) + Buffer.byteLength(row.owner ?? "") + row.bytes.length;
      }
      return { records: this.#database.rows.size, bytes };
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
  }

  /** Carries a call out after the ones before it, in a turn of its own. */
  #inOrder<T>(call: () => T | Promise<T>): Promise<T> {
    const mine = this.#last.then(async () => {
      await this.#turn();
      if (this.#closed) {
        throw new KetenError("store_unavailable", "the engine is closed", { retryable: true });
      }
      return await call();
    });
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  #find(keys: readonly Key[]): readonly Found[] {
    return keys.map((key) => {
      const row = this.#database.rows.get(nameOf(key));
      return row && new Uint8Array(row.bytes);
    });
  }

  #append(events: readonly NewEvent[]): void {
    if (events.length === 0) return;
    const log = this.#database.events;
    for (const event of events) log.push({ ...event, number: (log.at(-1)?.number ?? 0) + 1 });
    const newest = log.at(-1) as StoredLine;
    const { ageMs, count } = this.#retention;
    const oldest = log.slice(0, trimmedBy(events.length));
    const kept = oldest.filter(
      ({ number, at }) =>
        number === newest.number || (number > newest.number - count && at >= newest.at - ageMs),
    );
    if (kept.length < oldest.length) log.splice(0, oldest.length, ...kept);
  }

  #end(): void {
    this.#unlock?.();
    this.#unlock = undefined;
  }
}

function matches({ owner, due }: Row, where: Where): boolean {
  if ("owner" in where) return owner === where.owner;
  if ("dueBefore" in where) return due !== null && due < where.dueBefore;
  return true;
}

const compareById = (a: Position, b: Position): number => compareIds(a.id, b.id);

const compareDue = (a: Position, b: Position): number =>
  (a.due ?? 0) - (b.due ?? 0) || compareById(a, b);
