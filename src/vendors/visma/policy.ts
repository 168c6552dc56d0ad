/**
 * Visma eAccounting. A refresh brings a new token, which ends the one before. A token lives 50 years by a statement of 2019,
 * an access token an hour. What a reuse costs and whether the old access token goes on is not documented: the chain; no.
 *
 * Source: community.visma.com, staff, 2019.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const VISMA_POLICIES: Readonly<Record<string, Policy>> = {
  visma: policyOf({
    expiry: { lifetime: "18262 d" },
    access: { lifetime: "1 h", ends: "superseded" },
  }),
};
