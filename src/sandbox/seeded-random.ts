/**
 * Randomness that a seed repeats: blocks of SHA-256 over the seed, a purpose and a counter. What a stand-in issues can
 * be guessed by whoever knows its seed, which is why this lives here and nowhere else.
 */

import { hash } from "node:crypto";
import type { Random } from "../env/random.ts";

const BLOCK_BYTES = 32;

export function seededRandom(seed: string, purpose: string): Random {
  let counter = 0;
  const bytes = (length: number): Buffer => {
    const blocks: Buffer[] = [];
    for (let size = 0; size < length; size += BLOCK_BYTES) {
      blocks.push(hash("sha256", JSON.stringify([seed, purpose, counter]), "buffer"));
      counter += 1;
    }
    return Buffer.concat(blocks).subarray(0, length);
  };
  return { bytes, fraction: () => bytes(6).readUIntBE(0, 6) / 2 ** 48 };
}
