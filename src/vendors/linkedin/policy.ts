/**
 * LinkedIn. A refresh token ends 365 days after the grant, whatever is done with it. An access token lives 60 days.
 *
 * Whether an answer repeats the refresh token is not relied on: it has none.
 *
 * Source: learn.microsoft.com/linkedin/shared/authentication/programmatic-refresh-tokens.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const LINKEDIN_POLICIES: Readonly<Record<string, Policy>> = {
  linkedin: policyOf({
    rotate: "never",
    unrotated: "omit",
    expiry: { authorization: "365 d" },
    access: { lifetime: "60 d" },
  }),
};
