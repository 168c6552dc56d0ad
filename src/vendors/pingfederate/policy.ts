/**
 * PingFederate with rolling refresh tokens: a token rolls when the least interval since its issue has passed, and the one
 * before it is good for a rolling grace period. Both are settings: an hour and a minute here.
 *
 * Not documented: the answer to a repeated request (the current token), and what a use after the grace costs (the chain).
 *
 * Source: docs.pingidentity.com/pingfederate, "Configuring authorization server settings".
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const PINGFEDERATE_POLICIES: Readonly<Record<string, Policy>> = {
  pingfederate: policyOf({
    rotate: { every: "1 h" },
    overlap: { atLeast: "60 s" },
    access: { lifetime: "1 h" },
  }),
};
