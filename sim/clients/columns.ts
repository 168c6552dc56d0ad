/** The columns of a scenario's table: each is one run, in a process of its own, because a run sets the process's time. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { behindKeten } from "./behind-keten.ts";
import { type Outcomes, type RunOptions, runPrograms, straight } from "./run-programs.ts";
import { SCENARIOS } from "./scenarios.ts";

export const COLUMN_NAMES = ["alone", "calm", "straight", "behind"] as const;
export type ColumnName = (typeof COLUMN_NAMES)[number];

/** Straight at the provider: alone, with a second worker, and with faults. Behind Keten: with the same faults. */
export const TITLES: Readonly<Record<ColumnName, string>> = {
  alone: "straight, one worker, no faults",
  calm: "straight, no faults",
  straight: "straight, with faults",
  behind: "behind Keten, with faults",
};

export interface ColumnRun extends Pick<RunOptions, "hours" | "seed"> {
  readonly scenario: string;
  readonly column: ColumnName;
  /** Of each program, where there are faults; one otherwise. */
  readonly accounts: number;
}

/** Runs one column in this process. */
export async function runColumn(run: ColumnRun): Promise<Outcomes> {
  const { column, hours, seed } = run;
  const scenario = SCENARIOS.find(({ name }) => name === run.scenario);
  if (!scenario) throw new Error(`there is no scenario "${run.scenario}"`);
  const faulty = column === "straight" || column === "behind";
  return await runPrograms({
    ...{ scenario, hours, seed, faulty },
    way: column === "behind" ? behindKeten : straight,
    workers: column === "alone" ? 1 : 2,
    accounts: faulty ? run.accounts : 1,
  });
}

/** Runs one column in another process. */
export async function runColumnApart(run: ColumnRun): Promise<Outcomes> {
  const child = fork(fileURLToPath(new URL("run-column.ts", import.meta.url)), {
    serialization: "advanced",
  });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`"${run.scenario}", ${TITLES[run.column]}: the process ended with ${code}`);
  });
  child.send(run);
  const [outcomes] = await Promise.race([once(child, "message"), ended]);
  ended.catch(() => {});
  child.disconnect();
  return outcomes as Outcomes;
}
