/**
 * What the programs are put to: a provider's rules, and what goes wrong between them and it.
 *
 * 1. Faults are those of the stand-in, at rates that a bad day has: one request in ten.
 * 2. Where a lost answer cannot be repaired by anybody, because the provider takes the old token no more and does not give
 *    the new one again, it has a scenario of its own. There Keten can only say what happened.
 */

import type { FaultInputs } from "../../src/sandbox/faults.ts";

export interface Scenario {
  readonly name: string;
  readonly preset: string;
  readonly rules: string;
  readonly faults: FaultInputs;
  /** Whether the faults leave a way to keep the chain at every point. */
  readonly keepable: boolean;
}

const BESIDE: FaultInputs = {
  "answer-late": { rate: 0.03, minMs: 200, maxMs: 20_000 },
  "error-before": 0.02,
  reset: 0.02,
};

const LOST: FaultInputs = { "lost-answer": 0.02, "error-after": 0.01 };

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "strict",
    preset: "strict",
    rules: "A refresh token is good for one request; who presents it again ends the chain.",
    faults: BESIDE,
    keepable: true,
  },
  {
    name: "strict, answers lost as well",
    preset: "strict",
    rules:
      "The same. An answer that is lost takes the only good token with it: nobody can keep that chain.",
    faults: { ...BESIDE, ...LOST },
    keepable: false,
  },
  {
    name: "exact-online",
    preset: "exact-online",
    rules:
      "The old token is good until the new one is used; 570 s between two refreshes; 200 a day.",
    faults: { ...BESIDE, ...LOST },
    keepable: true,
  },
  {
    name: "exact-online-10min",
    preset: "exact-online-10min",
    rules:
      "The same by the vendor's other text: a token lapses ten minutes after its first use, which leaves 30 s to ask again. Where that answer is lost as well, nobody can keep the chain.",
    faults: { ...BESIDE, ...LOST },
    keepable: false,
  },
  {
    name: "handshake",
    preset: "handshake",
    rules:
      "The old token gives the same new one until that is used; then who presents it ends the chain.",
    faults: { ...BESIDE, ...LOST },
    keepable: true,
  },
  {
    name: "google-50",
    preset: "google-50",
    rules: "The refresh token never changes, and answers do not repeat it.",
    faults: { ...BESIDE, ...LOST },
    keepable: true,
  },
  {
    name: "relay",
    preset: "relay",
    rules:
      "The refresh token never changes, and every answer repeats it: what Keten promises its consumers, here by the stand-in.",
    faults: { ...BESIDE, ...LOST },
    keepable: true,
  },
];
