/** A short torture: the three policies at once, each with its own processes. `npm run torture` is the long one. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../../scripts/source-files.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const KILLS = 5;
const SIZE = ["--connections", "4", "--workers", "2"];

interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<{ readonly code: number | null; readonly output: string }>;
}

/** Starts it with a place of its own for temporary files, so that what it leaves is seen. */
function startTorture(t: TestContext, args: readonly string[], temporary: string): Running {
  const command = [join(ROOT, "scripts/torture.ts"), ...SIZE, ...args];
  const child = spawn(process.execPath, command, {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const finished = once(child, "close").then(([code]) => ({ code, output }));
  t.after(async () => {
    child.kill("SIGTERM");
    await finished;
  });
  return { child, finished };
}

/** The torture itself, the sandbox, Keten and two workers. */
const PROCESSES = 5;

/** The processes that were told to keep their temporary files there: the torture's, whoever started them. */
function processesIn(temporary: string): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/environ`, "latin1").includes(`TMPDIR=${temporary}\0`);
    } catch {
      // Another's, or gone meanwhile.
      return false;
    }
  });
}

const resultOf = (output: string) => JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");

test("[E07, G07] kill -9 in the middle of exchanges: nothing is lost that could be kept, no token is spent twice", async (t) => {
  const temporary = temporaryDirectory(t);
  const policies = ["exact-online", "handshake", "strict"];
  const results = await Promise.all(
    policies.map(async (policy) => {
      const args = ["--kills", String(KILLS), "--policy", policy];
      return { policy, ...(await startTorture(t, args, temporary).finished) };
    }),
  );
  for (const { policy, code, output } of results) {
    assert.equal(code, 0, output);
    const { kills, refreshes, chains, lost, doubleSpends } = resultOf(output);
    assert.equal(kills, KILLS, output);
    assert.ok(refreshes >= chains, output);
    assert.equal(doubleSpends, 0, output);
    const { unavoidable, ...others } = lost;
    const none = { avoidable: 0, timing: 0, held: 0, operator: 0, unexplained: 0 };
    assert.deepEqual(others, none, output);
    if (policy !== "strict") assert.equal(unavoidable, 0, output);
  }
  assert.deepEqual(readdirSync(temporary), [], "no file is left");
  assert.deepEqual(processesIn(temporary), [], "no process is left");
});

test("[G07] torture ends on a signal: with all its processes, and without a file left", async (t) => {
  const temporary = temporaryDirectory(t);
  const torture = startTorture(t, ["--kills", "1000", "--policy", "handshake"], temporary);
  while (processesIn(temporary).length < PROCESSES && torture.child.exitCode === null) {
    await sleep(50);
  }
  torture.child.kill("SIGTERM");
  const { code, output } = await torture.finished;
  assert.equal(code, 130, output);
  assert.deepEqual(processesIn(temporary), [], output);
  assert.deepEqual(readdirSync(temporary), [], output);
});

test("[house] torture says what is wrong with its command line", async (t) => {
  const { code, output } = await startTorture(t, ["--kills", "many"], temporaryDirectory(t))
    .finished;
  assert.equal(code, 2);
  assert.match(output, /--kills "many"; expected a whole number/);
});
