/**
 * What `npm run clients` runs: applications that use client libraries as their manuals say, straight at a provider's
 * stand-in, and the same behind Keten. docs/clients.md is what it writes with `--write`.
 *
 *   npm run clients -- [--hours 24] [--accounts 3] [--seed TEXT] [--only SCENARIO] [--write]
 *
 * The last line is the result as JSON. The exit code is 1 if anything broke behind Keten that could have been kept.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../scripts/source-files.ts";
import type { Verdict } from "../test/clients/application.ts";
import { PROGRAMS } from "../test/clients/programs.ts";
import { type Column, cell, columnsOf, page, type Section } from "./clients/page.ts";
import { type Outcomes, runPrograms, straight, type Way } from "./clients/run-programs.ts";
import { SCENARIOS, type Scenario } from "./clients/scenarios.ts";

/** The way through Keten; undefined until there is one. */
const BEHIND_KETEN: Way | undefined = undefined;

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

// Libraries write here what the applications log themselves.
console.warn = () => {};

const sections: Section[] = [];
for (const scenario of scenarios) {
  const section = await runScenario(scenario);
  sections.push(section);
  tell(section);
}
if (values.write) {
  writeFileSync(
    join(ROOT, "docs/clients.md"),
    page({ sections, versions: versions(), hours, accounts, seed }),
  );
}
const result = {
  ...{ programs: PROGRAMS.length, scenarios: scenarios.length, hours, seed },
  straight: totals(sections.map((section) => section.straight)),
  keten: BEHIND_KETEN ? totals(sections.map(({ behind }) => behind)) : null,
};
console.log(JSON.stringify(result));

async function runScenario(scenario: Scenario): Promise<Section> {
  const calm = { scenario, way: straight, hours, accounts: 1, faulty: false, seed };
  const faulty = { scenario, hours, workers: 2, accounts, faulty: true, seed };
  const column = (title: string, outcomes: Outcomes | null): Column => ({ title, outcomes });
  return {
    scenario,
    alone: column("straight, one worker, no faults", await runPrograms({ ...calm, workers: 1 })),
    calm: column("straight, no faults", await runPrograms({ ...calm, workers: 2 })),
    straight: column("straight, with faults", await runPrograms({ ...faulty, way: straight })),
    behind: column("behind Keten, with faults", await behindKeten(faulty)),
  };
}

async function behindKeten(
  options: Omit<Parameters<typeof runPrograms>[0], "way">,
): Promise<Outcomes | null> {
  if (!BEHIND_KETEN) return null;
  const outcomes = await runPrograms({ ...options, way: BEHIND_KETEN });
  const served = [...outcomes.values()].flat().every(({ verdict }) => verdict === "kept");
  if (options.scenario.keepable && !served) process.exitCode = 1;
  return outcomes;
}

function tell(section: Section): void {
  console.log(section.scenario.name);
  for (const { title, outcomes } of columnsOf(section)) {
    if (!outcomes) continue;
    console.log(`  ${title}`);
    for (const [program, all] of outcomes) console.log(`    ${program.padEnd(50)}${cell(all)}`);
  }
}

function totals(columns: readonly Column[]): Record<string, number> {
  const verdicts = columns.flatMap(({ outcomes }) =>
    [...(outcomes?.values() ?? [])].flat().map(({ verdict }) => verdict),
  );
  const count = (verdict: Verdict): number => verdicts.filter((one) => one === verdict).length;
  const [broken, needsRestart] = [count("broken"), count("needs a restart")];
  return { accounts: verdicts.length, broken, needsRestart };
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
