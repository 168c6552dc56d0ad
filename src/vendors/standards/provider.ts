/** A provider that speaks as the standards do: whatever its policy, these paths and this dialect. */

import { type AuthorizationRules, STANDARD_AUTHORIZATION } from "../../http/authorize-rules.ts";
import { PLAIN_SHAPES } from "../../issuer/token-format.ts";
import type { Policy } from "../../kernel/policy.ts";
import type { Provider } from "../provider.ts";
import { STANDARD_DIALECT } from "./dialect.ts";
import { STANDARD_POLICIES } from "./policy.ts";

export const standardProvider = (name: string, policy: Policy): Provider => ({
  name,
  policy,
  dialect: STANDARD_DIALECT,
  paths: {
    authorization: "/oauth2/authorize",
    token: "/oauth2/token",
    revocation: "/oauth2/revoke",
    introspection: "/oauth2/introspect",
  },
  shapes: PLAIN_SHAPES,
  grantTypes: ["authorization_code", "refresh_token"],
  clientIds: "word",
  scope: ["read", "write"],
  scopeRequired: false,
  // A vendor's clients need not know PKCE; those of a profile of the standards must. RFC 9700, section 2.1.1
  authorization: Object.hasOwn(STANDARD_POLICIES, name) ? AUTHORIZATION : OTHERS,
});

const AUTHORIZATION: AuthorizationRules = {
  ...STANDARD_AUTHORIZATION,
  scopeWords: {
    read: { en: "see your data", nl: "je gegevens zien" },
    write: { en: "change your data", nl: "je gegevens wijzigen" },
  },
};
const OTHERS: AuthorizationRules = { ...AUTHORIZATION, pkce: "optional" };
