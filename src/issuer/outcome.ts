/**
 * What the issuer answers, before a dialect spells it. A refusal is a value; an exception is an operating failure.
 */

import type { Answer } from "../kernel/chain.ts";
import type { ChainKey, Serial } from "../kernel/ids.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { GrantType } from "./realm.ts";

/** A granted token request. RFC 6749, section 5.1 */
export interface TokenResponse {
  readonly accessToken: string;
  /** Null where the policy answers with none, or the client may not refresh. */
  readonly refreshToken: string | null;
  /** Until the access token ends by itself; Infinity for never. */
  readonly expiresIn: Duration;
  readonly scope: readonly string[];
  readonly grantType: GrantType | "client_credentials";
  /** Further members that clients need besides, by name. */
  readonly more?: Readonly<Record<string, string>>;
}

/** What a request was about, as far as it is known: for logs and for judges, never for the wire. */
export interface Trace {
  readonly clientId: string | null;
  readonly chain: ChainKey | null;
  readonly presented: Serial | null;
  readonly answered: Serial | null;
  readonly kind: Answer["kind"] | null;
}

export const NO_TRACE: Trace = {
  clientId: null,
  chain: null,
  presented: null,
  answered: null,
  kind: null,
};

export interface Refused {
  readonly granted: false;
  readonly refusal: Refusal;
  readonly at: Instant;
  readonly trace: Trace;
}

export type TokenOutcome =
  | { readonly granted: true; readonly response: TokenResponse; readonly trace: Trace }
  | Refused;

/** RFC 7009, section 2.2 */
export type RevocationOutcome = { readonly granted: true } | Refused;

/** RFC 7662, section 2.2. Instants in milliseconds. */
export interface ActiveToken {
  readonly active: true;
  readonly clientId: string;
  readonly subject: string;
  readonly scope: readonly string[];
  /** Null for refresh tokens, which are no bearer tokens of a resource server. */
  readonly tokenType: "Bearer" | null;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
}

/** Of an inactive token nothing but that. */
export type Introspection = { readonly active: false } | ActiveToken;

/** What a resource server in the same process is told besides. */
export interface CheckedToken extends ActiveToken {
  readonly chain: ChainKey;
  /** What the owner picked; empty for all. */
  readonly resources: readonly string[];
  /** By which grant its chain began. */
  readonly grantType: string;
}

export type AccessCheck = { readonly active: false } | CheckedToken;

export type IntrospectionOutcome =
  | { readonly granted: true; readonly introspection: Introspection }
  | Refused;
