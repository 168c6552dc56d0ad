/**
 * Authorization codes that carry what must be known of them, sealed: no row is kept for a code.
 *
 * 1. Sealed with AES-256-GCM under a key of the issuer and realm: unguessable, unreadable, and refused before any
 *    lookup if a bit differs. It says which authorization, which number, when, for which client and redirect URI,
 *    which scope, and the code challenge (S256).
 * 2. Whether it was used is the chain's to say: code k becomes chain k (kernel/authorization.ts).
 * 3. The redirect URI is kept as a hash: it is only ever compared. RFC 6749, section 4.1.3
 */

import { hash } from "node:crypto";
import type { Ordinal } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { IssuerKeys } from "./keys.ts";
import { decorate, type TokenShape, undecorate } from "./token-format.ts";

export interface Code {
  readonly authorizationId: string;
  readonly ordinal: Ordinal;
  readonly openedAt: Instant;
  readonly clientId: string;
  readonly subject: string;
  readonly scope: readonly string[];
  /** What the owner picked; empty for all. */
  readonly resources: readonly string[];
  /** Whether its chain has a refresh token. */
  readonly refreshable: boolean;
  /** Hash of the redirect URI of the authorization request; null if it had none. */
  readonly redirectUri: string | null;
  /** The S256 code challenge; null if the request had none. RFC 7636 */
  readonly challenge: string | null;
}

export interface CodeFormat {
  /** The code's text. The salt must be fresh. */
  write(code: Code, salt: Uint8Array): string;
  /** What a code says; undefined if it is none of ours. Looks nothing up. */
  read(text: string): Code | undefined;
}

const TEXT_MAX = 8192;

export const redirectUriHash = (uri: string): string => hash("sha256", uri, "base64url");

/** The S256 code challenge of a verifier. RFC 7636, section 4.2 */
export const challengeOf = (verifier: string): string => hash("sha256", verifier, "base64url");

export function codeFormat(keys: IssuerKeys, realm: string, shape: TokenShape): CodeFormat {
  return {
    write(code, salt) {
      const plain = Buffer.from(JSON.stringify(code), "utf8");
      return decorate(keys.seal("code", [realm], plain, salt), shape);
    },
    read(text) {
      const bytes = undecorate(text, shape, TEXT_MAX);
      const plain = bytes && keys.unseal("code", [realm], bytes.toString("base64url"));
      return plain && (JSON.parse(plain.toString("utf8")) as Code);
    },
  };
}
