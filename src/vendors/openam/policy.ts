/**
 * OpenAM's refresh tokens, by version and by its option "Issue Refresh Tokens on Refreshing Access Tokens".
 * Sources: OAuth2Provider.xml of tags forgerock/11.0.0, 12.0.0 and 13.0.0; AccessTokenService.java.
 *
 * With the option on, a refresh makes a new token of full lifetime and deletes the old one; with it off
 * (`-reuse`, and always in version 11), the answer has no refresh token and the expiry stands still.
 * No version detects replay: a used token is only "not found". Version 13.5 has the defaults of 13 and another surface.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const replay = { action: "refuse", sparing: 0 };
/** What the token listing shows: of each chain so many refresh tokens, the newest, and as many access tokens. */
const max = 100;
const reuse = { rotate: "never", unrotated: "omit", replay, register: { max, superseded: "drop" } };
const rotating = { replay, register: { max, superseded: "keep" } };
const version12 = {
  expiry: { lifetime: "600 s" },
  code: { lifetime: "10 s" },
  access: { lifetime: "60 s" },
};
const version13 = {
  expiry: { lifetime: "7 d" },
  code: { lifetime: "120 s" },
  access: { lifetime: "3600 s" },
};

export const OPENAM_POLICIES: Readonly<Record<string, Policy>> = {
  "openam-11": policyOf({ ...reuse, ...version12 }),
  "openam-12": policyOf({ ...rotating, ...version12 }),
  "openam-12-reuse": policyOf({ ...reuse, ...version12 }),
  "openam-13": policyOf({ ...rotating, ...version13 }),
  "openam-13-reuse": policyOf({ ...reuse, ...version13 }),
  "openam-13.5": policyOf({ ...rotating, ...version13 }),
  "openam-13.5-reuse": policyOf({ ...reuse, ...version13 }),
};
