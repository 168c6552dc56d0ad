/**
 * better-auth's OAuth provider, with its default reuse interval of 0. A second use of a token ends all refresh tokens of that
 * user and client, on whatever device. Tokens live 30 days from their issue. Access tokens live an hour here, and end with
 * the chain: neither was established.
 *
 * Source: better-auth, packages/oauth-provider, 1.7; issue 8512.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const BETTER_AUTH_POLICIES: Readonly<Record<string, Policy>> = {
  "better-auth": policyOf({
    replay: { action: "revokeClientAndSubject", sparing: 0 },
    expiry: { lifetime: "30 d" },
    access: { lifetime: "1 h" },
  }),
};
