/**
 * A clock that stands still while anything is on its way, and goes to the next callback when nothing is. So sixty days
 * pass in minutes, every wait takes exactly what it was told to, and a slow machine changes nothing.
 *
 * 1. What is on its way is told here: every call that the outside world will answer (a request, a commit, a read of the
 *    disk) enters and leaves. What only waits for this clock does not count.
 * 2. Time goes on after whole turns of the event loop in which nobody entered and nobody is inside. Whatever runs without
 *    the outside world ends within such a turn.
 * 3. What only looks whether there is something to do, at a fixed pace, can be left out until there is: whoever set it says
 *    from when on, and it comes at the first instant of its pace that is not before that, or before anything else happens.
 * 4. The wall clock and the time since boot are the same here. Their faults are the simulator's.
 */

import { setImmediate as turn } from "node:timers/promises";
import type { Clock, Timer } from "../../src/env/clock.ts";
import { FOREVER, type Instant } from "../../src/kernel/time.ts";

/** A Monday morning; the clocks of Europe are set forward in the fourth week. */
export const START: Instant = Date.parse("2026-03-02T06:00:00Z");

/** In real milliseconds: far more than any call takes on a busy machine. */
const STALLED_MS = 60_000;

/** What is on its way. */
export class Traffic {
  #inside = 0;
  /** One more with everybody who enters. */
  #entered = 0;
  #changed = Promise.withResolvers<void>();

  enter(): void {
    this.#inside += 1;
    this.#entered += 1;
  }

  leave(): void {
    this.#inside -= 1;
    if (this.#inside < 0) throw new Error("somebody left twice");
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  get entered(): number {
    return this.#entered;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** Waits until nothing is on its way; `before` is how many had entered when the last callback began. */
  async quiet(before: number): Promise<void> {
    await turn();
    if (this.#inside === 0 && this.#entered === before) return;
    const stalled = setTimeout(() => {
      this.#changed.reject(new Error(`${this.#inside} calls were never answered`));
    }, STALLED_MS);
    try {
      for (let seen = -1; seen !== this.#entered || this.#inside > 0; ) {
        while (this.#inside > 0) await this.#changed.promise;
        seen = this.#entered;
        await turn();
        await turn();
      }
    } finally {
      clearTimeout(stalled);
    }
  }
}

export interface StandingClock extends Clock {
  readonly traffic: Traffic;
  sleep(milliseconds: number): Promise<void>;
  /** Lets time pass until an instant. */
  passUntil(at: Instant): Promise<void>;
  /** The clock of one process: what waits for it dies with the process. */
  ofProcess(): ProcessClock;
}

export interface ProcessClock extends Clock {
  die(): void;
  /** If the wait that is set next has this pace, it is of order 3: it looks in vain until an instant is so near. */
  nextLooks(paceMs: number, untilWhen: () => Instant): void;
}

interface Waiting {
  dueAt: number;
  readonly callback: () => void;
  /** Of order 3: its pace, and the instant before which it looks in vain. */
  readonly look?: { readonly paceMs: number; readonly untilWhen: () => Instant };
}

export function standingClock(): StandingClock {
  const traffic = new Traffic();
  const waiting = new Set<Waiting>();
  let elapsed = 0;
  const wait = (
    milliseconds: number,
    callback: () => void,
    all?: Set<Waiting>,
    look?: Waiting["look"],
  ): Timer => {
    if (milliseconds === FOREVER) return { cancel: () => {} };
    const forget = (): void => {
      waiting.delete(entry);
      all?.delete(entry);
    };
    const fire = (): void => {
      all?.delete(entry);
      callback();
    };
    const entry: Waiting = {
      dueAt: elapsed + Math.max(0, milliseconds),
      callback: fire,
      ...(look ? { look } : {}),
    };
    waiting.add(entry);
    all?.add(entry);
    return { cancel: forget };
  };
  const firstOf = (until: number, isWanted: (one: Waiting) => boolean): Waiting | undefined => {
    let first: Waiting | undefined;
    for (const one of waiting) {
      if (one.dueAt <= until && (!first || one.dueAt < first.dueAt) && isWanted(one)) first = one;
    }
    return first;
  };
  /** The next callback, with those that would look in vain put off. */
  const firstUntil = (until: number): Waiting | undefined => {
    const first = firstOf(until, () => true);
    if (!first?.look) return first;
    const other = firstOf(until, ({ look }) => look === undefined)?.dueAt ?? until;
    for (const one of waiting) {
      if (!one.look) continue;
      const { paceMs, untilWhen } = one.look;
      const paces = Math.ceil((Math.min(other, untilWhen() - START - paceMs) - one.dueAt) / paceMs);
      one.dueAt += Math.max(0, paces) * paceMs;
    }
    return firstOf(until, () => true);
  };
  const now = (): Instant => START + Math.floor(elapsed);
  const boot = () => ({ id: "standing", at: elapsed });
  const shared = { scale: 1, now, boot };
  return {
    ...{ ...shared, traffic },
    after: (milliseconds, callback) => wait(milliseconds, callback),
    afterReal: (milliseconds, callback) => wait(milliseconds, callback),
    sleep: (milliseconds) => new Promise((resolve) => void wait(milliseconds, resolve)),
    async passUntil(at) {
      const until = at - START;
      await traffic.quiet(-1);
      for (let next = firstUntil(until); next; next = firstUntil(until)) {
        waiting.delete(next);
        elapsed = Math.max(elapsed, next.dueAt);
        const before = traffic.entered;
        next.callback();
        await traffic.quiet(before);
      }
      elapsed = Math.max(elapsed, until);
    },
    ofProcess() {
      const own = new Set<Waiting>();
      let next: Waiting["look"];
      const set = (milliseconds: number, callback: () => void): Timer => {
        const look = next?.paceMs === milliseconds ? next : undefined;
        next = undefined;
        return wait(milliseconds, callback, own, look);
      };
      const nextLooks: ProcessClock["nextLooks"] = (paceMs, untilWhen) => {
        next = { paceMs, untilWhen };
      };
      const die = (): void => {
        for (const entry of own) waiting.delete(entry);
        own.clear();
      };
      return { ...shared, after: set, afterReal: set, die, nextLooks };
    },
  };
}
