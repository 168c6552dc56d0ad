/**
 * The search: every world that can be reached, breadth first, until there is no new one.
 *
 * 1. Worlds are compared by value. Their parts are shared between worlds, so each part is written out once and has a
 *    number; a world's key is a line of numbers.
 * 2. A branch ends where the chain is lost, where it has shown that it lives, or where nothing more can happen.
 * 3. The first loss of a class that is found in a cell is one of the shortest.
 */

import { type Instant, SECOND } from "../kernel/time.ts";
import { faultMovesOf } from "./fault-moves.ts";
import { FALLBACK, type Fault } from "./faults.ts";
import { judge, type Loss, type LossClass, stuck } from "./judge.ts";
import { type Move, movesOf } from "./moves.ts";
import { accepts, beginRemote } from "./remote.ts";
import { AT_ONCE, isAlive, type Setting, type Worker, type World, wallOf } from "./world.ts";

/** Nobody waits longer than this for a chain to show that it lives. */
const HORIZON = 10 * 24 * 3600 * SECOND;

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
  readonly world: World<S>;
  readonly from: number;
  readonly says: string;
}

/** Explores a setting to its end. */
export function explore<S>(setting: Setting<S>, options: SearchOptions): Explored {
  const { statesMax = 1_500_000, untilAvoidable = false } = options;
  const numbers = new Numbers();
  const found: Found<S>[] = [{ world: beginning(setting, options), from: -1, says: "" }];
  const known = new Set([keyOf(found[0]?.world as World<S>, numbers)]);
  const cells = new Map<string, Outcomes>();
  const stories = new Map<string, Story>();
  let hasAvoidable = false;
  const lose = (loss: Loss, at: number, last: string, faults: readonly Fault[]): void => {
    const cell = outcomesOf(cells, faults);
    cell.lost[loss.class] = (cell.lost[loss.class] ?? 0) + 1;
    const key = `${cellOf(faults)} ${loss.class}`;
    hasAvoidable ||= loss.class === "avoidable";
    if (!stories.has(key)) stories.set(key, { loss, faults, steps: [...path(found, at), last] });
  };
  for (let at = 0; at < found.length && found.length < statesMax; at += 1) {
    if (untilAvoidable && hasAvoidable) break;
    const { world } = found[at] as Found<S>;
    if (isKept(world, setting)) {
      outcomesOf(cells, world.faults).kept += 1;
      continue;
    }
    const moves = movesOf(world, setting);
    if (moves.length === 0 || world.now > BEGIN + HORIZON) {
      lose(stuck(world, setting), at, "nothing more happens", world.faults);
      continue;
    }
    const faults = moves[0]?.isFirst ? [] : faultMovesOf(world, setting);
    for (const move of [...moves, ...faults]) {
      const loss = judge(move, setting);
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
  const key = isAtRest(world, setting.program)
    ? `rest ${numbers.ofText(keyAtRest(world))}`
    : keyOf(world, numbers);
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

// --- worlds as keys -------------------------------------------------------------------------------------

/** Numbers for values: equal values, equal numbers. */
class Numbers {
  readonly #byText = new Map<string, number>();
  readonly #byValue = new WeakMap<object, number>();

  of(value: object | null): number {
    if (value === null) return -1;
    const known = this.#byValue.get(value);
    if (known !== undefined) return known;
    const number = this.ofText(JSON.stringify(value, exactly));
    this.#byValue.set(value, number);
    return number;
  }

  ofText(text: string): number {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const number = this.#byText.size;
    this.#byText.set(text, number);
    return number;
  }
}

/** JSON has no infinity; and a value that differs by it is another one. */
const exactly = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

/** Every instant in a text: thirteen digits, for some centuries. */
const INSTANTS = /(?<!\d)1[789]\d{11}(?!\d)/g;

/**
 * At rest, two worlds are the same if they differ by the names of processes and by the time of day only. (A quota over
 * a calendar day would tell the time; three rounds come near none.)
 */
function keyAtRest<S>(world: World<S>): string {
  const { now } = world;
  const { authorization, chain } = world.remote;
  const rest = [world.remoteBefore?.chain, world.store, world.storeBefore];
  const older = [world.storeAtRound, world.storeAtRoundBefore, world.journals];
  const workers = world.workers.map(({ machine, doing, seen }) => {
    const at = doing.do === "look" ? past(doing.at, wallOf(world)) : "";
    return `${machine} ${doing.do} ${at} ${seen}`;
  });
  const value = [world.skew, authorization, chain, ...rest, ...older, workers.sort(), world.faults];
  const text = JSON.stringify(value, exactly);
  return text.replace(INSTANTS, (instant) => `@${Number(instant) - now}`);
}

const past = (at: Instant, now: Instant) => (at <= now ? "-" : at);

function keyOf<S>(world: World<S>, numbers: Numbers): string {
  const worker = ({
    name,
    life,
    machine,
    since,
    doing,
    pausedUntil,
    tasks,
    listens,
    seen,
  }: Worker) => {
    const waits =
      doing.do === "look"
        ? past(doing.at, wallOf(world))
        : doing.do === "off"
          ? past(doing.until, world.now)
          : numbers.of(doing);
    const paused = pausedUntil === null ? "-" : past(pausedUntil, world.now);
    const own = tasks.map((task) => numbers.of(task)).join();
    const late = listens.map(({ id }) => id).join();
    return `${name}${life} ${machine} ${since} ${doing.do} ${waits} ${paused} ${own} ${late} ${seen}`;
  };
  const messages = world.net.map(({ arrivesAt, ...message }) =>
    [numbers.ofText(JSON.stringify(message, exactly)), past(arrivesAt, world.now)].join("@"),
  );
  return [
    world.now,
    world.skew,
    numbers.of(world.remote.chain),
    numbers.of(world.remote.authorization),
    numbers.of(world.remoteBefore?.chain ?? null),
    ...[world.store, world.storeBefore, world.storeAtRound, world.storeAtRoundBefore].map((store) =>
      numbers.of(store as object | null),
    ),
    world.journals.map((kept) => numbers.of(kept)).join(),
    numbers.ofText(world.workers.map(worker).join("|")),
    messages.sort().join(),
    world.faults.join(),
  ].join(";");
}
