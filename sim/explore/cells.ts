/**
 * One sweep: a preset with so many processes. All sets of faults are searched at once, since worlds with few faults lie
 * on the way to those with more; a cell is then read off by the faults that struck.
 */

import { FAULT_NAMES, type Fault, PAIRED } from "../../src/explorer/faults.ts";
import { LOSS_CLASSES, type LossClass } from "../../src/explorer/judge.ts";
import { ketenProgram } from "../../src/explorer/keten-program.ts";
import type { Program } from "../../src/explorer/program.ts";
import { revisionsOf } from "../../src/explorer/remote.ts";
import { explore, type Outcomes, type Story } from "../../src/explorer/search.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

/** Refreshes that a kept chain has to bring. */
const ROUNDS = 3;

export type Cell = Outcomes;

export interface Sweep {
  readonly preset: string;
  readonly workers: number;
  readonly states: number;
  readonly cells: readonly Cell[];
  readonly stories: readonly Story[];
}

/** Searches a preset under no fault, each fault, and with `together` 2 each pair of those that are paired. */
export function exploreCells(
  preset: string,
  workers: number,
  together: 1 | 2,
  { apart = false } = {},
): Sweep {
  const policy = PRESETS[preset];
  if (!policy) throw new TypeError(`there is no preset "${preset}"`);
  return exploreWith(preset, policy, ketenProgram([policy]), workers, together, { apart });
}

/** The same with any program. */
export function exploreWith<S>(
  preset: string,
  policy: Policy,
  program: Program<S>,
  workers: number,
  together: 1 | 2,
  { apart = false } = {},
): Sweep {
  const options = { workers, apart };
  const setting = { policy, revisions: revisionsOf(policy), program, rounds: ROUNDS };
  const passes = [
    explore({ ...setting, faults: FAULT_NAMES, faultsMax: 1 }, options),
    ...(together === 1 ? [] : [explore({ ...setting, faults: PAIRED, faultsMax: 2 }, options)]),
  ];
  if (passes.some(({ isComplete }) => !isComplete)) {
    throw new Error(`${preset} with ${workers} processes has more states than can be searched`);
  }
  const [singles, pairs] = passes;
  const isPair = ({ faults }: { faults: readonly unknown[] }) => faults.length === 2;
  return {
    preset,
    workers,
    states: passes.reduce((sum, { states }) => sum + states, 0),
    cells: [
      ...(singles?.cells.values() ?? []),
      ...[...(pairs?.cells.values() ?? [])].filter(isPair),
    ],
    stories: [...(singles?.stories ?? []), ...(pairs?.stories ?? []).filter(isPair)],
  };
}

/** The gravest loss in a cell; null if nothing was lost. */
export const gravest = ({ lost }: Cell): LossClass | null =>
  LOSS_CLASSES.find((name) => (lost[name] ?? 0) > 0) ?? null;

/** More worlds than any kept chain of the comparison has. */
const COMPARED_MAX = 20_000;

/** The gravest loss of a program under one fault, or under none; the search ends at the first that was avoidable. */
export function worstOf<S>(
  policy: Policy,
  program: Program<S>,
  workers: number,
  fault: Fault | null,
): LossClass | null {
  const setting = { policy, revisions: revisionsOf(policy), program, rounds: ROUNDS };
  const faults = fault === null ? [] : [fault];
  const { stories } = explore(
    { ...setting, faults, faultsMax: 1 },
    { workers, untilAvoidable: true, statesMax: COMPARED_MAX },
  );
  return LOSS_CLASSES.find((name) => stories.some(({ loss }) => loss.class === name)) ?? null;
}
