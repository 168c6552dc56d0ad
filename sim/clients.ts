/**
 * What `npm run clients` runs: applications that use client libraries as their manuals say, straight at a provider's
 * stand-in, and the same behind Keten. docs/clients.md is what it writes with `--write`.
 *
 *   npm run clients -- [--hours 24] [--accounts 3] [--seed TEXT] [--only SCENARIO] [--write]
 *
 * The last line is the result as JSON. The exit code is 1 if behind Keten a chain was lost that could have been kept, or if an
 * application did not go on by itself once the owner had connected a lost one anew.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../scripts/source-files.ts";
import { PROGRAMS } from "../test/clients/programs.ts";
import { COLUMN_NAMES, runColumnApart, TITLES } from "./clients/columns.ts";
import { cell, page, type Section, totalOf } from "./clients/page.ts";
import { SCENARIOS, type Scenario } from "./clients/scenarios.ts";
import { inParallel } from "./crash/in-parallel.ts";

/** A run waits more than it works: libraries and the provider take real time. */
const AT_ONCE = 3;

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { hours: text, accounts: text, seed: text, only: text, write: { type: "boolean" } },
});
const hours = whole("hours", "24");
const accounts = whole("accounts", "3");
const seed = values.seed ?? "clients";
const scenarios = SCENARIOS.filter(({ name }) => values.only === undefined || name === values.only);
if (scenarios.length === 0) {
  console.error(`clients: no scenario "${values.only}"; expected one of ${names(SCENARIOS)}`);
  process.exit(2);
}

const runs = scenarios.flatMap(({ name: scenario }) =>
  COLUMN_NAMES.map((column) => ({ scenario, column, hours, accounts, seed })),
);
const outcomes = await inParallel(runs, AT_ONCE, runColumnApart, (done) => {
  console.error(`${done} of ${runs.length} columns`);
});
const sections = scenarios.map((scenario): Section => {
  const own = runs.flatMap((run, i) =>
    run.scenario === scenario.name ? [[run.column, outcomes[i]]] : [],
  );
  return { scenario, ...(Object.fromEntries(own) as Omit<Section, "scenario">) };
});
for (const section of sections) tell(section);
if (values.write) {
  writeFileSync(
    join(ROOT, "docs/clients.md"),
    page({ sections, versions: versions(), hours, accounts, seed }),
  );
}
const result = {
  ...{ programs: PROGRAMS.length, scenarios: scenarios.length, hours, seed },
  straight: totalOf(sections.map((section) => section.straight)),
  keten: totalOf(sections.map(({ behind }) => behind)),
};
console.log(JSON.stringify(result));
for (const { scenario, behind } of sections) {
  const { broken, needsRestart, lost } = totalOf([behind]);
  if (broken + needsRestart > 0 || (scenario.keepable && lost > 0)) process.exitCode = 1;
}

function tell(section: Section): void {
  console.log(section.scenario.name);
  for (const name of COLUMN_NAMES) {
    console.log(`  ${TITLES[name]}`);
    for (const [program, all] of section[name]) {
      console.log(`    ${program.padEnd(50)}${cell(all)}`);
    }
  }
}

/** The versions that are installed. */
function versions(): Record<string, string> {
  const libraries = [...new Set(PROGRAMS.map(({ library }) => library))];
  const of = (name: string): string =>
    JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
  return Object.fromEntries(libraries.map((name) => [name, of(name)]));
}

function names(all: readonly Scenario[]): string {
  return all.map(({ name }) => `"${name}"`).join(", ");
}

function whole(name: "hours" | "accounts", otherwise: string): number {
  const value = values[name] ?? otherwise;
  if (/^[1-9]\d{0,3}$/.test(value)) return Number(value);
  console.error(`clients: --${name} "${value}"; expected a whole number from 1`);
  process.exit(2);
}
