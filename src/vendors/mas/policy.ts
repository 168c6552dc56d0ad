/**
 * Matrix Authentication Service, after the Matrix specification: the old token stays good until the new one is used.
 *
 * 1. A used token is answered again as long as neither its successor nor the access token that came with it was used,
 *    without a limit in time. The unused successor is revoked first.
 * 2. After that it is refused; the session goes on.
 * 3. Two first uses at once give the vendor two live branches; here one wins. When the old access token dies is not
 *    documented: with its successor's issue.
 *
 * Sources: element-hq/matrix-authentication-service#2795, #3650; spec.matrix.org, "Refreshing access tokens".
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const MAS_POLICIES: Readonly<Record<string, Policy>> = {
  mas: policyOf({
    overlap: { untilUsed: true },
    firstUse: "refreshOrAccess",
    retry: { answer: "new" },
    replay: { action: "refuse" },
    access: { lifetime: "300 s", ends: "superseded" },
  }),
};
