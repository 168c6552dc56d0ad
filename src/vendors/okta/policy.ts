/**
 * Okta, for clients whose refresh tokens rotate.
 *
 * 1. Each refresh brings a new token. The one before it may come again for the leeway, 0 to 60 s, 30 s unless set; it
 *    then gets a new token. Reuse after that ends the newest token and all access tokens since sign-in.
 * 2. Unused for 7 days a token ends; there is no other end unless a policy sets one. Access tokens live an hour.
 * 3. What becomes of the first successor when its parent comes again is not documented: it counts as displaced.
 *
 * Source: developer.okta.com/docs/guides/refresh-tokens.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const OKTA_POLICIES: Readonly<Record<string, Policy>> = {
  okta: policyOf({
    overlap: { atLeast: "30 s" },
    retry: { answer: "new" },
    replay: { sparing: 0 },
    expiry: { idle: "7 d" },
    access: { lifetime: "1 h" },
  }),
};
