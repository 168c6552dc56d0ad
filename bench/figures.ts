/**
 * From rounds to figures.
 *
 * 1. A figure is the median of its rounds. A ratio is the median of the rounds' own ratios: both of its sides were
 *    measured within seconds of each other, so that what else the machine did weighs on both.
 * 2. A bar is told as reached or missed; a run never fails for being slow.
 */

import type { Measured } from "./loader.ts";
import type { RecordSizes } from "./record-size.ts";
import type { CrowdRound } from "./relay.ts";
import type { FigureName } from "./stands.ts";

export type Round = Readonly<Record<FigureName, Measured>> & {
  /** Rotations in the process whose reads `readsWhileRotating` counts, at the same time. */
  readonly rotationsMeanwhile: number;
};

/** The last line of a run. */
export interface LastLine {
  readonly echo: number;
  readonly oidcProvider: number;
  readonly rotations: number;
  readonly tokenReads: number;
  readonly readsWhileRotating: number;
  readonly rotationsToEcho: number;
  readonly rotationsToOidcProvider: number;
  readonly tokenReadsToEcho: number;
  readonly relayTokens: number;
  readonly relayTokensToEcho: number;
  readonly relayTokensByTurnsToEcho: number;
  /** Milliseconds for one of a crowd that asks at the end of a token; the median of the rounds. */
  readonly crowdP99: number;
  /** Of all rounds. */
  readonly crowdErrors: number;
  /** The most that a round needed. */
  readonly crowdUpstreamRequests: number;
  readonly bytesPerChainAfter1: number;
  readonly bytesPerChainAfter1M: number;
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly atLeast: number;
  readonly goal: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - 1] ?? 0, sorted[middle] ?? 0];
  return sorted.length % 2 === 0 ? (low + high) / 2 : high;
}

/** The median rate of a figure, per second. */
export const rateOf = (rounds: readonly Round[], figure: FigureName): number =>
  Math.round(median(rounds.map((round) => round[figure].perSecond)));

/** The median CPU time of an answer, in microseconds. */
export const cpuOf = (rounds: readonly Round[], figure: FigureName): number =>
  Math.round(median(rounds.map((round) => round[figure].cpuMicrosecondsPerAnswer)));

/** The median of the rounds' ratios, to three places. */
export function ratioOf(rounds: readonly Round[], of: FigureName, to: FigureName): number {
  return threePlaces(median(rounds.map((round) => round[of].perSecond / round[to].perSecond)));
}

const threePlaces = (value: number): number => Math.round(1000 * value) / 1000;

const errorsOf = ({ statuses }: CrowdRound): number =>
  Object.entries(statuses).reduce((sum, [status, n]) => (status === "200" ? sum : sum + n), 0);

export function lastLine(
  rounds: readonly Round[],
  sizes: RecordSizes,
  crowds: readonly CrowdRound[],
): LastLine {
  return {
    echo: rateOf(rounds, "echo"),
    oidcProvider: rateOf(rounds, "oidcProvider"),
    rotations: rateOf(rounds, "rotations"),
    tokenReads: rateOf(rounds, "tokenReads"),
    readsWhileRotating: rateOf(rounds, "readsWhileRotating"),
    rotationsToEcho: ratioOf(rounds, "rotations", "echo"),
    rotationsToOidcProvider: ratioOf(rounds, "rotations", "oidcProvider"),
    tokenReadsToEcho: ratioOf(rounds, "tokenReads", "echo"),
    relayTokens: rateOf(rounds, "relayTokens"),
    relayTokensToEcho: ratioOf(rounds, "relayTokens", "echo"),
    relayTokensByTurnsToEcho: ratioOf(rounds, "relayTokensByTurns", "echo"),
    crowdP99: Math.round(median(crowds.map(({ p99 }) => p99))),
    crowdErrors: crowds.reduce((sum, crowd) => sum + errorsOf(crowd), 0),
    crowdUpstreamRequests: Math.max(...crowds.map(({ upstreamRequests }) => upstreamRequests)),
    bytesPerChainAfter1: sizes.bytesAfterOne,
    bytesPerChainAfter1M: sizes.bytesAfterAll,
  };
}

export function barsOf(rounds: readonly Round[], line: LastLine): readonly Bar[] {
  const whileRotating = ratioOf(rounds, "readsWhileRotating", "tokenReads");
  return [
    { name: "rotations to echo", value: line.rotationsToEcho, atLeast: 0.25, goal: 0.35 },
    {
      name: "rotations to oidc-provider",
      value: line.rotationsToOidcProvider,
      atLeast: 3.5,
      goal: 5,
    },
    { name: "token reads to echo", value: line.tokenReadsToEcho, atLeast: 0.6, goal: 0.6 },
    { name: "relay tokens to echo", value: line.relayTokensToEcho, atLeast: 0.4, goal: 0.6 },
    { name: "reads while rotating to reads alone", value: whileRotating, atLeast: 0.5, goal: 0.5 },
  ];
}

export function tellBar({ name, value, atLeast, goal }: Bar): string {
  const verdict = value < atLeast ? "MISSED" : value < goal ? "reached, goal not" : "reached";
  const bar = goal === atLeast ? `${atLeast}` : `${atLeast}, goal ${goal}`;
  return `${name.padEnd(38)} ${value.toFixed(3).padStart(7)}   bar ${bar.padEnd(14)} ${verdict}`;
}

export function tellMeasured(name: string, measured: Measured): string {
  const { perSecond, cpuMicrosecondsPerAnswer, cores, latencyMs } = measured;
  return [
    name.padEnd(24),
    `${Math.round(perSecond).toLocaleString("en").padStart(8)}/s`,
    `${Math.round(cpuMicrosecondsPerAnswer).toString().padStart(5)} µs CPU each`,
    `${cores.toFixed(2)} cores`,
    `p50 ${latencyMs.p50.toFixed(1)} ms`,
    `p99 ${latencyMs.p99.toFixed(1)} ms`,
  ].join("  ");
}
