/** The seeds of histories that ever failed, with what each found: one a line, the seed first. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface KeptSeed {
  readonly seed: string;
  readonly found: string;
}

export function keptSeeds(): readonly KeptSeed[] {
  return readFileSync(join(import.meta.dirname, "seeds.txt"), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => {
      const [seed = "", ...words] = line.split(/\s+/);
      return { seed, found: words.join(" ") };
    });
}
