/**
 * Seeded randomness, one stream per purpose: what one part draws never shifts what another part draws.
 *
 * Not for secrets: small fast counting (sfc32, Chris Doty-Humphrey), because a simulated refresh draws a hundred numbers
 * and may take a tenth of a millisecond in all.
 */

import type { Random } from "../../src/env/random.ts";

/** Two numbers from a text: FNV-1a and a second mix of the same characters. */
export function digest(text: string): readonly [number, number] {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (b >>> 13);
  }
  return [a >>> 0, b >>> 0];
}

export class Stream {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: string, purpose: string) {
    const [a, b] = digest(seed);
    const [c] = digest(`${purpose}/${seed}`);
    this.#a = a;
    this.#b = b;
    this.#c = c;
    for (let i = 0; i < 15; i += 1) this.next();
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.next() / 4294967296;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  between(least: number, most: number): number {
    return least + this.fraction() * (most - least);
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.fraction() * list.length)] as T;
  }

  /** Picks by weight. */
  weighted<T>(list: readonly (readonly [T, number])[]): T {
    let left = this.fraction() * list.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [value, weight] of list) {
      left -= weight;
      if (left < 0) return value;
    }
    return (list.at(-1) as readonly [T, number])[0];
  }

  /** Small numbers far more often than large ones. */
  skewed(least: number, most: number): number {
    return least * (most / least) ** this.fraction();
  }

  /** The randomness that code under simulation is given. */
  asRandom(): Random {
    return {
      bytes: (length) => {
        const bytes = Buffer.allocUnsafe(length);
        for (let i = 0; i < length; i += 4) {
          const word = this.next();
          for (let k = 0; k < 4 && i + k < length; k += 1) bytes[i + k] = word >>> (8 * k);
        }
        return bytes;
      },
      fraction: () => this.fraction(),
    };
  }
}
