/**
 * Curity Identity Server. Tokens rotate; the grace period is 0 unless set, and reuse is revocation. How long tokens live is
 * a setting: no end, and an hour for access tokens. When the old access token dies is not documented: at once.
 *
 * Source: curity.io/docs, token service settings `reuse-refresh-tokens`, `grace-period`.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const CURITY_POLICIES: Readonly<Record<string, Policy>> = {
  curity: policyOf({ access: { lifetime: "1 h", ends: "superseded" } }),
};
