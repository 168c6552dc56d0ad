/** Google as a stand-in: the shapes of its tokens, and the paths of its token host. Introspection is ours. */

import type { Provider } from "../provider.ts";
import { GOOGLE_DIALECT } from "./dialect.ts";
import { GOOGLE_POLICIES } from "./policy.ts";

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
    scope: ["openid", "email"],
    scopeRequired: false,
  }),
);
