/** Windows as narrow as vendors make them, and tokens that end soon: no single fault loses what could be kept. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { exploreWith, gravest } from "../../sim/explore/cells.ts";
import { ketenProgram } from "../../src/explorer/keten-program.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";

const POLICIES = {
  "an overlap of ten seconds": { overlap: { atLeast: "10 s" } },
  "an overlap of half a minute": { overlap: { atLeast: "30 s" } },
  "an overlap of a minute": { overlap: { atLeast: "60 s" } },
  "an overlap of two links": { overlap: { atLeast: "60 s", reach: 2 } },
  "another child for each retry, within half a minute": {
    ...{ overlap: { atLeast: "30 s" }, retry: { answer: "new" } },
  },
  "another child for each retry, within a minute": {
    ...{ overlap: { atLeast: "60 s" }, retry: { answer: "new" } },
  },
  "another child for each retry, within ten minutes": {
    ...{ overlap: { atLeast: "10 min" }, retry: { answer: "new" } },
  },
  "two branches": {
    overlap: { atLeast: "60 s" },
    retry: { answer: "new" },
    siblings: { branches: 2 },
  },
  "a window that an access token's use closes": {
    ...{ overlap: { untilUsed: true }, firstUse: "refreshOrAccess" },
  },
  "a window that an access token's use closes, another child for each retry": {
    ...{ overlap: { untilUsed: true, atMost: "10 min" }, firstUse: "refreshOrAccess" },
    retry: { answer: "new" },
  },
  "a token that lives for eight minutes": {
    ...{ expiry: { lifetime: "8 min" }, access: { lifetime: "5 min" } },
  },
  "a token that lapses after nine idle minutes": {
    ...{ expiry: { idle: "9 min" }, access: { lifetime: "5 min" } },
  },
} as const;

for (const [name, written] of Object.entries(POLICIES)) {
  for (const workers of [1, 2]) {
    test(`[E08, PRO-07] ${name}, ${workers} at work: no single fault loses a chain that could be kept`, () => {
      const policy = policyOf(written);
      const { cells, stories } = exploreWith(name, policy, ketenProgram([policy]), workers, 1);
      const lost = cells.filter((cell) => gravest(cell) === "avoidable");
      const story = stories.find(({ loss }) => loss.class === "avoidable")?.steps.join("\n");
      assert.equal(lost.length, 0, story ?? "nothing lost");
    });
  }
}
