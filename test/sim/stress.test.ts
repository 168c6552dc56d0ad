/** Short samples of the stress campaigns; their full size is `npm run stress`. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { countingStore } from "../../sim/stress/counting-store.ts";
import { runFuzz } from "../../sim/stress/fuzz.ts";
import { runGarbage } from "../../sim/stress/garbage.ts";
import { displacingPresets, runParallel } from "../../sim/stress/parallel.ts";
import { runRefreshes } from "../../sim/stress/refreshes.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { keyOf } from "../../src/store/store.ts";
import { manualClock } from "../support/manual-clock.ts";

test("[ISS-08, ISS-11] 25 redemptions of a token or code at once leave one lineage, at every preset that displaces siblings", async () => {
  const presets = displacingPresets();
  for (const name of ["strict", "handshake", "openam-13", "exact-online"]) {
    assert.ok(presets.includes(name), name);
  }
  const { violations, figures } = await runParallel({ rounds: 1 });
  assert.deepEqual(violations, []);
  assert.equal(figures.presets, presets.length);
});

test("[G04, ISS-47] records stay as long as they were over many refreshes", async () => {
  for (const preset of ["strict", "handshake", "exact-online"]) {
    const { violations } = await runRefreshes({ chains: 10, refreshes: 600, preset });
    assert.deepEqual(violations, [], preset);
  }
});

test("[ISS-24, ISS-23] random tokens write nothing and end nothing", async () => {
  for (const preset of ["strict", "handshake"]) {
    const { violations, figures } = await runGarbage({ tokens: 3000, seed: "sample", preset });
    assert.deepEqual(violations, [], preset);
    const counts = Object.values(figures.counts as Record<string, number>);
    assert.ok(counts.length === 11 && counts.every((count) => count > 50), "every kind occurs");
  }
});

test("[ISS-18, ISS-49] requests that are wrong in several ways get no 5xx and consume nothing, the same for the same seed", async () => {
  const run = (seed: string) =>
    runFuzz({ requests: 1600, seed, presets: ["strict", "exact-online"] });
  const first = await run("sample");
  assert.deepEqual(first.violations, []);
  assert.ok((first.figures.granted as number) > 50, "some requests are proper");
  assert.ok((first.figures.refused as number) > 500, "most are not");
  assert.equal((await run("sample")).figures.digest, first.figures.digest);
  assert.notEqual((await run("another")).figures.digest, first.figures.digest);
});

test("[house] what the campaigns count as written is what was written", async () => {
  const store = await openMemoryStore({ clock: manualClock(), turn: () => turn() });
  const counted = countingStore(store);
  const record = { value: "x" };
  const key = keyOf("deployment", "owner.1");
  const events = [{ type: "client.registered", about: "x", data: {} } as const];
  await counted.store.update([key], () => ({ result: null }));
  assert.deepEqual([counted.rows, counted.events], [0, 0]);
  await counted.store.update([key], () => ({ result: null, writes: [record], events }));
  let asked = false;
  await counted.store.update([keyOf("deployment", "other")], ([row]) => {
    if (asked) return { result: row, writes: [null] };
    asked = true;
    return { need: [key] as never };
  });
  assert.deepEqual([counted.rows, counted.events], [2, 1]);
  assert.deepEqual([counted.writesOf("owner.2"), counted.writesOf("other")], [2, 0]);
  assert.deepEqual([...counted.keys()], ["owner"]);
  await store.close();
});
