/**
 * Login with Amazon, which its selling partner API uses. The refresh token stays until the seller removes the app; an access
 * token lives an hour. Whether an answer repeats the refresh token is not relied on: it has none.
 *
 * Source: developer-docs.amazon.com/sp-api, "Connect to the Selling Partner API".
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const AMAZON_POLICIES: Readonly<Record<string, Policy>> = {
  amazon: policyOf({ rotate: "never", unrotated: "omit", access: { lifetime: "1 h" } }),
};
