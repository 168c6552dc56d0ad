/**
 * What `npm run explore` runs: every preset, with one and with two processes, under every single fault and every pair,
 * each searched until there is no new state. What the model cannot tell apart (`src/explorer/as-explored.ts`) is searched
 * once; what is found is counted for each preset, and the line says whose search it was.
 *
 *   npm run explore                        all of it, on one core
 *     [--preset NAME ...] [--workers 1,2,3] [--apart] [--singles] [--write] [--stories CLASS]
 *
 * With `--apart` each process has a machine and a journal of its own. `--write` writes docs/fault-matrix.md and its picture from the single faults. The last line is the result as JSON:
 * `cells` are (preset, processes, faults that struck); a cell counts under the gravest loss found in it. The exit code is
 * 1 if a chain was lost that could have been kept.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../scripts/source-files.ts";
import { LOSS_CLASSES, type LossClass } from "../src/explorer/judge.ts";
import { PRESETS } from "../src/vendors/presets.ts";
import { type Cell, exploreCells, gravest, type Searches, type Sweep } from "./explore/cells.ts";
import { matrixPage } from "./explore/page.ts";
import { matrixPicture } from "./explore/picture.ts";

const { values } = parseArgs({
  options: {
    preset: { type: "string", multiple: true },
    workers: { type: "string", default: "1,2" },
    apart: { type: "boolean", default: false },
    singles: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    stories: { type: "string", default: "avoidable" },
  },
});

const presets = values.preset ?? Object.keys(PRESETS);
for (const name of presets) {
  if (!Object.hasOwn(PRESETS, name)) wrong("preset", name, Object.keys(PRESETS).join(", "));
}
const workers = values.workers.split(",").map(Number);
if (workers.some((count) => ![1, 2, 3].includes(count))) {
  wrong("workers", values.workers, "1, 2 and 3, with commas between them");
}
const told = values.stories as LossClass;
if (!LOSS_CLASSES.includes(told)) wrong("stories", values.stories, LOSS_CLASSES.join(", "));

const startedAt = performance.now();
const seconds = (): number => Math.round((performance.now() - startedAt) / 100) / 10;
const sweeps: Sweep[] = [];
const searches: Searches = new Map();
for (const preset of presets) {
  for (const count of workers) {
    const options = { apart: values.apart, searches };
    const sweep = exploreCells(preset, count, values.singles ? 1 : 2, options);
    sweeps.push(sweep);
    const { cells, states, sameAs } = sweep;
    const lost = counts(cells);
    const losses = LOSS_CLASSES.filter((name) => lost[name] > 0).map(
      (name) => `${lost[name]} ${name}`,
    );
    const size = `${String(cells.length).padStart(4)} cells ${String(states).padStart(8)} states`;
    const what = losses.join(", ") || "nothing lost";
    const as = sameAs.length > 0 ? `  as ${sameAs.join(", ")}` : "";
    console.log(`${preset.padEnd(27)}${count} ${size}  ${what}  ${seconds()} s${as}`);
    if (states === 0) continue;
    for (const story of sweep.stories.filter(({ loss }) => loss.class === told).slice(0, 3)) {
      console.log(`  ${story.faults.join(" and ") || "no fault"}: ${story.loss.why}`);
      for (const step of story.steps) console.log(`      ${step}`);
    }
  }
}
if (values.write) {
  const singles = sweeps.filter(({ workers: count }) => count <= 2);
  writeFileSync(join(ROOT, "docs/fault-matrix.md"), matrixPage(singles));
  writeFileSync(join(ROOT, "docs/fault-matrix.svg"), matrixPicture(singles));
}
const all = sweeps.flatMap(({ cells }) => cells);
const states = sweeps.reduce((sum, sweep) => sum + sweep.states, 0);
const lost = counts(all);
const size = { presets: presets.length, searches: searches.size, cells: all.length, states };
console.log(JSON.stringify({ ...size, seconds: seconds(), ...lost }));
if (lost.avoidable > 0) process.exitCode = 1;

function counts(cells: readonly Cell[]): Record<LossClass, number> {
  const count = (name: LossClass) => cells.filter((cell) => gravest(cell) === name).length;
  return {
    avoidable: count("avoidable"),
    unavoidable: count("unavoidable"),
    timing: count("timing"),
    held: count("held"),
    operator: count("operator"),
  };
}

function wrong(name: string, value: string, expected: string): never {
  console.error(`explore: --${name} "${value}"; expected ${expected}`);
  process.exit(2);
}
