/** The bench itself: that it runs, and what its last line looks like. How fast anything is, is not asserted. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const BENCH = join(import.meta.dirname, "../../bench/run.ts");
const run = promisify(execFile);

const FIGURES = [
  ...["echo", "oidcProvider", "rotations", "tokenReads", "readsWhileRotating"],
  ...["rotationsToEcho", "rotationsToOidcProvider", "tokenReadsToEcho"],
  ...["relayTokens", "relayTokensToEcho", "relayTokensByTurnsToEcho"],
  ...["crowdP99", "crowdErrors", "crowdUpstreamRequests"],
  ...["bytesPerChainAfter1", "bytesPerChainAfter1M"],
];

test("[house] the bench runs and ends with its line of figures", async () => {
  const { stdout } = await run(process.execPath, [BENCH, "--quick"], { timeout: 60_000 });
  const line = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, number>;
  assert.deepEqual(Object.keys(line), FIGURES);
  for (const [name, value] of Object.entries(line)) {
    const isNone = name === "crowdErrors" && value === 0;
    assert.ok(isNone || (value > 0 && Number.isFinite(value)), `${name} is ${value}`);
  }
  assert.equal(line.crowdUpstreamRequests, 1, "one refresh for all");
  assert.equal(line.bytesPerChainAfter1, line.bytesPerChainAfter1M);
});

test("[house] a bench that is asked for what it has not says so", async () => {
  const failed = run(process.execPath, [BENCH, "--only", "everything"], { timeout: 30_000 });
  await assert.rejects(failed, { code: 2, stderr: /"everything"; expected some of echo, / });
});
