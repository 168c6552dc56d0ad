/**
 * One sweep: a preset with so many processes. All sets of faults are searched at once, since worlds with few faults lie
 * on the way to those with more; a cell is then read off by the faults that struck.
 */

import { asExplored, asExploredInPairs } from "../../src/explorer/as-explored.ts";
import { FAULT_NAMES, type Fault, PAIRED } from "../../src/explorer/faults.ts";
import { LOSS_CLASSES, type LossClass } from "../../src/explorer/judge.ts";
import { ketenProgram } from "../../src/explorer/keten-program.ts";
import type { Program } from "../../src/explorer/program.ts";
import { revisionsOf } from "../../src/explorer/remote.ts";
import { type Explored, explore, type Outcomes, type Story } from "../../src/explorer/search.ts";
import { formatPolicy } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

/** Refreshes that a kept chain has to bring. */
const ROUNDS = 3;

export type Cell = Outcomes;

export interface Sweep {
  readonly preset: string;
  readonly workers: number;
  /** Of the searches made for it. */
  readonly states: number;
  /** Presets whose searches hold for this one too: the model cannot tell them apart. */
  readonly sameAs: readonly string[];
  readonly cells: readonly Cell[];
  readonly stories: readonly Story[];
}

/** What was searched, by everything that a search reads. */
export type Searches = Map<string, { readonly preset: string; readonly explored: Explored }>;

interface SweepOptions {
  readonly apart?: boolean;
  /** Searches are made once for all that share this. */
  readonly searches?: Searches;
}

/** Searches a preset under no fault, each fault, and with `together` 2 each pair of those that are paired. */
export function exploreCells(
  preset: string,
  workers: number,
  together: 1 | 2,
  { apart = false, searches = new Map() }: SweepOptions = {},
): Sweep {
  const policy = PRESETS[preset];
  if (!policy) throw new TypeError(`there is no preset "${preset}"`);
  const sameAs = new Set<string>();
  let states = 0;
  const search = (seen: Policy, faultsMax: 1 | 2): Explored => {
    const key = JSON.stringify([formatPolicy(seen), workers, apart, faultsMax]);
    const known = searches.get(key);
    if (known) {
      sameAs.add(known.preset);
      return known.explored;
    }
    const explored = searchOnce(seen, ketenProgram([seen]), { workers, apart }, faultsMax);
    searches.set(key, { preset, explored });
    states += explored.states;
    return explored;
  };
  const singles = search(asExplored(policy, ROUNDS), 1);
  const pairs = together === 2 ? search(asExploredInPairs(policy, ROUNDS), 2) : undefined;
  return { preset, workers, states, sameAs: [...sameAs], ...cellsOf(singles, pairs) };
}

/** The same with any program, for one policy as it is. */
export function exploreWith<S>(
  preset: string,
  policy: Policy,
  program: Program<S>,
  workers: number,
  together: 1 | 2,
  { apart = false } = {},
): Sweep {
  const options = { workers, apart };
  const singles = searchOnce(policy, program, options, 1);
  const pairs = together === 2 ? searchOnce(policy, program, options, 2) : undefined;
  const states = singles.states + (pairs?.states ?? 0);
  return { preset, workers, states, sameAs: [], ...cellsOf(singles, pairs) };
}

function searchOnce<S>(
  policy: Policy,
  program: Program<S>,
  options: { readonly workers: number; readonly apart: boolean },
  faultsMax: 1 | 2,
): Explored {
  const setting = { policy, revisions: revisionsOf(policy), program, rounds: ROUNDS };
  const faults = faultsMax === 1 ? FAULT_NAMES : PAIRED;
  const explored = explore({ ...setting, faults, faultsMax }, options);
  if (explored.isComplete) return explored;
  const { workers } = options;
  throw new Error(`a policy with ${workers} processes has more states than can be searched`);
}

/** Of a search for pairs, only the pairs: singles were searched under every fault. */
function cellsOf(singles: Explored, pairs: Explored | undefined): Pick<Sweep, "cells" | "stories"> {
  const isPair = ({ faults }: { faults: readonly unknown[] }) => faults.length === 2;
  const cells = [...(pairs?.cells.values() ?? [])].filter(isPair);
  const stories = (pairs?.stories ?? []).filter(isPair);
  return {
    cells: [...singles.cells.values(), ...cells],
    stories: [...singles.stories, ...stories],
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
