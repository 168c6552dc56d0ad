/**
 * A clock that can be moved ahead: time travel for whoever tests a client that is to act in thirty days.
 *
 * 1. It only moves ahead, as time does. What falls due on the way is called, in order of time, when it has arrived.
 * 2. The network and the machine do not travel: real durations and boot time stay those of the clock below.
 */

import type { Clock, Timer } from "../env/clock.ts";
import type { Duration, Instant } from "../kernel/time.ts";

export interface TravellingClock extends Clock {
  /** How far it is ahead of the clock below. */
  readonly ahead: Duration;
  /** Moves ahead, and says when it is now. */
  advance(duration: Duration): Instant;
}

interface Waiting {
  readonly dueAt: Instant;
  readonly callback: () => void;
  timer: Timer;
}

export function travellingClock(below: Clock): TravellingClock {
  let ahead = 0;
  const waiting = new Set<Waiting>();
  const now = (): Instant => below.now() + ahead;
  const arm = (one: Waiting): void => {
    one.timer = below.after(Math.max(0, one.dueAt - now()), () => {
      waiting.delete(one);
      one.callback();
    });
  };
  return {
    scale: below.scale,
    now,
    boot: () => below.boot(),
    after(duration, callback) {
      const one: Waiting = { dueAt: now() + duration, callback, timer: { cancel: () => {} } };
      waiting.add(one);
      arm(one);
      return {
        cancel: () => {
          waiting.delete(one);
          one.timer.cancel();
        },
      };
    },
    afterReal: (milliseconds, callback) => below.afterReal(milliseconds, callback),
    get ahead() {
      return ahead;
    },
    advance(duration) {
      ahead += duration;
      for (const one of [...waiting].sort((a, b) => a.dueAt - b.dueAt)) {
        one.timer.cancel();
        arm(one);
      }
      return now();
    },
  };
}
