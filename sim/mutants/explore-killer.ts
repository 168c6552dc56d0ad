/**
 * The explorer as a killer of mutants: exits with 1 where a search finds a chain lost that could have been kept, or does
 * not come to its end.
 *
 *   node sim/mutants/explore-killer.ts PRESETS WORKERS FAULTS [FAULTS AT A TIME] [apart]
 */

import type { Fault } from "../../src/explorer/faults.ts";
import { ketenProgram } from "../../src/explorer/keten-program.ts";
import { revisionsOf } from "../../src/explorer/remote.ts";
import { explore } from "../../src/explorer/search.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

const { strict, handshake } = PRESETS as { readonly strict: Policy; readonly handshake: Policy };
const overlap = { ...strict.overlap, atLeast: 60 * SECOND };

/** The presets, and policies in which a mistake shows that no preset brings to light. */
const POLICIES: Readonly<Record<string, Policy>> = {
  ...PRESETS,
  grace: { ...strict, overlap },
  /** Each retry brings another successor, which displaces the one before. */
  renewing: { ...strict, overlap, retry: { ...strict.retry, answer: "new" } },
  impatient: { ...handshake, retry: { ...handshake.retry, streak: 1 } },
};

/** Many times what a sound search of a few faults finds. */
const STATES_MAX = 60_000;

const [presets = "", workers = "1", faults = "", at = "1", apart = ""] = process.argv.slice(2);

for (const preset of presets.split(",")) {
  const policy = POLICIES[preset];
  if (!policy) throw new RangeError(`"${preset}" is no policy`);
  const setting = {
    policy,
    revisions: revisionsOf(policy),
    program: ketenProgram([policy]),
    faults: faults.split(",") as Fault[],
    faultsMax: Number(at),
    rounds: 3,
  };
  const options = { workers: Number(workers), apart: apart === "apart", statesMax: STATES_MAX };
  const { stories, isComplete, states } = explore(setting, options);
  const found = stories.find(({ loss }) => loss.class === "avoidable");
  if (found) {
    console.log(`${preset}, ${found.faults.join(", ")}: ${found.loss.why}`);
    for (const step of found.steps) console.log(`  ${step}`);
    process.exit(1);
  }
  if (!isComplete) {
    console.log(`${preset}: the search does not end; ${states} states so far`);
    process.exit(1);
  }
}
