/**
 * What `npm run compare` runs: the keepers that people write first, and Keten, under the same single faults, with one and
 * with two processes. It is the page that tells in a minute why Keten exists: docs/comparison.md (`--write`).
 *
 * A cell is (preset, processes, fault); it is lost if the chain can be lost in it, at any point where the fault can
 * strike. What people did to a chain, and what breaks every keeper's assumptions on time, is left out.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../scripts/source-files.ts";
import { FAULT_NAMES, type Fault, OPERATOR, TIMING } from "../src/explorer/faults.ts";
import { ketenProgram } from "../src/explorer/keten-program.ts";
import { KEEPERS, plainProgram } from "../src/explorer/plain-program.ts";
import type { Policy } from "../src/kernel/policy.ts";
import { PRESETS } from "../src/vendors/presets.ts";
import { worstOf } from "./explore/cells.ts";

/** One preset for each way in which a superseded token is treated. */
const COMPARED = ["strict", "openam-13", "exact-online", "handshake", "google-50"];

interface Score {
  readonly lost: number;
  readonly cells: number;
  /** By preset and number of processes. */
  readonly by: ReadonlyMap<string, number>;
  readonly avoidable: number;
}

type WorstOf = (policy: Policy, workers: number, fault: Fault | null) => ReturnType<typeof worstOf>;

const keepers = new Map<string, WorstOf>([
  ...Object.entries(KEEPERS).map(([name, keeper]): [string, WorstOf] => [
    name,
    (policy, workers, fault) => worstOf(policy, plainProgram({ name, ...keeper }), workers, fault),
  ]),
  ["Keten", (policy, workers, fault) => worstOf(policy, ketenProgram([policy]), workers, fault)],
]);

/** What is neither people's doing nor breaks what every keeper assumes of time. */
const COUNTED: readonly (Fault | null)[] = [
  null,
  ...FAULT_NAMES.filter((fault) => !OPERATOR.has(fault) && !TIMING.has(fault)),
];

const scores = new Map<string, Score>();
for (const [name, worst] of keepers) {
  const score = scoreOf(worst);
  scores.set(name, score);
  const { lost, cells, avoidable } = score;
  console.log(
    `${name.padEnd(28)}${String(lost).padStart(4)} of ${cells} cells can be lost, ${avoidable} of them avoidably`,
  );
}
if (process.argv.includes("--write")) {
  writeFileSync(join(ROOT, "docs/comparison.md"), page(scores));
}
const strategies = Object.fromEntries(
  [...scores].map(([name, { lost, cells }]) => [name, { lost, cells }]),
);
console.log(JSON.stringify({ strategies }));

function scoreOf(worst: WorstOf): Score {
  const by = new Map<string, number>();
  let [lost, cells, avoidable] = [0, 0, 0];
  for (const preset of COMPARED) {
    for (const workers of [1, 2]) {
      const losses = COUNTED.map((fault) => worst(PRESETS[preset] as Policy, workers, fault));
      const here = losses.filter((loss) => loss !== null).length;
      by.set(`${preset} ${workers}`, here);
      lost += here;
      cells += losses.length;
      avoidable += losses.filter((loss) => loss === "avoidable").length;
    }
  }
  return { lost, cells, avoidable, by };
}

function page(all: ReadonlyMap<string, Score>): string {
  const columns = COMPARED.flatMap((preset) => [1, 2].map((n) => `${preset} ${n}`));
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  const heads = columns.map((column) => column.replace(/ (\d)$/, ", $1"));
  return [
    "# What the usual keepers lose",
    "",
    "<!-- Written by `npm run compare -- --write`. -->",
    "",
    "A refresh token that rotates has to be kept by somebody: read from a store, presented, its successor written back. The table",
    "counts the single faults (of those in the [fault matrix](fault-matrix.md) that are neither people's doing nor broken clocks)",
    "under which a chain *can be lost* in three refreshes, at any point where the fault can strike, by exhaustive search; with",
    "one process and with two. The rows run the same search with the same remote and the same faults. A search ends at the first",
    "loss that could have been avoided, and is given up after 20,000 states: what two processes without a lock do to each other",
    "has no end.",
    "",
    line(["keeper", ...heads, "in all", "of them avoidable"]),
    line(["---", ...columns.map(() => "---"), "---", "---"]),
    ...[...all].map(([name, { lost, cells, avoidable, by }]) =>
      line([
        name,
        ...columns.map((column) => by.get(column) ?? ""),
        `${lost} of ${cells}`,
        avoidable,
      ]),
    ),
    "",
    "What Keten still loses, nobody can keep: the remote accepts only a token whose answer died on its way, and does not give it",
    "again. With the courier (on by default), a crash of the process is not among them any more; the search counts it all the",
    "same.",
    "",
  ].join("\n");
}
