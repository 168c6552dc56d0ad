/** What journals hold that no open request points at: an answer whose process did not live to settle it, or to say so. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { PostOutcome } from "../../src/env/http-post.ts";
import { MINUTE } from "../../src/kernel/time.ts";
import type { Store } from "../../src/store/store.ts";
import {
  connect,
  invalidGrant,
  type Machine,
  machine,
  type Started,
  start,
  tokens,
  until,
  untilInTime,
} from "./harness.ts";

const never = new Promise<never>(() => {});
const LONG_MS = 50 * MINUTE;

/** A store whose updates go through a function of the caller's. */
const withUpdate =
  (through: (run: () => Promise<unknown>) => Promise<unknown>) =>
  (store: Store): Store => ({
    read: (key) => store.read(key),
    list: (kind, where, after) => store.list(kind, where, after),
    events: (after, limit) => store.events(after, limit),
    size: () => store.size(),
    close: () => store.close(),
    update: (async (keys, decide) =>
      await through(() => store.update(keys, decide))) as Store["update"],
  });

/** Asks for a token and lets time pass until there is an answer of either kind. */
async function ask(on: Machine, { keychain }: Started, stepMs = 10): Promise<void> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  keychain.token("acme", "worker").then(over, over);
  await untilInTime(on, () => isOver, stepMs);
}

const presented = ({ sent }: Started) => sent.map((form) => form.get("refresh_token"));

test("[G07, E07] a refusal is believed only after the journals: a late answer whose process died before it was parked is tried", async (t: TestContext) => {
  const on = machine(t);
  const late = Promise.withResolvers<PostOutcome>();
  let isStuck = false;
  const first: Started = await start(on, {
    patienceMs: LONG_MS,
    wire: () => (first.sent.length === 1 ? late.promise : tokens(1)),
    wrapStore: withUpdate((run) => (isStuck ? never : run())),
  });
  await connect(first, ["exact-online"]);
  await ask(on, first, 1000);
  assert.deepEqual(presented(first), ["refresh-0", "refresh-0"], "in doubt it asked again");
  // The first request arrived last, so its successor is the one that lives. It is journaled, and the process dies.
  isStuck = true;
  late.resolve(tokens(2));
  for (let turn = 0; turn < 100; turn += 1) await setImmediate();
  first.kill();

  on.clock.advance(10 * MINUTE);
  const second = await start(on, {
    patienceMs: LONG_MS,
    wire: (form) => (form.get("refresh_token") === "refresh-2" ? tokens(3) : invalidGrant()),
  });
  await ask(on, second, 1000);
  assert.deepEqual(presented(second), ["refresh-1", "refresh-2"]);
  const { status, generation } = await second.keychain.show("acme");
  assert.deepEqual([status, generation], ["fresh", 2]);
});

test("[G07, E07] an answer that is journaled while the last resort is on its way is found before its refusal is believed", async (t: TestContext) => {
  const on = machine(t);
  const late = Promise.withResolvers<PostOutcome>();
  let isStuck = false;
  const first: Started = await start(on, {
    wire: () => late.promise,
    wrapStore: withUpdate((run) => (isStuck ? never : run())),
  });
  await connect(first, ["strict"]);
  const told = assert.rejects(first.keychain.token("acme", "worker"), /uncertain/);
  await until(() => first.sent.length === 1);
  on.clock.advance(20_000);
  await told;
  isStuck = true;

  on.clock.advance(11 * MINUTE);
  const settled = Promise.withResolvers<void>();
  let updates = 0;
  const second: Started = await start(on, {
    wire: async () => {
      late.resolve(tokens(1));
      await until(async () => (await second.journal.answered()).length === 1);
      return invalidGrant();
    },
    wrapStore: withUpdate(async (run) => {
      const result = await run();
      updates += 1;
      if (updates === 2) settled.resolve();
      return result;
    }),
  });
  second.keychain.token("acme", "worker").catch(() => {});
  await settled.promise;
  assert.deepEqual(presented(second), ["refresh-0"]);
  const { status, generation } = await second.keychain.show("acme");
  assert.deepEqual([status, generation], ["stale", 1]);
  second.kill();
});

test("[G07, G20] an answer that was committed long ago, unnoted in its journal, is no successor and names no cause", async (t: TestContext) => {
  const on = machine(t);
  let updates = 0;
  const first = await start(on, {
    wire: () => tokens(1),
    wrapStore: withUpdate(async (run) => {
      const result = await run();
      updates += 1;
      // Added, begun, and settled: durable, and the process dies before it notes that in the journal.
      return updates < 3 ? result : never;
    }),
  });
  await connect(first, ["strict"]);
  first.keychain.token("acme", "worker").catch(() => {});
  await untilInTime(on, () => updates === 3);
  first.kill();

  let generation = 1;
  const second = await start(on, {
    wire: () => {
      generation += 1;
      return generation > 3 ? never : tokens(generation);
    },
  });
  for (let refresh = 0; refresh < 2; refresh += 1) {
    on.clock.advance(10 * MINUTE);
    await ask(on, second);
  }
  on.clock.advance(10 * MINUTE);
  second.keychain.token("acme", "worker").catch(() => {});
  await until(() => second.sent.length === 3);
  second.kill();

  on.clock.advance(2 * MINUTE);
  const third = await start(on, { wire: invalidGrant });
  await ask(on, third);
  // The predecessor is, once nothing can be lost by it.
  const asked = ["refresh-3", "refresh-2"];
  assert.deepEqual(presented(third), asked, "the token of long ago is not presented");
  const { status, cause } = await third.keychain.show("acme");
  assert.deepEqual([status, cause], ["lost", "lostAnswer"]);
});
