/**
 * Google: refresh tokens never rotate; a window of N live ones per account and client, of which a new consent
 * silently ends the oldest. N was measured as 25 (2015), 50 (2017) and is 100 now; six months unused ends one. While an
 * app's consent screen is in testing, whatever it was granted ends after seven days.
 * Source: developers.google.com/identity/protocols/oauth2.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const windowOf = (max: number, expiry: object = {}): Policy =>
  policyOf({
    rotate: "never",
    unrotated: "omit",
    expiry: { idle: "180 d", ...expiry },
    caps: [{ per: "clientAndSubject", max, over: "evictOldest" }],
    access: { lifetime: "3600 s" },
  });

export const GOOGLE_POLICIES: Readonly<Record<string, Policy>> = {
  "google-25": windowOf(25),
  "google-50": windowOf(50),
  "google-100": windowOf(100),
  "google-testing": windowOf(100, { authorization: "7 d" }),
};
