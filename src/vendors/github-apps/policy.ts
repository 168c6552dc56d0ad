/**
 * User access tokens of GitHub Apps. A refresh brings a new pair and kills the old one at once, access token included. An
 * access token lives 8 hours, a refresh token six months. What a reuse costs is not documented: the chain.
 *
 * Source: docs.github.com, "Refreshing user access tokens".
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const GITHUB_APPS_POLICIES: Readonly<Record<string, Policy>> = {
  "github-apps": policyOf({
    expiry: { lifetime: "180 d" },
    access: { lifetime: "8 h", ends: "superseded" },
  }),
};
