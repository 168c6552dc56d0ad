/**
 * Ory Hydra.
 *
 * 1. Each refresh brings a new token with its full lifetime of 720 h again, and deletes the access tokens before it.
 * 2. Without grace (the default), a token that is presented twice ends the whole chain, access tokens too. There is no
 *    mercy for a race: the loser is told to retry, and its retry counts as reuse.
 * 3. With a grace period, at most 5 min, each replay within it begins an independent branch, and only the access token of
 *    the presented one is deleted. The vendor sets no limit to their number; here the eighth but one gives way.
 *
 * Sources: ory/hydra, "Graceful token refresh"; its source of July 2026 and pull requests 2827, 3860, 3895.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const rotating = {
  replay: { sparing: 0 },
  expiry: { lifetime: "720 h" },
  access: { lifetime: "1 h", ends: "superseded" },
};

export const HYDRA_POLICIES: Readonly<Record<string, Policy>> = {
  hydra: policyOf(rotating),
  "hydra-grace": policyOf({
    ...rotating,
    overlap: { atLeast: "300 s" },
    retry: { answer: "new" },
    siblings: { branches: 8 },
  }),
};
