/**
 * Twinfield. The refresh token stays for 25 years; an access token lives an hour.
 *
 * Source: a support article of Wolters Kluwer.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const TWINFIELD_POLICIES: Readonly<Record<string, Policy>> = {
  twinfield: policyOf({
    rotate: "never",
    unrotated: "omit",
    expiry: { lifetime: "9131 d" },
    access: { lifetime: "60 min" },
  }),
};
