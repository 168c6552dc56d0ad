/** Time in a sandbox: a clock that is moved ahead, and windows of a day. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { isWithin, parseDailyWindow } from "../../src/sandbox/daily-window.ts";
import { travellingClock } from "../../src/sandbox/travelling-clock.ts";
import { manualClock } from "../support/manual-clock.ts";

test("[house] whoever travels finds what fell due on the way done, in its order, and the rest nearer", () => {
  const below = manualClock({ scale: 2 });
  const clock = travellingClock(below);
  const called: string[] = [];
  const start = clock.now();
  clock.after(20_000, () => called.push(`late ${clock.now() - start}`));
  clock.after(8000, () => called.push("second"));
  clock.after(4000, () => called.push("first"));
  clock.after(6000, () => called.push("cancelled")).cancel();
  assert.equal(clock.advance(10_000), start + 10_000);
  assert.deepEqual([clock.ahead, below.now()], [10_000, start]);
  below.advance(0);
  assert.deepEqual(called, ["first", "second"]);
  below.advance(4999);
  assert.equal(called.length, 2);
  below.advance(1);
  assert.deepEqual(called.slice(2), ["late 20000"]);
  assert.equal(below.pending(), 0);
});

test("[house] the network and the machine do not travel", () => {
  const below = manualClock();
  const clock = travellingClock(below);
  let called = false;
  clock.afterReal(1000, () => {
    called = true;
  });
  const before = clock.boot();
  clock.advance(3_600_000);
  below.advance(999);
  assert.equal(called, false);
  assert.equal(clock.boot().at, before.at + 999);
  below.advance(1);
  assert.equal(called, true);
});

test("[A27] a window of the day reaches from its first minute to before its last, also over midnight", () => {
  const at = (text: string, utc: string): boolean => {
    const window = parseDailyWindow(text);
    assert.ok(window, text);
    return isWithin(window, Date.parse(`2024-03-01T${utc}Z`));
  };
  const night = "23:30-00:15";
  for (const [utc, inside] of [
    ["23:29:59.999", false],
    ["23:30:00", true],
    ["23:59:59", true],
    ["00:00:00", true],
    ["00:14:59.999", true],
    ["00:15:00", false],
    ["12:00:00", false],
  ] as const) {
    assert.equal(at(night, utc), inside, utc);
  }
  assert.equal(at("10:00-10:01,America/New_York", "15:00:30"), true);
  assert.equal(at("10:00-10:01,Asia/Kolkata", "04:30:00"), true);
  assert.equal(at("10:00-10:01", "10:00:00"), true);
  for (const text of [
    "4:00-5:00",
    "04:00-04:00",
    "04:60-05:00",
    "24:00-01:00",
    "04:00",
    "",
    "a-b",
  ]) {
    assert.equal(parseDailyWindow(text), undefined, text);
  }
  assert.equal(parseDailyWindow("04:00-05:00,Nowhere/Else"), undefined);
});
