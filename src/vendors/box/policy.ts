/**
 * Box. Each refresh token is good for one use, within 60 days. An access token lives an hour.
 *
 * Not documented: what a reuse costs (the chain), and whether the old access token goes on (no).
 *
 * Source: developer.box.com/guides/authentication/tokens/refresh.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const BOX_POLICIES: Readonly<Record<string, Policy>> = {
  box: policyOf({
    expiry: { lifetime: "60 d" },
    access: { lifetime: "60 min", ends: "superseded" },
  }),
};
