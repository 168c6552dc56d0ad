/** The activation chain: accepted are the token activated last and the one requested last. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { DAY, type Duration, type Instant, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { granted, type Held, NOON, Play, refused } from "./driver.ts";

const EXACT = PRESETS["exact-online"] as Policy;
const TEN_MINUTES = PRESETS["exact-online-10min"] as Policy;
const OLD_ALLOWED = PRESETS["exact-online-old-allowed"] as Policy;
const INTERVAL = 570 * SECOND;

/** A chain of so many tokens, each used once it could be; `now` is when the next could be. */
function chainOf(length: number, policy: Policy = EXACT): { play: Play; tokens: Held[] } {
  const play = new Play(policy);
  const tokens = [play.consent()];
  while (tokens.length < length) {
    tokens.push(play.wait(INTERVAL).refresh(tokens.at(-1) as Held));
  }
  play.wait(INTERVAL);
  return { play, tokens };
}

test("[A04] a code works after 179 s and fails after 181 s", () => {
  for (const [seconds, works] of [
    [179, true],
    [180, false],
    [181, false],
  ] as const) {
    const play = new Play(EXACT);
    const code = play.open();
    const decision = play.wait(seconds * SECOND).redeem(code);
    assert.equal(decision.granted, works, `${seconds} s`);
    if (!decision.granted) {
      const expected = { reason: "codeExpired", at: NOON + 180 * SECOND };
      assert.deepEqual(decision.refusal, expected);
      assert.deepEqual(decision.after, {}, "an expired code changes nothing");
    }
  }
});

test("[A04] a code used twice is refused, and the chain it began lives on", () => {
  const play = new Play(EXACT);
  const code = play.open();
  const first = play.held(code.ordinal, granted(play.redeem(code)));
  const second = play.wait(SECOND).redeem(code);
  assert.deepEqual(refused(second), { reason: "codeReplayed", ordinal: 1, effect: "none" });
  assert.deepEqual(second.after, {});
  play.wait(INTERVAL).refresh(first);
});

test("[A04] of two codes opened at once only the one opened last may be redeemed", () => {
  const play = new Play(EXACT);
  const [first, last] = [play.open(), play.open()];
  assert.deepEqual(refused(play.redeem(first)), { reason: "codeOvertaken", ordinal: 1, opened: 2 });
  granted(play.redeem(last));
});

test("[A07] an access token ends 600 s from its issue, whether it is used or not", () => {
  const play = new Play(EXACT);
  const token = play.consent();
  for (let second = 0; second < 600; second += 1) {
    assert.ok(play.acceptsAccess(token), `after ${second} s`);
    if (second % 2 === 0) play.useAccess(token);
    play.wait(SECOND);
  }
  assert.equal(play.acceptsAccess(token), false, "used continuously");
  const idle = new Play(EXACT);
  const unused = idle.consent();
  assert.ok(idle.wait(600 * SECOND - 1).acceptsAccess(unused));
  assert.equal(idle.wait(1).acceptsAccess(unused), false, "never used");
});

test("[A07] an access token outlives the refresh that replaces its refresh token", () => {
  const play = new Play(EXACT);
  const token = play.consent();
  play.wait(INTERVAL).refresh(token);
  assert.ok(play.wait(29 * SECOND).acceptsAccess(token));
  assert.equal(play.wait(SECOND).acceptsAccess(token), false);
});

// --- the chain ----------------------------------------------------------------------------------------------

/** The rule of the vendor's own words, written without the kernel: two tokens, by serial, and two clocks. */
class TwoTokens {
  activated: { serial: number; at: Instant } | null = null;
  requested: { serial: number; at: Instant };
  lastGrantAt: Instant;
  issued = 0;

  constructor(now: Instant) {
    this.requested = { serial: 0, at: now };
    this.lastGrantAt = now;
  }

  present(serial: number, now: Instant): "granted" | "tooEarly" | "old" | "expired" {
    const token = [this.activated, this.requested].find((each) => each?.serial === serial);
    if (!token) return "old";
    if (now - token.at >= 30 * DAY) return "expired";
    if (now - this.lastGrantAt < INTERVAL) return "tooEarly";
    this.issued += 1;
    this.activated = { serial, at: now };
    this.requested = { serial: this.issued, at: now };
    this.lastGrantAt = now;
    return "granted";
  }
}

const WIRE: Readonly<Record<string, string>> = {
  superseded: "old",
  replayed: "old",
  tokenExpired: "expired",
};

const wait: fc.Arbitrary<Duration> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(570, 570, 600, 3600).map((s) => s * SECOND) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 569 * SECOND, INTERVAL - 1) },
  { weight: 1, arbitrary: fc.constantFrom(DAY, 15 * DAY, 30 * DAY - 1, 30 * DAY) },
);

