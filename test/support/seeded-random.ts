/** Randomness that a seed repeats, as the sandbox has it. */

import type { Random } from "../../src/env/random.ts";
import { seededRandom as sandboxRandom } from "../../src/sandbox/seeded-random.ts";

export const seededRandom = (seed: string | number): Random => sandboxRandom(String(seed), "test");
