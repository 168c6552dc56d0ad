/**
 * The token format: tokens that prove themselves, so that the store keeps neither tokens nor hashes of them.
 *
 *   refresh token   version, key id, kind, authorization id (16), ordinal (6), serial (6), issued at (6), inner MAC (16), outer MAC (8)
 *   access token    the same with number (6), expires at (6) and the narrowed scope (1 + n) before the MACs
 *
 * 1. The inner MAC (128 bits) is made with a key derived from the issuer's key and the chain's sealed secret; the
 *    outer MAC with one of the issuer's alone. Realm and deployment are bound by the derivation of both keys.
 * 2. The outer MAC is checked before anything is looked up: garbage, a flipped bit or a changed authorization id costs
 *    one HMAC and reaches no store and no rule.
 * 3. A token is a function of its chain, serial and issue instant: whoever asks again gets the same token again.
 * 4. Exactly one spelling: decoding encodes again and compares.
 * 5. A vendor's shape (a prefix, a mark at a fixed place) is put around the same bytes; it says nothing.
 */

import { hash, timingSafeEqual } from "node:crypto";
import { KetenError } from "../env/error.ts";
import type { AccessGrant, Presented } from "../kernel/chain.ts";
import { type ChainKey, chainKey, type Ordinal } from "../kernel/ids.ts";
import { decodeBase64url, type IssuerKeys, type Mac, macOf } from "./keys.ts";

/** How a kind of token looks from outside: printable ASCII around and inside the encoded bytes. */
export interface TokenShape {
  readonly prefix: string;
  /** A fixed text after so many encoded characters. */
  readonly mark?: { readonly after: number; readonly text: string };
}

export interface TokenShapes {
  readonly refresh: TokenShape;
  readonly access: TokenShape;
  readonly code: TokenShape;
}

const PLAIN: TokenShape = { prefix: "" };
export const PLAIN_SHAPES: TokenShapes = { refresh: PLAIN, access: PLAIN, code: PLAIN };

/** Which chain a token belongs to. */
export interface ChainName {
  readonly authorizationId: string;
  readonly ordinal: Ordinal;
}

/** The name of a chain, from its key. */
export function chainNameOf(key: ChainKey): ChainName {
  const dot = key.lastIndexOf(".");
  return { authorizationId: key.slice(0, dot), ordinal: Number(key.slice(dot + 1)) };
}

/** A token whose outer MAC holds. It is a token of ours only once `confirms` says so. */
export interface Candidate extends ChainName, Presented {
  readonly key: ChainKey;
  /** For access tokens: the rest of what it says. */
  readonly access: AccessGrant | null;
  /** For access tokens of narrowed scope: bits over the chain's sorted scope; empty for all of it. */
  readonly scopeMask: Uint8Array;
  readonly bytes: Buffer;
}

export interface TokenFormat {
  /** Reads a token of a kind; undefined if it is none of ours. Looks nothing up. */
  read(kind: "refresh" | "access", text: string): Candidate | undefined;
  /** Whether the chain's secret confirms it. */
  confirms(candidate: Candidate, sealedSecret: string): boolean;
  refreshToken(chain: ChainName, sealedSecret: string, token: Presented): string;
  accessToken(
    chain: ChainName,
    sealedSecret: string,
    token: AccessGrant,
    scopeMask: Uint8Array,
  ): string;
  /** A new chain's secret, sealed for its row. */
  sealSecret(chain: ChainName, secret: Uint8Array, salt: Uint8Array): string;
}

export const CHAIN_SECRET_BYTES = 32;

const VERSION = 1;
const KINDS = { refresh: 1, access: 2 } as const;
const ID_BYTES = 16;
const COUNT_BYTES = 6;
const INNER_BYTES = 16;
const OUTER_BYTES = 8;
const AT = {
  authorization: 3,
  ordinal: 3 + ID_BYTES,
  serial: 3 + ID_BYTES + COUNT_BYTES,
  issuedAt: 3 + ID_BYTES + 2 * COUNT_BYTES,
  refreshEnd: 3 + ID_BYTES + 3 * COUNT_BYTES,
  expiresAt: 3 + ID_BYTES + 4 * COUNT_BYTES,
  mask: 3 + ID_BYTES + 5 * COUNT_BYTES,
};
/** 48 bits of milliseconds reach the year 10889; the last value stands for never. */
const NEVER = 2 ** 48 - 1;
const TEXT_MAX = 512;
const SCOPE_MASK_MAX = 32;
/** Chains whose token key is kept at hand; others cost one unsealing more. */
const KEYS_MAX = 4096;