test("[A09] accepts only the last activated and the last requested token", () => {
  const steps = fc.array(fc.tuple(wait, fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 5, 8)), {
    maxLength: 60,
    size: "max",
  });
  fc.assert(
    fc.property(steps, (history) => {
      const play = new Play(EXACT);
      const tokens = [play.consent()];
      const oracle = new TwoTokens(play.now);
      for (const [pause, back] of history) {
        play.wait(pause);
        const token = tokens[Math.max(0, tokens.length - 1 - back)] as Held;
        const decision = play.present(token);
        const said = decision.granted ? "granted" : decision.refusal.reason;
        assert.equal(WIRE[said] ?? said, oracle.present(token.serial, play.now));
        if (decision.granted) tokens.push(play.held(1, decision.answer));
        const accepted = tokens.filter((each) => play.accepts(each)).map(({ serial }) => serial);
        const alive = [oracle.activated, oracle.requested]
          .filter((each) => each !== null && play.now - each.at < 30 * DAY)
          .map((each) => each?.serial);
        assert.deepEqual(accepted, alive);
      }
    }),
    { numRuns: 500 },
  );
});

test("[A10] the first use of a token ends all before it, and ends no other", () => {
  const { play, tokens } = chainOf(5);
  const newest = tokens[4] as Held;
  assert.ok(play.accepts(tokens[3] as Held), "the newest is not used yet: its predecessor lives");
  const next = play.refresh(newest);
  play.wait(INTERVAL);
  for (const old of tokens.slice(0, 4)) play.refuses(old, "replayed");
  assert.ok(play.accepts(newest));
  assert.ok(play.accepts(next));
  play.refresh(next);
});

test("[A11] of two successors of one token the first is overtaken, the second works", () => {
  const { play, tokens } = chainOf(3);
  const active = tokens[2] as Held;
  const overtaken = play.refresh(active);
  const pending = play.wait(INTERVAL).refresh(active);
  play.wait(INTERVAL);
  assert.notEqual(overtaken.serial, pending.serial);
  play.refuses(overtaken, "replayed");
  assert.equal(play.chain().revoked, null, "an overtaken token is refused and nothing else");
  play.refresh(pending);
});

test("[A12] a token in use lapses 600 s after its activation, where the setting says so", () => {
  const { play, tokens } = chainOf(2, TEN_MINUTES);
  const active = tokens[1] as Held;
  const lost = play.refresh(active);
  const activatedAt = play.now;
  play.wait(INTERVAL).refresh(active);
  play.wait(600 * SECOND - INTERVAL - 1);
  assert.ok(play.accepts(active), "1 ms before the end");
  assert.equal(play.accepts(lost), false);
  play.wait(1);
  assert.deepEqual(play.refusal(active), {
    reason: "tokenExpired",
    by: "usedFor",
    at: activatedAt + 600 * SECOND,
  });
});

test("[A12] without the setting a token in use lives until its successor is used", () => {
  const { play, tokens } = chainOf(2);
  const active = tokens[1] as Held;
  play.refresh(active);
  play.wait(29 * DAY).refresh(active);
  play.wait(29 * DAY).refresh(active);
});

test("[A13] an unused token ends after 30 days, with the date of its end", () => {
  const play = new Play(EXACT);
  const token = play.consent();
  play.wait(30 * DAY - 1);
  assert.ok(play.accepts(token));
  play.wait(1);
  assert.deepEqual(play.refusal(token), {
    reason: "tokenExpired",
    by: "idle",
    at: NOON + 30 * DAY,
  });
});

test("[A13] a token issued under 180 days keeps them while the setting falls to 30", () => {
  const falling = policyOf({
    overlap: { untilUsed: true },
    retry: { answer: "new" },
    replay: { action: "refuse" },
    expiry: {
      idle: [
        { is: "180 d" },
        { from: "2021-05-01", is: "90 d" },
        { from: "2021-07-01", is: "30 d" },
      ],
    },
  });
  const lives = (issued: Instant): Duration => {
    const play = new Play(falling, { at: issued });
    const token = play.consent();
    return refusalAt(play, token) - issued;
  };
  assert.equal(lives(Date.UTC(2021, 3, 30, 23, 59, 59, 999)), 180 * DAY);
  assert.equal(lives(Date.UTC(2021, 4, 1)), 90 * DAY);
  assert.equal(lives(Date.UTC(2021, 5, 30, 23, 59, 59, 999)), 90 * DAY);
  assert.equal(lives(Date.UTC(2021, 6, 1)), 30 * DAY);
});

