/**
 * The issuer's key and what is derived from it.
 *
 * 1. One 32-byte key per issuer, outside the store. Everything else is derived by HKDF-SHA-256 with its purpose, the
 *    deployment and the realm as context, so that nothing made for one purpose, deployment or realm passes in another.
 * 2. A chain's tokens are made with a key derived from the issuer's key *and* a secret that lies sealed in the
 *    chain's row: neither the store nor the key alone makes a token.
 * 3. What is sealed uses a key of its own for each value (16 bytes of salt), so no key seals more than one.
 */

import { strict as assert } from "node:assert";
import type { KeyObject } from "node:crypto";
import { createCipheriv, createDecipheriv, createSecretKey, hash, hkdfSync } from "node:crypto";

export const ISSUER_KEY_BYTES = 32;
export const SALT_BYTES = 16;

const SEAL_VERSION = 1;
const SEAL_HEADER_BYTES = 2 + SALT_BYTES;
const TAG_BYTES = 16;
const CIPHER_KEY_BYTES = 32;
const NONCE_BYTES = 12;

export interface IssuerKeys {
  /** Written into every token and sealed value, 0 to 255. */
  readonly id: number;
  /** Names the deployment: a copy of the store run elsewhere under another name makes other tokens. */
  readonly deployment: string;
  /** A key for one purpose in one realm, mixed with `secret` where that is given. */
  derive(purpose: string, context: readonly string[], secret?: Uint8Array): KeyObject;
  /** AES-256-GCM under a key of its own; base64url. The context must be told again to open it. */
  seal(purpose: string, context: readonly string[], plain: Uint8Array, salt: Uint8Array): string;
  /** The plain bytes; undefined if the text, the key or the context is not the right one, without saying which. */
  unseal(purpose: string, context: readonly string[], text: string): Buffer | undefined;
}

/** @throws TypeError if the key is not 32 bytes or the id not 0 to 255 */
export function issuerKeys(options: {
  readonly key: Uint8Array;
  readonly deployment: string;
  readonly id?: number;
}): IssuerKeys {
  const { key, deployment, id = 1 } = options;
  if (key.length !== ISSUER_KEY_BYTES) {
    throw new TypeError(`an issuer key has ${ISSUER_KEY_BYTES} bytes, got ${key.length}`);
  }
  if (!Number.isInteger(id) || id < 0 || id > 255) {
    throw new TypeError(`an issuer key's id is a whole number from 0 to 255, got ${id}`);
  }
  const root = createSecretKey(key);
  const info = (purpose: string, context: readonly string[]): string =>
    JSON.stringify(["keten", purpose, id, deployment, ...context]);
  const expand = (purpose: string, context: readonly string[], salt: Uint8Array, size: number) =>
    Buffer.from(hkdfSync("sha256", root, salt, info(purpose, context), size));
  const cipherKey = (purpose: string, context: readonly string[], salt: Uint8Array) => {
    const bytes = expand(purpose, context, salt, CIPHER_KEY_BYTES + NONCE_BYTES);
    return [bytes.subarray(0, CIPHER_KEY_BYTES), bytes.subarray(CIPHER_KEY_BYTES)] as const;
  };
  return {
    id,
    deployment,
    derive: (purpose, context, secret = new Uint8Array()) =>
      createSecretKey(expand(purpose, context, secret, 32)),
    seal(purpose, context, plain, salt) {
      const header = Buffer.from([SEAL_VERSION, id, ...salt]);
      const cipher = createCipheriv("aes-256-gcm", ...cipherKey(purpose, context, salt));
      cipher.setAAD(header);
      const sealed = [header, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
      return Buffer.concat(sealed).toString("base64url");
    },
    unseal(purpose, context, text) {
      const bytes = decodeBase64url(text);
      if (!bytes || bytes.length < SEAL_HEADER_BYTES + TAG_BYTES) return undefined;
      if (bytes[0] !== SEAL_VERSION || bytes[1] !== id) return undefined;
      const header = bytes.subarray(0, SEAL_HEADER_BYTES);
      const decipher = createDecipheriv(
        "aes-256-gcm",
        ...cipherKey(purpose, context, header.subarray(2)),
      );
      decipher.setAAD(header);
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const plain = decipher.update(bytes.subarray(SEAL_HEADER_BYTES, -TAG_BYTES));
      try {
        decipher.final();
        return plain;
      } catch {
        return undefined;
      }
    },
  };
}

/** Decodes base64url if the text is the one spelling of its bytes. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

/** Makes HMAC-SHA-256 with one key; 32 bytes, of which the caller may take fewer. */
export type Mac = (message: Uint8Array) => Buffer;

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** Where messages are put behind the inner block; grows with the longest. Used within one turn, by one thread. */
let inner = Buffer.allocUnsafeSlow(1024);
const outer = Buffer.allocUnsafeSlow(BLOCK_BYTES + DIGEST_BYTES);

/**
 * HMAC by its definition, over the runtime's one-shot SHA-256 and with the key's two blocks made once. A refresh takes
 * seven of them over messages of a hundred bytes, for which the runtime's own HMAC needs 1.8 µs each and leaves two
 * native objects to the garbage collector; this needs 0.7 µs and leaves none. RFC 2104, section 2
 */
export function macOf(key: KeyObject): Mac {
  const bytes = key.export();
  assert.ok(bytes.length <= BLOCK_BYTES, "a MAC's key is no longer than a block");
  const padded = (pad: number): Buffer => {
    const block = Buffer.alloc(BLOCK_BYTES, pad);
    for (const [i, byte] of bytes.entries()) block[i] = pad ^ byte;
    return block;
  };
  const innerBlock = padded(INNER_PAD);
  const outerBlock = padded(OUTER_PAD);
  bytes.fill(0);
  return (message) => {
    const end = BLOCK_BYTES + message.length;
    if (end > inner.length) inner = Buffer.allocUnsafeSlow(2 * end);
    inner.set(innerBlock);
    inner.set(message, BLOCK_BYTES);
    outer.set(outerBlock);
    outer.write(hash("sha256", inner.subarray(0, end), "latin1"), BLOCK_BYTES, "latin1");
    return Buffer.from(hash("sha256", outer, "latin1"), "latin1");
  };
}
