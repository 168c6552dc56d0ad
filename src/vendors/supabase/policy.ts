/**
 * Supabase Auth, version 2: a token is a counter signed for its session.
 *
 * 1. One step back is always answered with the current token, whenever and however often, and the counter stands still.
 * 2. Older ones are answered within a reuse interval only, 10 s where it is hosted; later ones end the session. That an
 *    older one is answered cannot be said here: within the interval it is refused and nothing else happens.
 *
 * Source: supabase/auth, internal/tokens; pull request 2136.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const SUPABASE_POLICIES: Readonly<Record<string, Policy>> = {
  supabase: policyOf({
    overlap: { atLeast: "forever" },
    replay: { sparing: "10 s" },
    access: { lifetime: "1 h" },
  }),
};
