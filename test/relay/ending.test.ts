/** Tokens that are about to end: who waits for a newer one, who gets the one at hand, and what they are told of its end. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { PostOutcome } from "../../src/env/http-post.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { answer, silence, tokens, until, untilInTime } from "../keychain/harness.ts";
import { type Parts, relayParts } from "./parts.ts";

const LIFE = 600 * SECOND;

/** Moves the clock to so long before the end of the access token's own life. */
async function goTo({ on, started }: Parts, leftMs: number): Promise<number> {
  const { accessEndsAt } = await started.keychain.show("acme");
  assert(accessEndsAt !== null);
  on.clock.advance(accessEndsAt - leftMs - on.clock.now());
  return accessEndsAt;
}

/** Whether a promise is still pending after the event loop has turned a while. */
async function isWaiting(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
  return !settled;
}

test("[G01, E18] with less than a minute left, the answer waits for the newer token", async (t) => {
  const late = Promise.withResolvers<PostOutcome>();
  const wire = () => (parts.started.sent.length === 1 ? tokens(1) : late.promise);
  const parts: Parts = await relayParts(t, { wire });
  const { started } = parts;
  const [one, other] = [await parts.consumer(), await parts.consumer()];
  assert.equal((await parts.get(one)).accessToken, "access-1");
  await goTo(parts, 61 * SECOND);
  assert.equal((await parts.get(one)).accessToken, "access-1");
  assert.equal(started.sent.length, 1, "enough is left");
  const { nextAt } = await started.keychain.show("acme");
  await goTo(parts, 59 * SECOND);
  assert((nextAt ?? 0) > parts.on.clock.now(), "by time alone nothing is due");
  const waiting = [parts.get(one), parts.get(other)];
  await until(() => started.sent.length === 2);
  assert(await isWaiting(Promise.race(waiting)));
  late.resolve(tokens(2));
  for (const { accessToken, expiresIn } of await Promise.all(waiting)) {
    assert.deepEqual([accessToken, expiresIn], ["access-2", LIFE]);
  }
  assert.equal(started.sent.length, 2, "one refresh for both");
});

test("[G01, E18] if no newer token comes in time the one at hand is answered, with what is left of it", async (t) => {
  const late = Promise.withResolvers<PostOutcome>();
  const wire = () => (parts.started.sent.length === 1 ? tokens(1) : late.promise);
  const parts: Parts = await relayParts(t, { wire });
  const { on, started } = parts;
  const [one, other] = [await parts.consumer(), await parts.consumer()];
  await parts.get(one);
  await goTo(parts, 40 * SECOND);
  // One that got it before, and one that did not.
  const held = [parts.get(one), parts.get(other)];
  await until(() => started.sent.length === 2);
  assert(await isWaiting(Promise.race(held)));
  on.clock.advance(9 * SECOND);
  assert(await isWaiting(Promise.race(held)));
  on.clock.advance(1 * SECOND);
  for (const { accessToken, expiresIn } of await Promise.all(held)) {
    assert.deepEqual([accessToken, expiresIn], ["access-1", 30 * SECOND]);
  }
  late.resolve(tokens(2));
  await until(async () => (await started.keychain.show("acme")).generation === 2);
  assert.equal((await parts.get(one)).accessToken, "access-2");
  assert.equal(started.sent.length, 2);
});

test("[G01, E18] a dead token is not answered: whoever waited beyond its end gets the newer one", async (t) => {
  const late = Promise.withResolvers<PostOutcome>();
  const wire = () => (parts.started.sent.length === 1 ? tokens(1) : late.promise);
  const parts: Parts = await relayParts(t, { wire });
  const { on, started } = parts;
  const consumer = await parts.consumer();
  await parts.get(consumer);
  await goTo(parts, 8 * SECOND);
  const held = parts.get(consumer);
  await until(() => started.sent.length === 2);
  on.clock.advance(10 * SECOND);
  assert(await isWaiting(held), "the one at hand has ended");
  late.resolve(tokens(2));
  assert.equal((await held).accessToken, "access-2");
});

