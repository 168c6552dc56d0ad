/** Several keychains over one store: what one of them does is seen by the others, also when the store falls back. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { PostOutcome } from "../../src/env/http-post.ts";
import { MINUTE } from "../../src/kernel/time.ts";
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

const key = keyOf("connection", "acme");

test("[PRO-10] the lease is renewed for as long as a request is on its way", async (t) => {
  const on = machine(t);
  const held = Promise.withResolvers<PostOutcome>();
  const first = await start(on, { patienceMs: 100_000, wire: () => held.promise });
  await connect(first);
  first.keychain.token("acme", "worker").catch(() => {});
  await until(() => first.sent.length === 1);
  const endOf = async () => (await first.store.read(key))?.holding.lease?.until ?? 0;
  const before = await endOf();
  // A third of its life later; the deadline of the request is twice as far away.
  on.clock.advance(10_000);
  await until(async () => (await endOf()) === before + 10_000);
  held.resolve(tokens(1));
  await until(async () => (await first.keychain.show("acme")).status === "fresh");
});

test("[G10] a token that another process has replaced is given out no longer than a second", async (t) => {
  const on = machine(t);
  let n = 0;
  const wire = () => tokens(++n);
  const first = await start(on, { wire });
  const second = await start(on, { wire });
  await connect(first);
  const seen = await first.keychain.token("acme", "worker");
  await first.keychain.token("acme", "worker");
  const newer = await second.keychain.failed("acme", seen.generation, "other");
  assert.equal(newer.accessToken.reveal(), "access-2");
  on.clock.advance(1001);
  const { accessToken } = await first.keychain.token("acme", "worker");
  assert.equal(accessToken.reveal(), "access-2");
});

test("[E18] a proactive keychain takes up what another process has added", async (t) => {
  const on = machine(t);
  const proactive = await start(on, { mode: "proactive", wire: () => tokens(1) });
  const lazy = await start(on, { wire: () => assert.fail("a lazy keychain sent") });
  await connect(lazy);
  await untilInTime(on, () => proactive.sent.length === 1);
});

test("[PRO-18, G07] a store that fell back under a request gets back what came in between, whatever becomes of the request", async (t) => {
  const on = machine(t);
  const script = [() => tokens(1), () => fallBack(), () => tokens(2)];
  const only = await start(on, {
    patienceMs: 100 * MINUTE,
    wire: () => (script.shift() ?? invalidGrant)(),
  });
  await connect(only, ["strict"]);
  const old = await only.store.read(key);
  assert.ok(old);
  const fallBack = async () => {
    await only.store.update([key], () => ({ result: null, writes: [old] }));
    return silence;
  };
  await only.keychain.token("acme", "worker");
  on.clock.advance(10 * MINUTE);
  let isOver = false;
  const asked = only.keychain.token("acme", "worker").finally(() => {
    isOver = true;
  });
  await untilInTime(on, () => isOver, 1000);
  assert.equal((await asked).accessToken.reveal(), "access-2");
  const presented = only.sent.map((form) => form.get("refresh_token"));
  assert.deepEqual(presented, ["refresh-0", "refresh-1", "refresh-1"]);
});
