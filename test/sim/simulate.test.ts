/**
 * The simulator itself: it repeats itself, it judges right, it meets every fault, and what it finds is nothing.
 */

import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { runCampaign } from "../../sim/run/campaign.ts";
import { type History, runHistory } from "../../sim/run/history.ts";
import { keptSeeds } from "../../sim/run/kept-seeds.ts";
import { drawProfile } from "../../sim/run/profile.ts";

/** How long the campaign with a fresh seed goes on. */
const BUDGET_MS = 5000;

const told = ({ seed, failures }: Pick<History, "seed" | "failures">): string =>
  failures.map(({ kind, text }) => `${seed}: ${kind}: ${text}`).join("\n");

test("[E07, STO-04, PRO-22, PRO-23] a campaign with a fresh seed: nothing is lost that could be kept, and what is not lost comes back", async (t) => {
  const seed = randomBytes(6).toString("hex");
  t.diagnostic(`seed "${seed}"`);
  const startedAt = performance.now();
  const tally = await runCampaign({
    ...{ seed, histories: 1000, withKept: false },
    isEnough: ({ histories }) => histories >= 20 && performance.now() - startedAt > BUDGET_MS,
  });
  assert.equal(tally.failed.map(told).join("\n"), "");
  assert.ok(tally.refreshes > 300, `${tally.refreshes} refreshes are too few to mean anything`);
});

test("[PRO-23] seeds that ever failed pass", async () => {
  for (const { seed } of keptSeeds()) {
    assert.equal(told(await runHistory(drawProfile(seed))), "");
  }
});

test("[house] the same seed gives the same trace, also in another process; another seed another", async () => {
  const seed = "again";
  const run = async (of: string) =>
    (await runCampaign({ seed: of, histories: 5, withKept: false })).digest();
  const first = await run(seed);
  assert.equal(await run(seed), first);
  assert.notEqual(await run("other"), first);
  const script = join(import.meta.dirname, "..", "..", "sim", "run", "campaign.ts");
  const source = `
    const { runCampaign } = await import(${JSON.stringify(script)});
    const tally = await runCampaign({ seed: "${seed}", histories: 5, withKept: false });
    process.stdout.write(tally.digest());
  `;
  const args = ["--input-type=module", "--eval", source];
  assert.equal(execFileSync(process.execPath, args, { encoding: "utf8" }), first);
});

test("[house] a trace in words changes nothing of what happens", async () => {
  const profile = drawProfile("in words");
  const quiet = await runHistory(profile);
  const loud = await runHistory(profile, { inWords: true });
  assert.equal(quiet.refreshes, loud.refreshes);
  assert.deepEqual(quiet.losses, loud.losses);
  assert.ok((loud.lines?.length ?? 0) > 20);
});

test("[house] rows kept as values change nothing of what happens", async () => {
  for (let i = 0; i < 40; i += 1) {
    const profile = drawProfile(`rows-${i}`);
    const cheap = await runHistory({ ...profile, realRows: false });
    const real = await runHistory({ ...profile, realRows: true });
    assert.deepEqual({ ...cheap, counts: null }, { ...real, counts: null });
  }
});

test("[house] every fault, every status and every kind of request occurs in a campaign", async () => {
  const tally = await runCampaign({
    ...{ seed: "coverage", histories: 1500, withKept: false },
    isEnough: ({ missing }) => missing.length === 0,
  });
  assert.deepEqual(tally.missing, []);
});
