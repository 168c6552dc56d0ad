/**
 * The faults that a history may meet, each with a rate of its own; drawn first, known before anything happens.
 *
 * 1. A history has some kinds of faults and not others: where everything fails at once, most failures hide each other.
 * 2. `strike` draws whether a fault happens now, and counts it. In the liveness phase none does.
 */

import type { Stream } from "./random-stream.ts";

export const FAULTS = [
  // on the way to the provider
  "connectFailed",
  "requestLost",
  "requestDelayed",
  "requestStale",
  "requestDuplicated",
  // at the provider
  "errorBefore",
  "errorAfter",
  "rateLimited",
  "htmlPage",
  "notFound",
  "clientRefused",
  "issuerCommitFailed",
  "issuerCommitUnknown",
  "userRevoked",
  "consentedAgain",
  // on the way back
  "answerLost",
  "answerCut",
  "answerLate",
  // hosts
  "crash",
  "crashInFlight",
  "crashAtDisk",
  "powerLoss",
  "pause",
  "pauseInFlight",
  "pauseBeforeSending",
  "machineFrozen",
  "wallJump",
  // the disk under the journal
  "diskFull",
  "diskWriteFailed",
  "diskSyncFailed",
  "diskCreateFailed",
  "diskReadFailed",
  "tornWrite",
  // the store
  "storeBusy",
  "storeReadFailed",
  "storeBeginFailed",
  "storeCommitFailed",
  "commitUnknownApplied",
  "commitUnknownLost",
  // at the provider, for a while; last, so that older seeds draw the others as they did
  "outage",
] as const;

export type FaultName = (typeof FAULTS)[number];

export type Rates = Readonly<Partial<Record<FaultName, number>>>;

/** The highest rate of each, by its own occasion: a request, a disk call, a commit, a token's lifetime. */
const MOST: Readonly<Record<FaultName, number>> = {
  connectFailed: 0.2,
  requestLost: 0.2,
  requestDelayed: 0.3,
  requestStale: 0.02,
  requestDuplicated: 0.05,
  errorBefore: 0.2,
  errorAfter: 0.15,
  rateLimited: 0.1,
  htmlPage: 0.1,
  notFound: 0.05,
  clientRefused: 0.05,
  issuerCommitFailed: 0.05,
  issuerCommitUnknown: 0.05,
  userRevoked: 0.01,
  consentedAgain: 0.01,
  answerLost: 0.2,
  answerCut: 0.2,
  answerLate: 0.2,
  crash: 0.005,
  crashInFlight: 0.2,
  crashAtDisk: 0.03,
  powerLoss: 0.05,
  pause: 0.3,
  pauseInFlight: 0.15,
  pauseBeforeSending: 0.1,
  machineFrozen: 0.05,
  wallJump: 0.05,
  diskFull: 0.1,
  diskWriteFailed: 0.1,
  diskSyncFailed: 0.1,
  diskCreateFailed: 0.1,
  diskReadFailed: 0.1,
  tornWrite: 1,
  storeBusy: 0.05,
  storeReadFailed: 0.05,
  storeBeginFailed: 0.05,
  storeCommitFailed: 0.08,
  commitUnknownApplied: 0.08,
  commitUnknownLost: 0.08,
  outage: 0.05,
};

/** Which faults a history has, and how often. */
export function drawRates(stream: Stream, known: readonly FaultName[]): Rates {
  const share = stream.pick([0.05, 0.15, 0.15, 0.3]);
  const rates: Partial<Record<FaultName, number>> = {};
  for (const name of known) {
    if (stream.chance(share)) rates[name] = stream.skewed(MOST[name] / 10, MOST[name]);
  }
  return rates;
}

export class Faults {
  isOn = false;
  readonly counts: Partial<Record<FaultName, number>> = {};
  readonly #rates: Rates;
  readonly #stream: Stream;

  constructor(rates: Rates, stream: Stream) {
    this.#rates = rates;
    this.#stream = stream;
  }

  rateOf(name: FaultName): number {
    return this.isOn ? (this.#rates[name] ?? 0) : 0;
  }

  strike(name: FaultName): boolean {
    const rate = this.#rates[name];
    if (rate === undefined || !this.isOn || this.#stream.fraction() >= rate) return false;
    this.count(name);
    return true;
  }

  count(name: FaultName): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }
}
