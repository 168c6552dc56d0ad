/**
 * Rows kept as values: the bytes of a record are the number under which its value stands in a list.
 *
 * 1. A value is frozen to its depth when it is written. So two readers may share it, and code that changes what it has
 *    read throws, where with bytes of its own it would get away with it.
 * 2. What the product's codec does to a record, nothing here does: a test runs histories with either, and compares
 *    their traces. A drawn few histories use the product's.
 */

import { type Codec, DURABLE } from "../../src/store/codec.ts";
import type { Profile } from "./profile.ts";

/** The rows of one database. */
export function rowsOf({ realRows }: Pick<Profile, "realRows">): Codec {
  return realRows ? DURABLE : valueRows();
}

export function valueRows(): Codec {
  const values: unknown[] = [];
  return {
    encode: (_, record) => {
      freeze(record);
      const at = values.push(record) - 1;
      return Uint8Array.of(at, at >>> 8, at >>> 16);
    },
    decode: (_, bytes) =>
      values[(bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8) | ((bytes[2] ?? 0) << 16)] as never,
  };
}

/** What is frozen already was frozen to its depth: nothing else freezes here. */
function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const key in value) freeze(value[key as keyof typeof value]);
}
