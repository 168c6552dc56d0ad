/**
 * Shopify's expiring offline tokens. Since 28 August 2026 the previous token works until the new one is first used, for at
 * most 30 days (before that: for an hour). A token lives 90 days, an access token an hour.
 *
 * Not documented: whether the answer to a repeated request is the same (a new one is assumed), what a later reuse costs (the
 * chain), and whether the old access token goes on (no).
 *
 * Source: shopify.dev/changelog, expiring offline access tokens.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const SHOPIFY_POLICIES: Readonly<Record<string, Policy>> = {
  shopify: policyOf({
    overlap: { untilUsed: true, atMost: "30 d" },
    retry: { answer: "new" },
    expiry: { lifetime: "90 d" },
    access: { lifetime: "60 min", ends: "superseded" },
  }),
};
