/**
 * The hunt: a killer run with a mutant planted, or with none, and what came of it.
 *
 * 1. A killer counts only if it passes without the mutant. That is tried once for each killer, with the planting in place
 *    and nothing to plant, so that the two runs differ in the mistake alone.
 * 2. A killer counts only if the mutant was planted while it ran.
 * 3. Whoever has failed is ended at once: one failure is enough, and what waits for a lost answer would wait long.
 * 4. A killer that does not come to its end in time has noticed the mutant only if it is far quicker without one.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { type Killer, type Mutant, nameOf, ROOT } from "./mutant.ts";

/** No mutant may live longer; a killer gets a little less. */
export const SECONDS_MAX = 60;
const KILLER_SECONDS_MAX = 55;
/** What is said of a killer that fails where nothing is planted. */
export const UNSOUND = "fails WITHOUT any mutant";
/** A killer that ran out of time must be so many times as quick without the mutant. */
const QUICKER = 4;
/** Of one test, in milliseconds: what hangs is noticed before the whole killer runs out of time. */
const TEST_TIMEOUT_MS = 20_000;

/** Fits every file and changes none: for the run without a mutant. */
const NOTHING: Mutant = { name: "none", file: "none", from: "", to: "", says: "", killers: [] };

export type Ended = "passed" | "failed" | "outOfTime" | "notPlanted" | "misfit";

export interface Run {
  readonly ended: Ended;
  readonly seconds: number;
  /** What it said last. */
  readonly said: readonly string[];
}

export interface Verdict {
  readonly mutant: Mutant;
  /** The name of the killer that noticed; null if the mutant lives. */
  readonly by: string | null;
  readonly seconds: number;
  /** What was tried in vain. */
  readonly tried: readonly string[];
}

function commandOf(killer: Killer): readonly string[] {
  if ("tests" in killer) {
    const { tests, named } = killer;
    return [
      ...["--test", "--test-reporter=tap", `--test-timeout=${TEST_TIMEOUT_MS}`],
      ...(named === undefined ? [] : [`--test-name-pattern=${named}`]),
      tests,
    ];
  }
  if ("simulate" in killer) {
    const { simulate, histories } = killer;
    return ["sim/simulate.ts", "--seed", simulate, "--histories", String(histories)];
  }
  const { explore, workers, faults, at = 1, apart = false } = killer;
  const script = "sim/mutants/explore-killer.ts";
  const given = [explore.join(), workers, faults.join(), at, ...(apart ? ["apart"] : [])];
  return [script, ...given.map(String)];
}

/** A failed test as the runner writes it, or a failed history of the simulator. */
const FAILURE = /^\s*not ok |^failed {5}history /;

export async function run(killer: Killer, mutant: Mutant): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), "keten-mutant-"));
  const note = join(directory, "note");
  const startedAt = performance.now();
  try {
    const { hasFailed, isOutOfTime, said } = await start(killer, mutant, directory, note);
    const seconds = (performance.now() - startedAt) / 1000;
    const notes = existsSync(note) ? readFileSync(note, "utf8") : "";
    const ended = notes.includes("misfit")
      ? "misfit"
      : mutant !== NOTHING && notes === ""
        ? "notPlanted"
        : isOutOfTime
          ? "outOfTime"
          : hasFailed
            ? "failed"
            : "passed";
    return { ended, seconds, said };
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function start(
  killer: Killer,
  mutant: Mutant,
  directory: string,
  note: string,
): Promise<{ hasFailed: boolean; isOutOfTime: boolean; said: readonly string[] }> {
  const plant = pathToFileURL(join(ROOT, "sim", "mutants", "plant.ts")).href;
  const child = spawn(process.execPath, commandOf(killer), {
    cwd: ROOT,
    env: {
      ...withoutTestContext(process.env),
      NODE_OPTIONS: `--import=${plant}`,
      KETEN_MUTANT: JSON.stringify(mutant),
      KETEN_MUTANT_NOTE: note,
      ...("tests" in killer && killer.alone ? { KETEN_MUTANT_ALONE: "1" } : {}),
      TMPDIR: directory,
    },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: it is ended as a whole.
    detached: true,
  });
  const end = (): void => {
    try {
      process.kill(-(child.pid ?? Number.NaN), "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  let isOutOfTime = false;
  let isSeen = false;
  const said: string[] = [];
  const hear = (line: string): void => {
    said.push(line);
    if (isSeen || !FAILURE.test(line)) return;
    isSeen = true;
    end();
  };
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", hear);
  const limit = setTimeout(() => {
    isOutOfTime = true;
    end();
  }, KILLER_SECONDS_MAX * 1000);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(limit);
      end();
      resolve({ hasFailed: isSeen || code !== 0, isOutOfTime, said: said.slice(-30) });
    });
  });
}

/** A runner of tests inside a test would take itself for a part of it. */
function withoutTestContext(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, ...rest } = env;
  return rest;
}

/** Hunts mutants; remembers what each killer does without one. */
export class Hunter {
  readonly #controls = new Map<string, Promise<Run>>();

  /** What a killer does where nothing is planted. */
  control(killer: Killer): Promise<Run> {
    const name = nameOf(killer);
    const begun = this.#controls.get(name) ?? run(killer, NOTHING);
    this.#controls.set(name, begun);
    return begun;
  }

  async hunt(mutant: Mutant): Promise<Verdict> {
    const tried: string[] = [];
    let seconds = 0;
    for (const killer of mutant.killers) {
      const name = nameOf(killer);
      const control = await this.control(killer);
      if (control.ended !== "passed") {
        const last = control.said.map((line) => `\n    ${line}`).join("");
        tried.push(`${name}: ${UNSOUND} (${control.ended})${last}`);
        continue;
      }
      const found = await run(killer, mutant);
      seconds += found.seconds;
      if (found.ended === "misfit") throw new Error(`mutant "${mutant.name}" does not fit`);
      const isKilled =
        found.ended === "failed" ||
        (found.ended === "outOfTime" && control.seconds * QUICKER < KILLER_SECONDS_MAX);
      const how =
        found.ended === "outOfTime"
          ? ` (out of time; ${control.seconds.toFixed(1)} s without)`
          : "";
      if (isKilled) return { mutant, by: name + how, seconds, tried };
      tried.push(`${name}: ${found.ended}, ${found.seconds.toFixed(1)} s`);
    }
    return { mutant, by: null, seconds, tried };
  }
}
