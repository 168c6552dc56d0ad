/**
 * Intuit (QuickBooks). The refresh token's value changes about once in 24 hours; until then an answer repeats it. It lives
 * 100 days unused, and five years in all since 2025. An access token lives an hour.
 *
 * For how long the replaced value goes on is reported differently, at times as a day: it is taken to be dead at once, and its
 * reuse to end the chain. Whether the old access token goes on is not documented: no.
 *
 * Sources: release notes of Intuit's Java SDK 6.5.4 and .NET SDK 14.7.1.4; airbyte issues 7296, 49842.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const INTUIT_POLICIES: Readonly<Record<string, Policy>> = {
  intuit: policyOf({
    rotate: { every: "24 h" },
    expiry: { idle: "100 d", authorization: "1826 d" },
    access: { lifetime: "1 h", ends: "superseded" },
  }),
};
