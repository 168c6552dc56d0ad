/** What a provider's server gets of us: no more than is needed, not before it is allowed, and never all at once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { REQUESTS_MAX } from "../../src/keychain/redeem.ts";
import { answer, connect, machine, start, tokens, until, untilInTime } from "./harness.ts";

test(`[PRO-19] one provider gets at most ${REQUESTS_MAX} requests at once; the others follow as these are answered`, async (t) => {
  const on = machine(t);
  const waiting: (() => void)[] = [];
  let n = 0;
  const started = await start(on, {
    wire: () => new Promise((resolve) => waiting.push(() => resolve(tokens(++n)))),
  });
  const names = Array.from({ length: REQUESTS_MAX + 8 }, (_, i) => `acme-${i}`);
  for (const name of names) await connect(started, ["handshake"], name);
  const asked = names.map((name) => started.keychain.token(name, "worker"));
  await until(() => waiting.length === REQUESTS_MAX);
  for (let turn = 0; turn < 200; turn += 1) await until(() => true);
  assert.equal(started.sent.length, REQUESTS_MAX, "the others wait");
  waiting.shift()?.();
  await until(() => started.sent.length === REQUESTS_MAX + 1);
  await until(() => {
    for (const done of waiting.splice(0)) done();
    return started.sent.length === names.length && waiting.length === 0;
  });
  for (const done of waiting) done();
  assert.equal((await Promise.all(asked)).length, names.length, "everybody was served");
  started.kill();
});

test("[PRO-20] a provider that hangs, with more connections than it gets requests, holds up nobody else's", async (t) => {
  const on = machine(t);
  const never = new Promise<never>(() => {});
  const started = await start(on, {
    wire: (_form, url) => (url.startsWith("http://127.0.0.2") ? tokens(1) : never),
  });
  const names = Array.from({ length: 2 * REQUESTS_MAX }, (_, i) => `acme-${i}`);
  for (const name of names) await connect(started, ["handshake"], name);
  for (const name of names) started.keychain.token(name, "worker").catch(() => {});
  await until(() => started.sent.length === REQUESTS_MAX);
  await connect(started, ["handshake"], "other", "http://127.0.0.2:9/token");
  const before = on.clock.boot().at;
  const { accessToken } = await started.keychain.token("other", "worker");
  assert.equal(accessToken.reveal(), "access-1");
  assert.equal(on.clock.boot().at, before, "no time passed");
  started.kill();
});

test("[PRO-19] a caller that waits in line when the keychain drains is told so, and nothing is sent for it", async (t) => {
  const on = machine(t);
  const waiting: (() => void)[] = [];
  let n = 0;
  const started = await start(on, {
    wire: () => new Promise((resolve) => waiting.push(() => resolve(tokens(++n)))),
  });
  const names = Array.from({ length: REQUESTS_MAX + 1 }, (_, i) => `acme-${i}`);
  for (const name of names) await connect(started, ["handshake"], name);
  const asked = names.map((name) => started.keychain.token(name, "worker"));
  const last = assert.rejects(asked.at(-1) as Promise<unknown>, { code: "draining" });
  await until(() => waiting.length === REQUESTS_MAX);
  const drained = started.keychain.drain();
  for (const done of waiting) done();
  await Promise.all([drained, last, ...asked.slice(0, -1)]);
  assert.equal(started.sent.length, REQUESTS_MAX);
});

test("[PRO-19] connections that were made together are not due together, nor later than the lead before the end", async (t) => {
  const on = machine(t);
  let n = 0;
  const started = await start(on, { wire: () => tokens(++n) });
  const leads: number[] = [];
  for (let i = 0; i < 20; i += 1) {
    await connect(started, ["handshake"], `acme-${i}`);
    await started.keychain.token(`acme-${i}`, "worker");
    const { nextAt, accessEndsAt } = await started.keychain.show(`acme-${i}`);
    leads.push((accessEndsAt as number) - (nextAt as number));
  }
  assert(Math.min(...leads) >= 30 * SECOND, String(leads));
  assert(Math.max(...leads) <= 60 * SECOND, String(leads));
  assert(new Set(leads).size > 15, String(leads));
  started.kill();
});

test("[PRO-19] Retry-After is kept, longer than our own back-off", async (t) => {
  const on = machine(t);
  const busy = answer(503, "");
  if (busy.kind === "answered") Object.assign(busy.answer.headers, { "retry-after": "900" });
  const started = await start(on, {
    mode: "proactive",
    wire: () => (started.sent.length === 1 ? busy : tokens(1)),
  });
  await connect(started, ["openam-13"]);
  await untilInTime(on, () => started.sent.length === 1);
  const askedAt = on.clock.boot().at;
  await untilInTime(on, () => started.sent.length === 2, 1000);
  const waited = on.clock.boot().at - askedAt;
  assert(waited >= 15 * MINUTE, `asked again after ${waited} ms`);
  assert(waited < 16 * MINUTE, `asked again after ${waited} ms`);
  started.kill();
});

for (const [what, more] of [
  ["a token that has ended when it comes", { expires_in: 0 }],
  ["no access token at all", { access_token: undefined }],
] as const) {
  test(`[PRO-19] a provider that answers with ${what} is not stormed`, async (t) => {
    const on = machine(t);
    let n = 0;
    const started = await start(on, { mode: "proactive", wire: () => tokens(++n, more) });
    await connect(started, ["handshake"]);
    await untilInTime(on, () => n === 1);
    const first = on.clock.boot().at;
    await untilInTime(on, () => on.clock.boot().at - first >= HOUR, SECOND);
    assert(n > 1 && n <= 30, `${n} requests`);
    started.kill();
  });
}

test("[PRO-19] an hour of Exact Online is six refreshes, each at least nine and a half minutes after the last", async (t) => {
  const on = machine(t);
  const at: number[] = [];
  const started = await start(on, {
    mode: "proactive",
    wire: () => {
      at.push(on.clock.boot().at);
      return tokens(at.length);
    },
  });
  await connect(started, ["exact-online"]);
  await untilInTime(on, () => at.length === 1);
  const first = on.clock.boot().at;
  await untilInTime(on, () => on.clock.boot().at - first >= HOUR, SECOND);
  const gaps = at.slice(1).map((instant, i) => instant - (at[i] as number));
  assert.equal(gaps.length, 6, String(gaps));
  assert(Math.min(...gaps) >= 9.5 * MINUTE, String(gaps));
  started.kill();
});
