/**
 * When Keten is killed: moments drawn from a seed, a good part of them in the middle of an exchange.
 *
 * 1. The stand-in's log tells when a request is held, and for how long: before its decision, or before its answer. So
 *    the kill can be aimed at each step: the request is under way, the answer is under way, the answer arrives.
 * 2. An aim that finds no target in time becomes a kill at any moment: there are as many kills as were asked for.
 * 3. A policy may bound how many generations in a row may be retried. No honest client meets more of them than its
 *    network makes; so while a chain is near that bound it is left in peace until it had a generation without one.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../src/env/random.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import type { RequestLine } from "../../src/sandbox/request-log.ts";
import { replay } from "./accepted.ts";
import type { StandIn } from "./stand-in.ts";
import type { Seen } from "./trace.ts";

/** What a kill aims at. */
export type Aim = "starting" | "any moment" | "request held" | "answer held" | "answer arriving";

const AIMS: readonly (readonly [Aim, number])[] = [
  ["starting", 0.1],
  ["any moment", 0.2],
  ["request held", 0.15],
  ["answer held", 0.3],
  ["answer arriving", 0.25],
];

const LOOK_EVERY_MS = 15;
/** No target by then: any moment will do. */
const TARGET_WITHIN_MS = 1500;
const ANY_MOMENT_MS = 900;
const STARTING_MS = 700;
/** Around the end of a hold: the answer's way, its reading, the journal, the commit. */
const ARRIVAL_MS = { from: -2, to: 14 };
/** So many generations below the policy's bound a chain is left in peace. */
const STREAK_MARGIN = 2;

export function drawAim(random: Random): Aim {
  let part = random.fraction();
  for (const [aim, share] of AIMS) {
    if (part < share) return aim;
    part -= share;
  }
  return "any moment";
}

/** How long after its start a process is killed while it starts. */
export const startingMs = (random: Random): number => random.fraction() * STARTING_MS;

/** Waits for the moment; says what it was in the end. */
export async function moment(standIn: StandIn, aim: Aim, random: Random): Promise<Aim> {
  const part = random.fraction();
  if (aim === "any moment") {
    await sleep(part * ANY_MOMENT_MS);
    return aim;
  }
  const giveUpAt = performance.now() + TARGET_WITHIN_MS;
  while (performance.now() < giveUpAt) {
    const lines = await standIn.lines();
    const held = [...lines.values()].slice(-64).map((line) => holdOf(standIn, line));
    const target = held.find((hold) => hold && fits(aim, hold));
    if (target) {
      const leftMs = target.endsAt - Date.now();
      const { from, to } = ARRIVAL_MS;
      const waitMs = aim === "answer arriving" ? leftMs + from + part * (to - from) : leftMs * part;
      await sleep(Math.max(0, waitMs));
      return aim;
    }
    await sleep(LOOK_EVERY_MS);
  }
  return "any moment";
}

interface Hold {
  readonly of: "request" | "answer";
  readonly endsAt: number;
}

/** The hold that a request is in, if it is in one; its end in real time. */
function holdOf(standIn: StandIn, line: RequestLine): Hold | undefined {
  if (line.written !== "pending" || line.holdMs === 0) return undefined;
  if (line.decidedAt === null) {
    return { of: "request", endsAt: standIn.real(line.receivedAt) + line.holdMs };
  }
  if (line.fault !== "answer-late") return undefined;
  return { of: "answer", endsAt: standIn.real(line.decidedAt) + line.holdMs };
}

function fits(aim: Aim, { of, endsAt }: Hold): boolean {
  if (endsAt <= Date.now()) return false;
  return aim === "answer arriving" || aim === `${of} held`;
}

/** Whether some chain has had so many retried generations in a row that it needs one in peace. */
export function needsPeace(policy: Policy, lines: Iterable<RequestLine>): boolean {
  const bound = policy.retry.streak - STREAK_MARGIN;
  if (!Number.isFinite(bound)) return false;
  const chains = Map.groupBy(lines, ({ chain }) => chain);
  return [...chains].some(([chain, own]) => chain !== null && streakOf(policy, own) >= bound);
}

function streakOf(policy: Policy, lines: readonly RequestLine[]): number {
  const seen = lines.map(
    (line): Seen => ({ line, received: line.receivedAt, decided: line.decidedAt, answered: null }),
  );
  return replay(policy, lines[0]?.receivedAt ?? 0, seen).chain.streak;
}
