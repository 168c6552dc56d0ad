/**
 * The store over any engine: one queue of updates, committed in groups.
 *
 * 1. One transaction is open at a time. Callers that arrive meanwhile wait for the next one, in order of arrival, at
 *    most `BATCH_MAX` together: 64 refreshes cost one sync of the disk, not 64.
 * 2. Nobody hears anything before the commit: a refusal, too, may rest on what an earlier decision of the same batch
 *    wrote, and is nothing until that is durable.
 * 3. While a commit travels, so does the next batch's `begin`, as soon as enough callers are waiting to make it worth
 *    a commit of their own: half of those there have been of late. So two batches take turns, and while the disk works
 *    for one, the other is read, decided and answered. The engine does them in order.
 * 4. When an engine fails, all callers of its batch fail with it and the engine is closed; the next call opens another
 *    and reads again. A later success proves nothing about an earlier failure, and no row is kept in memory from
 *    one transaction to the next, so there is nothing to doubt.
 * 5. Reads are grouped the same way, one group in flight. They wait for no decision.
 */

import { strict as assert } from "node:assert";
import type { Clock } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import { type AnyDecide, allKeys, Batch, checkKeys, type Outcome, ROUNDS_MAX } from "./batch.ts";
import { type Codec, DURABLE } from "./codec.ts";
import {
  type Engine,
  type Found,
  isBusy,
  type Listed,
  type Position,
  type Size,
} from "./engine.ts";
import type { StoredEvent } from "./events.ts";
import type { Kind, Records } from "./records.ts";
import { type Decide, type Key, keyOf, type Page, type Store, type Where } from "./store.ts";

/** Updates in one transaction. Enough that the disk is not the limit, few enough that nobody waits long for the rest. */
export const BATCH_MAX = 256;

/**
 * Microtasks between the answers of one batch and the begin of the next, where no turns are given: callers in this
 * process who were answered and ask again at once come together then, not one ahead and the rest behind. Measured with
 * 64 of them: 29,000 updates/s instead of 21,000.
 */
const GATHERING_MICROTASKS = 8;

/** How much of the count of callers is kept from batch to batch, when fewer come. */
const CROWD_KEPT = 0.9;

/** Records on a page of a list, unless the store is opened with another number. */
export const PAGE_SIZE = 100;

export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Opens the engine; called again after the one before has failed and was closed. */
  readonly open: () => Promise<Engine>;
  /**
   * Waits for another turn of the event loop. Where it is given, a batch that would be small waits for callers whose
   * requests arrive together with its first.
   */
  readonly turn?: () => Promise<void>;
  readonly pageSize?: number;
  /** How records become bytes; `DURABLE` unless nothing outlives this process. */
  readonly codec?: Codec;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

interface Call extends Waiting<unknown> {
  readonly keys: readonly Key[];
  readonly decide: AnyDecide;
}

interface ReadCall extends Waiting<Found> {
  readonly key: Key;
}

/** A batch whose transaction is being opened. */
interface Begun {
  readonly calls: readonly Call[];
  readonly keys: readonly Key[];
  readonly engine: Promise<Engine>;
  readonly found: Promise<readonly Found[]>;
}

/** Opens a store over an engine. Fails where the engine cannot be opened, so that a start says so and no later call. */
export async function openGroupCommit(options: GroupCommitOptions): Promise<Store> {
  const store = new GroupCommit(options);
  await store.opened();
  return store;
}

