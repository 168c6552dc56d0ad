/**
 * Xero. Each refresh brings a new token; where no answer came, the old one may be sent again for 30 minutes. A token lives
 * 60 days unused, an access token 30 minutes.
 *
 * Not documented: whether the answer to a repeated request is the same (a new one is assumed), what a later reuse costs (the
 * chain), and whether the old access token goes on (no).
 *
 * Source: developer.xero.com/faq/oauth2.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const XERO_POLICIES: Readonly<Record<string, Policy>> = {
  xero: policyOf({
    overlap: { atLeast: "30 min" },
    retry: { answer: "new" },
    expiry: { idle: "60 d" },
    access: { lifetime: "30 min", ends: "superseded" },
  }),
};
