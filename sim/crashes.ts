/**
 * What `npm run crashes` runs: real crashes, at length.
 *
 *   npm run crashes -- syscalls   SIGKILL, EIO and ENOSPC at every system call of a refresh; needs strace
 *   npm run crashes -- short      writes of a refresh that stop in the middle; needs prlimit
 *   npm run crashes -- power      states of a disk after a loss of power; records anew where strace is there
 *   npm run crashes -- proxy      every fault of a connection, and its answer cut after every byte
 *
 *     [--policy NAME ...]  handshake, exact-online and strict unless given
 *     [--parallel N]       cases at a time, 3, and 6 for proxy
 *     [--only TEXT]        of syscalls those whose place contains it, such as "journal file"
 *     [--every N]          every N-th case only
 *     [--states N]         for power; 12,000
 *     [--seed TEXT]        for power
 *     [--kept]             for power: cut the kept recording, also where a new one could be made
 *     [--write-kept]       for power: records anew and replaces the kept recording
 *
 * The last line is the result as JSON. The exit code is 1 if anything was lost that could have been kept, or went
 * otherwise than it may, and 2 if the tool cannot run here.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../scripts/source-files.ts";
import { inParallel } from "./crash/in-parallel.ts";
import { cutPower, type Verdict } from "./crash/power.ts";
import { withoutSyncs } from "./crash/power-disk.ts";
import { recordWorkload } from "./crash/power-record.ts";
import { readTrace, type Trace, writeTrace } from "./crash/power-trace.ts";
import { allCases, answerLength, everyByte, tryProxyCase } from "./crash/proxy-cases.ts";
import { prlimitFault, ROOM_MAX, tryShortWrite } from "./crash/short-writes.ts";
import { type Fate, POLICIES, type Stand, startStand } from "./crash/stand.ts";
import { straceFault } from "./crash/strace.ts";
import { casesOf, placesOfRefresh, tryAimed } from "./crash/syscalls.ts";

const text = { type: "string" } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    policy: { type: "string", multiple: true },
    ...{ parallel: text, only: text, every: text, states: text, seed: text },
    ...{ kept: { type: "boolean" }, "write-kept": { type: "boolean" } },
  },
});
const policies = values.policy ?? POLICIES;
const startedAt = performance.now();
const seconds = (): number => Math.round((performance.now() - startedAt) / 100) / 10;

/** Tells how far it is every five seconds. */
function progress(what: string, total: number): (done: number) => void {
  let told = performance.now();
  return (done) => {
    if (performance.now() - told < 5000 && done !== total) return;
    told = performance.now();
    console.log(`${what.padEnd(24)} ${done} of ${total}, ${seconds()} s`);
  };
}

interface Tried {
  readonly fate: Fate;
  readonly faults: readonly string[];
}

function whole(name: "parallel" | "every" | "states", otherwise: number): number {
  const value = values[name] ?? String(otherwise);
  if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
  console.error(`crashes: --${name} "${value}"; expected a whole number from 1 on`);
  process.exit(2);
}

/** Every so manieth, as asked for. */
const sampled = <T>(items: readonly T[]): readonly T[] =>
  items.filter((_, index) => index % whole("every", 1) === 0);

function count(items: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}

/** Tells what went wrong, then all in one line. */
function report(tool: string, all: readonly (Tried & { policy: string })[], more: object): void {
  for (const { faults, ...one } of all.filter((tried) => tried.faults.length > 0)) {
    console.log(`failure  ${faults.join("; ")}  ${JSON.stringify(one)}`);
  }
  const faulty = all.filter(({ faults }) => faults.length > 0).length;
  const fates = Object.fromEntries(
    policies.map((policy) => [
      policy,
      count(all.filter((tried) => tried.policy === policy).map(({ fate }) => fate)),
    ]),
  );
  const avoidable = all.filter(({ fate }) => fate === "avoidable").length;
  if (faulty > 0) process.exitCode = 1;
  console.log(
    JSON.stringify({
      tool,
      cases: all.length,
      avoidable,
      faulty,
      fates,
      ...more,
      seconds: seconds(),
    }),
  );
}

async function eachPolicy<T>(work: (stand: Stand) => Promise<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = [];
  for (const policy of policies) {
    const stand = await startStand(policy);
    try {
      all.push(...(await work(stand)));
    } finally {
      await stand.close();
    }
  }
  return all;
}