class GroupCommit implements Store {
  readonly #options: GroupCommitOptions;
  readonly #codec: Codec;
  readonly #queue: Call[] = [];
  readonly #reads: ReadCall[] = [];
  /** The engine in use, or being opened; undefined after one has failed. */
  #engine: Promise<Engine> | undefined;
  /** Resolves when the engine that failed last is closed. */
  #discarded: Promise<void> = Promise.resolve();
  /** How many callers there have been at once of late. */
  #crowd = 0;
  /** Whether a commit is on its way; then the next batch may be begun, once. */
  #travels = false;
  #next: Begun | undefined;
  /** Resolves when no update is left. */
  #writing: Promise<void> | undefined;
  #reading: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#codec = options.codec ?? DURABLE;
  }

  async opened(): Promise<void> {
    await this.#open();
  }

  async update<const Ks extends readonly Key[], R>(keys: Ks, decide: Decide<Ks, R>): Promise<R> {
    this.#refuseClosed();
    checkKeys(keys);
    const call = Promise.withResolvers<unknown>();
    this.#queue.push({ ...call, keys, decide: decide as unknown as AnyDecide });
    this.#writing ??= this.#write();
    this.#beginAhead();
    return (await call.promise) as R;
  }

  async read<K extends Kind>(key: Key<K>): Promise<Records[K] | undefined> {
    this.#refuseClosed();
    checkKeys([key]);
    const call = Promise.withResolvers<Found>();
    this.#reads.push({ ...call, key });
    this.#reading ??= this.#readAll();
    const bytes = await call.promise;
    return bytes && this.#codec.decode(key, bytes);
  }

  async list<K extends Kind>(kind: K, where: Where, after?: string): Promise<Page<Records[K]>> {
    this.#refuseClosed();
    const limit = this.#options.pageSize ?? PAGE_SIZE;
    const position = after === undefined ? undefined : parsePosition(after);
    const rows = await this.#ask((engine) => engine.list(kind, where, position, limit + 1));
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return {
      records: page.map(({ id, bytes }) => ({
        id,
        record: this.#codec.decode(keyOf(kind, id), bytes),
      })),
      next: last && formatPosition(last, where),
    };
  }

  async events(after: number, limit: number): Promise<readonly StoredEvent[]> {
    this.#refuseClosed();
    return await this.#ask((engine) => engine.events(after, limit));
  }

  async size(): Promise<Size> {
    this.#refuseClosed();
    return await this.#ask((engine) => engine.size());
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  /** What was accepted before `close` is still done. */
  async #finish(): Promise<void> {
    while (this.#writing !== undefined || this.#reading !== undefined) {
      await Promise.all([this.#writing, this.#reading]);
    }
    await this.#discarded;
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.close();
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw new KetenError("store_closed", "the store is closed");
  }

  // --- the engine ---------------------------------------------------------------------------------------

  #open(): Promise<Engine> {
    this.#engine ??= this.#discarded.then(() => this.#options.open());
    const opening = this.#engine;
    opening.catch(() => this.#forget(opening));
    return opening;
  }

  #forget(engine: Promise<Engine>): boolean {
    const current = this.#engine === engine;
    if (current) this.#engine = undefined;
    return current;
  }

  /** Closes an engine that failed. Whatever else is under way on it fails too. */
  async #discard(failed: Promise<Engine>): Promise<void> {
    if (this.#forget(failed)) {
      this.#discarded = failed.then((engine) => engine.close()).catch(() => undefined);
    }
    await this.#discarded;
  }

  /** One question to the engine. */
  async #ask<T>(question: (engine: Engine) => Promise<T>): Promise<T> {
    const opening = this.#open();
    try {
      return await question(await opening);
    } catch (cause) {
      if (!isBusy(cause)) await this.#discard(opening);
      throw operatingError(cause);
    }
  }

  // --- updates ------------------------------------------------------------------------------------------

  async #write(): Promise<void> {
    const { turn } = this.#options;
    do {
      if (!this.#next && turn) await this.#gather(turn);
      const batch = this.#next ?? this.#begin();
      this.#next = undefined;
      await this.#commit(batch);
      if (this.#next || turn) continue;
      for (let i = 0; i < GATHERING_MICROTASKS; i += 1) await undefined;
    } while (this.#next || this.#queue.length > 0);
    this.#writing = undefined;
  }

  /** Waits while each turn brings another caller, unless there are enough. */
  async #gather(turn: () => Promise<void>): Promise<void> {
    let length = 0;
    while (this.#queue.length > length && !this.#areEnough()) {
      length = this.#queue.length;
      await turn();
    }
  }

  #areEnough(): boolean {
    return this.#queue.length >= Math.min(BATCH_MAX, Math.max(1, this.#crowd / 2));
  }

  #beginAhead(): void {
    if (this.#travels && !this.#next && this.#areEnough()) this.#next = this.#begin();
  }

  /** Takes the callers who wait and asks for their rows; awaits nothing. */
  #begin(): Begun {
    const calls = this.#queue.splice(0, BATCH_MAX);
    return this.#beginFor(calls);
  }

  #beginFor(calls: readonly Call[]): Begun {
    const keys = allKeys(calls.map((call) => call.keys));
    const engine = this.#open();
    const found = engine.then((opened) => opened.begin(keys));
    // Looked at by `#commit`, perhaps only after the batch before has failed.
    found.catch(() => undefined);
    return { calls, keys, engine, found };
  }

  /** Brings a batch to its end and answers its callers. The next one may have been begun on the way. */
  async #commit({ calls, keys, engine: opening, found }: Begun): Promise<void> {
    try {
      const rows = await found;
      const engine = await opening;
      const batch = new Batch(this.#options.clock.now(), this.#codec);
      batch.load(keys, rows);
      const outcomes = await decideAll(engine, batch, calls);
      // The point of no return: from here a caller's update may become durable.
      const committed = batch.isEmpty
        ? engine.rollback()
        : engine.commit(batch.changes, batch.events);
      await this.#travel(committed, calls.length);
      for (const [i, call] of calls.entries()) settle(call, outcomes[i]);
    } catch (cause) {
      if (!isBusy(cause)) await this.#discard(opening);
      const error = operatingError(cause);
      for (const call of calls) call.reject(error);
      // What was begun on the failed engine decided nothing yet: it begins again on the next one.
      const next = this.#next;
      if (next?.engine === opening) this.#next = this.#beginFor(next.calls);
    }
  }

  /** Waits for a commit, and lets the next batch begin meanwhile. */
  async #travel(committed: Promise<void>, travelling: number): Promise<void> {
    this.#travels = true;
    this.#beginAhead();
    try {
      await committed;
    } finally {
      this.#travels = false;
      const present = travelling + (this.#next?.calls.length ?? 0) + this.#queue.length;
      this.#crowd = Math.max(present, Math.floor(CROWD_KEPT * this.#crowd));
    }
  }

  // --- reads --------------------------------------------------------------------------------------------

  async #readAll(): Promise<void> {
    do {
      const calls = this.#reads.splice(0, BATCH_MAX);
      try {
        const keys = calls.map(({ key }) => key);
        const found = await this.#ask((engine) => engine.read(keys));
        for (const [i, { resolve }] of calls.entries()) resolve(found[i]);
      } catch (error) {
        for (const { reject } of calls) reject(error);
      }
    } while (this.#reads.length > 0);
    this.#reading = undefined;
  }
}

