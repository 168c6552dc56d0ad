/**
 * Exact Online as a stand-in: client ids are GUIDs, codes and refresh tokens begin with the site's stamp and contain
 * `!`, there is no scope. Revocation and introspection are ours: the vendor publishes neither.
 */

import type { Provider } from "../provider.ts";
import { exactOnlineDialect } from "./dialect.ts";
import { EXACT_ONLINE_POLICIES } from "./policy.ts";

const STAMP = "stampNL001.";

export const EXACT_ONLINE_PROVIDERS: readonly Provider[] = Object.entries(
  EXACT_ONLINE_POLICIES,
).map(([name, policy]) => ({
  name,
  policy,
  dialect: exactOnlineDialect(),
  paths: {
    authorization: "/api/oauth2/auth",
    token: "/api/oauth2/token",
    revocation: "/api/oauth2/revoke",
    introspection: "/api/oauth2/introspect",
  },
  shapes: {
    refresh: { prefix: STAMP, mark: { after: 4, text: "!IAAAA" } },
    code: { prefix: STAMP, mark: { after: 4, text: "!IAAAA" } },
    access: { prefix: `${STAMP}gAAAA` },
  },
  grantTypes: ["authorization_code", "refresh_token"],
  clientIds: "guid",
  scope: [],
  scopeRequired: false,
}));
