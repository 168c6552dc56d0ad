/**
 * X (Twitter). Each refresh token is good for one use; by reports it lives about six months, and a second use ends the
 * family. An access token lives two hours.
 *
 * Sources: docs.x.com, OAuth 2.0 PKCE; trypostit/trypost#126, better-auth#2095.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const X_POLICIES: Readonly<Record<string, Policy>> = {
  x: policyOf({ expiry: { lifetime: "180 d" }, access: { lifetime: "2 h" } }),
};
