/**
 * What `npm run simulate` runs: the real issuer, keychain and store over a simulated clock, network, disk and hosts.
 *
 *   npm run simulate -- [--histories 1000] [--seed TEXT]      a campaign; its last line is the result as JSON
 *   npm run simulate -- --history SEED [--trace]              one history, with its trace in words
 *
 * A seed that begins with the name of a policy and a slash, such as "strict/1", has that policy in all its histories. The
 * same seed gives the same histories and the same hash on every machine. The exit code is 1 if a chain was lost that
 * could have been kept, a connection did not come back, a token was spent twice, a provider in trouble was asked too
 * often, or the code failed.
 */

import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { type Failed, runCampaign, type Tally } from "./run/campaign.ts";
import { runHistory } from "./run/history.ts";
import { describe, drawProfile } from "./run/profile.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { histories: text, seed: text, history: text, trace: { type: "boolean" } },
});

if (values.history === undefined) {
  Error.stackTraceLimit = 0;
  await campaign();
} else await one(values.history);

async function campaign(): Promise<void> {
  const { seed = randomBytes(6).toString("hex") } = values;
  const histories = whole(values.histories ?? "1000");
  console.log(`simulate   ${histories} histories, seed "${seed}"`);
  const startedAt = performance.now();
  const cpuAt = process.cpuUsage();
  const tally = await runCampaign({
    ...{ seed, histories },
    onFailure: tell,
    onProgress: (done, so) => {
      const passed = (performance.now() - startedAt) / 1000;
      const left = ((histories - done) * passed) / done;
      const rate = Math.round(so.refreshes / passed);
      console.log(
        `           ${done} histories, ${so.refreshes} refreshes, ${rate}/s, ${left.toFixed(0)} s left`,
      );
    },
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuAt);
  report(tally, (cpu.user + cpu.system) / 1e6);
  const { refreshes, failures, failed } = tally;
  if (failed.length > 0) {
    const kinds = Object.entries(failures).filter(([, count]) => count > 0);
    const list = kinds.map(([kind, count]) => `${kind} ${count}`).join(", ");
    console.log(`failed     ${failed.length} histories (told above): ${list}`);
    process.exitCode = 1;
  }
  const result = {
    ...{ histories: tally.histories, refreshes, seconds: Number(seconds.toFixed(1)) },
    ...{ avoidable: failures.avoidable, seed, hash: tally.digest() },
  };
  console.log(JSON.stringify(result));
}

function report(tally: Tally, cpuSeconds: number): void {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
  const { refreshes, events, handOuts } = tally;
  console.log(`faults     ${list(tally.faults)}`);
  console.log(`statuses   ${list(tally.statuses)}`);
  console.log(`requests   ${list(tally.whys)}`);
  console.log(`losses     ${list(tally.losses)}`);
  console.log(
    `speed      ${Math.round(refreshes / cpuSeconds)} refreshes per second of a core; ${events} events, ${handOuts} hand-outs`,
  );
  if (tally.missing.length > 0 && tally.histories >= 3000) {
    console.log(`missing    never happened: ${tally.missing.join(", ")}`);
    process.exitCode = 1;
  }
}

function tell({ seed, failures }: Failed): void {
  console.log(`failed     history "${seed}"`);
  console.log(describe(drawProfile(seed)));
  for (const { kind, text: what } of failures) console.log(`  ${kind}: ${what}`);
  console.log(`  again with its trace: npm run simulate -- --history ${seed} --trace`);
}

async function one(seed: string): Promise<void> {
  const profile = drawProfile(seed);
  console.log(`history    "${seed}"`);
  console.log(describe(profile));
  const history = await runHistory(profile, { inWords: values.trace ?? false });
  for (const line of history.lines ?? []) console.log(line);
  for (const { name, class: what, why } of history.losses)
    console.log(`lost       ${name}, ${what}: ${why}`);
  for (const { kind, text: what } of history.failures) console.log(`${kind}: ${what}`);
  if (history.failures.length > 0) process.exitCode = 1;
  const { hash, refreshes } = history;
  console.log(JSON.stringify({ seed, refreshes, hash, failures: history.failures.length }));
}

function whole(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  console.error(`simulate: --histories "${value}"; expected a whole number`);
  process.exit(2);
}
