/**
 * The store's memory engine with faults before, in and after its commits, and with somebody who watches what was
 * committed. The database under it outlives its processes.
 */

import { KetenError } from "../../src/env/error.ts";
import {
  BUSY,
  type Change,
  DEFAULT_RETENTION,
  type Engine,
  type Found,
  type Listed,
  type NewEvent,
  type Position,
  type Size,
} from "../../src/store/engine.ts";
import type { StoredEvent } from "../../src/store/events.ts";
import { type MemoryDatabase, MemoryEngine } from "../../src/store/memory.ts";
import type { Kind } from "../../src/store/records.ts";
import type { Key, Where } from "../../src/store/store.ts";
import type { FaultName, Faults } from "./faults.ts";

export interface EngineFaults {
  readonly busy: FaultName | null;
  readonly read: FaultName | null;
  readonly begin: FaultName | null;
  readonly failed: FaultName;
  readonly unknownApplied: FaultName;
  readonly unknownLost: FaultName | null;
}

export interface SimEngineOptions {
  readonly database: MemoryDatabase;
  readonly turn: () => Promise<void>;
  readonly faults: Faults;
  readonly names: EngineFaults;
  /** Called in the moment in which a commit is durable. */
  readonly onCommit: (changes: readonly Change[], events: readonly NewEvent[]) => void;
  readonly onFault: (what: string) => void;
}

const failed = (what: string, evidence = {}): KetenError =>
  new KetenError("store_unavailable", what, { retryable: true, evidence });

export class SimEngine implements Engine {
  readonly #inner: MemoryEngine;
  readonly #options: SimEngineOptions;

  constructor(options: SimEngineOptions) {
    this.#options = options;
    this.#inner = new MemoryEngine(options.database, DEFAULT_RETENTION, options.turn);
  }

  #strikes(name: FaultName | null): boolean {
    if (name === null || !this.#options.faults.strike(name)) return false;
    this.#options.onFault(name);
    return true;
  }

  async begin(keys: readonly Key[]): Promise<readonly Found[]> {
    const { names } = this.#options;
    if (this.#strikes(names.busy)) throw failed("another process holds the locks", BUSY);
    if (this.#strikes(names.begin)) throw failed("the store cannot be reached");
    return await this.#inner.begin(keys);
  }

  more(keys: readonly Key[]): Promise<readonly Found[]> {
    return this.#inner.more(keys);
  }

  async commit(changes: readonly Change[], events: readonly NewEvent[]): Promise<void> {
    const { names, turn, onCommit } = this.#options;
    if (this.#strikes(names.failed)) {
      await turn();
      throw failed("the disk of the store failed");
    }
    if (this.#strikes(names.unknownLost)) {
      await turn();
      throw new KetenError("commit_unknown", "the store went silent", { retryable: true });
    }
    await this.#inner.commit(changes, events);
    onCommit(changes, events);
    // Between the durable commit and its acknowledgement a process can die.
    await turn();
    if (this.#strikes(names.unknownApplied)) {
      throw new KetenError("commit_unknown", "the store went silent", { retryable: true });
    }
  }

  rollback(): Promise<void> {
    return this.#inner.rollback();
  }

  async read(keys: readonly Key[]): Promise<readonly Found[]> {
    if (this.#strikes(this.#options.names.read)) throw failed("the store cannot be read");
    return await this.#inner.read(keys);
  }

  list(
    kind: Kind,
    where: Where,
    after: Position | undefined,
    limit: number,
  ): Promise<readonly Listed[]> {
    return this.#inner.list(kind, where, after, limit);
  }

  events(after: number, limit: number): Promise<readonly StoredEvent[]> {
    return this.#inner.events(after, limit);
  }

  size(): Promise<Size> {
    return this.#inner.size();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
