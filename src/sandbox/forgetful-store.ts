/**
 * A store in memory that can fall back to an earlier state of itself, as a provider does that fails over to a copy which
 * lags behind: commits that were answered are gone, and nothing tells so.
 *
 * 1. What a commit overwrites is remembered, for the newest `COMMITS_MAX`; forgetting puts it back, newest first.
 * 2. It takes its turn among the transactions: each is forgotten whole or not at all.
 */

import type { Clock } from "../env/clock.ts";
import { type Change, DEFAULT_RETENTION, type NewEvent, nameOf } from "../store/engine.ts";
import { openGroupCommit } from "../store/group-commit.ts";
import { MemoryDatabase, MemoryEngine } from "../store/memory.ts";
import type { Store } from "../store/store.ts";

export interface ForgetfulStore extends Store {
  /** Forgets the last commits, and says how many there were to forget. */
  forget(commits: number): Promise<number>;
  /** What was committed so far is never forgotten. */
  settle(): void;
}

const COMMITS_MAX = 100;

type Rows = MemoryDatabase["rows"];

/** What puts a commit's rows and events back as they were before it. */
type Undo = () => void;

export async function openForgetfulStore(options: {
  readonly clock: Clock;
  readonly turn: () => Promise<void>;
}): Promise<ForgetfulStore> {
  const { clock, turn } = options;
  const database = new MemoryDatabase();
  const undos: Undo[] = [];
  const store = await openGroupCommit({
    clock,
    open: async () => new RememberingEngine(database, undos, turn),
  });
  return Object.assign(store, {
    async forget(commits: number): Promise<number> {
      const unlock = await database.lock();
      const forgotten = undos.splice(Math.max(0, undos.length - commits)).reverse();
      for (const undo of forgotten) undo();
      unlock();
      return forgotten.length;
    },
    settle: () => void undos.splice(0),
  });
}

/** Remembers before each commit what it is about to overwrite. */
class RememberingEngine extends MemoryEngine {
  readonly #database: MemoryDatabase;
  readonly #undos: Undo[];

  constructor(database: MemoryDatabase, undos: Undo[], turn: () => Promise<void>) {
    super(database, DEFAULT_RETENTION, turn);
    this.#database = database;
    this.#undos = undos;
  }

  override commit(changes: readonly Change[], events: readonly NewEvent[]): Promise<void> {
    // A transaction is open, so nobody else writes between this and the commit itself.
    if (changes.length > 0) this.#undos.push(undoOf(this.#database, changes));
    if (this.#undos.length > COMMITS_MAX) this.#undos.shift();
    return super.commit(changes, events);
  }
}

function undoOf({ rows, events }: MemoryDatabase, changes: readonly Change[]): Undo {
  const names = changes.map(nameOf);
  const before = names.map((name) => rows.get(name));
  const newest = events.at(-1)?.number ?? 0;
  return () => {
    for (const [i, name] of names.entries()) putBack(rows, name, before[i]);
    while ((events.at(-1)?.number ?? 0) > newest) events.pop();
  };
}

function putBack(rows: Rows, name: string, row: ReturnType<Rows["get"]>): void {
  if (row) rows.set(name, row);
  else rows.delete(name);
}
