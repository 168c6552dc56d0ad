/**
 * What `npm run bench` runs: Keten beside an echo and beside node-oidc-provider, in alternating rounds.
 *
 *   npm run bench                                  five rounds of three seconds each, then crowds and sizes: seven minutes
 *   npm run bench -- --rounds 5 --seconds 3        the same
 *   npm run bench -- --only rotations,echo         some figures only; no last line, no results
 *   npm run bench -- --quick                       seconds in all: whether it runs, not how fast; no results
 *   npm run bench -- --profiles DIR                CPU profiles of the servers, written when they end
 *   npm run bench -- --directory DIR               where the databases are, for the disk to measure
 *
 * Results go to `bench/results/`. The last line is JSON. `bench/README.md` says what each figure means.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { endAll } from "../scripts/children.ts";
import { barsOf, cpuOf, lastLine, type Round, rateOf, tellBar, tellMeasured } from "./figures.ts";
import { Loader, type Measured, type Timing } from "./loader.ts";
import { measureRecordSizes, type RecordSizes } from "./record-size.ts";
import { type CrowdRound, measureCrowd, tellCrowd } from "./relay.ts";
import { CLIENT, FIGURES, type FigureName, POLICY, type Stand, startStands } from "./stands.ts";
import { isInMemory, type Surroundings, surroundingsIn } from "./surroundings.ts";

interface Plan {
  readonly rounds: number;
  readonly timing: Timing;
  readonly connections: number;
  readonly consumers: number;
  readonly sizeChains: number;
  readonly refreshes: number;
  readonly only: readonly FigureName[];
  readonly quick: boolean;
  readonly profiles: string | undefined;
  readonly directory: string | undefined;
}

/** Unmeasured before each measured time: connections are made, code that rested becomes warm. */
const WARM_MS = 500;
/** Once per server, before the first round: for the compiler. */
const FIRST_WARM_MS = 2000;
const CONNECTIONS = 64;
const CONSUMERS = 10_000;
const CROWDS = 3;

const OPTIONS = {
  rounds: { type: "string", default: "5" },
  seconds: { type: "string", default: "3" },
  only: { type: "string" },
  quick: { type: "boolean", default: false },
  profiles: { type: "string" },
  directory: { type: "string" },
} as const;

/** Reads the command line; ends the process with a sentence if it is none. */
function planOf(args: readonly string[]): Plan {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS });
    const { quick, only, profiles, directory } = values;
    const figures = only === undefined ? FIGURES : only.split(",").map(figureNamed);
    const seconds = positive("seconds", values.seconds);
    return {
      rounds: quick ? 1 : Math.ceil(positive("rounds", values.rounds)),
      timing: quick
        ? { warmMs: 100, measureMs: 300 }
        : { warmMs: WARM_MS, measureMs: 1000 * seconds },
      connections: quick ? 8 : CONNECTIONS,
      consumers: quick ? 200 : CONSUMERS,
      sizeChains: quick ? 100 : 1000,
      refreshes: quick ? 2000 : 1_000_000,
      only: figures,
      quick,
      profiles: profiles === undefined ? undefined : resolve(profiles),
      directory,
    };
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    process.exit(2);
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new RangeError(`--${name} "${text}"; expected a number above 0`);
}

function figureNamed(name: string): FigureName {
  const figure = FIGURES.find((known) => known === name);
  if (figure) return figure;
  throw new RangeError(`--only "${name}"; expected some of ${FIGURES.join(", ")}`);
}

async function measureRounds(plan: Plan, directory: string): Promise<readonly Round[]> {
  const { connections, profiles, only } = plan;
  const loader = await Loader.start();
  const { consumers } = plan;
  const stands = (
    await startStands({ directory, connections, consumers, loader, profiles })
  ).filter(({ figure }) => only.includes(figure));
  console.log(`up: ${stands.length} figures, ${connections} connections; warming up`);
  if (!plan.quick) {
    for (const { server, loads } of stands) {
      await loader.run(server, loads, { warmMs: 0, measureMs: FIRST_WARM_MS });
    }
  }
  const rounds: Round[] = [];
  for (let number = 1; number <= plan.rounds; number += 1) {
    rounds.push(await measureRound(`round ${number}/${plan.rounds}`, stands, loader, plan.timing));
  }
  await endAll();
  return rounds;
}

