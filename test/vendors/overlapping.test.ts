/** Vendors that let a used refresh token come again: for how long, and what it brings. What each documents. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY, HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { accessLife, playOf, rotates } from "./play.ts";

// auth0.com/docs, "Configure Refresh Token Rotation"
test("[D01, D02, E08] auth0-leeway: the direct predecessor may come again, and gets a token of its own", () => {
  const play = playOf("auth0-leeway");
  const first = play.consent();
  const second = rotates(play, first);
  const again = rotates(play.wait(29 * SECOND), first);
  assert.notEqual(again.serial, second.serial);
  rotates(play.wait(HOUR), again);
});

test("[D01, D02, D05] auth0-leeway: what is older than the predecessor is a breach, also within the leeway", () => {
  const play = playOf("auth0-leeway");
  const first = play.consent();
  const third = rotates(play, rotates(play, first));
  play.refuses(first, "replayed");
  play.refuses(third, "chainRevoked");
});

// developer.okta.com/docs/guides/refresh-tokens
test("[D01, D02, D05] okta: 30 seconds of leeway; reuse after that ends the newest token and the access tokens", () => {
  const play = playOf("okta");
  const first = play.consent();
  rotates(play, first);
  const again = rotates(play.wait(29 * SECOND), first);
  play.wait(SECOND).refuses(first, "replayed");
  play.refuses(again, "chainRevoked");
  assert.equal(play.acceptsAccess(again), false);
});

test("[D01] okta: seven days unused end a token", () => {
  const play = playOf("okta");
  const token = rotates(play.wait(DAY), play.consent());
  play.wait(7 * DAY).refuses(token, "tokenExpired");
});

// ory/hydra pull request 3860
test("[D01, D02, D05] hydra-grace: each replay within five minutes begins a branch of its own; later ones end the chain", () => {
  const play = playOf("hydra-grace");
  const first = play.consent();
  const second = rotates(play, first);
  const other = rotates(play.wait(299 * SECOND), first);
  assert.deepEqual([play.accepts(second), play.accepts(other)], [true, true]);
  rotates(play, second);
  rotates(play, other);
  play.wait(SECOND).refuses(first, "replayed");
  assert.equal(play.accepts(other), false);
});

// wso2/product-is issue 27820
test("[D01, D02] wso2-graceful: five replays within 30 seconds, each revokes the child before; its use closes the window", () => {
  const play = playOf("wso2-graceful");
  const first = play.consent();
  let again = rotates(play, first);
  for (let replay = 1; replay <= 5; replay += 1) {
    const before = again;
    again = rotates(play.wait(4 * SECOND), first);
    assert.equal(play.accepts(before), false, "revoked");
  }
  assert.equal(play.accepts(first), false, "five replays and no more");
  const next = rotates(play, again);
  rotates(play, next);
  assert.equal(play.accepts(again), false, "its child was used");
});

test("[D01, D02] wso2-graceful: after 30 seconds a replay is refused", () => {
  const play = playOf("wso2-graceful");
  const first = play.consent();
  rotates(play, first);
  play.wait(30 * SECOND);
  assert.equal(play.accepts(first), false);
});

// supertokens-core 12
test("[D01, D02, D05] supertokens: a replay within 30 seconds displaces the earlier child; any other ends the session", () => {
  const play = playOf("supertokens");
  const first = play.consent();
  const second = rotates(play, first);
  const again = rotates(play.wait(10 * SECOND), first);
  assert.equal(play.accepts(second), false);
  play.wait(20 * SECOND).refuses(first, "replayed");
  play.refuses(again, "chainRevoked");
});

// supabase/auth pull request 2136
test("[D01, D05, E08] supabase: one step back is answered with the current token, whenever; older ones end the session", () => {
  const play = playOf("supabase");
  const first = play.consent();
  const second = rotates(play, first);
  for (let day = 0; day < 3; day += 1) {
    assert.equal(play.wait(DAY).refresh(first).serial, second.serial);
  }
  const third = rotates(play, second);
  play.wait(9 * SECOND).refuses(first, "superseded");
  play.wait(SECOND).refuses(first, "replayed");
  play.refuses(third, "chainRevoked");
});

// element-hq/matrix-authentication-service#3650; spec.matrix.org, "Refreshing access tokens"
test("[D01, E08] mas: a used token is answered until its child, or the access token of that, is used", () => {
  for (const use of ["refresh", "access"] as const) {
    const play = playOf("mas");
    const first = play.consent();
    const second = rotates(play, first);
    const again = rotates(play.wait(300 * DAY), first);
    assert.equal(play.accepts(second), false, "the unused child is revoked first");
    const last = use === "refresh" ? rotates(play, again) : again;
    if (use === "access") play.useAccess(again);
    play.wait(MINUTE).refuses(first, "replayed");
    rotates(play, last);
  }
});

// docs.airlock.com/iam/7.7
test("[D01, D02] airlock: again within the grace, as long as nothing of the new pair was used", () => {
  const play = playOf("airlock");
  const first = play.consent();
  const second = rotates(play, first);
  const again = rotates(play.wait(20 * SECOND), first);
  assert.equal(play.accepts(second), false, "only the newest pair counts");
  play.useAccess(again);
  assert.equal(play.accepts(first), false, "within the grace, but used");
  const late = playOf("airlock");
  const token = late.consent();
  rotates(late, token);
  late.wait(30 * SECOND);
  assert.equal(late.accepts(token), false);
});

// shopify.dev/changelog, 28 August 2026
test("[D01, E08] shopify: the previous token works until the new one is first used, at most 30 days", () => {
  const play = playOf("shopify");
  const first = play.consent();
  assert.equal(accessLife(first), 60 * MINUTE);
  rotates(play, first);
  const again = rotates(play.wait(30 * DAY - SECOND), first);
  play.wait(SECOND);
  assert.equal(play.accepts(first), false, "30 days");
  const third = rotates(play, again);
  rotates(play, third);
  assert.equal(play.accepts(again), false, "used");
});

// developer.xero.com/faq/oauth2
test("[D01, E08] xero: where no answer came the token may be sent again for 30 minutes; 60 days unused end it", () => {
  const play = playOf("xero");
  const first = play.consent();
  assert.equal(accessLife(first), 30 * MINUTE);
  rotates(play, first);
  const again = rotates(play.wait(30 * MINUTE - SECOND), first);
  play.wait(SECOND);
  assert.equal(play.accepts(first), false);
  play.wait(60 * DAY).refuses(again, "tokenExpired");
});

// developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens; community.developer.atlassian.com/t/83103
test("[D01, E08, G10] atlassian: for ten minutes the old refresh token and the old access token work, then neither", () => {
  const play = playOf("atlassian");
  const first = play.consent();
  rotates(play, first);
  play.wait(10 * MINUTE - SECOND);
  assert.deepEqual([play.accepts(first), play.acceptsAccess(first)], [true, true]);
  play.wait(SECOND);
  assert.deepEqual([play.accepts(first), play.acceptsAccess(first)], [false, false]);
});

test("[D01, G11] atlassian: 90 days unused end a token, 365 the family", () => {
  const idle = playOf("atlassian");
  const unused = idle.consent();
  idle.wait(90 * DAY).refuses(unused, "tokenExpired");
  const play = playOf("atlassian");
  let token = play.consent();
  for (let day = 73; day < 365; day += 73) token = rotates(play.wait(73 * DAY), token);
  play.wait(73 * DAY).refuses(token, "tokenExpired");
});

// docs.aws.amazon.com, RefreshTokenRotationType
test("[D01, D02] cognito-rotation: the token before may come again for 60 seconds", () => {
  const play = playOf("cognito-rotation");
  const first = play.consent();
  rotates(play, first);
  rotates(play.wait(59 * SECOND), first);
  play.wait(SECOND);
  assert.equal(play.accepts(first), false);
});

// django-oauth-toolkit.readthedocs.io, Settings
test("[D01, D02, D05] django-oauth-toolkit-grace: the same successor again, and after the grace the family is revoked", () => {
  const play = playOf("django-oauth-toolkit-grace");
  const first = play.consent();
  const second = rotates(play, first);
  assert.equal(play.wait(119 * SECOND).refresh(first).serial, second.serial);
  play.wait(5 * SECOND).refuses(first, "replayed");
  play.refuses(second, "chainRevoked");
});

// thephpleague/oauth2-server#1506; workos.com/docs/authkit/session-resilience
for (const preset of ["league-oauth2-server", "workos"]) {
  test(`[D01, D02, D05, E08] ${preset}: for 30 seconds the same successor again; after that the family is revoked`, () => {
    const play = playOf(preset);
    const first = play.consent();
    const second = rotates(play, first);
    assert.equal(play.wait(29 * SECOND).refresh(first).serial, second.serial);
    play.wait(SECOND).refuses(first, "replayed");
    play.refuses(second, "chainRevoked");
  });
}

// docs.pingidentity.com/pingfederate: rolling interval and rolling grace period
test("[D01, D02] pingfederate: a token rolls after its interval, and is good for a grace after that", () => {
  const play = playOf("pingfederate");
  const first = play.consent();
  assert.equal(play.wait(59 * MINUTE).refresh(first).serial, first.serial);
  const second = rotates(play.wait(MINUTE), first);
  assert.equal(play.wait(59 * SECOND).refresh(first).serial, second.serial);
  play.wait(SECOND);
  assert.equal(play.accepts(first), false);
});