/** The id of a client acting for a subject: a hash of realm, client and subject. */
export function authorizationIdOf(realm: string, clientId: string, subject: string): string {
  const name = JSON.stringify([realm, clientId, subject]);
  return hash("sha256", name, "buffer").toString("base64url", 0, ID_BYTES);
}

export function tokenFormat(keys: IssuerKeys, realm: string, shapes: TokenShapes): TokenFormat {
  const outerMac = macOf(keys.derive("token", [realm]));
  const innerMacs = new Map<string, Mac>();

  const innerMacOf = (key: ChainKey, sealedSecret: string): Mac => {
    const known = innerMacs.get(sealedSecret);
    if (known) innerMacs.delete(sealedSecret);
    const innerMac = known ?? unsealKey(key, sealedSecret);
    innerMacs.set(sealedSecret, innerMac);
    if (innerMacs.size > KEYS_MAX) innerMacs.delete(innerMacs.keys().next().value as string);
    return innerMac;
  };
  const unsealKey = (key: ChainKey, sealedSecret: string): Mac => {
    const secret = keys.unseal("chain", [realm, key], sealedSecret);
    if (!secret) {
      throw new KetenError("key_wrong", `chain "${key}" was not sealed by this issuer's key`);
    }
    return macOf(keys.derive("chain tokens", [realm, key], secret));
  };
  const finish = (bytes: Buffer, end: number, innerMac: Mac, shape: TokenShape): string => {
    innerMac(bytes.subarray(0, end)).copy(bytes, end, 0, INNER_BYTES);
    const outerEnd = end + INNER_BYTES;
    outerMac(bytes.subarray(0, outerEnd)).copy(bytes, outerEnd, 0, OUTER_BYTES);
    return decorate(bytes.toString("base64url"), shape);
  };
  const begin = (kind: number, chain: ChainName, token: Presented, size: number): Buffer => {
    const bytes = Buffer.allocUnsafe(size + INNER_BYTES + OUTER_BYTES);
    bytes[0] = VERSION;
    bytes[1] = keys.id;
    bytes[2] = kind;
    bytes.write(chain.authorizationId, AT.authorization, "base64url");
    bytes.writeUIntBE(chain.ordinal, AT.ordinal, COUNT_BYTES);
    bytes.writeUIntBE(token.serial, AT.serial, COUNT_BYTES);
    bytes.writeUIntBE(instant(token.issuedAt), AT.issuedAt, COUNT_BYTES);
    return bytes;
  };
  return {
    read(kind, text) {
      const bytes = undecorate(text, shapes[kind]);
      if (!bytes || bytes[0] !== VERSION || bytes[1] !== keys.id || bytes[2] !== KINDS[kind]) {
        return undefined;
      }
      if (bytes.length !== lengthOf(kind, bytes)) return undefined;
      const end = bytes.length - OUTER_BYTES;
      const expected = outerMac(bytes.subarray(0, end)).subarray(0, OUTER_BYTES);
      return timingSafeEqual(expected, bytes.subarray(end)) ? parse(kind, bytes) : undefined;
    },
    confirms({ key, bytes }, sealedSecret) {
      const end = bytes.length - OUTER_BYTES - INNER_BYTES;
      const expected = innerMacOf(key, sealedSecret)(bytes.subarray(0, end));
      return timingSafeEqual(
        expected.subarray(0, INNER_BYTES),
        bytes.subarray(end, end + INNER_BYTES),
      );
    },
    refreshToken(chain, sealedSecret, token) {
      const bytes = begin(KINDS.refresh, chain, token, AT.refreshEnd);
      return finish(bytes, AT.refreshEnd, innerMacOf(keyOf(chain), sealedSecret), shapes.refresh);
    },
    accessToken(chain, sealedSecret, token, scopeMask) {
      const end = AT.mask + 1 + scopeMask.length;
      const bytes = begin(KINDS.access, chain, token, end);
      bytes.writeUIntBE(token.number, AT.refreshEnd, COUNT_BYTES);
      bytes.writeUIntBE(instant(token.expiresAt), AT.expiresAt, COUNT_BYTES);
      bytes[AT.mask] = scopeMask.length;
      bytes.set(scopeMask, AT.mask + 1);
      return finish(bytes, end, innerMacOf(keyOf(chain), sealedSecret), shapes.access);
    },
    sealSecret: (chain, secret, salt) => keys.seal("chain", [realm, keyOf(chain)], secret, salt),
  };
}

