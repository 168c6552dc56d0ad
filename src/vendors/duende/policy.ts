/**
 * Duende IdentityServer, by the client's two settings for refresh tokens.
 *
 * 1. Reusable (the default): the token stays the same and ends 30 days after its issue.
 * 2. One-time: each refresh brings a new token; a consumed one is refused. Tokens of a chain do not know each other, so
 *    nothing else dies. The 30 days still count from the grant.
 * 3. The vendor lets two requests at once both succeed; here one wins.
 *
 * Source: docs.duendesoftware.com, "Refreshing a Token"; its source of July 2026.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const access = { lifetime: "1 h" };

export const DUENDE_POLICIES: Readonly<Record<string, Policy>> = {
  duende: policyOf({ rotate: "never", expiry: { lifetime: "30 d" }, access }),
  "duende-onetime": policyOf({
    replay: { action: "refuse", sparing: 0 },
    expiry: { authorization: "30 d" },
    access,
  }),
};