async function measureRound(
  title: string,
  stands: readonly Stand[],
  loader: Loader,
  timing: Timing,
): Promise<Round> {
  const figures: Record<string, Measured> = {};
  let rotationsMeanwhile = 0;
  for (const { figure, server, loads } of stands) {
    const { measured, others } = await loader.run(server, loads, timing);
    figures[figure] = measured;
    console.log(`${title}  ${tellMeasured(figure, measured)}`);
    const [meanwhile] = others;
    if (!meanwhile) continue;
    rotationsMeanwhile = meanwhile.answers / meanwhile.seconds;
    console.log(`${title}    beside ${Math.round(rotationsMeanwhile)} rotations/s`);
  }
  return { ...(figures as Record<FigureName, Measured>), rotationsMeanwhile };
}

async function measureSizes(plan: Plan, directory: string): Promise<RecordSizes> {
  const { sizeChains: chains, refreshes } = plan;
  console.log(`sizes: ${refreshes.toLocaleString("en")} refreshes over ${chains} chains`);
  const sizes = await measureRecordSizes({
    ...{ directory, preset: POLICY, chains, refreshes, client: CLIENT },
    onProgress: (done, seconds) => {
      const percent = Math.floor((100 * done) / refreshes);
      console.log(`sizes: ${percent} % after ${seconds.toFixed(0)} s`);
    },
  });
  console.log(`sizes: ${sizes.bytesAfterOne} bytes, then ${sizes.bytesAfterAll}`);
  return sizes;
}

async function measureCrowds(plan: Plan, directory: string): Promise<readonly CrowdRound[]> {
  const { consumers, quick } = plan;
  console.log(`crowd: ${consumers.toLocaleString("en")} consumers at the end of a token`);
  const own = join(directory, "crowd");
  mkdirSync(own);
  const profiles = plan.profiles && join(plan.profiles, "crowd");
  const rounds = quick ? 1 : CROWDS;
  const crowds = await measureCrowd({ ...{ directory: own, profiles, consumers, rounds } });
  for (const crowd of crowds) console.log(tellCrowd(crowd));
  return crowds;
}

function keep(
  surroundings: Surroundings,
  plan: Plan,
  rounds: readonly Round[],
  rest: object,
): void {
  const { rounds: count, timing, connections } = plan;
  const date = new Date().toISOString();
  const results = join(import.meta.dirname, "results");
  mkdirSync(results, { recursive: true });
  const path = join(results, `${date.slice(0, 10)}-${surroundings.commit}.json`);
  const setting = { policy: POLICY, connections, rounds: count, ...timing };
  const text = JSON.stringify({ date, surroundings, setting, ...rest, rounds }, null, 2);
  writeFileSync(path, `${text}\n`);
  console.log(`results: bench/results/${date.slice(0, 10)}-${surroundings.commit}.json`);
}

async function main(plan: Plan): Promise<void> {
  const directory = mkdtempSync(join(plan.directory ?? tmpdir(), "keten-bench-"));
  try {
    if (isInMemory(directory)) {
      console.log("the databases are in memory: nothing durable is measured; see --directory");
    }
    const surroundings = surroundingsIn(directory);
    const { cpu, cores, versions, syncMs, loadAverage } = surroundings;
    console.log(`${cores} x ${cpu}, Node ${versions.node}, SQLite ${versions.sqlite}`);
    console.log(`a sync takes ${syncMs.toFixed(2)} ms; load average ${loadAverage.toFixed(1)}`);
    const rounds = await measureRounds(plan, directory);
    if (plan.only.length < FIGURES.length) return;
    const crowds = await measureCrowds(plan, directory);
    const sizes = await measureSizes(plan, directory);
    const line = lastLine(rounds, sizes, crowds);
    const bars = barsOf(rounds, line);
    for (const figure of FIGURES) {
      const cpuTime = `${cpuOf(rounds, figure)} µs CPU each`;
      console.log(`median  ${figure.padEnd(24)} ${rateOf(rounds, figure)}/s  ${cpuTime}`);
    }
    for (const bar of bars) console.log(tellBar(bar));
    if (!plan.quick) keep(surroundings, plan, rounds, { figures: line, bars, crowds, sizes });
    console.log(JSON.stringify(line));
  } finally {
    await endAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    console.error(`bench: ended by ${signal}`);
    const end = (): never => process.exit(130);
    endAll().then(end, end);
  });
}
await main(planOf(process.argv.slice(2)));
