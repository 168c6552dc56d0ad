/** Real processes on one SQLite file: none loses another's update, and a killed one loses nothing it acknowledged. */

import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import { keyOf } from "../../src/store/store.ts";
import { manualClock } from "../support/manual-clock.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const PROGRAM = fileURLToPath(new URL("./incrementing-process.ts", import.meta.url));

interface Incrementing {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** Resolves when it is ready to begin. */
  readonly ready: Promise<void>;
  /** The values it acknowledged so far. */
  readonly acknowledged: readonly number[];
  /** Resolves with its exit code or signal, when all that it said was read. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Starts a process; `onValue` hears each value as it is acknowledged. */
function start(
  t: TestContext,
  args: readonly string[],
  onValue: (count: number) => void = () => {},
): Incrementing {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const ready = Promise.withResolvers<void>();
  const acknowledged: number[] = [];
  createInterface(child.stdout).on("line", (line) => {
    if (line === "ready") ready.resolve();
    else onValue(acknowledged.push(Number(line)));
  });
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  ended.then(() => ready.reject(new Error("it ended before it was ready")));
  return { child, ready: ready.promise, acknowledged, ended };
}

async function storedIn(path: string): Promise<{ counter: number; values: readonly unknown[] }> {
  const store = await openSqliteStore({ path, clock: manualClock() });
  const counter = Number((await store.read(keyOf("deployment", "counter")))?.value ?? 0);
  const events = await store.events(0, 1_000_000);
  await store.close();
  return { counter, values: events.map(({ data }) => data.value) };
}

const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i + 1);

test("[STO-03] two processes that increment one record lose no update", async (t) => {
  const path = join(temporaryDirectory(t), "keten.db");
  const both = [start(t, [path, "1", "300"]), start(t, [path, "8", "1200"])];
  await Promise.all(both.map(({ ready }) => ready));
  for (const { child } of both) child.stdin.write("go");
  assert.deepEqual(await Promise.all(both.map(({ ended }) => ended)), [0, 0]);
  const values = both.flatMap(({ acknowledged }) => acknowledged).sort((a, b) => a - b);
  assert.deepEqual(values, upTo(1500), "every value was given to one caller, and none twice");
  assert.deepEqual(await storedIn(path), { counter: 1500, values: upTo(1500) });
});

test("[STO-04] what a process acknowledged before kill -9 is there", async (t) => {
  const path = join(temporaryDirectory(t), "keten.db");
  let before = 0;
  for (const [round, enough] of [50, 400, 1].entries()) {
    const killed = start(t, [path, "16", "1000000"], (count) => {
      if (count === enough) killed.child.kill("SIGKILL");
    });
    await killed.ready;
    killed.child.stdin.write("go");
    assert.equal(await killed.ended, "SIGKILL", `round ${round}`);
    const last = Math.max(...killed.acknowledged);
    const { counter, values } = await storedIn(path);
    assert.ok(counter >= last, `round ${round}: acknowledged ${last}, found ${counter}`);
    assert.deepEqual(values, upTo(counter), `round ${round}: the events of all of them, once`);
    assert.ok(counter > before, `round ${round} got on`);
    before = counter;
  }
});
