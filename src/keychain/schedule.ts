/**
 * The schedule: wakes each connection when its record says that something is due.
 *
 * 1. What is due stands in the record, so any process can take it up: after a crash, or when another process added
 *    the connection. Records are looked through for that every second.
 * 2. A schedule that was not started, or was stopped, sets no timer.
 */

import type { Clock, Timer } from "../env/clock.ts";
import type { Instant } from "../kernel/time.ts";

export interface Due {
  readonly name: string;
  readonly due: Instant;
}

export interface ScheduleParts {
  readonly clock: Clock;
  /** Does what is due; never rejects. */
  readonly act: (name: string) => void;
  /** Finds what falls due before an instant. */
  readonly find: (dueBefore: Instant) => Promise<readonly Due[]>;
  readonly onFailure: (error: unknown) => void;
}

/** In unscaled milliseconds. */
const SCAN_MS = 1000;

export class Schedule {
  readonly #parts: ScheduleParts;
  readonly #timers = new Map<string, { readonly timer: Timer; readonly at: number }>();
  #scan: Timer | undefined;
  #isRunning = false;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#isRunning = true;
    this.#scanLater();
  }

  stop(): void {
    this.#isRunning = false;
    this.#scan?.cancel();
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  /** Sets the connection's timer to when something is due, or takes it away. */
  set({ name, due }: Due): void {
    const { clock } = this.#parts;
    this.#setTimer(name, (due - clock.now()) / clock.scale);
  }

  /** Looks at a connection again soon: what was due failed. */
  soon(name: string): void {
    this.#setTimer(name, SCAN_MS);
  }

  forget(name: string): void {
    this.#timers.get(name)?.timer.cancel();
    this.#timers.delete(name);
  }

  #setTimer(name: string, inMs: number): void {
    this.forget(name);
    if (!this.#isRunning || !Number.isFinite(inMs)) return;
    const { clock, act } = this.#parts;
    const timer = clock.afterReal(Math.max(1, inMs), () => {
      this.#timers.delete(name);
      act(name);
    });
    this.#timers.set(name, { timer, at: clock.boot().at + inMs });
  }

  #scanLater(): void {
    if (!this.#isRunning) return;
    this.#scan = this.#parts.clock.afterReal(SCAN_MS, () => {
      this.#takeUpOthers()
        .catch(this.#parts.onFailure)
        .finally(() => this.#scanLater());
    });
  }

  async #takeUpOthers(): Promise<void> {
    const { clock, find } = this.#parts;
    const found = await find(clock.now() + SCAN_MS * clock.scale);
    // What is due within a second and has a timer for later was changed by somebody else.
    const soon = clock.boot().at + SCAN_MS;
    for (const due of found) {
      const { at = Number.POSITIVE_INFINITY } = this.#timers.get(due.name) ?? {};
      if (at > soon) this.set(due);
    }
  }
}
