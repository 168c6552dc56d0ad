/**
 * The reaper of OpenAM's token store: it comes by every so often and removes what has expired.
 *
 * Nothing runs here. A token that ended at an instant is removed at the first multiple of the period after it, and whoever
 * looks sees what that reaper would have left: before a restart, after it, and whatever the clock did in between.
 */

import { type Duration, type Instant, MINUTE } from "../../kernel/time.ts";

/** `com.sun.identity.session.repository.cleanupRunPeriod`, 300 s. Source: CoreTokenConfig. */
export const CLEANUP_RUN_PERIOD: Duration = 5 * MINUTE;

/** When a token that ends at an instant is removed; Infinity for one that never ends. */
export const reapedAt = (expiresAt: Instant, period: Duration = CLEANUP_RUN_PERIOD): Instant =>
  (Math.floor(expiresAt / period) + 1) * period;
