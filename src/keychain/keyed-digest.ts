/**
 * Digests to find and compare secrets by, without keeping them: HMAC-SHA256 under a key of its own per purpose. Who
 * has the store but not the key can neither guess a secret from its digest nor relate digests of two purposes.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "../env/secret.ts";
import type { DataKey } from "./data-key.ts";

export interface KeyedDigest {
  /** The digest of a secret, base64url, 43 characters. */
  of(secret: Secret): string;
  /** Whether a secret has this digest. Digests are compared, of equal length and in constant time. */
  matches(secret: Secret, digest: string): boolean;
}

export function keyedDigest(key: DataKey, purpose: string): KeyedDigest {
  const macKey = key.derive("keten digest 1", 32, { context: purpose });
  const macOf = (value: string): Buffer => createHmac("sha256", macKey).update(value).digest();
  return {
    of: (secret) => macOf(secret.reveal()).toString("base64url"),
    matches: (secret, digest) => {
      const actual = macOf(macOf(secret.reveal()).toString("base64url"));
      return timingSafeEqual(actual, macOf(digest));
    },
  };
}
