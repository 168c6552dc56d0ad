/** Policies that name no vendor: what other platforms' OAuth documentation describes, over HTTP. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { DAY, SECOND } from "../../src/kernel/time.ts";
import { type Answered, basic, read, type Stand, stand } from "../issuer/stand.ts";

/** A resource server's question. */
async function ask(s: Stand, token: string): Promise<Answered> {
  const { clientId, clientSecret } = s.sandbox.resourceServer;
  const headers = { authorization: basic(clientId, clientSecret) };
  const body = new URLSearchParams({ token });
  return read(await fetch(s.sandbox.introspectionEndpoint, { method: "POST", body, headers }));
}

const isActive = async (s: Stand, token: string): Promise<boolean> =>
  (await ask(s, token)).json.active as boolean;

test("[D03, F18] refresh-as-access: the refresh token of an answer is its access token, until the next refresh", async (t) => {
  const s = await stand(t, { preset: "refresh-as-access" });
  const { json } = await s.redeem(await s.code());
  const first = json.refresh_token as string;
  assert.deepEqual([json.access_token, json.expires_in], [first, 600]);
  const told = (await ask(s, first)).json;
  assert.deepEqual([told.active, told.token_type, told.sub], [true, "Bearer", s.sandbox.username]);
  assert.equal((told.exp as number) - (told.iat as number), 600);
  const second = await s.next(first);
  assert.deepEqual([await isActive(s, first), await isActive(s, second)], [false, true]);
});

test("[D03, F18] refresh-as-access: as an access token it lives ten minutes, as a refresh token it goes on", async (t) => {
  const s = await stand(t, { preset: "refresh-as-access" });
  const first = (await s.redeem(await s.code())).json.refresh_token as string;
  s.clock.advance(599 * SECOND);
  assert.equal(await isActive(s, first), true);
  s.clock.advance(SECOND);
  assert.equal(await isActive(s, first), false);
  assert.equal(await isActive(s, await s.next(first)), true);
});

test("[D03] refresh-as-access: revoked, it is dead as both; and it is never another client's", async (t) => {
  const s = await stand(t, { preset: "refresh-as-access" });
  const token = (await s.redeem(await s.code())).json.access_token as string;
  assert.equal((await s.introspect(token)).json.active, true, "its own client may ask");
  assert.equal((await s.revoke(token)).status, 200);
  assert.equal(await isActive(s, token), false);
  assert.equal((await s.refresh(token)).status, 400);
});

test("[D03] refresh-as-access: the answer names the scope that the token has, which no request narrows", async (t) => {
  const s = await stand(t, { preset: "refresh-as-access" });
  const { refresh_token: first, scope } = (await s.redeem(await s.code())).json;
  const narrowed = await s.refresh(first as string, { scope: "read" });
  assert.deepEqual([narrowed.status, narrowed.json.scope], [200, scope]);
  const told = await ask(s, narrowed.json.access_token as string);
  assert.equal(told.json.scope, scope);
});

test("[D03] under every other policy a refresh token is nobody's bearer token", async (t) => {
  for (const preset of ["strict", "handshake", "relay", "long-refresh"]) {
    const s = await stand(t, { preset });
    const { refresh_token: refresh, access_token: access } = (await s.redeem(await s.code())).json;
    const active = [await isActive(s, refresh as string), await isActive(s, access as string)];
    assert.deepEqual(active, [false, true], preset);
  }
});

test("[D03] a policy that could not hold what that form promises is refused with the reason", async (t) => {
  const s = await stand(t, { preset: "refresh-as-access" });
  for (const access of [{ ends: "own" }, { form: "jwt", ends: "own" }]) {
    const { error } = await s.control("policy", { policy: { access } });
    assert.match(String(error), /access\.form: /, JSON.stringify(access));
  }
  const { error } = await s.control("policy", { policy: { rotate: "never" } });
  assert.match(String(error), /access\.form: .*needs rotate "always"/);
});

test("[D04, F18] long-refresh: five years of one refresh token, ten minutes of each access token", async (t) => {
  const s = await stand(t, { preset: "long-refresh" });
  const { json } = await s.redeem(await s.code());
  const refresh = json.refresh_token as string;
  s.clock.advance(600 * SECOND);
  assert.equal(await isActive(s, json.access_token as string), false);
  for (let year = 0; year < 5; year += 1) {
    const { status, json: answer } = await s.refresh(refresh);
    assert.deepEqual([status, answer.expires_in, answer.refresh_token], [200, 600, undefined]);
    s.clock.advance(365 * DAY - 600 * SECOND);
  }
  s.clock.advance(2 * DAY);
  assert.equal((await s.refresh(refresh)).json.error, "invalid_grant");
});