/** When a token is first refused if nobody presents it. */
function refusalAt(play: Play, token: Held): Instant {
  for (const days of [30, 90, 180, 181]) {
    play.now = token.issuedAt + days * DAY - 1;
    const before = play.accepts(token);
    play.now += 1;
    if (before && !play.accepts(token)) return play.now;
  }
  throw new Error("never refused");
}

test("[A14] an app for which old tokens are allowed: any historic token works", () => {
  const { play, tokens } = chainOf(40);
  play.refuses(tokens[3] as Held, "replayed");
  play.change(OLD_ALLOWED, { revive: true });
  for (const token of tokens) assert.ok(play.accepts(token), `serial ${token.serial}`);
  for (const serial of [3, 39, 0, 17]) {
    play.refresh(tokens[serial] as Held);
    play.wait(INTERVAL);
  }
  for (const token of tokens) assert.ok(play.accepts(token), `serial ${token.serial}, later`);
});

test("[A14] the flag off again: the chain's rules at once", () => {
  const { play, tokens } = chainOf(12);
  play.change(OLD_ALLOWED, { revive: true });
  const newest = play.refresh(tokens[11] as Held);
  play.wait(INTERVAL).change(EXACT);
  for (const token of tokens.slice(0, 11)) play.refuses(token, "replayed");
  assert.ok(play.accepts(tokens[11] as Held), "activated last");
  assert.ok(play.accepts(newest), "requested last");
  play.refresh(newest);
  assert.equal(play.accepts(tokens[11] as Held), false);
});

test("[A14] the flag on without revive brings nothing back", () => {
  const { play, tokens } = chainOf(12);
  const before = tokens.map((token) => play.accepts(token));
  play.change(OLD_ALLOWED);
  assert.deepEqual(
    tokens.map((token) => play.accepts(token)),
    before,
  );
  play.refresh(tokens[11] as Held);
});

test("[A17] a second consent of the same user and app ends the first chain, another user's does not", () => {
  const play = new Play(EXACT);
  const first = play.consent();
  const other = new Play(EXACT, { id: "b" });
  other.consent();
  play.wait(INTERVAL);
  assert.ok(play.accepts(first));
  const second = play.consent();
  play.wait(INTERVAL);
  assert.deepEqual(play.refusal(first), { reason: "chainRevoked", by: "cap", at: null });
  play.refresh(second);
});

test("[A18] a refresh at 569 s is refused and spends nothing; at 570 s it works", () => {
  const { play, tokens } = chainOf(2);
  const token = tokens[1] as Held;
  play.now -= SECOND;
  const before = play.chain();
  const early = play.present(token);
  assert.deepEqual(refused(early), { reason: "tooEarly", notBefore: play.now + SECOND });
  assert.deepEqual(early.after, {});
  assert.equal(play.chain(), before);
  const next = play.wait(SECOND).refresh(token);
  assert.equal(next.serial, token.serial + 1);
});

test("[A18] the interval begins with the redemption of the code, and anew with each refresh", () => {
  const play = new Play(EXACT);
  const token = play.consent();
  play.wait(569 * SECOND).refuses(token, "tooEarly");
  const next = play.wait(SECOND).refresh(token);
  play.wait(569 * SECOND).refuses(next, "tooEarly");
  play.refuses(token, "tooEarly");
  play.wait(SECOND).refresh(token);
});

test("[A19] of the token calls of one app, user and day 200 pass and the 201st is refused", () => {
  const quick = policyOf({
    quota: [{ per: "clientAndSubject", max: 200, window: { day: "Europe/Amsterdam" } }],
  });
  assert.deepEqual(EXACT.quota, quick.quota);
  const play = new Play(quick, { at: Date.UTC(2026, 0, 14, 23) });
  let token = play.consent();
  for (let call = 2; call <= 200; call += 1) token = play.wait(60 * SECOND).refresh(token);
  const midnight = Date.UTC(2026, 0, 15, 23);
  assert.deepEqual(play.wait(60 * SECOND).refusal(token), {
    reason: "quotaExceeded",
    per: "clientAndSubject",
    max: 200,
    resetsAt: midnight,
  });
  play.now = midnight - 1;
  play.refuses(token, "quotaExceeded");
  play.now = midnight;
  play.refresh(token);
});

test("[A19] another user of the app has calls of their own; an exempt app has no limit", () => {
  const play = new Play(EXACT);
  const other = new Play(EXACT, { id: "b" });
  const [token, others] = [play.consent(), other.consent()];
  assert.notDeepEqual(play.authorization.counters, {});
  other.wait(INTERVAL).refresh(others);
  play.wait(INTERVAL).refresh(token);
  const exempt = new Play({ ...EXACT, quota: [], minInterval: 0 });
  let each = exempt.consent();
  for (let call = 2; call <= 300; call += 1) each = exempt.refresh(each);
});
