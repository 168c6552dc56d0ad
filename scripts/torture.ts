/**
 * What `npm run torture` runs: Keten is killed with SIGKILL again and again, and a judge says what was lost and why.
 *
 *   npm run torture -- --kills 200 --policy exact-online
 *     [--seed TEXT] [--connections 8] [--workers 4] [--time-scale 600] [--fault NAME=RATE ...] [--courier on|off]
 *
 * Sandbox, Keten and workers are processes. The sandbox holds requests and answers for 50 to 500 ms, and knows what it
 * accepted: what it logged decides. The last line is the result as JSON; the exit code is 1 if a chain was lost that
 * could have been kept, or without an explanation, if a token was spent twice, or if a chain that should live does not.
 *
 * Keten sends through its courier unless told otherwise, and only Keten is killed: that is what a courier is for, so that no
 * loss is unavoidable but by the network. With `--courier off` requests die with Keten.
 *
 * Why 600 times faster than life: access tokens of 600 s then live for a second, so that every chain refreshes about once
 * a second, and
 * - `exact-online`: its least interval of 570 s is 950 ms, longer than any hold: when Keten may ask again, the request in
 *   doubt has been decided, as it would be in life;
 * - `handshake`: a predecessor is open until its successor is used, which no scale changes; its 30 s of overlap and 60 s
 *   of sparing are 50 and 100 ms, shorter than most holds, so that a late duplicate finds no mercy by time;
 * - `strict`: has no window at all.
 *
 * With longer holds, such as `--fault hold=0.2:3000-6000`, requests of the dead arrive after later generations: that is
 * what Keten's quiet time is for.
 *
 * The policy `handshake` bounds how many generations in a row may be retried (eight). That is what it declares, so kills
 * keep honest clients below it: a chain with six in a row gets one generation in peace (`torture/moments.ts`).
 */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PRESETS } from "../src/vendors/presets.ts";
import { endAll } from "./children.ts";
import { Campaign, type CampaignOptions, type Ended } from "./torture/campaign.ts";
import { judgeTrace, type Loss, type Verdict } from "./torture/judge.ts";

/** Others can be added, and the same ones changed: of two for one fault the last counts. */
const FAULTS = ["answer-late=0.4:50-500", "hold=0.2:50-500"];
/** More than anybody wants to read. */
const TOLD_MAX = 20;

const options = readOptions();
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    stop.abort();
    // Whatever is being waited for ends with its process.
    void endAll();
  });
}
const dataDir = mkdtempSync(join(tmpdir(), "keten-torture-"));
try {
  const startedAt = performance.now();
  const ended = await Campaign.run({ ...options, dataDir, signal: stop.signal });
  report(ended, judgeTrace(ended.trace), (performance.now() - startedAt) / 1000);
} catch (error) {
  process.exitCode = stop.signal.aborted ? 130 : 1;
  if (!stop.signal.aborted) console.error("torture:", error);
} finally {
  await endAll();
  rmSync(dataDir, { recursive: true, force: true });
}

function readOptions(): Omit<CampaignOptions, "dataDir" | "signal"> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      ...{ kills: text, policy: text, seed: text, connections: text, workers: text },
      "time-scale": text,
      courier: text,
      fault: { type: "string", multiple: true },
    },
  });
  const { policy: preset = "exact-online", seed = randomBytes(6).toString("hex") } = values;
  const { courier = "on" } = values;
  if (courier !== "on" && courier !== "off") wrong("courier", courier, '"on" or "off"');
  const policy = Object.hasOwn(PRESETS, preset) ? PRESETS[preset] : undefined;
  if (!policy) wrong("policy", preset, `one of ${Object.keys(PRESETS).join(", ")}`);
  const options = {
    kills: whole("kills", values.kills ?? "200", 0),
    connections: whole("connections", values.connections ?? "8", 1),
    workers: whole("workers", values.workers ?? "4", 0),
    timeScale: whole("time-scale", values["time-scale"] ?? "600", 1),
    faults: [...FAULTS, ...(values.fault ?? [])],
    courier: courier === "on",
  };
  const { kills, connections, workers, timeScale } = options;
  console.log(`torture    ${preset}, ${kills} kills, seed "${seed}"`);
  console.log(
    `           ${connections} connections, ${workers} workers, ${timeScale} times faster than life`,
  );
  console.log(`           faults ${options.faults.join(" ")}, courier ${courier}`);
  return { ...options, preset, policy, seed, say: (line) => console.log(line) };
}

function whole(name: string, value: string, least: number): number {
  if (/^\d{1,6}$/.test(value) && Number(value) >= least) return Number(value);
  return wrong(name, value, `a whole number from ${least} on`);
}

function wrong(name: string, value: string, expected: string): never {
  console.error(`torture: --${name} "${value}"; expected ${expected}`);
  process.exit(2);
}

/** What could have been kept first, what nobody could have kept last. */
function gravity(loss: Loss): number {
  return loss.class === "unavoidable" ? 1 : 0;
}

function report({ trace, kills, aims, work, failures }: Ended, verdict: Verdict, s: number): void {
  const { losses, lost, doubleSpends, contradictions } = verdict;
  console.log(`in ${s.toFixed(0)} s; kills by aim: ${JSON.stringify(aims)}`);
  console.log(`workers    ${JSON.stringify(work)}`);
  const gravest = [...losses].sort((a, b) => gravity(a) - gravity(b));
  for (const { name, class: what, why } of gravest.slice(0, TOLD_MAX)) {
    console.log(`${what.padEnd(13)}${name}: ${why}`);
  }
  if (losses.length > TOLD_MAX) console.log(`and ${losses.length - TOLD_MAX} more losses`);
  for (const spend of doubleSpends) console.log(`double spend ${spend}`);
  for (const text of [...failures, ...contradictions]) console.log(`failure      ${text}`);
  const granted = trace.seen.filter(({ line }) => line.decision === "granted");
  const result = {
    kills,
    refreshes: granted.filter(({ line }) => line.duplicateOf === null).length,
    chains: trace.connections.length,
    lost,
    doubleSpends: doubleSpends.length,
  };
  const bad = lost.avoidable + lost.unexplained + doubleSpends.length;
  if (bad + failures.length + contradictions.length > 0) process.exitCode = 1;
  console.log(JSON.stringify(result));
}