async function syscalls(): Promise<void> {
  const fault = straceFault();
  if (fault !== null) {
    console.error(`crashes: ${fault}; nothing was tried (Debian: apt-get install strace)`);
    console.log(JSON.stringify({ tool: "syscalls", cases: 0, untried: fault }));
    process.exitCode = 2;
    return;
  }
  const all = await eachPolicy(async (stand) => {
    const places = await placesOfRefresh(stand);
    const cases = sampled(
      casesOf(places).filter(({ role, name, target, injection }) =>
        `${role} ${name} ${target} ${injection}`.includes(values.only ?? ""),
      ),
    );
    const told = progress(`syscalls ${stand.preset}`, cases.length);
    return inParallel(cases, whole("parallel", 3), (one) => tryAimed(stand, one), told);
  });
  const byCall = count(all.map(({ name, target, injection }) => `${name} ${target} ${injection}`));
  for (const [call, times] of Object.entries(byCall).sort()) console.log(`${call}: ${times}`);
  report("syscalls", all, {
    hit: all.filter(({ hit }) => hit).length,
    refresh: count(all.map(({ refresh }) => refresh)),
  });
}

/** A disk that is full after so many bytes more, in steps that are odd to pages, frames and sectors. */
async function short(): Promise<void> {
  const fault = prlimitFault();
  if (fault !== null) {
    console.error(`crashes: ${fault}; nothing was tried (Debian: apt-get install util-linux)`);
    console.log(JSON.stringify({ tool: "short", cases: 0, untried: fault }));
    process.exitCode = 2;
    return;
  }
  const rooms = sampled(Array.from({ length: Math.ceil(ROOM_MAX / 257) }, (_, i) => i * 257));
  const all = await eachPolicy((stand) => {
    const told = progress(`short ${stand.preset}`, rooms.length);
    return inParallel(rooms, whole("parallel", 3), (room) => tryShortWrite(stand, room), told);
  });
  report("short", all, {
    hit: all.filter(({ hit }) => hit).length,
    refresh: count(all.map(({ refresh }) => refresh)),
  });
}

async function proxy(): Promise<void> {
  const all = await eachPolicy(async (stand) => {
    const cases = sampled(allCases(everyByte(await answerLength(stand))));
    const told = progress(`proxy ${stand.preset}`, cases.length);
    return inParallel(cases, whole("parallel", 6), (one) => tryProxyCase(stand, one), told);
  });
  report("proxy", all, { named: count(all.map(({ named }) => named)) });
}

const KEPT = join(ROOT, "sim/crash/power.trace.br");

async function power(): Promise<void> {
  const fault = straceFault();
  const isKept = values.kept === true || fault !== null;
  if (fault !== null) console.log(`power    ${fault}: the kept recording is cut`);
  const trace = isKept
    ? readTrace(KEPT)
    : await recordWorkload({ connections: 3, openings: 3, rounds: 6 });
  if (values["write-kept"] && !isKept) writeTrace(KEPT, trace);
  const seed = values.seed ?? String(Date.now());
  const states = whole("states", 12_000);
  console.log(`power    ${trace.length} operations, seed "${seed}"`);
  const chances = Math.max(1, Math.ceil(states / (trace.length * 0.6)));
  const onProgress = progress("power", states);
  const verdict = await cutPower(trace, { seed, chances, states, onProgress });
  for (const line of verdict.told) console.log(`failure  ${line}`);
  const planted = await plantedFaults(trace, seed);
  const missed = Object.values(planted).filter(({ lost, damaged }) => lost + damaged === 0);
  const { told: _, ...figures } = verdict;
  if (verdict.lost + verdict.damaged + verdict.stillborn + missed.length > 0) process.exitCode = 1;
  const found = Object.fromEntries(
    Object.entries(planted).map(([name, one]) => [name, `${one.lost} of ${one.states}`]),
  );
  console.log(
    JSON.stringify({
      tool: "power",
      recorded: !isKept,
      seed,
      ...figures,
      found,
      seconds: seconds(),
    }),
  );
}

/** The same with syncs left out: a judge that finds nothing then is blind. */
async function plantedFaults(trace: Trace, seed: string): Promise<Record<string, Verdict>> {
  const cut = (isLeftOut: Parameters<typeof withoutSyncs>[1]): Promise<Verdict> =>
    cutPower(withoutSyncs(trace, isLeftOut), { seed, chances: 2, states: 600 });
  return {
    "no sync of the WAL": await cut((name) => name.endsWith("-wal")),
    "no sync of the journal": await cut((name) => name.endsWith(".journal")),
    "no sync of directories": await cut((_, { op }) => op === "syncDirectory"),
  };
}

const TOOLS = { syscalls, short, power, proxy };
const [tool = ""] = positionals;
if (Object.hasOwn(TOOLS, tool)) await TOOLS[tool as keyof typeof TOOLS]();
else {
  console.error(`crashes: "${tool}"; expected one of ${Object.keys(TOOLS).join(", ")}`);
  process.exitCode = 2;
}
