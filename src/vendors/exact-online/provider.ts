/**
 * Exact Online as a stand-in: client ids are GUIDs, codes and refresh tokens begin with the site's stamp and contain
 * `!`, there is no scope. Revocation and introspection are ours: the vendor publishes neither.
 *
 * What can be set while a server runs belongs to that server, and is made anew for each.
 */

import type { TokenShapes } from "../../issuer/token-format.ts";
import type { Provider } from "../provider.ts";
import { EXACT_ONLINE_AUTHORIZATION } from "./authorization.ts";
import { codeShape } from "./code-form.ts";
import { exactOnlineDialect } from "./dialect.ts";
import { EXACT_ONLINE_POLICIES } from "./policy.ts";
import { createSettings, type Settings } from "./settings.ts";
import { HOME_SITE, type Site, stampOf } from "./sites.ts";
import { exactOnlineSurface } from "./surface.ts";
import type { Positions } from "./switches.ts";

/** Where a preset's switches stand, if not at their defaults: its policy says the same. */
const POSITIONS: Readonly<Record<string, Positions>> = {
  "exact-online-10min": { D10: "10 min" },
  "exact-online-old-allowed": { D4: "never" },
};

const shapesOf =
  ({ server }: Settings) =>
  (site: Site): TokenShapes => {
    const stamp = stampOf(site);
    return {
      refresh: { prefix: stamp, mark: { after: 4, text: "!IAAAA" } },
      code: codeShape(stamp, () => server().codeForm),
      access: { prefix: `${stamp}gAAAA` },
    };
  };

/** What of it belongs to one server. */
function own(name: string): Pick<Provider, "dialect" | "shapes" | "surface"> {
  const settings = createSettings(POSITIONS[name] ?? {});
  const shapes = shapesOf(settings);
  return {
    dialect: exactOnlineDialect(settings.words),
    shapes: shapes(HOME_SITE),
    surface: exactOnlineSurface(settings, shapes),
  };
}

export const EXACT_ONLINE_PROVIDERS: readonly Provider[] = Object.entries(
  EXACT_ONLINE_POLICIES,
).map(([name, policy]) => ({
  name,
  policy,
  ...own(name),
  own: () => own(name),
  authorization: EXACT_ONLINE_AUTHORIZATION,
  paths: {
    authorization: "/api/oauth2/auth",
    token: "/api/oauth2/token",
    revocation: "/api/oauth2/revoke",
    introspection: "/api/oauth2/introspect",
  },
  grantTypes: ["authorization_code", "refresh_token", "implicit"],
  clientIds: "guid",
  scope: [],
  scopeRequired: false,
}));
