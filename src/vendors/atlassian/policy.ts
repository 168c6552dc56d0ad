/**
 * Atlassian's cloud (Jira, Confluence). Each refresh brings a new pair; for 10 minutes after its use the old refresh token
 * works, meant for retries, and so long the old access token does; then both are dead. Unused a token ends after 90 days,
 * the family after 365. An access token lives an hour.
 *
 * What a later reuse costs is not documented: the chain.
 *
 * Sources: developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens; community.developer.atlassian.com/t/83103.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const ATLASSIAN_POLICIES: Readonly<Record<string, Policy>> = {
  atlassian: policyOf({
    overlap: { atLeast: "10 min" },
    retry: { answer: "new" },
    expiry: { idle: "90 d", authorization: "365 d" },
    access: { lifetime: "1 h", ends: "notOpen" },
  }),
};
