/**
 * Auth0, for applications whose refresh tokens rotate.
 *
 * 1. Each refresh brings a new token. Of the old ones only the direct predecessor may come again, and only within the
 *    leeway, which the tenant sets and which is 0 unless it does; it then gets a new token. Anything else that is
 *    presented twice ends the family; access tokens already given live to their end.
 * 2. At most 200 tokens live per user and application. The vendor's own scan comes round from time to time; here the
 *    oldest gives way at once.
 * 3. Lifetimes are settings of each application and each API: no end, and access tokens of an hour, stand for them here.
 *    What becomes of the first successor when the predecessor comes again is not documented: it counts as displaced.
 *
 * Sources: auth0.com/docs, "Refresh Token Rotation", "Configure Refresh Token Rotation", "Refresh Token Expiration".
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const rotating = {
  replay: { accessTokens: "keep", sparing: 0 },
  caps: [{ per: "clientAndSubject", max: 200, over: "evictOldest" }],
  access: { lifetime: "1 h" },
};

export const AUTH0_POLICIES: Readonly<Record<string, Policy>> = {
  auth0: policyOf(rotating),
  /** A tenant that allows half a minute. */
  "auth0-leeway": policyOf({
    ...rotating,
    overlap: { atLeast: "30 s" },
    retry: { answer: "new" },
  }),
};
