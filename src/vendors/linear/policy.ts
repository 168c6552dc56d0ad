/**
 * Linear, for apps with refresh tokens: all since 1 April 2026. Each refresh brings a new one.
 *
 * Half an hour of overlap and a day for access tokens are reported, not documented: no overlap and an hour stand here. What a
 * reuse costs and whether the old access token goes on is not documented: the chain; no.
 *
 * Source: linear.app/developers/oauth-2-0-authentication.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const LINEAR_POLICIES: Readonly<Record<string, Policy>> = {
  linear: policyOf({ access: { lifetime: "1 h", ends: "superseded" } }),
};
