/**
 * What a vendor decides about its authorization endpoint: data, from which the one implementation follows. What is
 * not here is the same for all: S256 or no PKCE, exact redirect URIs, no redirect to one that was not verified.
 */

import type { Account, Locale } from "../issuer/accounts.ts";

export type ResponseType = "code" | "token";

/** A text in each language of the pages. */
export type Wording = Readonly<Record<Locale, string>>;

/** Something that the owner may give access to or not: a company, a mailbox. */
export interface Resource {
  readonly id: string;
  readonly label: string;
}

export interface AuthorizationRules {
  /** Who it is, for people. */
  readonly brand: string;
  /** `token` only for clients of the implicit grant, in realms that have it. RFC 6749, section 4.2 */
  readonly responseTypes: readonly ResponseType[];
  /** `required` of every client, or `optional` for those that have a secret. Always S256. RFC 7636 */
  readonly pkce: "required" | "optional";
  /** `exact`: as registered. `httpsPublicOnly`: and only at a public host, but in test mode also at the loopback. */
  readonly redirects: "exact" | "httpsPublicOnly";
  /** Of the page for a request whose redirect URI is not verified. */
  readonly refusalStatus: 400 | 401;
  /** The parameter that asks for a login, whatever session there is, where it is 1. `prompt` does so everywhere. */
  readonly forceLogin?: string;
  /** `required`: an account without a second factor cannot log in. */
  readonly secondFactor: "required" | "ifSet";
  /** Whether answers say whose they are. RFC 9207 */
  readonly issuerInAnswer: boolean;
  /** `remembered`: a confidential client that has the scope already is not asked about again. */
  readonly consent: "always" | "remembered";
  /** `onOfflineAccess`: a refresh token only for `access_type=offline`, and only when the owner was asked. */
  readonly refresh: "always" | "onOfflineAccess";
  /** Whether the endpoint also answers with a slash at its end. */
  readonly trailingSlash: boolean;
  /** What the owner picks from; where there is nothing to pick, none is asked. */
  readonly resources?: (account: Account) => readonly Resource[];
  /** What a scope value allows, in words: "see your messages". A value without words is shown as it is. */
  readonly scopeWords?: Readonly<Record<string, Wording>>;
}

/** What the standards ask for today. RFC 9700, section 2.1 */
export const STANDARD_AUTHORIZATION: AuthorizationRules = {
  brand: "Keten",
  responseTypes: ["code"],
  pkce: "required",
  redirects: "exact",
  refusalStatus: 400,
  secondFactor: "ifSet",
  issuerInAnswer: true,
  consent: "remembered",
  refresh: "always",
  trailingSlash: false,
};
