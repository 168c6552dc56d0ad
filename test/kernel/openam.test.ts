/** Refresh tokens with the rotation option on and off, by version; lifetimes of every length. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { DAY, FOREVER, SECOND, stepAt } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { granted, type Held, NOON, Play } from "./driver.ts";

const ON = PRESETS["openam-13"] as Policy;
const OFF = PRESETS["openam-13-reuse"] as Policy;

test("[C02] option on: a token is good for one refresh, its second use is refused and harms nothing", () => {
  for (const name of ["openam-12", "openam-13"]) {
    const play = new Play(PRESETS[name] as Policy);
    const first = play.consent();
    const second = play.wait(SECOND).refresh(first);
    play.refuses(first, "replayed");
    play.wait(60 * SECOND).refuses(first, "replayed");
    assert.equal(play.chain().revoked, null);
    play.refresh(second);
  }
});

test("[C03] option off: the same token works 1000 times, no answer names one, one token exists", () => {
  for (const name of ["openam-11", "openam-12-reuse", "openam-13-reuse"]) {
    const policy = PRESETS[name] as Policy;
    const play = new Play(policy);
    const token = play.consent();
    const pause = stepAt(policy.expiry.lifetime, NOON) / 1001;
    for (let time = 0; time < 1000; time += 1) {
      const answer = granted(play.wait(pause).present(token));
      assert.equal(answer.refresh, null);
      assert.equal(answer.kind, "repeated");
    }
    assert.equal(play.chain().entries.length, 1);
    assert.equal(play.chain().last, 0);
  }
});

test("[C06] option on: each token ends later than the one before", () => {
  const play = new Play(ON);
  let token = play.consent();
  let end = 0;
  for (let refresh = 0; refresh < 20; refresh += 1) {
    const registered = play.chain().register.findLast(({ access }) => access === null);
    assert.equal(registered?.serial, token.serial);
    assert.equal(registered?.expiresAt, play.now + 7 * DAY);
    assert.ok(registered.expiresAt > end);
    end = registered.expiresAt;
    token = play.wait(DAY).refresh(token);
  }
  play.wait(7 * DAY - 1);
  assert.ok(play.accepts(token));
  play.wait(1).refuses(token, "tokenExpired");
});

test("[C07] option off: the end stands still after each refresh, and is kept to the millisecond", () => {
  const play = new Play(OFF);
  const token = play.consent();
  for (let day = 1; day < 7; day += 1) play.wait(DAY).refresh(token);
  play.wait(DAY - 1).refresh(token);
  assert.deepEqual(play.wait(1).refusal(token), {
    reason: "tokenExpired",
    by: "lifetime",
    at: NOON + 7 * DAY,
  });
});

test("[C08] [ISS-14] a chain ends at its authorization's end although it rotates", () => {
  const play = new Play(
    policyOf({ expiry: { lifetime: "7 d", idle: "2 d", authorization: "30 d" } }),
  );
  let token = play.consent();
  for (let day = 1; day < 30; day += 1) token = play.wait(DAY).refresh(token);
  const end = NOON + 30 * DAY;
  assert.equal(token.access.expiresAt, play.now + 600 * SECOND);
  token = play.wait(DAY - SECOND).refresh(token);
  assert.equal(token.access.expiresAt, end, "no access token outlives the authorization");
  assert.ok(play.wait(SECOND - 1).acceptsAccess(token));
  assert.equal(play.wait(1).acceptsAccess(token), false);
  assert.deepEqual(play.refusal(token), { reason: "tokenExpired", by: "authorization", at: end });
});

test("[C09] the presets carry the defaults of each version; 13.5 has those of 13", () => {
  const table: readonly (readonly [string, number, number, number, Policy["rotate"]])[] = [
    ["openam-11", 10, 600, 60, "never"],
    ["openam-12", 10, 600, 60, "always"],
    ["openam-12-reuse", 10, 600, 60, "never"],
    ["openam-13", 120, 604_800, 3600, "always"],
    ["openam-13-reuse", 120, 604_800, 3600, "never"],
  ];
  for (const [name, code, refresh, access, rotate] of table) {
    const policy = PRESETS[name] as Policy;
    assert.equal(policy.code.lifetime, code * SECOND, name);
    assert.equal(stepAt(policy.expiry.lifetime, NOON), refresh * SECOND, name);
    assert.equal(policy.access.lifetime, access * SECOND, name);
    assert.equal(policy.rotate, rotate, name);
    if (rotate === "never") assert.equal(policy.unrotated, "omit", name);
  }
});

/** 2^31 seconds and milliseconds, leap days, years, and centuries. */
const LIFETIMES = [
  "1 s",
  "59 s",
  "2147483 s",
  "2147483647 ms",
  "2147483648 ms",
  "2147483648 s",
  "4294967296 s",
  "365 d",
  "366 d",
  "400 d",
  "3650 d",
  "36525 d",
  "1000000 d",
] as const;

