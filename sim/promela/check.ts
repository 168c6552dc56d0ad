/**
 * Runs the independent check: every cell of policy x fault x protocol x workers of `chain.pml`, with Spin.
 *
 * 1. Names and numbers come from the `#define`s of the model; this file knows only which names belong together.
 * 2. One verifier is compiled per protocol, number of workers and mutant; policy and fault reach it by environment.
 * 3. A cell is exhausted or it is a failure: too little depth, memory or time, or a violated assertion, ends the run.
 *    Spin's partial order reduction stays off, because the verdict is taken at `timeout`.
 * 4. A cell's verdict is the worst of its runs: safe, unavoidable, avoidable. `stuck` means that a living chain was
 *    not refreshed in the clean last round.
 * 5. The check fails when a faithful keeper has an avoidable loss or gets stuck, or when a mutant has none.
 *
 * `node sim/promela/check.ts` checks everything and writes results.json; `--protocol=keten` only one protocol and
 * `--pairs` only pairs of faults (any two, in any order), both without writing. It needs `spin` and `gcc`; without
 * them it says so and ends with 2.
 */

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const MODEL = join(import.meta.dirname, "chain.pml");
const RESULTS = join(import.meta.dirname, "results.json");

const POLICIES = "reusable handshake activation refuse family graceInTime graceTooLate".split(" ");
const PROTOCOLS = "naive lock ttl cas keten".split(" ");
const FAULTS = [
  "none requestLost answerLost answerLate requestDelayed requestDuplicated duplicateOvertakes",
  "crashBeforeIntent crashBeforeSend crashAfterSend crashBeforeJournal crashBeforeCommit commitFails",
  "commitUnknown pausedHolder machineLost serverErrorBefore serverErrorAfter notSent remoteForgets",
].flatMap((line) => line.split(" "));

/** A deliberate mistake and one cell in which it must show. */
interface Mutant {
  readonly name: string;
  readonly policy: string;
  readonly fault: string;
  readonly workers: number;
}

const MUTANTS: readonly Mutant[] = [
  { name: "commitBeforeJournal", policy: "refuse", fault: "commitFails", workers: 1 },
  { name: "dropInsteadOfPark", policy: "refuse", fault: "answerLate", workers: 1 },
  { name: "resendAtOnce", policy: "family", fault: "answerLate", workers: 1 },
  { name: "noLease", policy: "family", fault: "none", workers: 2 },
  { name: "forgetPredecessor", policy: "activation", fault: "requestDuplicated", workers: 1 },
  { name: "believeFirstRefusal", policy: "refuse", fault: "remoteForgets", workers: 1 },
  { name: "abandonLateAnswer", policy: "refuse", fault: "answerLate", workers: 1 },
  { name: "journalUnread", policy: "family", fault: "crashBeforeCommit", workers: 1 },
  { name: "unknownIsFailure", policy: "family", fault: "commitUnknown", workers: 1 },
  { name: "pauseAfterCheck", policy: "family", fault: "pausedHolder", workers: 2 },
];

/** From best to worst. */
const VERDICTS = ["safe", "unavoidable", "avoidable", "stuck"] as const;
type Verdict = (typeof VERDICTS)[number];

interface Cell {
  readonly protocol: string;
  readonly workers: number;
  readonly policy: string;
  readonly fault: string;
  readonly verdict: Verdict;
  /** Every verdict that some run of the cell ended with. */
  readonly seen: readonly Verdict[];
  readonly states: number;
}

interface Build {
  readonly protocol: string;
  readonly workers: number;
  readonly mutant?: string;
  readonly defines?: readonly string[];
}

/** Bounds of one cell: the largest needs about 7 million states. */
const MEMORY_MAX_MIB = 2048;
const CELL_MAX_MS = 180_000;
const DEPTH_MAX = 100_000;
const OUTPUT_MAX = 64 * 1024 * 1024;

