/** Randomness that a seed repeats: blocks of SHA-256 over the seed and a counter. For tests only. */

import { createHash } from "node:crypto";
import type { Random } from "../../src/env/random.ts";

export function seededRandom(seed: string | number): Random {
  let counter = 0;
  let rest = Buffer.alloc(0);
  const bytes = (length: number): Buffer => {
    const blocks = [rest];
    for (let size = rest.length; size < length; size += 32) {
      blocks.push(createHash("sha256").update(`${seed}/${counter}`).digest());
      counter += 1;
    }
    const all = Buffer.concat(blocks);
    rest = all.subarray(length);
    return Buffer.from(all.subarray(0, length));
  };
  return { bytes, fraction: () => bytes(6).readUIntBE(0, 6) / 2 ** 48 };
}
