/**
 * A realm: one issuer identifier with its clients, its owners and what it allows. Realms do not know each other's
 * tokens, clients or subjects: every key and every record carries the realm's name.
 */

import type { SecurityEvents } from "./security-events.ts";
import type { TokenShapes } from "./token-format.ts";

/** What the token endpoint grants. */
export const TOKEN_GRANTS = ["authorization_code", "refresh_token", "password"] as const;
export type TokenGrant = (typeof TOKEN_GRANTS)[number];

/** `implicit` is granted by the authorization endpoint; RFC 6749, section 4.2. */
export type GrantType = TokenGrant | "implicit";

/**
 * Checks a resource owner's password; answers the subject, or undefined if it is wrong. What it does not know must
 * cost as much as what is wrong.
 */
export type AuthenticateOwner = (username: string, password: string) => Promise<string | undefined>;

export interface Realm {
  readonly name: string;
  /** The issuer identifier, a URL. RFC 8414, section 2 */
  readonly issuer: string;
  /**
   * What is granted here. `password` exists only with `authenticateOwner`, and like `implicit` only where a vendor's
   * realm opts in (RFC 9700, sections 2.1.2 and 2.4).
   */
  readonly grantTypes: readonly GrantType[];
  readonly shapes: TokenShapes;
  /** Whether a request that names no scope is refused where the client has no scope of its own. Default false. */
  readonly scopeRequired?: boolean;
  readonly authenticateOwner?: AuthenticateOwner;
  /** Default: grants are kept. */
  readonly securityEvents?: SecurityEvents;
}

export const isTokenGrant = (text: string): text is TokenGrant =>
  (TOKEN_GRANTS as readonly string[]).includes(text);