/** Runs the decisions in order. Waits only where one needs rows that nobody has asked for yet. */
async function decideAll(
  engine: Engine,
  batch: Batch,
  calls: readonly Call[],
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { keys, decide } of calls) {
    let outcome = batch.decide(keys, decide);
    for (let round = 1; "need" in outcome; round += 1) {
      const wanted = checkNeed(outcome.need, round);
      if ("error" in wanted) {
        outcome = wanted;
        break;
      }
      const missing = batch.missing(wanted.keys);
      if (missing.length > 0) batch.load(missing, await engine.more(missing));
      outcome = batch.decide(wanted.keys, decide);
    }
    outcomes.push(outcome);
  }
  return outcomes;
}

function checkNeed(
  need: readonly Key[],
  round: number,
): { readonly keys: readonly Key[] } | { readonly error: unknown } {
  try {
    assert.ok(round <= ROUNDS_MAX, `a decision still needs other keys after ${ROUNDS_MAX} rounds`);
    checkKeys(need);
    return { keys: need };
  } catch (error) {
    return { error };
  }
}

function settle({ resolve, reject }: Call, outcome: Outcome | undefined): void {
  if (outcome && "result" in outcome) resolve(outcome.result);
  else reject(outcome && "error" in outcome ? outcome.error : outcome);
}

/** What went wrong in an engine, as callers know it. */
function operatingError(cause: unknown): KetenError {
  if (cause instanceof KetenError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new KetenError("store_unavailable", `the store failed: ${reason}`, {
    cause,
    retryable: true,
  });
}

// --- where a list goes on -------------------------------------------------------------------------------

function formatPosition({ id, due }: Listed, where: Where): string {
  return "dueBefore" in where ? `${due} ${id}` : ` ${id}`;
}

function parsePosition(after: string): Position {
  const space = after.indexOf(" ");
  assert.ok(space >= 0, `"${after}" is not where a page ended`);
  const due = after.slice(0, space);
  return { id: after.slice(space + 1), due: due === "" ? null : Number(due) };
}
