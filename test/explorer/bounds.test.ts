/** What a policy alone allows, against what each preset declares. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { liveTokens, recovery, wellBehaved } from "../../src/explorer/bounds.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { DAY, FOREVER, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

const preset = (name: string): Policy => PRESETS[name] as Policy;

test("[D06] live tokens: each preset's bound, found by a complete search", () => {
  const bounds: Readonly<Record<string, readonly [string, number]>> = {
    strict: ["chain", 1],
    handshake: ["chain", 2],
    "openam-13": ["chain", 1],
    "openam-13-reuse": ["chain", 1],
    "exact-online": ["clientAndSubject", 2],
    "google-50": ["clientAndSubject", 50],
    "exact-online-old-allowed": ["clientAndSubject", Number.POSITIVE_INFINITY],
  };
  for (const [name, [per, most]] of Object.entries(bounds)) {
    const found = liveTokens(preset(name));
    assert.deepEqual([found.per, found.most, found.isComplete], [per, most, true], name);
  }
});

test("[D06] live tokens: branches and their predecessors count", () => {
  const policy = policyOf({
    siblings: { branches: 3 },
    overlap: { atLeast: "10 min" },
    retry: { answer: "new" },
  });
  const { most, story } = liveTokens(policy);
  assert.equal(most, 6, "three leaves and a parent of each");
  assert.equal(story.length, 5);
});

test("[D06] live tokens: what must wait for a rule's time is waited for", () => {
  const policy = policyOf({
    rotate: { every: "10 min" },
    overlap: { atLeast: "15 min", reach: 2 },
  });
  const { most, story } = liveTokens(policy);
  assert.equal(most, 3);
  assert.equal(story.filter((step) => step.endsWith(" pass")).length, 2);
});

test("[D06] a lost answer: at once, only after, only until, never", () => {
  const windows: Readonly<Record<string, readonly [number, number]>> = {
    handshake: [0, FOREVER],
    strict: [FOREVER, FOREVER],
    "openam-13": [FOREVER, FOREVER],
    "exact-online": [570 * SECOND, 30 * DAY],
    "exact-online-10min": [570 * SECOND, 600 * SECOND],
    "google-50": [0, 180 * DAY],
  };
  for (const [name, [from, until]] of Object.entries(windows)) {
    const found = recovery(preset(name));
    assert.deepEqual([found.from, found.until], [from, until], name);
  }
  const grace = recovery(policyOf({ overlap: { atLeast: "30 s" } }));
  assert.deepEqual([grace.from, grace.until], [0, 30 * SECOND]);
});

test("[D06] a lost answer: a token that never rotates is good until its own end, to the millisecond", () => {
  const { from, until, otherwise } = recovery(preset("openam-13-reuse"));
  // Two refreshes were made before, one hour apart, and the third is the one whose answer is lost.
  assert.deepEqual([from, until], [0, 7 * DAY - 180 * MINUTE]);
  assert.equal(otherwise, "refused as expired");
});

test("[D06] a well-behaved client: always, until a declared end, or refuted with a story", () => {
  for (const name of ["strict", "handshake", "openam-13", "exact-online", "google-50"]) {
    assert.equal(wellBehaved(preset(name)).verdict, "holds", name);
  }
  const fixed = wellBehaved(preset("openam-13-reuse"));
  assert.deepEqual([fixed.verdict, fixed.after, fixed.by], ["ends", 7 * DAY, "lifetime"]);
  const consent = wellBehaved(policyOf({ expiry: { authorization: "90 d" } }));
  assert.deepEqual(
    [consent.verdict, consent.after, consent.by],
    ["ends", 90 * DAY, "authorization"],
  );
});

test("[D06] a well-behaved client is refuted where the policy leaves it without a token", () => {
  const refuted: readonly (readonly [Policy, string, RegExp])[] = [
    [
      policyOf({ expiry: { idle: "5 min" } }),
      "tokenExpired",
      /10 min later .* token 1: refused as expired/,
    ],
    [policyOf({ minInterval: "20 min" }), "tooEarly", /refused as too early/],
    [
      policyOf({ quota: [{ per: "chain", max: 10, window: { day: "UTC" } }] }),
      "quotaExceeded",
      /refresh 10: refused: too many requests/,
    ],
    [
      policyOf({ rotate: { every: "1 h" }, usedFor: "15 min" }),
      "tokenExpired",
      /refused as expired/,
    ],
  ];
  for (const [policy, by, story] of refuted) {
    const found = wellBehaved(policy);
    assert.deepEqual([found.verdict, found.by], ["refuted", by]);
    assert.match(found.story.at(-1) ?? "", story);
  }
});
