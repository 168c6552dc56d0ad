/**
 * Notion. A refresh brings a new pair. No lifetime is documented (an hour for access tokens stands here), nor what a reuse
 * costs (the chain) and whether the old access token goes on (no).
 *
 * Source: developers.notion.com/reference/refresh-a-token.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const NOTION_POLICIES: Readonly<Record<string, Policy>> = {
  notion: policyOf({ access: { lifetime: "1 h", ends: "superseded" } }),
};
