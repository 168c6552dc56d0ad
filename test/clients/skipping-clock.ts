/**
 * Hours in seconds, without a library noticing: while anything is on its way, time runs as in life; where all that would
 * happen is waiting, it is skipped.
 *
 * 1. The process has one time. `Date` is set to this clock, so that a library's `Date.now()`, a stand-in's policy and a
 *    Keten in the same process agree. Nothing is scaled: a window of two seconds is two seconds.
 * 2. Skipping moves everything: the wall clock, the time since boot, and what waits for either. Callbacks that fall due run
 *    in their order, each at its own instant. It is as if the time had passed.
 * 3. The runtime's own timers are not skipped. Only who got this clock can wait for longer than the program takes.
 */

import type { Clock, Timer } from "../../src/env/clock.ts";
import { FOREVER, type Instant } from "../../src/kernel/time.ts";

export interface SkippingClock extends Clock {
  /**
   * Lets so much time pass at once. After each callback that fell due, `quiet` is waited for before time goes on: whoever
   * has services of its own in this process must say there when nothing of theirs is on its way.
   */
  pass(milliseconds: number, quiet?: () => Promise<void>): Promise<void>;
  /** How many callbacks wait. */
  waiting(): number;
  /** Skips to the next callback, or by so much if none falls due before, and runs it. */
  passToNext(milliseconds: number): void;
  /** Tells when the next callback begins to wait. */
  armed(): Promise<void>;
  /** Gives `Date` back. */
  restore(): void;
}

/** A Monday morning, so that a day's quota begins anew where it does in every run. */
const START = Date.parse("2026-03-02T06:00:00Z");

interface Waiting {
  readonly dueAt: number;
  readonly fire: () => void;
}

/** Makes the process's one clock and sets `Date` to it. There can be one at a time. */
export function skippingClock(start: Instant = START): SkippingClock {
  const from = performance.now();
  let skipped = 0;
  const elapsed = (): number => performance.now() - from + skipped;
  const now = (): Instant => start + Math.floor(elapsed());
  const waiting = new Set<Waiting>();

  let arming = Promise.withResolvers<void>();

  const startTimer = (milliseconds: number, callback: () => void): Timer => {
    if (milliseconds === FOREVER) return { cancel: () => {} };
    const dueAt = elapsed() + Math.max(0, milliseconds);
    const cancel = (): void => {
      clearTimeout(timer);
      waiting.delete(entry);
    };
    const fire = (): void => {
      cancel();
      callback();
    };
    const entry = { dueAt, fire };
    // Longer waits than the runtime's own timers can do end by skipping.
    const timer = setTimeout(fire, Math.min(milliseconds, 2 ** 31 - 1)).unref();
    waiting.add(entry);
    arming.resolve();
    arming = Promise.withResolvers();
    return { cancel };
  };

  const firstDue = (until: number): Waiting | undefined => {
    const due = [...waiting].filter(({ dueAt }) => dueAt <= until);
    return due.sort((a, b) => a.dueAt - b.dueAt)[0];
  };

  /** Goes to what falls due next and runs it; or, if nothing does before that instant, there, and says false. */
  const skipTo = (until: number): boolean => {
    const next = firstDue(until);
    skipped += Math.max(0, (next?.dueAt ?? until) - elapsed());
    next?.fire();
    return next !== undefined;
  };

  const restore = setDate(now);
  return {
    scale: 1,
    now,
    boot: () => ({ id: "skipping", at: elapsed() }),
    after: startTimer,
    afterReal: startTimer,
    waiting: () => waiting.size,
    armed: () => arming.promise,
    passToNext: (milliseconds) => void skipTo(elapsed() + milliseconds),
    async pass(milliseconds, quiet = async () => {}) {
      const until = elapsed() + milliseconds;
      while (skipTo(until)) await quiet();
    },
    restore,
  };
}

function setDate(now: () => Instant): () => void {
  const { Date: original } = globalThis;
  globalThis.Date = new Proxy(original, {
    construct: (target, args, made) =>
      Reflect.construct(target, args.length > 0 ? args : [now()], made),
    get: (target, key, receiver) => (key === "now" ? now : Reflect.get(target, key, receiver)),
  });
  return () => {
    globalThis.Date = original;
  };
}
