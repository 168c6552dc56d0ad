import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { registerOwner } from "../../src/env/liveness.ts";
import { systemRandom } from "../../src/env/system.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const CHILD = new URL("../support/live-owner.ts", import.meta.url).pathname;

async function otherOwner(
  t: TestContext,
  directory: string,
): Promise<{ ownerId: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [ownerId] = await once(createInterface(child.stdout), "line");
  return { ownerId, child };
}

async function killed(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

test("[PRO-10] an owner is alive until its process is killed, then dead", async (t) => {
  const directory = temporaryDirectory(t);
  const mine = registerOwner({ directory, random: systemRandom });
  t.after(() => mine.close());
  const { ownerId, child } = await otherOwner(t, directory);
  assert.equal(mine.stateOf(ownerId), "alive");
  assert.equal(mine.forget(ownerId), false);
  await killed(child);
  assert.equal(mine.stateOf(ownerId), "dead");
  assert.deepEqual(mine.owners(), [mine.ownerId, ownerId].sort());
  assert.equal(mine.forget(ownerId), true);
  assert.equal(mine.stateOf(ownerId), "unknown");
  assert.deepEqual(mine.owners(), [mine.ownerId]);
});

test("[PRO-10] a stopped process is alive, and asking takes nothing from it", async (t) => {
  const directory = temporaryDirectory(t);
  const [mine, second] = [1, 2].map(() => registerOwner({ directory, random: systemRandom }));
  t.after(() => {
    mine?.close();
    second?.close();
  });
  const { ownerId, child } = await otherOwner(t, directory);
  child.kill("SIGSTOP");
  for (let i = 0; i < 100; i += 1) {
    assert.equal((i % 2 ? mine : second)?.stateOf(ownerId), "alive");
  }
  assert.equal(mine?.stateOf(second?.ownerId ?? ""), "alive");
  await killed(child);
  for (let i = 0; i < 100; i += 1) {
    assert.equal((i % 2 ? mine : second)?.stateOf(ownerId), "dead");
  }
});

test("[PRO-10] an owner sees that another process judges it alive while it lives", async (t) => {
  const directory = temporaryDirectory(t);
  const children = await Promise.all([1, 2, 3, 4].map(() => otherOwner(t, directory)));
  const mine = registerOwner({ directory, random: systemRandom });
  t.after(() => mine.close());
  assert.deepEqual(
    children.map(({ ownerId }) => mine.stateOf(ownerId)),
    ["alive", "alive", "alive", "alive"],
  );
  assert.equal(new Set(children.map(({ ownerId }) => ownerId)).size, 4);
});

test("[PRO-10] an id without a beacon is unknown and asking leaves none behind", (t) => {
  const directory = temporaryDirectory(t);
  const mine = registerOwner({ directory, random: systemRandom });
  assert.equal(mine.stateOf("0123456789abcdef"), "unknown");
  assert.deepEqual(readdirSync(directory), [mine.ownerId]);
  assert.throws(() => mine.stateOf("../elsewhere"), { code: "ERR_ASSERTION" });
  mine.close();
  assert.deepEqual(readdirSync(directory), []);
});

test("[PRO-10] a draft that a dead process left is cleared, a beacon that is no database is not judged", (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "feed.draft"), "");
  writeFileSync(join(directory, "beef"), "x".repeat(4096));
  const mine = registerOwner({ directory, random: systemRandom });
  t.after(() => mine.close());
  assert.deepEqual(readdirSync(directory).sort(), ["beef", mine.ownerId].sort());
  assert.throws(() => mine.stateOf("beef"), { code: "store_unavailable" });
});
