/** Access tokens of a chain: when they end besides their own time, and what is kept of those revoked one by one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ACCESS_REVOKED_MAX } from "../../src/kernel/chain.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { MINUTE, SECOND } from "../../src/kernel/time.ts";
import { type Held, Play } from "./driver.ts";

/** Three access tokens, each a minute younger than the one before. */
function three(policy: unknown): { play: Play; tokens: readonly [Held, Held, Held] } {
  const play = new Play(policyOf(policy));
  const first = play.consent();
  const second = play.wait(MINUTE).refresh(first);
  const third = play.wait(MINUTE).refresh(second);
  return { play, tokens: [first, second, third] };
}

const living = (policy: unknown): readonly boolean[] => {
  const { play, tokens } = three(policy);
  return tokens.map((token) => play.acceptsAccess(token));
};

test("[ISS-35] an access token ends by itself, with its refresh token's place, or with its opening", () => {
  const overlap = { atLeast: "1 h" };
  assert.deepEqual(living({ overlap }), [true, true, true], "own");
  assert.deepEqual(living({ overlap, access: { ends: "superseded" } }), [false, false, true]);
  assert.deepEqual(living({ overlap, access: { ends: "notOpen" } }), [false, true, true]);
  assert.deepEqual(living({ access: { ends: "notOpen" } }), [false, false, true]);
});

test("[ISS-35] at most so many of the newest access tokens live", () => {
  assert.deepEqual(living({ access: { max: 1 } }), [false, false, true]);
  assert.deepEqual(living({ access: { max: 2 } }), [false, true, true]);
});

test("[ISS-35] a revoked chain takes its access tokens along, unless replay is told to keep them", () => {
  for (const [accessTokens, lives] of [
    ["revoke", false],
    ["keep", true],
  ] as const) {
    const { play, tokens } = three({ replay: { accessTokens } });
    play.wait(MINUTE).refuses(tokens[0], "replayed");
    assert.equal(play.acceptsAccess(tokens[2]), lives);
    play.revoke();
    assert.equal(play.acceptsAccess(tokens[2]), false, "the owner's word ends them in any case");
  }
});

test("[ISS-35] one access token is revoked alone, once and for all", () => {
  const { play, tokens } = three({});
  play.revokeAccess(tokens[1]);
  play.revokeAccess(tokens[1]);
  assert.deepEqual(
    tokens.map((token) => play.acceptsAccess(token)),
    [true, false, true],
  );
  assert.equal(play.chain().accessRevoked.length, 1);
  play.wait(MINUTE).refresh(tokens[2]);
  assert.equal(play.acceptsAccess(tokens[1]), false);
});

test("[G04] access tokens revoked one by one are forgotten at their end", () => {
  const { play, tokens } = three({});
  for (const token of tokens) play.revokeAccess(token);
  play.wait(20 * MINUTE).refresh(tokens[2]);
  assert.deepEqual(play.chain().accessRevoked, []);
});

test("[G04] when too many are revoked at once the older ones die too, and none comes back", () => {
  const play = new Play(policyOf({ rotate: "never" }));
  const tokens = [play.consent()];
  while (tokens.length < 40) tokens.push(play.wait(SECOND).refresh(tokens[0] as Held));
  const odd = tokens.filter((_, index) => index % 2 === 1);
  for (const token of odd) play.revokeAccess(token);
  assert.equal(play.chain().accessRevoked.length, ACCESS_REVOKED_MAX);
  for (const token of odd) assert.equal(play.acceptsAccess(token), false);
  const even = tokens.filter((_, index) => index % 2 === 0);
  const lives = even.map((token) => play.acceptsAccess(token));
  assert.deepEqual(
    lives,
    even.map((token) => token.access.number > 8),
    "dead are those older than the oldest still listed",
  );
});

test("[C21] access tokens that a policy had ended stay dead when it changes", () => {
  for (const before of [{ ends: "superseded" }, { ends: "notOpen" }, { max: 1 }]) {
    const { play, tokens } = three({ access: before });
    play.change(policyOf({}));
    assert.equal(play.acceptsAccess(tokens[0]), false, JSON.stringify(before));
    const next = play.wait(SECOND).refresh(tokens[2]);
    assert.ok(play.acceptsAccess(next));
    assert.equal(play.acceptsAccess(tokens[0]), false, JSON.stringify(before));
  }
});
