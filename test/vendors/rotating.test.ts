/**
 * Vendors whose refresh tokens are good for one use: what each documents. Where a source is not the vendor's own page, the
 * vendor's `policy.ts` says so.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY, HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { accessLife, playOf, reuseEndsChain, rotates } from "./play.ts";

// auth0.com/docs, "Refresh Token Rotation"; the limit of 200: "Refresh Token Expiration"
test("[D01, D02, D05] auth0: reuse ends the family, and access tokens already given live on", () => {
  const play = playOf("auth0");
  const next = reuseEndsChain(play, play.consent());
  assert.ok(play.acceptsAccess(next));
});

test("[D01] auth0: of 200 tokens per user and application the oldest gives way to one more", () => {
  const play = playOf("auth0");
  const tokens = Array.from({ length: 201 }, () => play.wait(SECOND).consent());
  assert.equal(play.accepts(tokens[0]!), false);
  assert.ok(tokens.slice(1).every((token) => play.accepts(token)));
});

// ory/hydra, "Graceful token refresh"; fosite's strict refresh deletes the access tokens of the request
test("[D01, D02, D05] hydra: without grace a second use ends the chain, and a refresh deletes the access token", () => {
  const play = playOf("hydra");
  const first = play.consent();
  const second = rotates(play, first);
  assert.equal(play.acceptsAccess(first), false);
  play.refuses(first, "replayed");
  play.refuses(second, "chainRevoked");
  assert.equal(play.acceptsAccess(second), false);
});

test("[D01] hydra: each refresh begins the lifetime of 720 hours anew", () => {
  const play = playOf("hydra");
  const first = play.consent();
  const second = rotates(play.wait(720 * HOUR - SECOND), first);
  const third = rotates(play.wait(720 * HOUR - SECOND), second);
  play.wait(720 * HOUR).refuses(third, "tokenExpired");
});

// keycloak.org, Server Administration Guide, "Revoke Refresh Token", with "Refresh Token Max Reuse" 0
test("[D01, D05] keycloak-revoke: a second use ends the session, and access tokens are signed and live on", () => {
  const play = playOf("keycloak-revoke");
  const next = reuseEndsChain(play, play.consent());
  assert.ok(play.acceptsAccess(next));
});

// docs.duendesoftware.com, "Refreshing a Token": OneTimeOnly
test("[D01, D05] duende-onetime: a consumed token is refused, and nothing else dies", () => {
  const play = playOf("duende-onetime");
  const first = play.consent();
  const second = rotates(play, first);
  play.wait(HOUR).refuses(first, "replayed");
  const third = rotates(play, second);
  play.wait(30 * DAY - HOUR).refuses(third, "tokenExpired");
});

// panva/node-oidc-provider, `rotateRefreshToken` and `ttl.RefreshToken` of defaults.js
test("[D01, D02, D05] node-oidc-provider: rotates once 70 % of its life have passed, and a second use ends the grant", () => {
  const play = playOf("node-oidc-provider");
  const first = play.consent();
  assert.equal(play.wait(9 * DAY).refresh(first).serial, first.serial);
  const second = rotates(play.wait(DAY), first);
  play.refuses(first, "replayed");
  play.refuses(second, "chainRevoked");
});

test("[D01] node-oidc-provider: a year after the grant nothing rotates any more, and the last life ends it all", () => {
  const play = playOf("node-oidc-provider");
  let token = play.consent();
  for (let day = 0; day < 370; day += 10) token = play.wait(10 * DAY).refresh(token);
  play.wait(9 * DAY).refuses(token, "tokenExpired");
});

// curity.io/docs: grace-period defaults to 0
test("[D01, D02] curity: there is no grace unless it is set", () => {
  const play = playOf("curity");
  reuseEndsChain(play, play.consent());
});

// django-oauth-toolkit.readthedocs.io, Settings: ROTATE_REFRESH_TOKEN on, REFRESH_TOKEN_REUSE_PROTECTION off
test("[D01, D02, D05] django-oauth-toolkit: a used token is refused and nothing else dies; access lives ten hours", () => {
  const play = playOf("django-oauth-toolkit");
  const first = play.consent();
  assert.equal(accessLife(first), 10 * HOUR);
  const second = rotates(play, first);
  assert.equal(play.acceptsAccess(first), false, "revoked by the refresh");
  play.refuses(first, "replayed");
  rotates(play, second);
});

// help.salesforce.com, "Refresh Token Rotation"
test("[D01, D05] salesforce-rotation: reuse revokes the current token and its access tokens", () => {
  const play = playOf("salesforce-rotation");
  const next = reuseEndsChain(play, play.consent());
  assert.equal(play.acceptsAccess(next), false);
});

// release notes of Intuit's Java SDK 6.5.4 (five years); developer.intuit.com (24 hours, 100 days)
test("[D01] intuit: the value changes once in 24 hours; 100 days unused or five years end it", () => {
  const play = playOf("intuit");
  const first = play.consent();
  assert.equal(play.wait(23 * HOUR).refresh(first).serial, first.serial);
  const second = rotates(play.wait(HOUR), first);
  play.wait(99 * DAY).refresh(second);
  const unused = playOf("intuit");
  const token = unused.consent();
  unused.wait(100 * DAY).refuses(token, "tokenExpired");
  const long = playOf("intuit");
  let held = long.consent();
  for (let day = 90; day <= 1800; day += 90) held = long.wait(90 * DAY).refresh(held);
  long.wait(26 * DAY).refuses(held, "tokenExpired");
});

// docs.github.com, "Refreshing user access tokens"
test("[D01, G10] github-apps: a refresh kills the old pair at once, access token included", () => {
  const play = playOf("github-apps");
  const first = play.consent();
  assert.equal(accessLife(first), 8 * HOUR);
  const second = rotates(play, first);
  assert.equal(play.acceptsAccess(first), false);
  assert.ok(play.acceptsAccess(second));
  play.wait(180 * DAY).refuses(second, "tokenExpired");
});

// developers.miro.com, OAuth v2 reference
test("[D01, G10] miro: the old access token and the old refresh token both die", () => {
  const play = playOf("miro");
  const first = play.consent();
  const second = rotates(play, first);
  assert.deepEqual([play.acceptsAccess(first), play.accepts(first)], [false, false]);
  play.wait(60 * DAY).refuses(second, "tokenExpired");
});

// developer.box.com/guides/authentication/tokens/refresh
test("[D01] box: one use within 60 days, and an access token for an hour", () => {
  const play = playOf("box");
  const first = play.consent();
  assert.equal(accessLife(first), 60 * MINUTE);
  const second = rotates(play.wait(60 * DAY - SECOND), first);
  assert.equal(play.accepts(first), false);
  play.wait(60 * DAY).refuses(second, "tokenExpired");
});

// docs.slack.dev/authentication/using-token-rotation
test("[D01] slack: an access token lives 12 hours, and no more than two of them are live", () => {
  const play = playOf("slack");
  const first = play.consent();
  assert.equal(accessLife(first), 12 * HOUR);
  const second = rotates(play, first);
  assert.ok(play.acceptsAccess(first));
  const third = rotates(play, second);
  const live = [first, second, third].map((token) => play.acceptsAccess(token));
  assert.deepEqual(live, [false, true, true]);
});

// trypostit/trypost issue 126; better-auth issue 2095
test("[D01, D05] x: an access token lives two hours, and reuse ends the family", () => {
  const play = playOf("x");
  const first = play.consent();
  assert.equal(accessLife(first), 2 * HOUR);
  reuseEndsChain(play, first);
});

// better-auth issue 8512
test("[D01, D05] better-auth: reuse ends every refresh token of the user and client, on whatever device", () => {
  const play = playOf("better-auth");
  const [phone, laptop] = [play.consent(), play.consent()];
  const next = rotates(play, phone);
  assert.ok(play.accepts(laptop));
  play.refuses(phone, "replayed");
  play.refuses(next, "chainRevoked");
  play.refuses(laptop, "chainRevoked");
});

// community.visma.com (2019); linear.app/developers; developers.notion.com/reference/refresh-a-token;
// anthropics/claude-code issue 24317; openai/codex issue 6028
for (const preset of ["visma", "linear", "notion", "anthropic", "openai"]) {
  test(`[D01] ${preset}: each refresh brings a new token, and the one before it is dead`, () => {
    const play = playOf(preset);
    const first = play.consent();
    const second = rotates(play.wait(HOUR), first);
    assert.equal(play.accepts(first), false);
    rotates(play.wait(DAY), second);
  });
}
