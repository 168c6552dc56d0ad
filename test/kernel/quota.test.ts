/** Counting token calls: by calendar day of a zone, or in a sliding window; granted calls or all. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import type { Quota } from "../../src/kernel/policy.ts";
import { type Counters, counted, quotaOpensAt } from "../../src/kernel/quota.ts";
import { DAY, HOUR, type Instant, MINUTE, nextDay, SECOND } from "../../src/kernel/time.ts";
import { Box, type Held, Play } from "./driver.ts";

const three = (rest: object) => policyOf({ quota: [{ per: "chain", max: 3, ...rest }] });

test("[A19] a sliding window opens when the oldest call leaves it, to the millisecond", () => {
  const play = new Play(three({ window: { sliding: "1 h" } }));
  let token = play.consent();
  const first = play.now;
  for (const pause of [10, 10]) token = play.wait(pause * MINUTE).refresh(token);
  assert.deepEqual(play.wait(MINUTE).refusal(token), {
    reason: "quotaExceeded",
    per: "chain",
    max: 3,
    resetsAt: first + HOUR,
  });
  play.now = first + HOUR - 1;
  play.refuses(token, "quotaExceeded");
  token = play.wait(1).refresh(token);
  play.refuses(token, "quotaExceeded");
  play.wait(10 * MINUTE).refresh(token);
});

test("[A19] refused calls count only where the quota says all", () => {
  for (const [counts, works] of [
    ["granted", true],
    ["all", false],
  ] as const) {
    const play = new Play(three({ window: { sliding: "1 h" }, counts }));
    const token = play.consent();
    const next = play.refresh(token);
    for (let refused = 0; refused < 5; refused += 1) play.refuses(token, "superseded");
    assert.equal(play.present(next).granted, works, counts);
  }
});

test("[A19] a refused call changes the counters and nothing else", () => {
  const play = new Play(three({ window: { day: "UTC" }, counts: "all" }));
  const token = play.consent();
  play.refresh(token);
  const before = play.chain();
  play.refuses(token, "superseded");
  assert.deepEqual({ ...play.chain(), counters: {} }, { ...before, counters: {} });
  assert.notDeepEqual(play.chain().counters, before.counters);
});

test("[A19] a client's quota counts over all its subjects, a chain's over itself alone", () => {
  const client = new Box();
  const policy = policyOf({ quota: [{ per: "client", max: 3, window: { day: "UTC" } }] });
  const [one, two] = [new Play(policy, { client }), new Play(policy, { id: "b", client })];
  one.consent();
  const token = two.consent();
  two.refresh(token);
  assert.equal(one.redeem(one.open()).granted, false);
  const alone = new Play(three({ window: { day: "UTC" } }));
  alone.refresh(alone.refresh(alone.consent()));
  alone.refresh(alone.consent());
});

test("[A19] the day is the zone's: it has 23 or 25 hours when clocks change", () => {
  for (const [month, day, hours] of [
    [2, 29, 23],
    [9, 25, 25],
    [5, 1, 24],
  ] as const) {
    const start = nextDay(Date.UTC(2026, month, day, -12), "Europe/Amsterdam");
    const play = new Play(three({ window: { day: "Europe/Amsterdam" } }), { at: start });
    let token = play.consent();
    token = play.refresh(play.refresh(token));
    play.now = start + hours * HOUR - 1;
    play.refuses(token, "quotaExceeded");
    play.wait(1).refresh(token);
  }
});

test("[A19] a changed limit goes on counting", () => {
  const quota = (max: number) =>
    policyOf({ quota: [{ per: "chain", max, window: { sliding: "1 h" } }] });
  const play = new Play(quota(3));
  let token: Held = play.consent();
  token = play.refresh(play.refresh(token));
  play.change(quota(4));
  token = play.refresh(token);
  play.refuses(token, "quotaExceeded");
  play
    .change(quota(2))
    .wait(HOUR - 1)
    .refuses(token, "quotaExceeded");
  play.wait(1).refresh(token);
});

test("[A19] at most max calls pass in any window, over random calls, with a list as long as max", () => {
  const quota: Quota = {
    per: "chain",
    max: 5,
    window: { sliding: 10 * SECOND },
    counts: "granted",
  };
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 6000 }), { maxLength: 60 }), (pauses) => {
      let [now, counters]: [Instant, Counters] = [1e12, {}];
      const passed: Instant[] = [];
      for (const pause of pauses) {
        now += pause;
        const opensAt = quotaOpensAt(quota, counters, now);
        const inWindow = passed.filter((at) => at > now - 10 * SECOND).length;
        assert.equal(opensAt <= now, inWindow < 5);
        if (opensAt > now) {
          assert.equal(quotaOpensAt(quota, counters, opensAt), opensAt, "it opens when it says");
          assert.ok(quotaOpensAt(quota, counters, opensAt - 1) > opensAt - 1, "and not before");
          continue;
        }
        passed.push(now);
        counters = counted([quota], counters, now, () => true);
        const [counter] = Object.values(counters);
        assert.ok(counter && "calls" in counter && counter.calls.length <= 5);
      }
    }),
  );
});

test("[A19] the next day begins within 26 hours and is another day, in every zone tried", () => {
  const zones = ["UTC", "Europe/Amsterdam", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 40_000 * DAY }),
      (zone, at) => {
        const next = nextDay(at, zone);
        assert.ok(next > at && next <= at + 26 * HOUR);
        assert.equal(nextDay(next - 1, zone), next);
        assert.ok(nextDay(next, zone) > next);
      },
    ),
    { numRuns: 300 },
  );
});
