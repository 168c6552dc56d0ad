/**
 * A data key: 32 random bytes that never encrypt anything themselves. Every use derives its own key with
 * HKDF-SHA256 under a label of its own, so that no two uses share one.
 */

import assert from "node:assert/strict";
import { hkdfSync } from "node:crypto";

export const DATA_KEY_BYTES = 32;

export class DataKey {
  /** Names the key in every envelope; says nothing about it. 16 hexadecimal digits. */
  readonly id: string;
  readonly #bytes: Buffer;
  #wiped = false;

  /** Copies the bytes; the caller fills its own with zeros. */
  constructor(bytes: Uint8Array) {
    assert.equal(bytes.length, DATA_KEY_BYTES);
    this.#bytes = Buffer.from(bytes);
    this.id = this.derive("keten key id 1", 8).toString("hex");
  }

  /** Derives bytes for one use; the label and what is mixed in tell the uses apart. */
  derive(
    label: string,
    length: number,
    { salt = "", context = "" }: { salt?: Uint8Array | string; context?: Uint8Array | string } = {},
  ): Buffer {
    assert.ok(!this.#wiped, "the data key was wiped");
    const info = Buffer.concat([Buffer.from(`${label}\0`), Buffer.from(context)]);
    return Buffer.from(hkdfSync("sha256", this.#bytes, salt, info, length));
  }

  /** A copy of the bytes, for a process of ours. The caller fills it with zeros. */
  copy(): Buffer {
    assert.ok(!this.#wiped, "the data key was wiped");
    return Buffer.from(this.#bytes);
  }

  /** Fills the key with zeros; any later use of it is an error. */
  wipe(): void {
    this.#wiped = true;
    this.#bytes.fill(0);
  }
}
