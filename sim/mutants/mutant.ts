/**
 * A mutant: one mistake in the protocol, as a change of one place in one file, and what must notice it.
 *
 * 1. The change is text for text, and what it replaces occurs exactly once in its file: a mutant that fits nowhere, or
 *    in two places, is an error and proves nothing.
 * 2. The changed file still reads as TypeScript: a mistake in the patch must not pass for a mistake that was found.
 * 3. The sources are never written. `plant.ts` changes the text on its way into a process.
 */

import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import type { Fault } from "../../src/explorer/faults.ts";

export const ROOT: string = join(import.meta.dirname, "..", "..");

/** What is expected to fail where a mutant is planted, and passes where none is. */
export type Killer =
  /** A file of tests; or those of its tests whose title matches. */
  | {
      readonly tests: string;
      readonly named?: string;
      /** Whether couriers are left without the mutant: for tests of what stands in their environment. */
      readonly alone?: boolean;
    }
  /** A search of the explorer, one fault at a time. */
  | {
      readonly explore: readonly string[];
      readonly workers: 1 | 2;
      readonly faults: readonly Fault[];
      /** How many of the faults may strike in one history; one unless given. */
      readonly at?: number;
      /** Whether each process has a machine of its own. */
      readonly apart?: boolean;
    }
  /** A campaign of the simulator. */
  | { readonly simulate: string; readonly histories: number };

export interface Mutant {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The mistake, in a sentence. */
  readonly says: string;
  /** Asked in turn until one notices. */
  readonly killers: readonly Killer[];
}

/** A source with its mistake. @throws if the place is not there, or there more than once */
export function mutated(source: string, { name, file, from, to }: Mutant): string {
  const parts = source.split(from);
  if (parts.length === 2) return parts.join(to);
  throw new Error(`mutant "${name}" fits ${parts.length - 1} places of "${file}"; expected one`);
}

/** What is wrong with a mutant as it stands; undefined if it can be planted. */
export function staleness(mutant: Mutant): string | undefined {
  try {
    stripTypeScriptTypes(mutated(readFileSync(join(ROOT, mutant.file), "utf8"), mutant));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function nameOf(killer: Killer): string {
  if ("tests" in killer) {
    return killer.named === undefined ? killer.tests : `${killer.tests} /${killer.named}/`;
  }
  if ("simulate" in killer) return `simulator "${killer.simulate}", ${killer.histories} histories`;
  const { explore, workers, faults, at = 1, apart = false } = killer;
  const several = at > 1 ? `, ${at} at a time` : "";
  return `explorer ${explore.join(", ")}; ${workers} at work${apart ? " apart" : ""}; ${faults.join(", ")}${several}`;
}
