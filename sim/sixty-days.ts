/**
 * What `npm run sixty-days` runs: one Exact Online user and app, kept by a cluster of three Keten processes and shared by
 * eight consumers for sixty days of simulated time, with faults.
 *
 *   npm run sixty-days -- [--days 60] [--seed TEXT] [--memory]
 *
 * The store is a SQLite file, the journals are files; with `--memory` neither is. The last line is the result as JSON. The exit code is 1 if anything
 * broke, or one of the provider's limits was passed.
 */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Result, runSixtyDays } from "./sixty-days/run.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { days: text, seed: text, memory: { type: "boolean" } } });
const { days = "60", seed = randomBytes(6).toString("hex"), memory = false } = values;
if (!/^[1-9]\d{0,3}$/.test(days)) {
  console.error(`sixty-days: --days "${days}"; expected a whole number from 1`);
  process.exit(2);
}

console.log(`sixty-days ${days} days, seed "${seed}", store ${memory ? "in memory" : "in a file"}`);
const directory = mkdtempSync(join(tmpdir(), "keten-sixty-days-"));
const startedAt = performance.now();
try {
  const result = await runSixtyDays({
    ...{ days: Number(days), seed, directory, isInMemory: memory },
    onDay: tell,
  });
  report(result);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function tell(day: number, so: Result): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  const { refreshes, kills, stops, breaks, tooEarly, errorsPerHourMax } = so;
  console.log(
    `day ${String(day).padStart(3)}    ${refreshes} refreshes, ${kills} kills, ${stops} restarts, ${tooEarly} too early, ${errorsPerHourMax} errors an hour, ${breaks} breaks; ${seconds} s`,
  );
}

function report(result: Result): void {
  const { broken, faults, refusals, answers, happened, longestWithoutMs, longestBlamedMs } = result;
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;
  console.log(`faults     ${list(faults)}`);
  console.log(`refusals   ${list(refusals) || "none"}`);
  console.log(`answers    ${list(answers)}`);
  console.log(`happened   ${list(happened)}`);
  console.log(
    `longest    without a token ${seconds(longestWithoutMs)}, of it outside of trouble ${seconds(longestBlamedMs)}`,
  );
  for (const { at, consumer, what } of broken) {
    console.log(`break      ${new Date(at).toISOString()} ${consumer}: ${what}`);
  }
  const { refreshes, tokenCallsPerDayMax, tooEarly, errorsPerHourMax, kills, breaks } = result;
  const { consumers, invalidGrants, overQuota } = result;
  const line = { days: result.days, refreshes, tokenCallsPerDayMax, tooEarly, errorsPerHourMax };
  console.log(JSON.stringify({ ...line, kills, breaks, consumers, invalidGrants }));
  const isWithin = tokenCallsPerDayMax <= 200 && overQuota === 0 && errorsPerHourMax < 10;
  if (breaks > 0 || invalidGrants > 0 || !isWithin) process.exitCode = 1;
}
