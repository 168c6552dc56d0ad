/** Waiting where haste would end a chain, and not being hurried by a clock that is set. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY, MINUTE } from "../../src/kernel/time.ts";
import { keyOf } from "../../src/store/store.ts";
import {
  connect,
  invalidGrant,
  machine,
  silence,
  start,
  tokens,
  until,
  untilInTime,
} from "./harness.ts";

const never = new Promise<never>(() => {});

test("[PRO-08] where replay may revoke, a token in doubt is presented again only when nobody can hear the first answer", async (t) => {
  for (const { isKilled, afterMs, withinMs } of [
    { isKilled: false, afterMs: 10 * MINUTE, withinMs: 20 * MINUTE },
    { isKilled: true, afterMs: MINUTE, withinMs: 10 * MINUTE },
  ]) {
    const on = machine(t);
    const first = await start(on, { mode: "proactive", wire: () => never });
    await connect(first, ["strict"]);
    await untilInTime(on, () => first.sent.length === 1);
    const sentAt = on.clock.boot().at;
    if (isKilled) first.kill();
    const second = isKilled ? await start(on, { mode: "proactive", wire: invalidGrant }) : first;
    const asked = () => second.sent.length - (isKilled ? 0 : 1);
    await untilInTime(on, () => asked() === 1, 500);
    const waited = on.clock.boot().at - sentAt;
    assert(waited >= afterMs, `asked again after ${waited} ms, expected ${afterMs}`);
    assert(waited < withinMs, `asked again after ${waited} ms, expected less than ${withinMs}`);
    second.kill();
  }
});

test("[PRO-08] where replay only refuses, there is nothing to wait for", async (t) => {
  const on = machine(t);
  const started = await start(on, {
    mode: "proactive",
    wire: () => (started.sent.length === 1 ? silence : tokens(1)),
  });
  await connect(started, ["openam-13"]);
  await untilInTime(on, () => started.sent.length === 2, 100);
  assert(on.clock.boot().at < MINUTE);
  started.kill();
});

test("[E08, PRO-07] where an open window would be over by the next interval, a token in doubt is presented again within it", async (t) => {
  const on = machine(t);
  const at: number[] = [];
  const started = await start(on, {
    mode: "proactive",
    wire: () => {
      at.push(on.clock.boot().at);
      return at.length === 3 ? tokens(1) : silence;
    },
  });
  await connect(started, ["exact-online-10min"]);
  await untilInTime(on, () => at.length === 3, 100);
  const [first = 0, second = 0, third = 0] = at;
  assert(second - first > 9.5 * MINUTE, `second after ${second - first} ms`);
  assert(third - first < 10 * MINUTE, `third after ${third - first} ms`);
  started.kill();
});

for (const days of [1, -1]) {
  test(`[PRO-21] a wall clock set by ${days} day makes no storm, and the chain goes on`, async (t) => {
    const on = machine(t);
    let n = 0;
    const started = await start(on, { mode: "proactive", wire: () => tokens(++n) });
    await connect(started, ["handshake"]);
    const generationOf = async () => (await started.keychain.show("acme")).generation;
    await untilInTime(on, async () => (await generationOf()) === 1);
    on.clock.jumpWall(days * DAY);
    on.clock.advance(10 * MINUTE);
    const { generation } = await started.keychain.failed("acme", 1, "worker");
    assert.equal(generation, 2, "who saw its token fail gets another");
    for (let turn = 0; turn < 100; turn += 1) {
      on.clock.advance(1_000);
      await until(() => true);
    }
    assert(n <= 4, `${n} requests`);
    const record = await started.store.read(keyOf("connection", "acme"));
    assert.equal(record?.holding.status, "fresh");
    started.kill();
  });
}
