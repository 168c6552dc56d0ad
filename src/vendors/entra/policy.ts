/**
 * Microsoft Entra ID. Every refresh answers a new token and leaves the old one as it is: each lives 90 days from its issue.
 * For single-page apps a chain ends 24 hours after sign-in. Access tokens live 60 to 90 minutes: the shorter stands here.
 *
 * Source: learn.microsoft.com/entra/identity-platform/refresh-tokens.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const additive = {
  overlap: { atLeast: "forever", reach: "all" },
  retry: { answer: "new" },
  replay: { action: "refuse" },
  access: { lifetime: "1 h" },
};

export const ENTRA_POLICIES: Readonly<Record<string, Policy>> = {
  entra: policyOf({ ...additive, expiry: { lifetime: "90 d" } }),
  "entra-spa": policyOf({ ...additive, expiry: { authorization: "24 h" } }),
};
