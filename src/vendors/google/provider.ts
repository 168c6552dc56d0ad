/** Google as a stand-in: the shapes of its tokens, and the paths of its token host. Introspection is ours. */

import { type AuthorizationRules, STANDARD_AUTHORIZATION } from "../../http/authorize-rules.ts";
import type { Provider } from "../provider.ts";
import { GOOGLE_DIALECT } from "./dialect.ts";
import { GOOGLE_POLICIES } from "./policy.ts";
import { GOOGLE_SURFACE, MAIL_SCOPE } from "./surface.ts";

/** A refresh token only for `access_type=offline`, and only where the owner was asked: `prompt=consent` asks again. */
const GOOGLE_AUTHORIZATION: AuthorizationRules = {
  ...STANDARD_AUTHORIZATION,
  brand: "Google",
  pkce: "optional",
  consent: "remembered",
  refresh: "onOfflineAccess",
  scopeWords: {
    email: { en: "see your e-mail address", nl: "uw e-mailadres zien" },
    [MAIL_SCOPE]: { en: "read and send your mail", nl: "uw mail lezen en versturen" },
  },
};

export const GOOGLE_PROVIDERS: readonly Provider[] = Object.entries(GOOGLE_POLICIES).map(
  ([name, policy]) => ({
    name,
    policy,
    dialect: GOOGLE_DIALECT,
    paths: {
      authorization: "/o/oauth2/v2/auth",
      token: "/token",
      revocation: "/revoke",
      introspection: "/introspect",
    },
    shapes: {
      refresh: { prefix: "1//0" },
      access: { prefix: "ya29." },
      code: { prefix: "4/0" },
    },
    grantTypes: ["authorization_code", "refresh_token"],
    clientIds: "word",
    scope: ["openid", "email", MAIL_SCOPE],
    scopeRequired: false,
    authorization: GOOGLE_AUTHORIZATION,
    surface: GOOGLE_SURFACE,
  }),
);
