/**
 * Google over HTTP: a window of live tokens, no rotation, and the deaths of a token. Sources:
 * developers.google.com/identity/protocols/oauth2 ("Refresh token expiration"); the change of text, AlphaTiles issue 107.
 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { DAY, HOUR, SECOND } from "../../src/kernel/time.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { type Answered, type Stand, stand } from "../issuer/stand.ts";

const DEAD = '{"error":"invalid_grant","error_description":"Token has been expired or revoked."}';
const LONG_DEAD = '{"error":"invalid_grant","error_description":"Bad Request"}';

/** A consent of the sandbox's user; a second later than whatever was before. */
async function consent(s: Stand, body: object = {}): Promise<string> {
  s.clock.advance(SECOND);
  const { json, text } = await s.redeem(await s.code(body));
  assert.ok(json.refresh_token, text);
  return json.refresh_token as string;
}

function assertDead({ status, text, headers }: Answered, body = DEAD): void {
  assert.deepEqual([status, text], [400, body]);
  assert.equal(headers.get("cache-control"), "no-store");
}

/** It is dead now, says so for twelve hours, and after that says nothing. */
async function assertDies(s: Stand, token: string): Promise<void> {
  assertDead(await s.refresh(token));
  s.clock.advance(12 * HOUR - SECOND);
  assertDead(await s.refresh(token));
  s.clock.advance(SECOND);
  assertDead(await s.refresh(token), LONG_DEAD);
}

async function control(s: Stand, path: string, body: object): Promise<number> {
  return (await s.control(`google/${path}`, body)).ended as number;
}

for (const max of [25, 50, 100]) {
  test(`[B01] ${max} refresh tokens live per account and client: one consent more ends the oldest, and no other`, async (t) => {
    const s = await stand(t, { preset: `google-${max}` });
    const tokens: string[] = [];
    for (let i = 0; i < max; i += 1) tokens.push(await consent(s));
    assert.equal((await s.refresh(tokens[0]!)).status, 200, "the window is full and whole");
    tokens.push(await consent(s));
    assertDead(await s.refresh(tokens[0]!));
    for (const token of tokens.slice(1)) assert.equal((await s.refresh(token)).status, 200);
    assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200, "another account");
  });
}

test("[B01] a token that the window pushed out keeps its first text: when that was, is not on record", async (t) => {
  const s = await stand(t, { preset: "google-25" });
  const oldest = await consent(s);
  for (let i = 0; i < 25; i += 1) await consent(s);
  assertDead(await s.refresh(oldest));
  s.clock.advance(13 * HOUR);
  assertDead(await s.refresh(oldest));
});

test("[B02] a refresh answers no refresh token and leaves the window as it was", async (t) => {
  const s = await stand(t, { preset: "google-25" });
  const tokens: string[] = [];
  for (let i = 0; i < 25; i += 1) tokens.push(await consent(s));
  for (let round = 0; round < 3; round += 1) {
    for (const token of tokens) {
      const { status, json } = await s.refresh(token);
      assert.deepEqual([status, "refresh_token" in json, json.expires_in], [200, false, 3599]);
    }
  }
});

test("[B03, F17] six months unused end a token, and each use begins them anew", async (t) => {
  const s = await stand(t, { preset: "google-100" });
  const token = await consent(s);
  s.clock.advance(180 * DAY - SECOND);
  assert.equal((await s.refresh(token)).status, 200);
  s.clock.advance(180 * DAY - SECOND);
  assert.equal((await s.refresh(token)).status, 200);
  s.clock.advance(180 * DAY);
  await assertDies(s, token);
});

test("[B03, F17] while the app is in testing, a token ends seven days after the consent, however it is used", async (t) => {
  const s = await stand(t, { preset: "google-testing" });
  const token = await consent(s);
  for (let day = 1; day < 7; day += 1) {
    s.clock.advance(DAY);
    assert.equal((await s.refresh(token)).status, 200, `day ${day}`);
  }
  s.clock.advance(DAY - SECOND);
  assert.equal((await s.refresh(token)).status, 200, "the last second");
  s.clock.advance(SECOND);
  await assertDies(s, token);
});

test("[B03, F17] a revoked token is dead: by its client, and by its owner", async (t) => {
  const s = await stand(t, { preset: "google-100" });
  const byClient = await consent(s);
  assert.equal((await s.revoke(byClient)).status, 200);
  await assertDies(s, byClient);
  const byOwner = await consent(s);
  await s.control("revocations", { username: s.sandbox.username });
  await assertDies(s, byOwner);
});

test("[B03, F17] a changed password ends the grants that include mail, and no others", async (t) => {
  const s = await stand(t, { preset: "google-100" });
  const mail = await consent(s, { scope: "openid https://mail.google.com/" });
  const other = await consent(s, { scope: "openid email" });
  const { username } = s.sandbox;
  assert.equal(await control(s, "passwords", { username, password: "another one" }), 1);
  const { accounts } = s.sandbox.control.realms.list()[0]!;
  const checked = await accounts.checkPassword(username, new Secret("another one"), {});
  assert.equal(checked.ok, true, "the password is the new one");
  assert.equal((await s.refresh(other)).status, 200);
  await assertDies(s, mail);
});

test("[B03, F17] an administrator's session control ends a token with a subtype of its own", async (t) => {
  const s = await stand(t, { preset: "google-100" });
  const token = await consent(s);
  assert.equal(await control(s, "session-control", { username: s.sandbox.username }), 1);
  const { status, json } = await s.refresh(token);
  assert.equal(status, 400);
  assert.deepEqual(json, {
    error: "invalid_grant",
    error_description: "reauth related error (invalid_rapt)",
    error_subtype: "invalid_rapt",
  });
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200, "another account");
  assert.equal(await control(s, "session-control", { username: s.sandbox.username }), 0);
  assert.equal((await s.refresh(await consent(s))).status, 200, "a new consent is whole");
});

test("[B03] what happens to an account is told in full or refused: nothing ends by a malformed call", async (t) => {
  const s = await stand(t, { preset: "google-100" });
  const token = await consent(s);
  const { username } = s.sandbox;
  for (const [path, body] of [
    ["session-control", {}],
    ["session-control", { username, password: "x" }],
    ["passwords", { username }],
    ["passwords", { username: "nobody", password: "x" }],
  ] as const) {
    const response = await fetch(`${s.sandbox.url}/sandbox/google/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = (await response.json()) as Record<string, unknown>;
    assert.equal(response.status, 400, `${path} ${JSON.stringify(body)}`);
    assert.deepEqual(Object.keys(told), ["error"]);
  }
  assert.equal((await s.refresh(token)).status, 200);
});

test("[B01, F17] a refresh token is for offline access, and only where the owner was asked", () => {
  const rules = PROVIDERS["google-100"]?.authorization;
  assert.deepEqual([rules?.refresh, rules?.consent], ["onOfflineAccess", "remembered"]);
});
