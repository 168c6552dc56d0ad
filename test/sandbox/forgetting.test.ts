/** A provider that falls back to an earlier state of itself: what was committed is gone, and nobody is told. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { openForgetfulStore } from "../../src/sandbox/forgetful-store.ts";
import { keyOf } from "../../src/store/store.ts";
import { stand } from "../issuer/stand.ts";
import { manualClock } from "../support/manual-clock.ts";
import { tokenOf, wire } from "./wire.ts";

const forgetting = (commits: number) => ({
  "forgotten-commits": { rate: 1, minCommits: commits, maxCommits: commits },
});

test("[A27] a provider that forgot its last commits takes the newest token for none of its own, and an older one again", async (t) => {
  const w = await wire(t, "strict");
  const first = w.sandbox.refreshToken;
  const second = tokenOf(await w.refresh(first));
  const third = tokenOf(await w.refresh(second));
  await w.call("POST", "faults", forgetting(2));
  assert.equal((await w.refresh(third)).status, 400);
  await w.call("DELETE", "faults");
  assert.equal((await w.refresh(second)).status, 400, "this one was forgotten too");
  assert.equal((await w.refresh(first)).status, 200, "and this one is the newest again");
  const seen = (await w.lines()).map(({ reason, forgotten, answered }) => [
    reason,
    forgotten,
    answered,
  ]);
  assert.deepEqual(seen, [
    [null, 0, 1],
    [null, 0, 2],
    ["serialAhead", 2, null],
    ["serialAhead", 0, null],
    [null, 0, 1],
  ]);
});

test("[A27] however much is forgotten, the sandbox is what it was when it started", async (t) => {
  const w = await wire(t, "handshake");
  const next = tokenOf(await w.refresh(w.sandbox.refreshToken));
  await w.call("POST", "faults", forgetting(100));
  assert.equal((await w.refresh(next)).status, 400);
  assert.equal((await w.refresh(w.sandbox.refreshToken)).status, 200);
  assert.deepEqual(
    (await w.lines()).map(({ forgotten }) => forgotten),
    [0, 1, 0],
  );
});

test("[house] a sandbox with a store that was given says that it cannot forget, nor travel", async (t) => {
  const s = await stand(t);
  const { error } = await s.control("faults", { "forgotten-commits": 0.5 });
  assert.match(String(error), /"forgotten-commits": only the sandbox's own store can forget/);
  const moved = await s.control("clock", { advance: "9 min" });
  assert.match(String(moved.error), /the clock is not the sandbox's own/);
  await s.control("faults", { "*": 0.5 });
  const faults = (await (await fetch(`${s.sandbox.url}/sandbox/faults`)).json()) as Record<
    string,
    { rate: number }
  >;
  assert.deepEqual([faults["forgotten-commits"]?.rate, faults.html?.rate], [0, 0.5]);
});

test("[house] forgetting puts rows and events back as they were, newest first, whole commits at a time", async () => {
  const clock = manualClock();
  const store = await openForgetfulStore({ clock, turn: () => turn() });
  const [a, b] = [keyOf("deployment", "a"), keyOf("deployment", "b")];
  const write = (value: string, keys = [a]) =>
    store.update(keys, () => ({
      result: undefined,
      writes: keys.map(() => ({ value })),
      events: [{ type: "client.registered", about: value, data: { kind: "public" } } as const],
    }));
  await write("settled");
  store.settle();
  for (const value of ["one", "two"]) await write(value, [a, b]);
  assert.equal(await store.update([a], ([row]) => ({ result: row?.value })), "two");
  assert.equal(await store.forget(1), 1);
  assert.deepEqual(
    [await store.read(a), await store.read(b)],
    [{ value: "one" }, { value: "one" }],
  );
  assert.equal(await store.forget(5), 1);
  assert.deepEqual([await store.read(a), await store.read(b)], [{ value: "settled" }, undefined]);
  assert.deepEqual(
    (await store.events(0, 10)).map(({ about }) => about),
    ["settled"],
  );
  await write("three");
  assert.deepEqual(await store.read(a), { value: "three" });
  await store.close();
});
