/**
 * WorkOS AuthKit. A used token may come again for 30 s and gets the same pair. Access tokens live some minutes, as the
 * tenant sets: a quarter of an hour here. What a later use costs is not documented: the session.
 *
 * Source: workos.com/docs/authkit/session-resilience.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const WORKOS_POLICIES: Readonly<Record<string, Policy>> = {
  workos: policyOf({
    overlap: { atLeast: "30 s" },
    replay: { sparing: 0 },
    access: { lifetime: "15 min" },
  }),
};
