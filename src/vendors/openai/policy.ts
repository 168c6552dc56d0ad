/**
 * OpenAI, as its command-line client uses it. Each refresh token is good for one use: the second is refused with a code of
 * its own. Whether that ends the chain is not documented: it does. Nor are lifetimes; an hour stands for access tokens.
 *
 * Sources: openai/codex issues 6028, 6498, 9634, 46028.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const OPENAI_POLICIES: Readonly<Record<string, Policy>> = {
  openai: policyOf({ access: { lifetime: "1 h", ends: "superseded" } }),
};
