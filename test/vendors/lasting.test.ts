/** Vendors whose refresh tokens last: nothing rotates, or nothing old dies of it. What each documents. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY, type Duration, HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { Box, type Held } from "../kernel/driver.ts";
import { accessLife, lasts, playOf, rotates } from "./play.ts";

const NEVER_ROTATING: readonly (readonly [string, "repeated" | "omitted", Duration])[] = [
  ["dropbox", "omitted", 4 * HOUR], // developers.dropbox.com/oauth-guide
  ["amazon", "omitted", HOUR], // developer-docs.amazon.com/sp-api
  ["hubspot", "repeated", 30 * MINUTE], // developers.hubspot.com, OAuth guide
  ["zoho", "omitted", HOUR], // zoho.com/accounts/protocol/oauth
  ["salesforce", "omitted", 15 * MINUTE], // help.salesforce.com, "Manage OAuth access policies"
  ["twinfield", "omitted", HOUR], // a support article of Wolters Kluwer
];

for (const [preset, answer, life] of NEVER_ROTATING) {
  test(`[D01] ${preset}: the refresh token stays the same, for years`, () => {
    const play = playOf(preset);
    const token = play.consent();
    assert.equal(accessLife(token), life);
    for (let year = 0; year < 3; year += 1) lasts(play.wait(365 * DAY), token, answer);
  });
}

const FIXED: readonly (readonly [string, "repeated" | "omitted", Duration])[] = [
  ["duende", "repeated", 30 * DAY], // docs.duendesoftware.com, "Refreshing a Token": ReUse, absolute
  ["wso2", "repeated", DAY], // wso2.com, OAuth2 settings of an application
  ["cognito", "omitted", 30 * DAY], // docs.aws.amazon.com, "Refresh tokens"
  ["linkedin", "omitted", 365 * DAY], // learn.microsoft.com/linkedin, programmatic refresh tokens
];

for (const [preset, answer, life] of FIXED) {
  test(`[D01, G11] ${preset}: the refresh token ends so long after the grant, however it is used`, () => {
    const play = playOf(preset);
    const token = play.consent();
    for (let part = 1; part < 4; part += 1) lasts(play.wait(life / 4), token, answer);
    lasts(play.wait(life / 4 - SECOND), token, answer);
    play.wait(SECOND).refuses(token, "tokenExpired");
  });
}

// learn.microsoft.com/linkedin/shared/authentication/programmatic-refresh-tokens
test("[D01] linkedin: an access token lives 60 days", () => {
  assert.equal(accessLife(playOf("linkedin").consent()), 60 * DAY);
});

// Oracle's connector documentation; help.salesforce.com
test("[D01] salesforce: the sixth approval of a user and app revokes the oldest", () => {
  const play = playOf("salesforce");
  const tokens = Array.from({ length: 6 }, () => play.wait(MINUTE).consent());
  assert.deepEqual(
    tokens.map((token) => play.accepts(token)),
    [false, true, true, true, true, true],
  );
});

// zoho.com/accounts/protocol/oauth
test("[D01, D02] zoho: of 20 refresh tokens of a user the oldest is deleted, whichever app it was for", () => {
  const subject = new Box();
  const [one, other] = [playOf("zoho", { subject, id: "a" }), playOf("zoho", { subject, id: "b" })];
  const first = one.consent();
  let last: Held | undefined;
  for (let i = 0; i < 20; i += 1) last = other.wait(MINUTE).consent();
  assert.equal(one.accepts(first), false);
  assert.ok(last && other.accepts(last));
});

test("[D01, D02] zoho: one refresh token fetches ten access tokens in ten minutes", () => {
  const play = playOf("zoho");
  const token = play.consent();
  play.wait(HOUR);
  for (let i = 0; i < 10; i += 1) lasts(play.wait(SECOND), token, "omitted");
  play.refuses(token, "quotaExceeded");
  lasts(play.wait(10 * MINUTE), token, "omitted");
});

// keycloak.org, Server Administration Guide: "Revoke Refresh Token" off
test("[D01] keycloak: every refresh answers a new token, and each old one is good until its own end", () => {
  const play = playOf("keycloak");
  const first = play.consent();
  assert.equal(accessLife(first), 5 * MINUTE);
  const second = rotates(play.wait(10 * MINUTE), first);
  rotates(play.wait(19 * MINUTE), first);
  rotates(play, second);
  const late = playOf("keycloak");
  const unused = late.consent();
  late.wait(30 * MINUTE).refuses(unused, "tokenExpired");
});

test("[D01, G11] keycloak: a session ends after ten hours in all", () => {
  const play = playOf("keycloak");
  let token = play.consent();
  for (let passed = 20; passed < 600; passed += 20) token = rotates(play.wait(20 * MINUTE), token);
  play.wait(20 * MINUTE).refuses(token, "tokenExpired");
});

// learn.microsoft.com/entra/identity-platform/refresh-tokens
test("[D01] entra: a refresh answers a new token and leaves the old one as it is, for its 90 days", () => {
  const play = playOf("entra");
  const first = play.consent();
  const second = rotates(play.wait(DAY), first);
  for (let day = 0; day < 80; day += 10) rotates(play.wait(10 * DAY), first);
  play.wait(9 * DAY).refuses(first, "tokenExpired");
  rotates(play, second);
});

test("[D01, G11] entra-spa: a single-page app's chain ends a day after sign-in, however it is used", () => {
  const play = playOf("entra-spa");
  let token = play.consent();
  for (let hour = 0; hour < 23; hour += 1) token = rotates(play.wait(HOUR), token);
  play.wait(HOUR).refuses(token, "tokenExpired");
});
