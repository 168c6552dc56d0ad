/**
 * What a client's habit risks under a policy, and what Keten risks under the same faults.
 *
 * Both are programs of the same model, so the difference is theirs and not the model's. Quotas, and an end that no
 * refresh can move, are nobody's habit: the chain begins well before both.
 */

import type { Knowledge } from "../kernel/doubt.ts";
import type { Policy } from "../kernel/policy.ts";
import { SECOND } from "../kernel/time.ts";
import { spanOf } from "./chain-play.ts";
import { FAULTS, type Fault } from "./faults.ts";
import { HABITS, type Habit, habitProgram, SLOW, UNANSWERED } from "./habits.ts";
import { LOSS_CLASSES, type LossClass } from "./judge.ts";
import { ketenProgram } from "./keten-program.ts";
import type { Program } from "./program.ts";
import { revisionsOf } from "./remote.ts";
import { type Explored, explore, type Story } from "./search.ts";

const STATES_MAX = 200_000;
/** Refreshes after which a chain has shown that it lives. */
const ROUNDS = 3;

export interface HabitRisk {
  readonly habit: Habit["name"];
  readonly says: string;
  readonly verdict: "kept" | "lost";
  /** What makes it lose the chain. */
  readonly lostBy: readonly Fault[];
  /** Whether it is lost although nothing goes wrong. */
  readonly isLostAnyway: boolean;
  /** A shortest way to lose it. */
  readonly story: readonly string[];
  readonly isComplete: boolean;
}

export interface KeeperRisk {
  /** Ways of losing a chain that could have been kept. */
  readonly avoidable: number;
  /** What can still lose it, and whose loss that is. */
  readonly remaining: readonly { readonly fault: Fault; readonly class: LossClass }[];
  readonly states: number;
  /** A shortest way to lose it avoidably. */
  readonly story: readonly string[];
  readonly isComplete: boolean;
}

export function habitRisk(policy: Policy, habit: Habit): HabitRisk {
  const program = habitProgram(habit, policy);
  const found = explored(policy, program, habit);
  const stories = found.stories.toSorted((a, b) => lengthOf(a) - lengthOf(b));
  const [shortest] = stories;
  return {
    habit: habit.name,
    says: habit.says,
    verdict: shortest ? "lost" : "kept",
    lostBy: [...new Set(stories.flatMap(({ faults }) => faults))],
    isLostAnyway: stories.some(({ faults }) => faults.length === 0),
    story: shortest ? told(shortest) : [],
    isComplete: found.isComplete,
  };
}

export const habitRisks = (policy: Policy): readonly HabitRisk[] =>
  HABITS.map((habit) => habitRisk(policy, habit));

/** Keten with two processes, which takes its provider to follow one of some policies. */
export function keeperRisk(policy: Policy, knowledge: Knowledge = [policy]): KeeperRisk {
  const faults: readonly Fault[] = [...UNANSWERED, ...SLOW, "storeRestored"];
  const found = explored(policy, ketenProgram(knowledge), { faults, workers: 2, rounds: ROUNDS });
  const avoidable = found.stories.find(({ loss }) => loss.class === "avoidable");
  const remaining = faults.flatMap((fault) => {
    const lost = found.cells.get(fault)?.lost ?? {};
    const gravest = LOSS_CLASSES.find((name) => lost[name] !== undefined);
    return gravest ? [{ fault, class: gravest }] : [];
  });
  const count = [...found.cells.values()].reduce((sum, { lost }) => sum + (lost.avoidable ?? 0), 0);
  return {
    avoidable: count,
    remaining,
    states: found.states,
    story: avoidable ? told(avoidable) : [],
    isComplete: found.isComplete,
  };
}

function explored<S>(
  written: Policy,
  program: Program<S>,
  { faults, workers, rounds }: Pick<Habit, "faults" | "workers" | "rounds">,
): Explored {
  const policy: Policy = { ...written, quota: [], register: "off" };
  const setting = { policy, revisions: revisionsOf(policy), program, faults, faultsMax: 1, rounds };
  return explore(setting, { workers, statesMax: STATES_MAX });
}

// --- words ----------------------------------------------------------------------------------------------

/** The shortest counts; of two that are much alike, the lost answer, which everybody knows. */
const lengthOf = ({ steps, faults }: Story): number =>
  steps.length - (faults.includes("answerLost") ? 2 : 0);

/** Faults in words that fit a client with neither intent nor lease. */
export const FAULT_WORDS: Readonly<Record<Fault, string>> = {
  ...FAULTS,
  pauseBeforeSend: "a process stands still for a minute between reading the store and sending",
  pauseBeforeJournal:
    "a process stands still for a minute between hearing an answer and storing it",
};

/** A story for people: tokens by their number, faults in their own words, nothing of what is only bookkeeping. */
function told({ steps, loss }: Story): readonly string[] {
  const acts = steps.filter((step) => !/^\w (?:records|journals|rests) /.test(step));
  const isFault = Object.hasOwn(FAULTS, loss.why);
  const end = isFault ? "no token that is left is accepted" : `lost: ${loss.why}`;
  return [...acts.map(toldStep), end];
}

/** One step: "answerLost: to a" and the like are the explorer's own, all else needs only its names made readable. */
function toldStep(step: string): string {
  const [, name = "", where = ""] = /^(\w+): (?:to ([a-c])$)?/.exec(step) ?? [];
  if (Object.hasOwn(FAULT_WORDS, name)) {
    const who = where === "" ? "" : `: worker ${where}`;
    return `${FAULT_WORDS[name as Fault]}${who}`;
  }
  return step
    .replace(/\b([a-c])\d+\.\d+/g, "worker $1's request")
    .replace(/\b(\d+)-\d{10,}/g, "request $1")
    .replace(/^([a-c])\b/, "worker $1")
    .replace(/^(worker [a-c])(.*)\1's request/, "$1$2its request")
    .replace(/(\d+)@\d+/g, (_, serial: string) => `token ${Number(serial) + 1}`)
    .replace(
      /^([\d.]+) s pass$/,
      (_, seconds: string) => `${spanOf(Number(seconds) * SECOND)} pass`,
    );
}
