/**
 * The clock, as everything above the kernel sees it. The one real implementation is `system.ts`; tests and the
 * simulator bring their own.
 */

import type { Duration, Instant } from "../kernel/time.ts";

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** How many times faster than life this clock runs; 1 in production. */
  readonly scale: number;
  /** The wall clock, scaled. Policies are judged by it. */
  now(): Instant;
  /**
   * The time since this machine booted, unscaled, also counting sleep, with the boot's identity: the same for all
   * processes of the machine, and not moved by a change of the wall clock. Leases and request lifetimes use it.
   */
  boot(): { readonly id: string; readonly at: number };
  /** Calls back once after a scaled duration. Does not keep the process alive by itself. */
  after(duration: Duration, callback: () => void): Timer;
  /** Calls back once after an unscaled duration: for the network, which no scale makes faster. */
  afterReal(milliseconds: number, callback: () => void): Timer;
}
