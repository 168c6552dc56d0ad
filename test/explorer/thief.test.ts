/** How long a thief goes unnoticed, policy by policy, against what each policy declares. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { rulesFor } from "../../src/explorer/chain-play.ts";
import { fateOf, type ThiefFate, thiefFates } from "../../src/explorer/thief.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { MINUTE } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

const fates = (name: string): ((copied: string, moves: string) => ThiefFate) => {
  const all = thiefFates(PRESETS[name] as Policy);
  return (copied, moves) => {
    const found = all.find((fate) => fate.copied === copied && fate.moves === moves);
    assert.ok(found?.isComplete, `${name}: every way was looked at`);
    return found;
  };
};

test("[G02, G05] handshake: a thief in step is noticed within streak + 1 refreshes, before or after the client", () => {
  const of = fates("handshake");
  const { streak } = (PRESETS.handshake as Policy).retry;
  assert.equal(streak, 8);
  for (const moves of ["before", "after"]) {
    const { ends, refreshes, after, keepsToken, sign } = of("current", moves);
    assert.deepEqual([ends, refreshes, after], ["noticed", streak + 1, 90 * MINUTE], moves);
    assert.equal(keepsToken, false);
    assert.match(sign ?? "", /ended|ends/);
  }
  assert.equal(of("superseded", "before").refreshes, streak + 1);
});

test("[G02, G05] handshake: whatever a thief does, it gets nothing after streak + 1 refreshes", () => {
  for (const name of ["handshake", "handshake-observed"]) {
    const of = fates(name);
    assert.deepEqual(
      [of("current", "freely").ends, of("current", "freely").refreshes],
      ["bounded", 9],
    );
    assert.equal(of("superseded", "freely").refreshes, 8);
  }
});

test("[G02, G05] the bound is the streak's own: another streak, another bound", () => {
  for (const streak of [1, 3]) {
    const policy = policyOf({ overlap: { untilUsed: true }, retry: { streak } });
    const rules = rulesFor(policy);
    assert.equal(fateOf(rules, "current", "before").refreshes, streak + 1);
    assert.equal(fateOf(rules, "current", "after").refreshes, streak + 1);
    assert.equal(fateOf(rules, "current", "freely").refreshes, streak + 1);
  }
});

test("[G05] without a streak a thief in step goes on for ever", () => {
  const rules = rulesFor(policyOf({ overlap: { untilUsed: true } }));
  for (const moves of ["before", "after", "freely"] as const) {
    const { ends, refreshes, after, gains } = fateOf(rules, "current", moves);
    const endless = Number.POSITIVE_INFINITY;
    assert.deepEqual([ends, refreshes, after, gains], ["unnoticed", endless, endless, endless]);
  }
});

test("[G05] strict: a thief is noticed at the client's next refresh, and a superseded token gives nothing", () => {
  const of = fates("strict");
  assert.deepEqual(
    [of("current", "before").ends, of("current", "before").refreshes],
    ["noticed", 1],
  );
  assert.equal(of("current", "freely").refreshes, 1);
  for (const moves of ["before", "after", "everyOther", "freely"]) {
    assert.equal(of("superseded", moves).gains, 0, moves);
  }
  assert.match(
    of("superseded", "before").story[0] ?? "",
    /thief presents token 3: refused as replay/,
  );
});

test("[G05] a server that only refuses: the client is shut out, the thief keeps the chain", () => {
  const of = fates("openam-13");
  const { ends, refreshes, keepsToken, sign } = of("current", "before");
  assert.deepEqual([ends, refreshes, keepsToken], ["noticed", 1, true]);
  assert.equal(sign, "the client is refused as used");
  assert.equal(of("superseded", "before").ends, "shutOut", "and nobody is told");
});

test("[G05] tokens that never rotate: nobody ever notices a thief, and no superseded token exists", () => {
  for (const name of ["openam-13-reuse", "google-50", "relay"]) {
    const of = fates(name);
    for (const moves of ["before", "after", "everyOther", "freely"]) {
      assert.equal(of("current", moves).ends, "unnoticed", `${name} ${moves}`);
      assert.equal(of("superseded", moves).ends, "noSuchToken", `${name} ${moves}`);
    }
  }
});

test("[G05] a least interval tells on a thief: who comes second is too early", () => {
  const of = fates("exact-online");
  const { ends, refreshes, sign } = of("current", "before");
  assert.deepEqual([ends, refreshes], ["noticed", 1]);
  assert.equal(sign, "the client is refused as too early");
  // A thief that is free waits until it may; that is late in the round.
  const { ends: free, gains } = of("current", "freely");
  assert.deepEqual([free, gains], ["bounded", 1]);
});

/**
 * The presets that differ in what a thief meets; of others the first stands for all. Without those under which every
 * token is good for ever, at any pace: there a thief needs no skill. And without those that rotate now and then: there
 * rounds of the client do not measure what a thief gets.
 */
const MET = new Map(
  Object.entries(PRESETS)
    .filter(([, { rotate, overlap, minInterval }]) => {
      const isEndless = overlap.reach === Number.POSITIVE_INFINITY && minInterval === 0;
      return typeof rotate === "string" && !isEndless;
    })
    .toReversed()
    .map(([name, { rotate, overlap, retry, siblings, usedFor, replay, minInterval }]) => [
      JSON.stringify([rotate, overlap, retry, siblings, usedFor, replay.action, minInterval]),
      name,
    ]),
);

test("[G05] a thief that is free does at least as well as any in step", () => {
  for (const name of MET.values()) {
    const policy = PRESETS[name] as Policy;
    const all = thiefFates(policy);
    for (const copied of ["current", "superseded"] as const) {
      const own = all.filter((fate) => fate.copied === copied);
      const best = own.find(({ moves }) => moves === "freely")?.refreshes ?? 0;
      for (const { moves, refreshes, gains } of own) {
        // A thief in step may gain nothing in the round in which it is noticed.
        if (gains > 0) assert.ok(best >= refreshes - 1, `${name} ${copied} ${moves}`);
      }
    }
  }
});
