/**
 * node-oidc-provider, with its default functions and a confidential client.
 *
 * 1. A token of 14 days rotates once 70 % of its life have passed; until then the answer repeats it. There is no grace: the
 *    second use of a used one revokes the grant.
 * 2. After a year in all it rotates no more. That cannot be said here; what it comes to is: a year and one last life.
 * 3. Two requests at once both succeed there (200 of 200 pairs); here one wins.
 *
 * Source: panva/node-oidc-provider, lib/helpers/defaults.js, `rotateRefreshToken` and `ttl`.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const NODE_OIDC_PROVIDER_POLICIES: Readonly<Record<string, Policy>> = {
  "node-oidc-provider": policyOf({
    rotate: { fromFraction: 0.7 },
    replay: { sparing: 0 },
    expiry: { lifetime: "14 d", authorization: "379 d" },
    access: { lifetime: "1 h" },
  }),
};
