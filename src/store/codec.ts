/**
 * Records as bytes.
 *
 * 1. The first byte is the format. A format that this version does not know is refused, never guessed at: the store
 *    was written by a newer Keten, or is damaged.
 * 2. Most kinds are JSON, in which Infinity is written as 1e999: any JSON parser reads that back as Infinity, and
 *    none of them writes it by itself.
 * 3. Chains have a form of their own (`chain-codec.ts`), because their size must not depend on their history.
 * 4. Encoding refuses what would not come back equal: NaN, or a value JSON has no word for.
 */

import { strict as assert } from "node:assert";
import { KetenError } from "../env/error.ts";
import { CHAIN_FORMAT, decodeChain, encodeChain } from "./chain-codec.ts";
import type { ChainRecord, Kind, Records } from "./records.ts";
import type { Key } from "./store.ts";

const JSON_FORMAT = 0x4a;

/** How a store turns records into bytes and back. */
export interface Codec {
  encode<K extends Kind>(kind: K, record: Records[K]): Uint8Array;
  /** @throws KetenError `store_unsafe` if the bytes cannot be read */
  decode<K extends Kind>(key: Key<K>, bytes: Uint8Array): Records[K];
}

export function encodeRecord<K extends Kind>(kind: K, record: Records[K]): Uint8Array {
  if (kind === "chain") return encodeChain(record as ChainRecord);
  const json = toJson(record);
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(json));
  bytes[0] = JSON_FORMAT;
  bytes.write(json, 1);
  return bytes;
}

/**
 * The record of some bytes: a fresh value each time, so that no two callers share one.
 *
 * @throws KetenError `store_unsafe` if the bytes are in no known format or cannot be read
 */
export function decodeRecord<K extends Kind>(key: Key<K>, bytes: Uint8Array): Records[K] {
  const format = key.kind === "chain" ? CHAIN_FORMAT : JSON_FORMAT;
  if (bytes[0] !== format) throw unreadable(key, `format ${bytes[0]}, expected ${format}`);
  try {
    if (key.kind === "chain") return decodeChain(bytes) as Records[K];
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1);
    return JSON.parse(text.toString()) as Records[K];
  } catch (cause) {
    throw unreadable(key, "bytes that do not parse", cause);
  }
}

function unreadable({ kind, id }: Key, found: string, cause?: unknown): KetenError {
  return new KetenError("store_unsafe", `the ${kind} "${id}" cannot be read: ${found}`, {
    cause,
    evidence: { kind, id },
  });
}

/** What every store on a disk uses. */
export const DURABLE: Codec = { encode: encodeRecord, decode: decodeRecord };

/** JSON with Infinity. Values without one, which are nearly all, take the short way. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, isPlain(value) ? undefined : writeInfinity);
}

/** Whether JSON.stringify writes a value such that it comes back equal; false if only an Infinity is in the way. */
function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return true;
    case "number":
      assert.ok(!Number.isNaN(value), "a record holds NaN; expected a number");
      return Number.isFinite(value);
    case "object": {
      let plain = true;
      for (const item of Object.values(value ?? {})) plain = isPlain(item) && plain;
      return plain;
    }
    default:
      assert.fail(`a record holds a ${typeof value}; expected what JSON can write`);
  }
}

/** JSON's own way to write a number as given, which TypeScript's library for ES2024 does not list yet. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

function writeInfinity(_: string, value: unknown): unknown {
  if (value === Number.POSITIVE_INFINITY) return rawJSON("1e999");
  if (value === Number.NEGATIVE_INFINITY) return rawJSON("-1e999");
  return value;
}
