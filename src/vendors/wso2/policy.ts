/**
 * WSO2 Identity Server, by the application's setting.
 *
 * 1. By default the refresh token stays the same for its lifetime of a day.
 * 2. Graceful rotation: a used token may come again for 30 s (at most 60), once or so often as is set, at most 5 times,
 *    and only until its successor is used; the answer is a new token, and the successor before it is revoked. The preset
 *    has 5: with one alone, a client that asks again before its first answer came has none left.
 * 3. What a use after that costs is not documented: it ends the chain.
 *
 * Sources: wso2.com, "Configure OAuth2 applications"; wso2/product-is#27820.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const times = { expiry: { lifetime: "24 h" }, access: { lifetime: "1 h" } };

export const WSO2_POLICIES: Readonly<Record<string, Policy>> = {
  wso2: policyOf({ ...times, rotate: "never" }),
  "wso2-graceful": policyOf({
    ...times,
    overlap: { untilUsed: true, atMost: "30 s" },
    retry: { answer: "new", limit: 5 },
  }),
};
