/**
 * Sealing: secrets at rest, bound to the place where they rest.
 *
 * 1. An envelope is: format version (1 byte), key id (8), nonce (24), key commitment (32), ciphertext, tag (16);
 *    as text base64url. AES-256-GCM; no other format exists, and an unknown version or key id is refused.
 * 2. Each envelope has its own key, derived from the data key, its nonce and its context, so no key meets two
 *    messages and no count of messages has to be kept. The GCM nonce is derived with it.
 * 3. The context is the deployment and the place: kind of record, column, id, generation. It goes into the derivation
 *    and into the authenticated data: an envelope moved to any other place does not open.
 * 4. GCM alone does not bind a ciphertext to one key, hence the commitment, which is checked first.
 * 5. Whatever is wrong, the error is the same: it tells an attacker nothing about how far a forgery got.
 */

import { createCipheriv, createDecipheriv, createHash, timingSafeEqual } from "node:crypto";
import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import type { DataKey } from "./data-key.ts";

const VERSION = 1;
const CIPHER = "aes-256-gcm";
const KEY_ID_AT = 1;
const NONCE_AT = KEY_ID_AT + 8;
const COMMITMENT_AT = NONCE_AT + 24;
const TEXT_AT = COMMITMENT_AT + 32;
const TAG_BYTES = 16;

/** How many bytes an envelope has more than what is in it. */
export const SEAL_OVERHEAD_BYTES: number = TEXT_AT + TAG_BYTES;

/** The place a secret rests in. */
export interface SealContext {
  /** The kind of record, such as "connection". */
  readonly kind: string;
  /** Which of its values, such as "refreshToken". */
  readonly column: string;
  /** The record's id: a chain or a connection. */
  readonly id: string;
  /** The generation the value belongs to; 0 where there is none. */
  readonly generation: number;
}

export interface Sealer {
  /** Seals a secret for one place. */
  seal(context: SealContext, plaintext: Secret): string;
  /** Opens what was sealed for the same place. @throws KetenError `seal_broken`, always in the same words. */
  open(context: SealContext, envelope: string): Secret;
  /** As `seal`, for bytes. The caller's bytes stay as they are. */
  sealBytes(context: SealContext, plaintext: Uint8Array): Buffer;
  /** As `open`, for bytes. @throws KetenError `seal_broken` */
  openBytes(context: SealContext, envelope: Uint8Array): Buffer;
}

export interface SealerOptions {
  /** The first one seals; any of them opens. */
  readonly keys: readonly [DataKey, ...DataKey[]];
  /** Whose data this is. A copied store opens nothing in another deployment. */
  readonly deploymentId: string;
  readonly random: Random;
}

export function createSealer({ keys, deploymentId, random }: SealerOptions): Sealer {
  const [sealing] = keys;
  const byId = new Map(keys.map((key) => [key.id, key]));

  const sealBytes = (context: SealContext, plaintext: Uint8Array): Buffer => {
    const place = encodePlace(deploymentId, context);
    const nonce = random.bytes(COMMITMENT_AT - NONCE_AT);
    const { key, iv, commitment } = deriveKeys(sealing, nonce, place);
    const keyId = Buffer.from(sealing.id, "hex");
    const header = Buffer.concat([Uint8Array.of(VERSION), keyId, nonce, commitment]);
    const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.concat([header, place]));
    const text = cipher.update(plaintext);
    cipher.final();
    key.fill(0);
    return Buffer.concat([header, text, cipher.getAuthTag()]);
  };

  const openBytes = (context: SealContext, input: Uint8Array): Buffer => {
    const envelope = Buffer.from(input.buffer, input.byteOffset, input.length);
    const dataKey = byId.get(envelope.toString("hex", KEY_ID_AT, NONCE_AT));
    if (envelope.length < SEAL_OVERHEAD_BYTES || envelope[0] !== VERSION || !dataKey) {
      throw broken();
    }
    const place = encodePlace(deploymentId, context);
    const nonce = envelope.subarray(NONCE_AT, COMMITMENT_AT);
    const { key, iv, commitment } = deriveKeys(dataKey, nonce, place);
    if (!timingSafeEqual(commitment, envelope.subarray(COMMITMENT_AT, TEXT_AT))) throw broken();
    const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.concat([envelope.subarray(0, TEXT_AT), place]));
    decipher.setAuthTag(envelope.subarray(-TAG_BYTES));
    const text = decipher.update(envelope.subarray(TEXT_AT, -TAG_BYTES));
    key.fill(0);
    try {
      decipher.final();
    } catch {
      text.fill(0);
      throw broken();
    }
    return text;
  };

  return {
    sealBytes,
    openBytes,
    seal: (context, plaintext) => {
      const bytes = Buffer.from(plaintext.reveal());
      const envelope = sealBytes(context, bytes).toString("base64url");
      bytes.fill(0);
      return envelope;
    },
    open: (context, envelope) => {
      const bytes = Buffer.from(envelope, "base64url");
      // The decoder overlooks stray characters and spare bits; a changed envelope must not pass by that.
      if (bytes.toString("base64url") !== envelope) throw broken();
      const text = openBytes(context, bytes);
      const secret = new Secret(text.toString());
      text.fill(0);
      return secret;
    },
  };
}

interface Keys {
  readonly key: Buffer;
  readonly iv: Buffer;
  readonly commitment: Buffer;
}

function deriveKeys(dataKey: DataKey, nonce: Uint8Array, place: Buffer): Keys {
  const context = createHash("sha256").update(place).digest();
  const bytes = dataKey.derive("keten seal 1", 76, { salt: nonce, context });
  return { key: bytes.subarray(0, 32), iv: bytes.subarray(32, 44), commitment: bytes.subarray(44) };
}

/** Writes the place so that no two places read the same: each part with its length before it. */
function encodePlace(deploymentId: string, context: SealContext): Buffer {
  const { kind, column, id, generation } = context;
  return Buffer.concat(
    [deploymentId, kind, column, id, String(generation)].flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(part));
      return [length, Buffer.from(part)];
    }),
  );
}

function broken(): KetenError {
  return new KetenError("seal_broken", "a sealed value does not open here");
}
