/** How many chains may live at once, over a client and subject, a subject, or a client; and what gives way. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { DAY, HOUR, SECOND } from "../../src/kernel/time.ts";
import { Box, granted, type Held, Play, refused } from "./driver.ts";

const capped = (over: string, rest: object = {}) =>
  policyOf({ caps: [{ per: "clientAndSubject", max: 2, over }], ...rest });

test("[ISS-46] beyond the cap the oldest chain ends, or the one least recently used, or the grant is refused", () => {
  for (const [over, survivors] of [
    ["evictOldest", [false, true, true]],
    ["evictLeastRecent", [true, false, true]],
    ["refuse", [true, true]],
  ] as const) {
    const play = new Play(capped(over, { rotate: "never" }));
    const tokens = [play.consent(), play.wait(SECOND).consent()];
    play.wait(SECOND).refresh(tokens[0] as Held);
    const code = play.wait(SECOND).open();
    const decision = play.redeem(code);
    if (decision.granted) tokens.push(play.held(code.ordinal, decision.answer));
    else
      assert.deepEqual(refused(decision), {
        reason: "capReached",
        per: "clientAndSubject",
        max: 2,
      });
    assert.deepEqual(
      tokens.map((token) => play.accepts(token)),
      survivors,
      over,
    );
  }
});

test("[ISS-46] a refused grant changes nothing, and a chain that ended makes room", () => {
  const play = new Play(capped("refuse", { expiry: { lifetime: "1 d" } }));
  play.consent();
  play.wait(HOUR).consent();
  const decision = play.redeem(play.open());
  assert.equal(decision.granted, false);
  assert.deepEqual(decision.after, {});
  play.wait(DAY - HOUR).consent();
  assert.equal(play.redeem(play.open()).granted, false);
});

test("[ISS-46] a subject's cap counts over clients, a client's over subjects", () => {
  for (const per of ["subject", "client"] as const) {
    const shared = { [per]: new Box() };
    const policy = policyOf({ caps: [{ per, max: 2 }] });
    const [one, two] = [new Play(policy, shared), new Play(policy, { ...shared, id: "b" })];
    const [first, second] = [one.consent(), two.wait(SECOND).consent()];
    assert.ok(one.accepts(first));
    two.wait(SECOND).consent();
    assert.deepEqual(one.refusal(first), { reason: "chainRevoked", by: "cap", at: null });
    assert.ok(two.accepts(second));
  }
});

test("[ISS-46] a cap that comes into force ends no chain that was there before", () => {
  const play = new Play(policyOf({}));
  const old = [play.consent(), play.consent(), play.consent()];
  play.wait(SECOND).change(capped("evictOldest")).wait(SECOND);
  const recent = [play.consent(), play.wait(SECOND).consent(), play.wait(SECOND).consent()];
  for (const token of old) assert.ok(play.accepts(token));
  assert.deepEqual(
    recent.map((token) => play.accepts(token)),
    [false, true, true],
  );
});

test("[ISS-46] a lowered cap ends what is too much at the next grant", () => {
  const of = (max: number) => policyOf({ caps: [{ per: "clientAndSubject", max }] });
  const play = new Play(of(5));
  const tokens = [1, 2, 3, 4, 5].map(() => play.wait(SECOND).consent());
  play.change(of(2));
  for (const token of tokens) assert.ok(play.accepts(token));
  tokens.push(play.wait(SECOND).consent());
  assert.deepEqual(
    tokens.map((token) => play.accepts(token)),
    [false, false, false, false, true, true],
  );
});

test("[ISS-50] a cap taken away brings back no chain that it had ended", () => {
  const play = new Play(capped("evictOldest"));
  const first = play.consent();
  play.wait(SECOND).consent();
  play.wait(SECOND).consent();
  play.refuses(first, "chainRevoked");
  play.wait(SECOND).change(policyOf({}));
  assert.equal(play.accepts(first), false, "without the cap");
  play.wait(SECOND).change(capped("evictOldest"));
  assert.equal(play.accepts(first), false, "with the cap again");
});

test("[ISS-46] revoked chains do not count as live: a disconnected user may connect again", () => {
  const play = new Play(capped("refuse"));
  play.consent();
  play.consent();
  play.revokeAll();
  granted(play.redeem(play.open()));
});

test("[ISS-46] a chain that replay ended makes room for another, and names its own cause", () => {
  const play = new Play(capped("refuse"));
  const [first] = [play.consent(), play.consent()];
  play.wait(HOUR).refresh(first);
  play.wait(HOUR).refuses(first, "replayed");
  play.consent();
  assert.equal(play.redeem(play.open()).granted, false);
  assert.deepEqual(play.refusal(first), {
    reason: "chainRevoked",
    by: "replay",
    at: play.now,
  });
});

test("[ISS-46] a code redeemed twice makes room for another", () => {
  const play = new Play(capped("refuse"));
  const code = play.open();
  granted(play.redeem(code));
  play.consent();
  assert.equal(refused(play.redeem(code)).reason, "codeReplayed");
  play.consent();
});

test("[ISS-46] a chain that its owner revoked makes room for another", () => {
  const play = new Play(capped("evictOldest"));
  const [first, second] = [play.consent(), play.wait(SECOND).consent()];
  play.revoke(second.ordinal);
  play.wait(SECOND).consent();
  assert.ok(play.accepts(first), "one of two was revoked: the new one is the second that lives");
});