for (const [what, outcome] of [
  ["says 503", () => answer(503, "down")],
  ["does not answer", () => silence],
] as const) {
  test(`[G01, E18] a provider that ${what} costs nobody the token that lives still`, async (t) => {
    const wire = () => (parts.started.sent.length === 1 ? tokens(1) : outcome());
    const parts: Parts = await relayParts(t, { wire });
    const { on } = parts;
    const consumer = await parts.consumer();
    await parts.get(consumer);
    const endsAt = await goTo(parts, 29 * SECOND);
    let answers = 0;
    while (on.clock.now() < endsAt) {
      const asked = parts.get(consumer);
      await untilInTime(on, async () => !(await isWaiting(asked)), 100);
      const left = endsAt - on.clock.now();
      if (left <= 0) break;
      const { accessToken, expiresIn } = await asked;
      assert.equal(accessToken, "access-1");
      assert(expiresIn <= left + 200 && expiresIn > 0, `${expiresIn} of ${left}`);
      answers += 1;
      on.clock.advance(SECOND);
    }
    assert(answers > 1, `${answers} answers`);
  });
}

test("[G01, E18] where no refresh is allowed yet nobody waits: the token at hand is answered at once", async (t) => {
  const parts = await relayParts(t, { wire: () => tokens(1), presets: ["exact-online"] });
  const { on, started } = parts;
  const consumer = await parts.consumer();
  await parts.get(consumer);
  await goTo(parts, 45 * SECOND);
  const before = on.clock.now();
  const { accessToken, expiresIn } = await parts.get(consumer);
  assert.deepEqual([accessToken, expiresIn], ["access-1", 45 * SECOND]);
  assert.equal(on.clock.now(), before);
  assert.equal(started.sent.length, 1, "570 seconds are not over");
});

for (const preset of ["exact-online", "strict", "handshake"]) {
  test(`[G01, E18, G10] expires_in never exceeds the moment at which our own refresh ends the token: ${preset}`, async (t) => {
    const wire = () => tokens(parts.started.sent.length);
    const parts: Parts = await relayParts(t, { wire, presets: [preset] });
    const { on, started } = parts;
    const consumers = [await parts.consumer(), await parts.consumer(), await parts.consumer()];
    const endsByRefresh = preset === "strict";
    /** Until when somebody was told that the token of a generation lives. */
    const told = new Map<string, number>();
    for (let step = 0; step < 400; step += 1) {
      const sent = started.sent.length;
      const asked = parts.get(consumers[step % consumers.length] ?? assert.fail());
      let refreshedAt = Number.NEGATIVE_INFINITY;
      await untilInTime(on, async () => {
        const isAnswered = !(await isWaiting(asked));
        if (started.sent.length > sent && refreshedAt < 0) refreshedAt = on.clock.now();
        return isAnswered;
      });
      const { accessToken, expiresIn } = await asked;
      const newest = `access-${started.sent.length}`;
      assert.equal(accessToken, newest);
      if (started.sent.length > sent && sent > 0 && endsByRefresh) {
        const until = told.get(`access-${sent}`) ?? 0;
        assert(refreshedAt >= until, `refreshed ${until - refreshedAt} ms too early`);
      }
      assert(expiresIn > 0 && expiresIn <= LIFE, String(expiresIn));
      told.set(newest, Math.max(told.get(newest) ?? 0, on.clock.now() + expiresIn));
      on.clock.advance(7 * SECOND);
    }
    assert(started.sent.length >= 4, `${started.sent.length} refreshes`);
  });
}

test("[G01, E17] a provider whose tokens live for seconds is asked once for each, not in a loop", async (t) => {
  const wire = () => tokens(parts.started.sent.length, { expires_in: 20 });
  const parts: Parts = await relayParts(t, { wire, patienceMs: 5 * SECOND });
  const consumer = await parts.consumer();
  const asked = parts.ask(consumer);
  await untilInTime(parts.on, async () => !(await isWaiting(asked)));
  const outcome = await asked;
  assert(outcome.granted, JSON.stringify(outcome));
  assert.equal(outcome.response.accessToken, "access-1");
  assert.equal(parts.started.sent.length, 1);
});
