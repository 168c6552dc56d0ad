/**
 * OpenAM as a stand-in. Its tokens are UUIDs; ours carry what proves them and are longer, so clients must not count on
 * 36 characters. The password grant exists because this vendor's clients use it.
 */

import { type AuthorizationRules, STANDARD_AUTHORIZATION } from "../../http/authorize-rules.ts";
import { PLAIN_SHAPES } from "../../issuer/token-format.ts";
import type { Provider } from "../provider.ts";
import { OPENAM_11_DIALECT, OPENAM_DIALECT } from "./dialect.ts";
import { OPENAM_POLICIES } from "./policy.ts";
import { OPENAM_SURFACE } from "./surface.ts";
import { versionOf } from "./versions.ts";

/** Asks each time: consent is saved only where an administrator names an attribute for it. */
const OPENAM_AUTHORIZATION: AuthorizationRules = {
  ...STANDARD_AUTHORIZATION,
  brand: "OpenAM",
  pkce: "optional",
  issuerInAnswer: false,
  consent: "always",
};

export const OPENAM_PROVIDERS: readonly Provider[] = Object.entries(OPENAM_POLICIES).map(
  ([name, policy]) => ({
    name,
    policy,
    dialect: versionOf(name).option ? OPENAM_DIALECT : OPENAM_11_DIALECT,
    paths: {
      authorization: "/openam/oauth2/authorize",
      token: "/openam/oauth2/access_token",
      revocation: "/openam/oauth2/token/revoke",
      introspection: "/openam/oauth2/introspect",
    },
    shapes: PLAIN_SHAPES,
    grantTypes: ["authorization_code", "refresh_token", "password"],
    clientIds: "word",
    scope: ["cn", "mail"],
    scopeRequired: true,
    authorization: OPENAM_AUTHORIZATION,
    surface: OPENAM_SURFACE,
  }),
);
