/** What a stand-in needs to know of a provider to look like it: all data. */

import type { Dialect } from "../http/dialect.ts";
import type { OAuthPaths } from "../http/metadata.ts";
import type { GrantType } from "../issuer/realm.ts";
import type { TokenShapes } from "../issuer/token-format.ts";
import type { Policy } from "../kernel/policy.ts";

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
}
