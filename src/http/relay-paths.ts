/** Where the relay's endpoints are. */

import type { OAuthPaths } from "./metadata.ts";

export const RELAY_REALM = "relay";

export const RELAY_PATHS: OAuthPaths & { readonly metadata: string } = {
  token: `/oauth2/${RELAY_REALM}/token`,
  revocation: `/oauth2/${RELAY_REALM}/revoke`,
  introspection: `/oauth2/${RELAY_REALM}/introspect`,
  metadata: `/.well-known/oauth-authorization-server/oauth2/${RELAY_REALM}`,
};

/** The issuer identifier of the relay of a server. RFC 8414, section 2 */
export const relayIssuer = (url: string): string => new URL(`/oauth2/${RELAY_REALM}`, url).href;
