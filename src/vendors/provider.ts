/** What a stand-in needs to know of a provider to look like it: data, and the routes that are the vendor's own. */

import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../env/clock.ts";
import type { Random } from "../env/random.ts";
import type { AuthorizationRules } from "../http/authorize-rules.ts";
import type { Dialect } from "../http/dialect.ts";
import type { OAuthPaths } from "../http/metadata.ts";
import type { RealmFor } from "../http/oauth.ts";
import type { GrantType } from "../issuer/realm.ts";
import type { RealmServices, RealmSettings, Realms } from "../issuer/realms.ts";
import type { TokenShapes } from "../issuer/token-format.ts";
import type { Policy } from "../kernel/policy.ts";
import type { Store } from "../store/store.ts";

export interface Provider {
  /** The preset's name. */
  readonly name: string;
  readonly policy: Policy;
  readonly dialect: Dialect;
  readonly paths: OAuthPaths & { readonly authorization: string };
  readonly shapes: TokenShapes;
  readonly grantTypes: readonly GrantType[];
  /** What its client ids look like. */
  readonly clientIds: "guid" | "word";
  /** Scope values of its clients; empty where the vendor has none. */
  readonly scope: readonly string[];
  /** Whether a request without scope is refused where the client has none. */
  readonly scopeRequired: boolean;
  /** How its authorization endpoint behaves; as the standards ask unless given. */
  readonly authorization?: AuthorizationRules;
  readonly surface?: Surface;
  /** What belongs to one server and is made anew for each, where answers can be set while it runs: used in place of the above. */
  readonly own?: () => Pick<Provider, "dialect" | "shapes" | "surface">;
}

/** What a vendor's server answers besides the standard endpoints. */
export interface Surface {
  /** The path that a request means, where its host or a part of its path says whose server it is for. */
  readonly rewriteUrl?: (request: Pick<IncomingMessage, "headers" | "url">) => string;
  /** Which realm a request means; the main one unless given. */
  readonly realmFor?: (parts: SurfaceParts) => RealmFor<RealmServices>;
  /** Registers the vendor's own routes, in a scope of their own. */
  readonly routes: (fastify: FastifyInstance, parts: SurfaceParts) => Promise<void>;
}

/** What a surface works with. */
export interface SurfaceParts {
  readonly provider: Provider;
  readonly realms: Realms;
  /** The settings of one more realm of this provider. */
  readonly settingsOf: (realm: string) => RealmSettings;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Where the server is reached, without a slash at the end. */
  readonly url: () => string;
}
