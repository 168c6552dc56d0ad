/** Providers that name no vendor: one for each policy of the standards. */

import { PLAIN_SHAPES } from "../../issuer/token-format.ts";
import type { Provider } from "../provider.ts";
import { STANDARD_DIALECT } from "./dialect.ts";
import { STANDARD_POLICIES } from "./policy.ts";

export const STANDARD_PROVIDERS: readonly Provider[] = Object.entries(STANDARD_POLICIES).map(
  ([name, policy]) => ({
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
  }),
);
