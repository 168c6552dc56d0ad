/** Which callers share a commit. The engine here is in memory, and logs each call as it is made. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import {
  type Change,
  DEFAULT_RETENTION,
  type Found,
  type NewEvent,
} from "../../src/store/engine.ts";
import { openGroupCommit } from "../../src/store/group-commit.ts";
import { MemoryDatabase, MemoryEngine } from "../../src/store/memory.ts";
import { type Key, keyOf, type Store } from "../../src/store/store.ts";
import { manualClock } from "../support/manual-clock.ts";
import { deployment } from "./sample-records.ts";

class LoggedEngine extends MemoryEngine {
  readonly log: string[] = [];
  /** What a commit waits for. */
  held: Promise<void> = Promise.resolve();

  constructor() {
    super(new MemoryDatabase(), DEFAULT_RETENTION, () => setImmediate());
  }

  override begin(keys: readonly Key[]): Promise<readonly Found[]> {
    this.log.push(`begin ${keys.length}`);
    return super.begin(keys);
  }

  override async commit(changes: readonly Change[], events: readonly NewEvent[]): Promise<void> {
    this.log.push("commit");
    const done = super.commit(changes, events);
    await this.held;
    await done;
    this.log.push("committed");
  }
}

async function opened(): Promise<{ readonly store: Store; readonly engine: LoggedEngine }> {
  const engine = new LoggedEngine();
  const turn = () => setImmediate();
  const clock = manualClock();
  return { store: await openGroupCommit({ clock, turn, open: async () => engine }), engine };
}

let ids = 0;
const put = (store: Store): Promise<null> => {
  ids += 1;
  const id = `id-${ids}`;
  return store.update([keyOf("deployment", id)], () => ({
    result: null,
    writes: [deployment(id)],
  }));
};

const many = (count: number, store: Store): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, () => put(store)));

test("[STO-10] callers of one turn of the event loop share a commit, once it is known how many there are", async () => {
  const { store, engine } = await opened();
  await many(8, store);
  engine.log.length = 0;
  const first = put(store);
  for (let i = 0; i < 50; i += 1) await undefined;
  await Promise.all([first, put(store)]);
  assert.deepEqual(engine.log, ["begin 2", "commit", "committed"]);
  await store.close();
});

test("[STO-10] a caller alone does not wait for others who stay away", async () => {
  const { store, engine } = await opened();
  await many(8, store);
  engine.log.length = 0;
  await put(store);
  assert.deepEqual(engine.log, ["begin 1", "commit", "committed"]);
  await store.close();
});

test("[STO-10] the next batch begins while a commit travels, as soon as half of the callers wait", async () => {
  const { store, engine } = await opened();
  await many(8, store);
  engine.log.length = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  engine.held = promise;
  const travelling = many(4, store);
  while (!engine.log.includes("commit")) await setImmediate();
  const waiting = [many(3, store)];
  assert.deepEqual(engine.log, ["begin 4", "commit"]);
  waiting.push(put(store));
  await undefined;
  assert.deepEqual(engine.log, ["begin 4", "commit", "begin 4"]);
  resolve();
  await Promise.all([travelling, ...waiting]);
  assert.deepEqual(engine.log.slice(3), ["committed", "commit", "committed"]);
  await store.close();
});
