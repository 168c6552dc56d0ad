/**
 * Google: refresh tokens never rotate; a window of N live ones per account and client, of which a new consent
 * silently ends the oldest. N was measured as 25 (2015), 50 (2017) and is 100 now; six months unused ends one.
 * Source: developers.google.com/identity/protocols/oauth2.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const windowOf = (max: number): Policy =>
  policyOf({
    rotate: "never",
    unrotated: "omit",
    expiry: { idle: "180 d" },
    caps: [{ per: "clientAndSubject", max, over: "evictOldest" }],
    access: { lifetime: "3600 s" },
  });

export const GOOGLE_POLICIES: Readonly<Record<string, Policy>> = {
  "google-25": windowOf(25),
  "google-50": windowOf(50),
  "google-100": windowOf(100),
};
