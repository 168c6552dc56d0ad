/**
 * The times a keychain keeps unless it is told others: in the product, in the model that is searched, and in the
 * simulator, so that what is proven is what runs.
 */

import type { Settings } from "../kernel/holding.ts";
import { type Duration, MINUTE, SECOND } from "../kernel/time.ts";

/** Network and lease times; unscaled milliseconds, for no clock makes a network faster. */
export interface Timing {
  /** After so long an attempt counts as unanswered; its socket stays open for harvest. */
  readonly deadlineMs: Duration;
  /** After so long a request that was sent cannot be processed any more. */
  readonly requestLifeMs: Duration;
  readonly leaseMs: Duration;
  /** What must be left of the lease at the first byte. */
  readonly leaseMarginMs: Duration;
  /** How far the two clocks may disagree between intent and first byte. */
  readonly clockDriftMs: Duration;
}

export const DEFAULT_TIMING: Timing = {
  /** Longer than gateways wait. */
  deadlineMs: 30 * SECOND,
  requestLifeMs: 60 * SECOND,
  /** Renewed at a third of it while a request is on its way. */
  leaseMs: 30 * SECOND,
  leaseMarginMs: 5 * SECOND,
  clockDriftMs: SECOND,
};

/** The holder's settings, by a clock that runs so many times faster than life. */
export const defaultSettings = (scale: number): Settings => ({
  /** Time for a few tries before an access token ends. */
  lead: 30 * SECOND,
  /** Clocks that are kept by NTP differ by less. */
  margin: 5 * SECOND,
  /** Enough for a worker to make the call it fetched the token for. */
  leastLeft: 5 * SECOND,
  backoff: { first: SECOND, most: 5 * MINUTE },
  /** As long as an answer is listened for on the wire, which no scale makes shorter. */
  hold: 10 * MINUTE * scale,
});