test("[C10] lifetimes from a second to centuries end at their millisecond, also over a leap day", () => {
  for (const lifetime of LIFETIMES) {
    for (const at of [NOON, Date.UTC(2024, 1, 28, 23, 59, 59, 999), Date.UTC(2027, 11, 31)]) {
      for (const rotate of ["never", "always"]) {
        const policy = policyOf({ rotate, expiry: { lifetime }, access: { lifetime: "600 s" } });
        const play = new Play(policy, { at });
        const token = play.consent();
        const end = at + stepAt(policy.expiry.lifetime, at);
        play.now = end - 1;
        assert.ok(play.accepts(token), `${lifetime}, 1 ms before`);
        play.now = end;
        assert.deepEqual(play.refusal(token), { reason: "tokenExpired", by: "lifetime", at: end });
      }
    }
  }
});

test("[C10] 366 days from the eve of a leap day end a year later to the day", () => {
  const play = new Play(policyOf({ expiry: { lifetime: "366 d" } }), { at: Date.UTC(2024, 1, 28) });
  const token = play.consent();
  play.now = Date.UTC(2025, 1, 28) - 1;
  assert.ok(play.accepts(token));
  play.now += 1;
  assert.equal(play.accepts(token), false);
});

test("[C10] a token without an end works after a thousand years", () => {
  const policy = policyOf({ rotate: "never", expiry: { lifetime: "forever" } });
  assert.equal(stepAt(policy.expiry.lifetime, NOON), FOREVER);
  const play = new Play(policy);
  const token = play.consent();
  play.wait(365_250 * DAY).refresh(token);
});

test("[D04] a refresh token of over a year beside access tokens of ten minutes", () => {
  const play = new Play(
    policyOf({ rotate: "never", expiry: { lifetime: "400 d" }, access: { lifetime: "600 s" } }),
  );
  const token = play.consent();
  let held: Held = token;
  for (let day = 1; day < 400; day += 1) {
    const next = play.wait(DAY).refresh(token);
    assert.equal(play.acceptsAccess(held), false, "yesterday's access token is dead");
    assert.ok(play.acceptsAccess(next));
    assert.equal(next.access.expiresAt, play.now + 600 * SECOND);
    held = next;
  }
  play.wait(DAY).refuses(token, "tokenExpired");
});

// --- the option changed on live chains ----------------------------------------------------------------------

test("[C21] option off to on: the token in hand is good once more, then rotation holds", () => {
  const play = new Play(OFF);
  const first = play.consent();
  play.wait(DAY).refresh(first);
  play.change(ON);
  const second = play.wait(DAY).refresh(first);
  assert.equal(second.serial, 1);
  play.refuses(first, "replayed");
  play.refresh(second);
});

test("[C21] option on to off: the newest token stays for good, those before it stay dead", () => {
  const play = new Play(ON);
  const first = play.consent();
  const second = play.wait(DAY).refresh(first);
  play.change(OFF);
  play.refuses(first, "replayed");
  for (let time = 0; time < 3; time += 1) {
    assert.equal(granted(play.wait(DAY).present(second)).refresh, null);
  }
  play.refuses(first, "replayed");
});

test("[C21] option on, off and on again while the client sleeps: as if it had stayed on", () => {
  const play = new Play(ON);
  const first = play.consent();
  const second = play.wait(SECOND).refresh(first);
  play.wait(SECOND).change(OFF).wait(SECOND).change(ON).wait(SECOND);
  play.refuses(first, "replayed");
  const third = play.refresh(second);
  play.refuses(second, "replayed");
  play.refresh(third);
});
