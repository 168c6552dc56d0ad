/**
 * What `npm run mutants` runs: plants each mistake of the catalogue and sees that something notices.
 *
 *   npm run mutants                     all
 *   npm run mutants -- journal lease    those whose name or file contains one of the words
 *   npm run mutants -- --list           their names and what they get wrong
 *
 * The last line is the result as JSON. The exit code is 1 if a mutant lives, or is noticed only after a minute.
 */

import { parseArgs } from "node:util";
import { MUTANTS } from "./mutants/catalogue.ts";
import { Hunter, SECONDS_MAX, UNSOUND, type Verdict } from "./mutants/hunt.ts";
import { type Mutant, staleness } from "./mutants/mutant.ts";

/** At once: as many as a small machine has cores. */
const LANES = 2;

const { values, positionals } = parseArgs({
  options: { list: { type: "boolean" } },
  allowPositionals: true,
});
const chosen = MUTANTS.filter(
  ({ name, file }) =>
    positionals.length === 0 ||
    positionals.some((word) => name.includes(word) || file.includes(word)),
);

if (values.list)
  for (const { name, file, says } of chosen) console.log(`${name}\n  ${file}: ${says}`);
else await hunt();

async function hunt(): Promise<void> {
  const stale = chosen.flatMap((mutant) => staleness(mutant) ?? []);
  for (const what of stale) console.log(`stale      ${what}`);
  if (stale.length > 0 || chosen.length === 0) process.exit(2);
  console.log(`mutants    ${chosen.length}, ${LANES} at a time`);
  const hunter = new Hunter();
  const waiting = [...chosen];
  const verdicts: Verdict[] = [];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const verdict = await hunter.hunt(next);
      verdicts.push(verdict);
      tell(verdict);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const killed = verdicts.filter(({ by }) => by !== null);
  const slowestSeconds = Number(Math.max(...killed.map(({ seconds }) => seconds), 0).toFixed(1));
  if (killed.length < chosen.length || slowestSeconds > SECONDS_MAX) process.exitCode = 1;
  console.log(JSON.stringify({ planted: chosen.length, killed: killed.length, slowestSeconds }));
}

function tell({ mutant, by, seconds, tried }: Verdict): void {
  const { name } = mutant as Mutant;
  const time = `${seconds.toFixed(1)} s`;
  if (by !== null) console.log(`killed     ${name}  by ${by}  ${time}`);
  else console.log(`SURVIVED   ${name}  ${time}\n             ${mutant.says}`);
  const told = by === null ? tried : tried.filter((what) => what.includes(UNSOUND));
  for (const what of told) console.log(`             ${what}`);
}
