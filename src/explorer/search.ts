/**
 * The search: every world that can be reached, breadth first, until there is no new one.
 *
 * 1. Worlds are compared by value (`keys.ts`).
 * 2. A branch ends where the chain is lost, where it has shown that it lives, or where nothing more can happen.
 * 3. The first loss of a class that is found in a cell is one of the shortest.
 */

import { type Instant, SECOND } from "../kernel/time.ts";
import { horizonOf } from "./as-explored.ts";
import { faultMovesOf } from "./fault-moves.ts";
import { FALLBACK, type Fault } from "./faults.ts";
import { judge, type Loss, type LossClass, stuck } from "./judge.ts";
import { keyAtRest, keyOf, Numbers } from "./keys.ts";
import { type Move, movesOf } from "./moves.ts";
import { accepts, beginRemote } from "./remote.ts";
import { AT_ONCE, isAlive, type Setting, type Worker, type World } from "./world.ts";

/** When the model begins; the token was granted so long before that, and a least interval. */
const BEGIN: Instant = 1_800_000_000_000;
const AGE = 5 * SECOND;

export interface Story {
  readonly loss: Loss;
  /** What happened, step by step. */
  readonly steps: readonly string[];
  readonly faults: readonly Fault[];
}

/** Worlds in which exactly these faults struck, and what became of the chain. */
export interface Outcomes {
  readonly faults: readonly Fault[];
  kept: number;
  readonly lost: Partial<Record<LossClass, number>>;
}

export interface Explored {
  readonly states: number;
  readonly cells: ReadonlyMap<string, Outcomes>;
  /** The shortest loss of each class and set of faults. */
  readonly stories: readonly Story[];
  /** Whether the search ended because there was nothing new. */
  readonly isComplete: boolean;
}

export interface SearchOptions {
  readonly workers: number;
  /** Whether each worker has a machine of its own. */
  readonly apart?: boolean;
  readonly statesMax?: number;
  /** Ends at the first loss that was avoidable. */
  readonly untilAvoidable?: boolean;
}

export const cellOf = (faults: readonly Fault[]): string => faults.join("+") || "none";

interface Found<S> {
  /** Null once it was looked at: of what is behind us only the way is kept. */
  world: World<S> | null;
  readonly from: number;
  readonly says: string;
}

/** Explores a setting to its end. */
export function explore<S>(setting: Setting<S>, options: SearchOptions): Explored {
  const { statesMax = 1_500_000, untilAvoidable = false } = options;
  const numbers = new Numbers();
  const first = beginning(setting, options);
  const found: Found<S>[] = [{ world: first, from: -1, says: "" }];
  const known = new Set([keyOf(first, numbers)]);
  const cells = new Map<string, Outcomes>();
  const stories = new Map<string, Story>();
  let hasAvoidable = false;
  const end = BEGIN + horizonOf(setting.policy, setting.rounds);
  const lose = (loss: Loss, at: number, last: string, faults: readonly Fault[]): void => {
    const cell = outcomesOf(cells, faults);
    cell.lost[loss.class] = (cell.lost[loss.class] ?? 0) + 1;
    const key = `${cellOf(faults)} ${loss.class}`;
    hasAvoidable ||= loss.class === "avoidable";
    if (!stories.has(key)) stories.set(key, { loss, faults, steps: [...path(found, at), last] });
  };
  for (let at = 0; at < found.length && found.length < statesMax; at += 1) {
    if (untilAvoidable && hasAvoidable) break;
    const next = found[at] as Found<S>;
    const world = next.world as World<S>;
    next.world = null;
    if (isKept(world, setting)) {
      outcomesOf(cells, world.faults).kept += 1;
      continue;
    }
    const moves = movesOf(world, setting);
    if (moves.length === 0 || world.now > end) {
      lose(stuck(world, setting), at, "nothing more happens", world.faults);
      continue;
    }
    const faults = moves[0]?.isFirst ? [] : faultMovesOf(world, setting);
    for (const move of [...moves, ...faults]) {
      const loss = judge(move, world, setting);
      if (loss) lose(loss, at, move.says, move.to.faults);
      else enter(found, known, numbers, at, move, setting);
    }
  }
  const isComplete = found.length < statesMax;
  return { states: found.length, cells, stories: [...stories.values()], isComplete };
}

