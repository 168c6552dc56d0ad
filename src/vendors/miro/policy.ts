/**
 * Miro, for apps with expiring tokens. A refresh kills the old refresh token and the old access token. A refresh token lives
 * 60 days, an access token an hour. What a reuse costs is not documented: the chain.
 *
 * Source: developers.miro.com/reference, OAuth v2.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const MIRO_POLICIES: Readonly<Record<string, Policy>> = {
  miro: policyOf({
    expiry: { lifetime: "60 d" },
    access: { lifetime: "1 h", ends: "superseded" },
  }),
};
