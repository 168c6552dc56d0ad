/**
 * The trace of a history: what happened, in words and in order. Kept only as a running hash unless somebody asks for the
 * words; counted by name for coverage either way.
 */

import { hash } from "node:crypto";
import type { World } from "./world.ts";

export class Trace {
  readonly lines: string[] | null;
  readonly #world: World;
  #a = 0x811c9dc5;
  #b = 0x9e3779b9;

  constructor(world: World, inWords: boolean) {
    this.#world = world;
    this.lines = inWords ? [] : null;
  }

  note(text: string): void {
    const { now } = this.#world;
    let a = this.#a ^ (Math.round(now * 1000) | 0);
    let b = this.#b;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x85ebca6b) ^ (b >>> 13);
    }
    this.#a = a;
    this.#b = b ^ a;
    this.lines?.push(`${(now / 1000).toFixed(3).padStart(12)} s  ${text}`);
  }

  /** The hash of all that was noted. */
  digest(): string {
    return hash("sha256", `${this.#a >>> 0} ${this.#b >>> 0}`).slice(0, 16);
  }
}
