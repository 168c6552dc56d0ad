/**
 * Dropbox. The refresh token stays until it is revoked; the answer to a refresh has none. An access token lives about four
 * hours.
 *
 * Source: developers.dropbox.com/oauth-guide.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const DROPBOX_POLICIES: Readonly<Record<string, Policy>> = {
  dropbox: policyOf({ rotate: "never", unrotated: "omit", access: { lifetime: "4 h" } }),
};
