/** The reference engine keeps the contract. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { DEFAULT_RETENTION } from "../../src/store/engine.ts";
import { MemoryDatabase, MemoryEngine, openMemoryStore } from "../../src/store/memory.ts";
import { keyOf } from "../../src/store/store.ts";
import { manualClock } from "../support/manual-clock.ts";
import { keepsContract } from "./contract.ts";
import { deployment } from "./sample-records.ts";

test("[G13, STO-05] the store in memory keeps the contract", (t) =>
  keepsContract(t, (_, retention) => {
    const database = new MemoryDatabase();
    return async () => new MemoryEngine(database, retention, () => setImmediate());
  }));

test("[house] every call of the store in memory yields to the event loop", async () => {
  let turns = 0;
  const turn = async (): Promise<void> => {
    turns += 1;
    await setImmediate();
  };
  const store = await openMemoryStore({ clock: manualClock(), turn });
  const key = keyOf("deployment", "a");
  const calls: readonly [number, () => Promise<unknown>][] = [
    [2, () => store.update([key], () => ({ result: 0, writes: [deployment(1)] }))],
    [2, () => store.update([key], () => ({ result: 0 }))],
    [1, () => store.read(key)],
    [1, () => store.list("deployment", {})],
    [1, () => store.events(0, 1)],
    [1, () => store.size()],
  ];
  for (const [expected, call] of calls) {
    const before = turns;
    await call();
    assert.equal(turns - before, expected);
  }
  await store.close();
});

test("[house] an engine that is closed in a transaction undoes it and lets others in", async () => {
  const database = new MemoryDatabase();
  const open = () => new MemoryEngine(database, DEFAULT_RETENTION, () => setImmediate());
  const key = keyOf("deployment", "a");
  const first = open();
  await first.begin([key]);
  const second = open();
  const waiting = second.begin([key]);
  await first.close();
  await waiting;
  await assert.rejects(first.begin([key]), { code: "store_unavailable" });
  await second.close();
});
