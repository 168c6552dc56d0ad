/**
 * Airlock IAM. A used token may come again within a grace, as long as none of the tokens issued for it was used; only the
 * newest pair counts. How long the grace is, is a setting: half a minute here. What a use after that costs, and when the old
 * access token dies, is not documented: the chain; at once.
 *
 * Source: docs.airlock.com/iam/7.7, OAuth refresh token rotation.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const AIRLOCK_POLICIES: Readonly<Record<string, Policy>> = {
  airlock: policyOf({
    overlap: { untilUsed: true, atMost: "30 s" },
    firstUse: "refreshOrAccess",
    retry: { answer: "new" },
    access: { lifetime: "1 h", ends: "superseded" },
  }),
};