const numbers = new Map(
  [...readFileSync(MODEL, "utf8").matchAll(/^#define (\w+)\s+(\d+)$/gm)].map(
    ([, name, value]) => [name ?? "", value ?? ""] as const,
  ),
);

function numberOf(name: string): string {
  const value = numbers.get(name);
  if (value === undefined) throw new Error(`the model has no "${name}"`);
  return value;
}

function run(directory: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: directory,
    encoding: "utf8",
    timeout: CELL_MAX_MS,
    maxBuffer: OUTPUT_MAX,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

/** The version that a tool says it has; undefined if it is not installed. */
function versionOf(tool: string, option: string): string | undefined {
  const { stdout, error } = spawnSync(tool, [option], { encoding: "utf8" });
  return error === undefined ? stdout.split("\n")[0]?.trim() : undefined;
}

/** Compiles a verifier into the directory. */
function compile(directory: string, build: Build): void {
  copyFileSync(MODEL, join(directory, "chain.pml"));
  const defines = [
    `-DPROTOCOL=${build.protocol}`,
    `-DWORKERS=${build.workers}`,
    `-DMUTANT=${build.mutant ?? "faithful"}`,
    ...(build.defines ?? []),
  ];
  run(directory, "spin", ["-a", ...defines, "chain.pml"]);
  const options = ["-DSAFETY", "-DNOREDUCE", "-DPRINTF", `-DMEMLIM=${MEMORY_MAX_MIB}`];
  run(directory, "gcc", ["-w", "-O1", ...options, "-o", "pan", "pan.c"]);
}

/** Exhausts one cell with the verifier of the directory; of a mutant, one bad run is enough. */
function exhaust(directory: string, build: Build, policy: string, fault: string): Cell {
  const args = ["-E", "-c0", "-w18", `-m${DEPTH_MAX}`];
  const { status, stdout, error } = spawnSync("./pan", args, {
    cwd: directory,
    encoding: "utf8",
    timeout: CELL_MAX_MS,
    maxBuffer: OUTPUT_MAX,
    env: { POLICY: numberOf(policy), FAULT: numberOf(fault) },
  });
  const where = `${build.protocol}, ${build.workers} workers, ${policy}, ${fault}`;
  if (error !== undefined) throw new Error(`${where}: ${error.message}`);
  const complete =
    build.mutant !== undefined ||
    (/errors: 0\b/.test(stdout) && !/max search depth|MEMLIM bound/.test(stdout));
  if (status !== 0 || !complete) throw new Error(`${where}: not exhausted\n${stdout.slice(-2000)}`);
  const seen = VERDICTS.filter((verdict) => stdout.includes(`VERDICT ${verdict}\n`));
  const verdict = seen.at(-1);
  if (verdict === undefined) throw new Error(`${where}: no run came to an end`);
  const states = Number(/(\S+) states, stored/.exec(stdout)?.[1]);
  const { protocol, workers } = build;
  return { protocol, workers, policy, fault, verdict, seen, states };
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function checkProtocols(directory: string, protocols: readonly string[]): readonly Cell[] {
  const builds = protocols.flatMap((protocol) => [1, 2].map((workers) => ({ protocol, workers })));
  return builds.flatMap((build) => {
    compile(directory, build);
    return POLICIES.flatMap((policy) => {
      const cells = FAULTS.map((fault) => exhaust(directory, build, policy, fault));
      const states = cells.reduce((sum, cell) => sum + cell.states, 0);
      progress(`${build.protocol}, ${build.workers} workers, ${policy}: ${states} states`);
      return cells;
    });
  });
}

/** With two workers these two policies need more than the bounds allow: a second request may go at once. */
const TOO_LARGE = ["activation", "refuse"];

/** Any two faults in one run, over two rounds. */
function checkPairs(directory: string): readonly Cell[] {
  return [1, 2].flatMap((workers) => {
    const build = { protocol: "keten", workers, defines: ["-DBUDGET=2", "-DROUNDS=2"] };
    compile(directory, build);
    const policies = POLICIES.filter((policy) => workers === 1 || !TOO_LARGE.includes(policy));
    return policies.map((policy) => {
      const cell = exhaust(directory, build, policy, "anyFault");
      progress(`pairs, ${workers} workers, ${policy}: ${cell.verdict}, ${cell.states} states`);
      return cell;
    });
  });
}

function checkMutants(directory: string): readonly (Mutant & { readonly verdict: Verdict })[] {
  return MUTANTS.map((mutant) => {
    const build = { protocol: "keten", workers: mutant.workers, mutant: mutant.name };
    compile(directory, build);
    const { verdict } = exhaust(directory, build, mutant.policy, mutant.fault);
    progress(`mutant ${mutant.name}: ${verdict} (${mutant.policy}, ${mutant.fault})`);
    return { ...mutant, verdict };
  });
}

const LETTERS: Readonly<Record<Verdict, string>> = {
  safe: "safe",
  unavoidable: "U",
  avoidable: "AVOIDABLE",
  stuck: "STUCK",
};

/** Fault by policy, one worker / two workers; one entry where they agree. */
function table(cells: readonly Cell[], protocol: string): string {
  const entry = (policy: string, fault: string): string => {
    const found = cells.filter(
      (cell) => cell.protocol === protocol && cell.policy === policy && cell.fault === fault,
    );
    return [...new Set(found.map(({ verdict }) => LETTERS[verdict]))].join(" / ");
  };
  return [
    `| ${protocol} | ${POLICIES.join(" | ")} |`,
    `| --- |${POLICIES.map(() => " --- |").join("")}`,
    ...FAULTS.map((fault) => `| ${[fault, ...POLICIES.map((p) => entry(p, fault))].join(" | ")} |`),
  ].join("\n");
}

function summary(cells: readonly Cell[]) {
  const groups = Map.groupBy(cells, ({ protocol, workers }) => `${protocol}, ${workers} workers`);
  return [...groups].map(([group, members]) => {
    const count = (verdict: Verdict) => members.filter((cell) => cell.verdict === verdict).length;
    return {
      group,
      cells: members.length,
      ...Object.fromEntries(VERDICTS.map((verdict) => [verdict, count(verdict)])),
      states: members.reduce((sum, cell) => sum + cell.states, 0),
    };
  });
}

/** JSON with one line per entry of a list, so that a change of one cell is a change of one line. */
function linesOf(results: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(results).map(([name, value]) => {
    const lines = Array.isArray(value)
      ? `[\n${value.map((entry) => `  ${JSON.stringify(entry)}`).join(",\n")}\n ]`
      : JSON.stringify(value);
    return ` ${JSON.stringify(name)}: ${lines}`;
  });
  return `{\n${entries.join(",\n")}\n}\n`;
}

/** Whether the keeper that is meant to be right is right. */
function holds(cells: readonly Cell[]): boolean {
  const bad: readonly Verdict[] = ["avoidable", "stuck"];
  return cells.every((cell) => cell.protocol !== "keten" || !bad.includes(cell.verdict));
}

function check(directory: string, spin: string): boolean {
  const { values } = parseArgs({
    options: { protocol: { type: "string" }, pairs: { type: "boolean", default: false } },
  });
  if (values.protocol !== undefined && !PROTOCOLS.includes(values.protocol)) {
    throw new Error(`--protocol is "${values.protocol}", expected one of ${PROTOCOLS.join(", ")}`);
  }
  const startedAt = performance.now();
  const whole = values.protocol === undefined && !values.pairs;
  const protocols = values.protocol === undefined ? PROTOCOLS : [values.protocol];
  const cells = values.pairs ? [] : checkProtocols(directory, protocols);
  const pairs = whole || values.pairs ? checkPairs(directory) : [];
  const mutants = values.pairs ? [] : checkMutants(directory);
  const good =
    holds([...cells, ...pairs]) && mutants.every(({ verdict }) => verdict === "avoidable");
  if (whole) {
    const results = { spin, good, summary: summary(cells), mutants, pairs, cells };
    writeFileSync(RESULTS, linesOf(results));
  }
  for (const protocol of values.pairs ? [] : protocols) console.log(`${table(cells, protocol)}\n`);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(
    JSON.stringify({
      check: "promela",
      good,
      spin,
      seconds,
      summary: summary(cells),
      pairs: pairs.length,
      mutants: mutants.length,
    }),
  );
  return good;
}

const spin = versionOf("spin", "-V");
const gcc = versionOf("gcc", "--version");
if (spin === undefined || gcc === undefined) {
  console.error(
    "this check needs spin and gcc, and at least one is not installed (Debian: apt-get install spin gcc)",
  );
  process.exitCode = 2;
} else {
  const directory = mkdtempSync(join(tmpdir(), "keten-promela-"));
  try {
    process.exitCode = check(directory, spin) ? 0 : 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
