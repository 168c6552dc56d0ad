/**
 * Anthropic, as its command-line client uses it. A refresh brings a new token; an access token lives eight hours. Nothing of
 * it is documented: by the reports of users a token that another process has used is dead, so there is no overlap, and its
 * reuse is taken to end the chain.
 *
 * Sources: anthropics/claude-code issues 24317, 54443, 78037, 91641.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const ANTHROPIC_POLICIES: Readonly<Record<string, Policy>> = {
  anthropic: policyOf({ access: { lifetime: "8 h", ends: "superseded" } }),
};
