/** An owner and its couriers: who of them must be gone before the owner is dead. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { courierIdOf, registerOwner } from "../../src/env/liveness.ts";
import { systemRandom } from "../../src/env/system.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const LIVENESS = new URL("../../src/env/liveness.ts", import.meta.url).href;
const SYSTEM = new URL("../../src/env/system.ts", import.meta.url).href;

/** A process that holds the beacon of an id; resolves with what kills it. */
async function holder(t: TestContext, directory: string, ownerId: string) {
  const program = `
    import { registerOwner } from ${JSON.stringify(LIVENESS)};
    import { systemRandom } from ${JSON.stringify(SYSTEM)};
    const [directory, ownerId] = process.argv.slice(1);
    registerOwner({ directory, random: systemRandom, ownerId });
    console.log("lit");
    process.stdin.resume();`;
  const args = ["--input-type=module", "--eval", program, directory, ownerId];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return async (): Promise<void> => {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
}

test("[PRO-10, PRO-15] an owner is dead only when it and all its couriers are; until then it is harvesting", async (t) => {
  const directory = temporaryDirectory(t);
  const mine = registerOwner({ directory, random: systemRandom });
  t.after(() => mine.close());
  const owner = "0123456789abcdef";
  const [killOwner, killFirst, killSecond] = await Promise.all(
    [owner, courierIdOf(owner, 1), courierIdOf(owner, 12)].map((id) => holder(t, directory, id)),
  );
  assert.equal(mine.stateOf(owner), "alive");
  await killOwner?.();
  assert.equal(mine.stateOf(owner), "harvesting");
  assert.equal(mine.forget(owner), false);
  await killFirst?.();
  assert.equal(mine.stateOf(owner), "harvesting");
  assert.equal(mine.stateOf(courierIdOf(owner, 1)), "dead");
  assert.equal(mine.stateOf(courierIdOf(owner, 12)), "alive");
  await killSecond?.();
  assert.equal(mine.stateOf(owner), "dead");
  for (const id of mine.owners().filter((id) => id !== mine.ownerId)) assert.ok(mine.forget(id));
  assert.deepEqual(readdirSync(directory), [mine.ownerId]);
});

test("[PRO-10] a living owner's dead couriers change nothing, and a namesake is no relation", async (t) => {
  const directory = temporaryDirectory(t);
  const mine = registerOwner({ directory, random: systemRandom });
  t.after(() => mine.close());
  await (await holder(t, directory, courierIdOf(mine.ownerId, 1)))();
  assert.equal(mine.stateOf(mine.ownerId), "alive");
  const killNamesake = await holder(t, directory, "feed");
  await holder(t, directory, "feed-cat");
  await holder(t, directory, "feedback-c1");
  await killNamesake();
  assert.equal(mine.stateOf("feed"), "dead");
});

test("[PRO-10] an owner that has ended in order, with a courier that harvests, is not gone either", async (t) => {
  const directory = temporaryDirectory(t);
  const mine = registerOwner({ directory, random: systemRandom });
  t.after(() => mine.close());
  const kill = await holder(t, directory, courierIdOf("beef", 3));
  assert.equal(mine.stateOf("beef"), "harvesting");
  await kill();
  assert.equal(mine.stateOf("beef"), "unknown");
});
