import assert from "node:assert/strict";
import os from "node:os";
import { mock, test } from "node:test";
import { systemClock, systemRandom } from "../../src/env/system.ts";
import { DAY, FOREVER, MINUTE, SECOND } from "../../src/kernel/time.ts";

/** Runs with the runtime's timers, the wall clock and the time since boot in the test's hand. */
function withMockedTime(run: (tick: (ms: number) => void, sleep: (ms: number) => void) => void) {
  const start = Date.parse("2024-01-01T00:00:00Z");
  let uptimeMs = 5 * MINUTE;
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: start });
  mock.method(os, "uptime", () => uptimeMs / 1000);
  const tick = (ms: number): void => {
    for (let passed = 0; passed < ms; ) {
      const step = Math.min(SECOND, ms - passed);
      uptimeMs += step;
      passed += step;
      mock.timers.tick(step);
    }
  };
  try {
    run(tick, (ms) => {
      uptimeMs += ms;
    });
  } finally {
    mock.restoreAll();
    mock.timers.reset();
  }
}

test("[house] a scaled clock agrees with the wall at its origin and runs faster from there", () => {
  withMockedTime((tick) => {
    const origin = Date.now() - 2 * SECOND;
    const clock = systemClock({ scale: 60, origin });
    assert.equal(clock.now(), origin + 2 * MINUTE);
    tick(SECOND);
    assert.equal(clock.now(), origin + 3 * MINUTE);
    assert.equal(systemClock().now(), origin + 3 * SECOND);
    assert.throws(() => systemClock({ scale: 0 }), RangeError);
  });
});

test("[house] boot time and network timers are not scaled, other timers are", () => {
  withMockedTime((tick) => {
    const clock = systemClock({ scale: 60 });
    const calls: string[] = [];
    clock.after(MINUTE, () => calls.push("scaled"));
    clock.afterReal(2 * SECOND, () => calls.push("real"));
    clock.after(MINUTE, () => calls.push("cancelled")).cancel();
    const before = clock.boot();
    tick(SECOND);
    assert.deepEqual(calls, ["scaled"]);
    assert.deepEqual(clock.boot(), { id: before.id, at: before.at + SECOND });
    tick(SECOND);
    assert.deepEqual(calls, ["scaled", "real"]);
  });
});

test("[house] a timer of sixty days fires once and in time, one of for ever never", () => {
  withMockedTime((tick) => {
    const clock = systemClock();
    let calls = 0;
    clock.after(FOREVER, () => assert.fail("for ever is over"));
    clock.after(60 * DAY, () => {
      calls += 1;
    });
    tick(60 * DAY - SECOND);
    assert.equal(calls, 0);
    tick(2 * SECOND);
    assert.equal(calls, 1);
    tick(MINUTE);
    assert.equal(calls, 1);
  });
});

test("[E19] a timer that slept through its instant fires within a minute of waking", () => {
  withMockedTime((tick, sleep) => {
    const clock = systemClock();
    let fired = false;
    clock.after(2 * DAY, () => {
      fired = true;
    });
    tick(MINUTE / 2);
    sleep(3 * DAY);
    assert.equal(fired, false);
    tick(MINUTE);
    assert.equal(fired, true);
  });
});

test("[house] two clocks of one machine name the same boot and agree on its age", () => {
  const one = systemClock().boot();
  const two = systemClock({ scale: 1000 }).boot();
  assert.equal(one.id, two.id);
  assert.match(one.id, /^[0-9a-f-]{32,36}$/);
  assert.ok(two.at >= one.at && two.at - one.at < SECOND);
});

test("[CRY-13] random bytes differ and fractions lie in [0, 1)", () => {
  assert.equal(systemRandom.bytes(32).length, 32);
  assert.notDeepEqual(systemRandom.bytes(16), systemRandom.bytes(16));
  for (let i = 0; i < 1000; i += 1) {
    const fraction = systemRandom.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
  }
});
