/**
 * What holds for every chain under every policy, over random histories: several holders, lost answers, late
 * duplicates, thieves, access tokens used and revoked, codes redeemed and replayed, policies changed, clocks stepping
 * back. `history.ts` says what is checked after each step, under the letters (a) to (g).
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { policyJson } from "./arbitrary-policy.ts";
import { playHistory, steps } from "./history.ts";

/** The seed of this run; a failure prints it again, with the path to its smallest history. */
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const runs = Number(process.env.RUNS ?? 300);
console.log(`seed ${seed}, ${runs} histories a property`);

function check<T>(property: fc.IRawProperty<T>, numRuns: number): void {
  fc.assert(property, { seed, numRuns: Math.ceil(numRuns) });
}

for (const [name, policy] of Object.entries(PRESETS)) {
  test(`[D01] [ISS-18] preset ${name} keeps its promises over random histories`, () => {
    check(
      fc.property(steps(), (history) => void playHistory(policy, history)),
      Math.ceil(runs / 3),
    );
  });
}

test("[D01] [ISS-18] every policy keeps its promises over random histories", () => {
  check(
    fc.property(
      policyJson,
      steps(),
      (policy, history) => void playHistory(policyOf(policy), history),
    ),
    runs * 4,
  );
});

test("[C21] [ISS-50] no change of policy revives a dead token, unless it says so", () => {
  check(
    fc.property(
      policyJson,
      steps({ changes: "plain" }),
      (policy, history) => void playHistory(policyOf(policy), history),
    ),
    runs * 4,
  );
});

test("[A14] a change that revives keeps every other promise", () => {
  check(
    fc.property(
      policyJson,
      steps({ changes: "reviving" }),
      (policy, history) => void playHistory(policyOf(policy), history),
    ),
    runs * 2,
  );
});

test("[ISS-18] a clock that steps back breaks no bound, and no refusal changes a record", () => {
  check(
    fc.property(
      policyJson,
      steps({ clock: "stepsBack", changes: "reviving" }),
      (policy, history) => void playHistory(policyOf(policy), history),
    ),
    runs * 2,
  );
});

test("[ISS-18] the same inputs give the same value", () => {
  check(
    fc.property(policyJson, steps({ changes: "reviving" }), (policy, history) => {
      const [first, second] = [
        playHistory(policyOf(policy), history),
        playHistory(policyOf(policy), history),
      ];
      assert.deepEqual(second.play.chains, first.play.chains);
      assert.deepEqual(second.play.authorization, first.play.authorization);
    }),
    runs / 3,
  );
});