const keyOf = ({ authorizationId, ordinal }: ChainName): ChainKey =>
  chainKey(authorizationId, ordinal);

const instant = (at: number): number => Math.min(NEVER, Math.floor(at));

function lengthOf(kind: "refresh" | "access", bytes: Buffer): number {
  const macs = INNER_BYTES + OUTER_BYTES;
  if (kind === "refresh") return AT.refreshEnd + macs;
  return AT.mask + 1 + (bytes[AT.mask] ?? 0) + macs;
}

function parse(kind: "refresh" | "access", bytes: Buffer): Candidate {
  const authorizationId = bytes.toString("base64url", AT.authorization, AT.ordinal);
  const ordinal = bytes.readUIntBE(AT.ordinal, COUNT_BYTES);
  const serial = bytes.readUIntBE(AT.serial, COUNT_BYTES);
  const issuedAt = bytes.readUIntBE(AT.issuedAt, COUNT_BYTES);
  const name = { authorizationId, ordinal, key: chainKey(authorizationId, ordinal) };
  if (kind === "refresh") {
    return { ...name, serial, issuedAt, access: null, scopeMask: new Uint8Array(), bytes };
  }
  const number = bytes.readUIntBE(AT.refreshEnd, COUNT_BYTES);
  const ends = bytes.readUIntBE(AT.expiresAt, COUNT_BYTES);
  const expiresAt = ends === NEVER ? Number.POSITIVE_INFINITY : ends;
  const scopeMask = bytes.subarray(AT.mask + 1, bytes.length - INNER_BYTES - OUTER_BYTES);
  const access = { serial, number, issuedAt, expiresAt };
  return { ...name, serial, issuedAt, access, scopeMask, bytes };
}

/** Puts a shape around encoded bytes. */
export function decorate(encoded: string, { prefix, mark }: TokenShape): string {
  if (!mark) return prefix + encoded;
  return prefix + encoded.slice(0, mark.after) + mark.text + encoded.slice(mark.after);
}

/** Takes a shape off; undefined if the text has another shape or another spelling than the bytes have. */
export function undecorate(
  text: string,
  { prefix, mark }: TokenShape,
  longest = TEXT_MAX,
): Buffer | undefined {
  if (text.length > longest || !text.startsWith(prefix)) return undefined;
  if (!mark) return decodeBase64url(text.slice(prefix.length));
  const at = prefix.length + mark.after;
  if (!text.startsWith(mark.text, at)) return undefined;
  return decodeBase64url(text.slice(prefix.length, at) + text.slice(at + mark.text.length));
}

/** The bits of a narrowed scope over the granted one; empty where all of it is meant. */
export function scopeMaskOf(granted: readonly string[], narrowed: readonly string[]): Uint8Array {
  if (narrowed.length === granted.length) return new Uint8Array();
  const mask = new Uint8Array(Math.ceil(granted.length / 8));
  for (const [i, value] of granted.entries()) {
    if (narrowed.includes(value)) mask[i >> 3] = (mask[i >> 3] ?? 0) | (1 << (i & 7));
  }
  return mask;
}

/** The scope that a mask picks from the granted one. */
export function scopeOfMask(granted: readonly string[], mask: Uint8Array): readonly string[] {
  if (mask.length === 0) return granted;
  return granted.filter((_, i) => ((mask[i >> 3] ?? 0) >> (i & 7)) & 1);
}

/** At most so many scope values per client, so that a narrowed scope fits its mask. */
export const SCOPE_VALUES_MAX = 8 * SCOPE_MASK_MAX;
