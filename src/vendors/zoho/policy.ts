/**
 * Zoho. Refresh tokens never rotate and never end. A user has at most 20, the oldest of which is deleted; one of them
 * fetches at most 10 access tokens in 10 minutes. An access token lives an hour.
 *
 * That a user gets at most five refresh tokens a minute is not played: it says nothing of refreshing.
 *
 * Source: zoho.com/accounts/protocol/oauth.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const ZOHO_POLICIES: Readonly<Record<string, Policy>> = {
  zoho: policyOf({
    rotate: "never",
    unrotated: "omit",
    caps: [{ per: "subject", max: 20, over: "evictOldest" }],
    quota: [{ per: "chain", max: 10, window: { sliding: "10 min" } }],
    access: { lifetime: "1 h" },
  }),
};
