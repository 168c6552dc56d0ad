/** A clock that moves when told: `advance` runs what falls due, in order, each at its own instant. */

import type { Clock, Timer } from "../../src/env/clock.ts";
import { type Duration, FOREVER, type Instant } from "../../src/kernel/time.ts";

export interface ManualClock extends Clock {
  /** Lets unscaled milliseconds pass, running due callbacks in order of time, then of their making. */
  advance(milliseconds: number): void;
  /** Sets the wall clock off by so much; boot time and timers do not notice. */
  jumpWall(duration: Duration): void;
  /** Begins another boot at 0, as after a restart of the machine. Timers die. */
  reboot(): void;
  /** How many timers wait. */
  pending(): number;
}

export interface ManualClockOptions {
  readonly start?: Instant;
  readonly scale?: number;
}

interface Waiting {
  readonly dueAt: number;
  readonly callback: () => void;
}

export function manualClock({
  start = Date.parse("2024-01-01T00:00:00Z"),
  scale = 1,
}: ManualClockOptions = {}): ManualClock {
  let elapsed = 0;
  let wallJump = 0;
  let boots = 1;
  let bootedAt = 0;
  const waiting = new Set<Waiting>();

  const startTimer = (milliseconds: number, callback: () => void): Timer => {
    if (milliseconds === FOREVER) return { cancel: () => {} };
    const timer = { dueAt: elapsed + Math.max(0, milliseconds), callback };
    waiting.add(timer);
    return { cancel: () => waiting.delete(timer) };
  };

  const nextDue = (until: number): Waiting | undefined => {
    let next: Waiting | undefined;
    for (const timer of waiting) {
      if (timer.dueAt <= until && (!next || timer.dueAt < next.dueAt)) next = timer;
    }
    return next;
  };

  return {
    scale,
    now: () => start + elapsed * scale + wallJump,
    boot: () => ({ id: `boot-${boots}`, at: elapsed - bootedAt }),
    after: (duration, callback) => startTimer(duration / scale, callback),
    afterReal: (milliseconds, callback) => startTimer(milliseconds, callback),
    advance: (milliseconds) => {
      const until = elapsed + milliseconds;
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        waiting.delete(timer);
        elapsed = timer.dueAt;
        timer.callback();
      }
      elapsed = until;
    },
    jumpWall: (duration) => {
      wallJump += duration;
    },
    reboot: () => {
      boots += 1;
      bootedAt = elapsed;
      waiting.clear();
    },
    pending: () => waiting.size,
  };
}
