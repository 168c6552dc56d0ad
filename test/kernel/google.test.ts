/** A window of N refresh tokens per client and subject: a consent beyond it ends the oldest, and no refresh does. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Policy } from "../../src/kernel/policy.ts";
import { DAY, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { granted, type Held, Play } from "./driver.ts";

for (const max of [25, 50, 100]) {
  test(`[B01] of ${max + 1} consents the oldest token is ended, and only it`, () => {
    const play = new Play(PRESETS[`google-${max}`] as Policy);
    const tokens: Held[] = [];
    for (let consent = 0; consent < max; consent += 1) {
      tokens.push(play.wait(SECOND).consent());
    }
    for (const token of tokens) assert.ok(play.accepts(token));
    tokens.push(play.wait(SECOND).consent());
    assert.deepEqual(play.refusal(tokens[0] as Held), {
      reason: "chainRevoked",
      by: "cap",
      at: null,
    });
    for (const token of tokens.slice(1)) play.refresh(token);
    tokens.push(play.wait(SECOND).consent());
    assert.deepEqual(
      tokens.map((token) => play.accepts(token)),
      tokens.map((_, index) => index >= 2),
    );
  });
}

test("[B01] the window is the client's and subject's own", () => {
  const policy = PRESETS["google-25"] as Policy;
  const [mine, other] = [new Play(policy), new Play(policy, { id: "b" })];
  const token = mine.consent();
  for (let consent = 0; consent < 60; consent += 1) other.consent();
  assert.ok(mine.accepts(token));
});

test("[B01] use does not save the oldest", () => {
  const play = new Play(PRESETS["google-25"] as Policy);
  const oldest = play.consent();
  for (let consent = 0; consent < 24; consent += 1) play.wait(SECOND).consent();
  play.refresh(oldest);
  play.wait(SECOND).consent();
  play.refuses(oldest, "chainRevoked");
});

test("[B02] a refresh answers no refresh token and leaves the window as it is", () => {
  const play = new Play(PRESETS["google-50"] as Policy);
  const tokens = [play.consent(), play.wait(SECOND).consent()];
  const window = play.authorization.live;
  for (let time = 0; time < 200; time += 1) {
    const token = tokens[time % 2] as Held;
    assert.equal(granted(play.wait(3600 * SECOND).present(token)).refresh, null);
  }
  assert.deepEqual(play.authorization.live, window);
  assert.equal(play.chain().last, 0);
});

test("[B03] a token unused for six months ends, and use begins them anew", () => {
  const play = new Play(PRESETS["google-100"] as Policy);
  const token = play.consent();
  play.wait(179 * DAY).refresh(token);
  play.wait(180 * DAY - 1);
  assert.ok(play.accepts(token));
  play.wait(1).refuses(token, "tokenExpired");
});
