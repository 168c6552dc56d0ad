/** Authorization server metadata. RFC 8414, section 2; names as registered. */

import type { Realm } from "../issuer/realm.ts";
import type { AuthorizationRules } from "./authorize-rules.ts";
import { WORDS } from "./pages/words.ts";

/** Where the endpoints are, as paths under the issuer's origin. */
export interface OAuthPaths {
  readonly token: string;
  readonly revocation: string;
  readonly introspection: string;
  /** Announced only where something answers there. */
  readonly authorization?: string;
  /** Where these metadata are; RFC 8414, section 3.1, for an issuer with a path. */
  readonly metadata?: string;
}

export const METADATA_PATH = "/.well-known/oauth-authorization-server";

const AUTH_METHODS = ["client_secret_basic", "client_secret_post"];

export function metadataOf(
  realm: Realm,
  paths: OAuthPaths,
  grantTypes: readonly string[] = realm.grantTypes,
  rules?: AuthorizationRules,
): Readonly<Record<string, unknown>> {
  const at = (path: string): string => new URL(path, realm.issuer).href;
  return {
    issuer: realm.issuer,
    ...(paths.authorization ? { authorization_endpoint: at(paths.authorization) } : {}),
    ...(rules ? authorizationMetadata(realm, rules) : { response_types_supported: [] }),
    token_endpoint: at(paths.token),
    token_endpoint_auth_methods_supported: [...AUTH_METHODS, "none"],
    grant_types_supported: grantTypes,
    code_challenge_methods_supported: ["S256"],
    revocation_endpoint: at(paths.revocation),
    revocation_endpoint_auth_methods_supported: [...AUTH_METHODS, "none"],
    introspection_endpoint: at(paths.introspection),
    introspection_endpoint_auth_methods_supported: AUTH_METHODS,
  };
}

/** RFC 8414, section 2, and RFC 9207, section 3 */
function authorizationMetadata(
  { grantTypes }: Realm,
  { responseTypes, issuerInAnswer }: AuthorizationRules,
): Readonly<Record<string, unknown>> {
  const supported = responseTypes.filter(
    (type) => type === "code" || grantTypes.includes("implicit"),
  );
  return {
    response_types_supported: supported,
    response_modes_supported: supported.map((type) => (type === "code" ? "query" : "fragment")),
    ui_locales_supported: Object.keys(WORDS),
    authorization_response_iss_parameter_supported: issuerInAnswer,
  };
}
