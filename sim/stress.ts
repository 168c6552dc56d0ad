/**
 * What `npm run stress` runs: campaigns too long for every test run, each with a short sample there.
 *
 *   npm run stress -- parallel  [--rounds 1000] [--preset NAME]            25 redemptions of one token or code at once
 *   npm run stress -- refreshes [--count 1000000] [--chains 1000] [--preset handshake]
 *   npm run stress -- garbage   [--count 1000000] [--preset handshake] [--seed TEXT]
 *   npm run stress -- fuzz      [--count 1000000] [--preset NAME] [--seed TEXT]
 *
 * Progress goes to standard error. The last line of standard output is the result as JSON; the exit code is 1 if anything
 * happened that must not, each told above it.
 */

import { parseArgs } from "node:util";
import type { Campaign, OnProgress } from "./stress/campaign.ts";
import { runFuzz } from "./stress/fuzz.ts";
import { runGarbage } from "./stress/garbage.ts";
import { runParallel } from "./stress/parallel.ts";
import { runRefreshes } from "./stress/refreshes.ts";

const MILLION = "1000000";
const PROGRESS_EVERY_MS = 2000;

const text = { type: "string" } as const;
const { values, positionals } = parseArgs({
  options: { count: text, chains: text, rounds: text, preset: text, seed: text },
  allowPositionals: true,
});
const { preset, seed = "stress" } = values;
const presets = preset === undefined ? {} : { presets: [preset] };

const CAMPAIGNS: Readonly<Record<string, (onProgress: OnProgress) => Promise<Campaign>>> = {
  parallel: (onProgress) =>
    runParallel({ rounds: whole("rounds", "1000"), ...presets, onProgress }),
  refreshes: (onProgress) =>
    runRefreshes({
      chains: whole("chains", "1000"),
      refreshes: whole("count", MILLION),
      preset: preset ?? "handshake",
      onProgress,
    }),
  garbage: (onProgress) =>
    runGarbage({
      tokens: whole("count", MILLION),
      seed,
      ...(preset === undefined ? {} : { preset }),
      onProgress,
    }),
  fuzz: (onProgress) =>
    runFuzz({ requests: whole("count", MILLION), seed, ...presets, onProgress }),
};

function whole(option: "count" | "chains" | "rounds", otherwise: string): number {
  const value = values[option] ?? otherwise;
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  console.error(`stress: --${option} "${value}"; expected a whole number above 0`);
  process.exit(2);
}

function teller(): OnProgress {
  const startedAt = performance.now();
  let toldAt = startedAt;
  return (done, of, what) => {
    const now = performance.now();
    if (now - toldAt < PROGRESS_EVERY_MS) return;
    toldAt = now;
    const seconds = ((now - startedAt) / 1000).toFixed(0);
    process.stderr.write(`stress     ${what}: ${done} of ${of}, ${seconds} s so far\n`);
  };
}

const [name = ""] = positionals;
const campaign = CAMPAIGNS[name];
if (!campaign || positionals.length !== 1) {
  console.error(
    `stress: "${positionals.join(" ")}"; expected ${Object.keys(CAMPAIGNS).join(", ")}`,
  );
  process.exit(2);
}
const startedAt = performance.now();
const { figures, violations } = await campaign(teller());
for (const violation of violations) console.log(`violation  ${violation}`);
const seconds = Number(((performance.now() - startedAt) / 1000).toFixed(1));
console.log(JSON.stringify({ campaign: name, ...figures, seconds, violations: violations.length }));
if (violations.length > 0) process.exitCode = 1;