function enter<S>(
  found: Found<S>[],
  known: Set<string>,
  numbers: Numbers,
  from: number,
  { says, to }: Move<S>,
  setting: Setting<S>,
): void {
  const world = forgetful(to, setting);
  const key = isAtRest(world, setting.program) ? keyAtRest(world, numbers) : keyOf(world, numbers);
  if (known.has(key)) return;
  known.add(key);
  found.push({ world, from, says });
}

function beginning<S>(setting: Setting<S>, { workers, apart = false }: SearchOptions): World<S> {
  const age = setting.policy.minInterval + AGE;
  const { remote, first } = beginRemote(setting.policy, BEGIN - age);
  const worker = (name: string): Worker => ({
    name,
    life: 1,
    machine: apart ? `machine of ${name}` : "machine",
    since: 1,
    doing: AT_ONCE,
    pausedUntil: null,
    tasks: [],
    listens: [],
    seen: -1,
  });
  const store = setting.program.begin(first, BEGIN);
  return {
    now: BEGIN,
    skew: 0,
    remote,
    remoteBefore: null,
    store,
    storeBefore: null,
    storeAtRound: store,
    storeAtRoundBefore: null,
    journals: [],
    workers: ["a", "b", "c"].slice(0, workers).map(worker),
    net: [],
    faults: [],
  };
}

/** Whether the chain has shown that it lives: enough refreshes, nothing under way, and the next token is good. */
function isKept<S>(world: World<S>, { program, policy, rounds }: Setting<S>): boolean {
  if (program.rounds(world.store) < rounds || world.net.length > 0) return false;
  const isQuiet = ({ doing, tasks }: Worker) =>
    tasks.length === 0 && (doing.do === "look" || doing.do === "stop");
  if (!world.workers.every((worker) => isAlive(worker) && isQuiet(worker))) return false;
  const [next] = program.tokens(world.store);
  return next !== undefined && accepts(world.remote, policy, next, world.now);
}

/** The world without what nothing can ask for any more. */
function forgetful<S>(world: World<S>, { faultsMax, faults, program }: Setting<S>): World<S> {
  const isOver = world.faults.length >= faultsMax;
  const mayForget = !isOver && faults.includes("remoteForgets");
  const mayFallBack = !isOver && faults.some((fault) => FALLBACK.has(fault));
  const next = mayForget ? world : { ...world, remoteBefore: null };
  if (mayFallBack || world.faults.some((fault) => FALLBACK.has(fault))) return next;
  const isPast = isSettled(world, program);
  return {
    ...next,
    storeBefore: null,
    storeAtRound: null,
    storeAtRoundBefore: null,
    // What is settled in a store that cannot fall back tells nothing any more.
    journals: isPast ? world.journals.filter(({ settled }) => !settled) : world.journals,
    // Nobody will hear what is not on its way.
    workers: world.workers.map((worker) =>
      worker.seen === 0 && (worker.listens.length === 0 || !isPast)
        ? worker
        : { ...worker, seen: 0, listens: isPast ? [] : worker.listens },
    ),
  };
}

/** Whether no request is open, on its way or answered and not settled. */
const isSettled = <S>(world: World<S>, program: Setting<S>["program"]): boolean =>
  world.net.length === 0 &&
  program.isQuiet(world.store) &&
  world.workers.every(({ tasks }) => tasks.length === 0);

/** Whether nothing is under way anywhere: then it does not matter which process did what, and when it was. */
const isAtRest = <S>(world: World<S>, program: Setting<S>["program"]): boolean =>
  isSettled(world, program) &&
  world.workers.every(
    ({ doing, listens, pausedUntil }) =>
      (doing.do === "look" || doing.do === "stop") &&
      listens.length === 0 &&
      (pausedUntil === null || pausedUntil <= world.now),
  );

function outcomesOf(cells: Map<string, Outcomes>, faults: readonly Fault[]): Outcomes {
  const key = cellOf(faults);
  const outcomes = cells.get(key) ?? { faults, kept: 0, lost: {} };
  cells.set(key, outcomes);
  return outcomes;
}

function path<S>(found: readonly Found<S>[], at: number): string[] {
  const steps: string[] = [];
  for (let i = at; i > 0; i = found[i]?.from ?? 0) steps.push(found[i]?.says ?? "");
  return steps.reverse();
}
