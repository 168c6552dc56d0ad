/**
 * Keycloak, with a realm's default times: half an hour idle, ten hours in all, access tokens of five minutes.
 *
 * 1. By default every refresh answers a new token, and every old one stays usable until its own end: nothing is detected.
 * 2. With "Revoke Refresh Token" and no reuse, the second use of a token ends the client's session. Access tokens are
 *    signed and live to their end.
 *
 * Sources: keycloak.org, Server Administration Guide, "Session and token timeouts"; keycloak/keycloak#45647.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const times = {
  expiry: { idle: "30 min", authorization: "10 h" },
  access: { lifetime: "300 s" },
};

export const KEYCLOAK_POLICIES: Readonly<Record<string, Policy>> = {
  keycloak: policyOf({
    ...times,
    overlap: { atLeast: "forever", reach: "all" },
    retry: { answer: "new" },
    replay: { action: "refuse" },
  }),
  "keycloak-revoke": policyOf({ ...times, replay: { accessTokens: "keep", sparing: 0 } }),
};
