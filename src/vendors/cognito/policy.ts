/**
 * Amazon Cognito, by the app client's setting; 30 days and an hour are its defaults.
 *
 * 1. Without rotation the token stays, and the answer has none.
 * 2. With it, the token before may come again for a grace of 0 to 60 s: the most stands here. The 30 days count from the
 *    grant.
 * 3. Not documented: whether the answer to a repeated request is the same (a new one is assumed), what a later reuse costs
 *    (the chain).
 *
 * Source: docs.aws.amazon.com, RefreshTokenRotationType and "Refresh tokens".
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const access = { lifetime: "1 h" };

export const COGNITO_POLICIES: Readonly<Record<string, Policy>> = {
  cognito: policyOf({ rotate: "never", unrotated: "omit", expiry: { lifetime: "30 d" }, access }),
  "cognito-rotation": policyOf({
    overlap: { atLeast: "60 s" },
    retry: { answer: "new" },
    expiry: { authorization: "30 d" },
    access,
  }),
};
