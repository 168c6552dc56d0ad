/** A chain after a million refreshes is as large as after one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { present, type Scopes } from "../../src/kernel/authorization.ts";
import type { Chain, Presented } from "../../src/kernel/chain.ts";
import { brokenInvariants } from "../../src/kernel/invariants.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/kernel/policy.ts";
import { type Duration, MINUTE, stepAt } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { Play } from "./driver.ts";

const REFRESHES = 1_000_000;

/** Ten minutes between refreshes, or as long as it takes a token to rotate. */
function paceOf({ rotate, expiry }: Policy, at: number): Duration {
  if (typeof rotate !== "object") return 10 * MINUTE;
  return "every" in rotate ? rotate.every : rotate.fromFraction * stepAt(expiry.lifetime, at);
}

/** The chain after each of so many refreshes, without keeping any but the newest. */
function* refreshes(policy: Policy, count: number): Generator<Chain> {
  const play = new Play(policy);
  let token: Presented = play.consent();
  let chain = play.chain();
  let scopes: Scopes = play.scopes;
  const pace = paceOf(policy, play.now);
  const { revisions } = play;
  for (let time = 0; time < count; time += 1) {
    const { now } = play.wait(pace);
    const decision = present({ scopes, ordinal: 1, chain, token, revisions, now, attempt: "next" });
    if (!decision.granted) assert.fail(JSON.stringify(decision.refusal));
    const { after, answer } = decision;
    chain = after.chain ?? chain;
    if (after.authorization) scopes = { ...scopes, authorization: after.authorization };
    token = answer.refresh ?? token;
    yield chain;
  }
}

/** The length of a chain written out, with every digit counted as one: serials and days grow longer, nothing else may. */
const lengthOf = (chain: Chain): number => JSON.stringify(chain).replace(/\d+/g, "0").length;

/**
 * The presets by what they have a chain write down: caps count chains, and a counter is tried by itself below. Of a limit
 * nothing is written, nor of a code, of an access token, or of what replay costs; so each is tried as if it lived on.
 */
const distinct = new Map<string, { names: string[]; policy: Policy }>();
for (const [name, preset] of Object.entries(PRESETS)) {
  const { caps, quota, register, code, access, replay, expiry } = DEFAULT_POLICY;
  const isMeasured = typeof preset.rotate === "object" && "fromFraction" in preset.rotate;
  const { lifetime } = isMeasured ? preset.expiry : expiry;
  const lasting = { caps, quota, register, code, access, replay, expiry: { ...expiry, lifetime } };
  const policy: Policy = { ...preset, ...lasting };
  const known = distinct.get(JSON.stringify(policy));
  if (known) known.names.push(name);
  else distinct.set(JSON.stringify(policy), { names: [name], policy });
}

/** Refreshes a chain so often; at no time may it be larger than after the tenth. */
function staysAsLarge(policy: Policy, count: number): void {
  let afterTen = Number.POSITIVE_INFINITY;
  let most = 0;
  let done = 0;
  let last: Chain | undefined;
  for (const chain of refreshes(policy, count)) {
    done += 1;
    most = Math.max(most, chain.entries.length);
    if (done === 10) afterTen = lengthOf(chain);
    last = chain;
  }
  assert.ok(last);
  assert.equal(done, count);
  assert.ok(lengthOf(last) <= afterTen, `${lengthOf(last)} at last, ${afterTen} after ten`);
  assert.ok(most <= 4, `${most} entries`);
  assert.equal(last.lastGrantAt, last.grantAt + paceOf(policy, last.grantAt) * count);
  assert.deepEqual(brokenInvariants(last, policy, last.lastGrantAt), []);
}

for (const { names, policy } of distinct.values()) {
  test(`[G04] ${names.join(", ")}: a chain is as large after ${REFRESHES} refreshes as after ten`, () => {
    staysAsLarge(policy, REFRESHES);
  });
}

test("[G04] a day's counter in the chain is one number, however many days pass", () => {
  const quota = { per: "chain", max: 200, window: { day: "Europe/Amsterdam" } };
  staysAsLarge(policyOf({ quota: [quota] }), 50_000);
});
