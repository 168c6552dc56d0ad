/** The Exact Online preset over HTTP: its limits and its words, letter for letter. */

import { strict as assert } from "node:assert";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { usDate } from "../../src/vendors/exact-online/dialect.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { type Answered, basic, type Stand, type StandOptions, stand } from "./stand.ts";

const OLD = '{"error":"unauthorized_client","error_description":"Old refresh token used."}';
const SECOND = 1000;

const exact = (t: TestContext, options: StandOptions = {}): Promise<Stand> =>
  stand(t, { preset: "exact-online", ...options });

function assertOld({ status, text }: Answered, expected = 401): void {
  assert.deepEqual([status, text], [expected, OLD]);
}

/** The refresh token of a fresh code. */
async function fresh(s: Stand): Promise<string> {
  return (await s.redeem(await s.code())).json.refresh_token as string;
}

/** A refresh once the least interval has passed. */
async function later(s: Stand, refreshToken: string): Promise<string> {
  s.clock.advance(570 * SECOND);
  return s.next(refreshToken);
}

test("[A04] a code works for 180 s and once; the second use is answered as a replayed message", async (t) => {
  const s = await exact(t);
  const [early, late] = [await s.code({ username: "a" }), await s.code({ username: "b" })];
  s.clock.advance(179 * SECOND);
  assert.equal((await s.redeem(early)).status, 200);
  s.clock.advance(2 * SECOND);
  const expired = await s.redeem(late);
  assert.deepEqual([expired.status, expired.json.error], [400, "invalid_grant"]);
  const again = await s.redeem(early);
  assert.equal(again.status, 400);
  assert.equal(
    again.text,
    '{"error":"invalid_request","error_description":"This message has already been processed.  This could indicate a replay attack in progress."}',
  );
});

test("[A04] a replayed code leaves what it gave before", async (t) => {
  const s = await exact(t);
  const code = await s.code();
  const { json } = await s.redeem(code);
  assert.equal((await s.redeem(code)).status, 400);
  await later(s, json.refresh_token as string);
});

test("[A06] the token response: its fields in order, expires_in a string, body and Basic accepted", async (t) => {
  const s = await exact(t);
  const { clientId, clientSecret } = s.sandbox;
  const byBody = await s.redeem(await s.code(), { force_login: "0" });
  assert.equal(byBody.status, 200);
  assert.deepEqual(Object.keys(byBody.json), [
    "access_token",
    "token_type",
    "expires_in",
    "refresh_token",
  ]);
  assert.equal(byBody.json.token_type, "bearer");
  assert.equal(byBody.json.expires_in, "600");
  assert.match(
    byBody.json.refresh_token as string,
    /^stampNL001\.[A-Za-z0-9_-]{4}!IAAAA[A-Za-z0-9_-]+$/,
  );
  assert.match(byBody.json.access_token as string, /^stampNL001\.gAAAA[A-Za-z0-9_-]+$/);
  assert.match(await s.code(), /^stampNL001\.[A-Za-z0-9_-]{4}!IAAAA/);
  assert.match(clientId, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  s.clock.advance(570 * SECOND);
  const authorization = basic(clientId, clientSecret);
  const byBasic = await s.post(
    {
      grant_type: "refresh_token",
      refresh_token: byBody.json.refresh_token as string,
      redirect_uri: "https://example.com",
    },
    { headers: { authorization } },
  );
  assert.equal(byBasic.status, 200, byBasic.text);
  assert.equal(byBasic.json.expires_in, "600");
});

test("[A07] an access token dies at 600 s from its issue, used or not", async (t) => {
  const s = await exact(t);
  const used = (await s.refresh(s.sandbox.refreshToken)).json.access_token as string;
  const unused = (await s.redeem(await s.code())).json.access_token as string;
  for (let second = 0; second < 599; second += 50) {
    assert.equal((await s.introspect(used)).json.active, true);
    s.clock.advance(second === 550 ? 49 * SECOND : 50 * SECOND);
  }
  assert.equal((await s.introspect(used)).json.active, true, "599 s");
  s.clock.advance(SECOND);
  for (const token of [used, unused]) {
    assert.deepEqual((await s.introspect(token)).json, { active: false });
  }
});

test("[A10] the first use of a token kills all before it", async (t) => {
  const s = await exact(t);
  const tokens = [await fresh(s)];
  for (let i = 0; i < 4; i += 1) tokens.push(await later(s, tokens.at(-1)!));
  s.clock.advance(570 * SECOND);
  const [newest, activated, ...older] = tokens.toReversed();
  for (const token of older) assertOld(await s.refresh(token));
  assert.equal((await s.refresh(activated!)).status, 200, "the token activated last");
  assertOld(await s.refresh(newest!));
});

test("[A11] a pending token that was overtaken by another is refused, the other works", async (t) => {
  const s = await exact(t);
  const active = await fresh(s);
  const overtaken = await later(s, active);
  const pending = await later(s, active);
  assert.notEqual(pending, overtaken);
  s.clock.advance(570 * SECOND);
  assertOld(await s.refresh(overtaken));
  await s.next(pending);
});

test('[A15] "Old refresh token used.", letter for letter, 401 or 400', async (t) => {
  for (const status of [401, 400] as const) {
    const s = await exact(t);
    await s.control("exact-online/switches", { D3: String(status) });
    const first = await fresh(s);
    const second = await later(s, first);
    await later(s, second);
    assertOld(await s.refresh(first), status);
  }
});

test("[A17] a second consent of the same user ends the first chain; another user's or app's does not", async (t) => {
  const s = await exact(t);
  const secret = new Secret("another app's secret");
  const app = { clientId: "another-app", policy: PRESETS["exact-online"]!, secret };
  const grantTypes = ["authorization_code", "refresh_token"] as const;
  await s.sandbox.issuer.registerClient({ ...app, kind: "confidential", grantTypes });
  const subject = s.sandbox.username;
  const elsewhere = await s.sandbox.issuer.grant({ clientId: app.clientId, subject });
  assert.ok(elsewhere.granted);
  const first = await fresh(s);
  const second = await fresh(s);
  s.clock.advance(570 * SECOND);
  assertOld(await s.refresh(first));
  await s.next(second);
  await s.next(s.sandbox.refreshToken);
  const credentials = { client_id: app.clientId, client_secret: secret.reveal() };
  const { status } = await s.refresh(elsewhere.response.refreshToken!, credentials);
  assert.equal(status, 200);
});

test("[A18] a refresh 569 s after the last grant is refused and consumes nothing; at 570 s it works", async (t) => {
  const s = await exact(t);
  const refreshToken = await fresh(s);
  s.clock.advance(569 * SECOND);
  const before = await s.dump();
  const { status, text, headers } = await s.refresh(refreshToken);
  assert.equal(status, 400);
  assert.equal(
    text,
    '{"error":"access_denied","error_description":"Rate limit exceeded: access_token not expired"}',
  );
  assert.equal(
    headers.get("reason"),
    "TooEarlyToRefreshTokens: Rate limit exceeded: access_token not expired",
  );
  assert.equal(await s.dump(), before);
  s.clock.advance(SECOND);
  await s.next(refreshToken);
});

test("[A19] 200 token calls a day pass and the 201st is refused; a client can be exempt", async (t) => {
  const s = await exact(t, { policy: { ...PRESETS["exact-online"]!, minInterval: 0 } });
  let token = await fresh(s);
  for (let call = 2; call <= 200; call += 1) token = await s.next(token);
  const before = await s.dump();
  const refused = await s.refresh(token);
  assert.deepEqual([refused.status, refused.json.error], [429, "temporarily_unavailable"]);
  assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/);
  assert.equal(await s.dump(), before);
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200, "another user");
  s.clock.advance(Number(refused.headers.get("retry-after")) * SECOND);
  token = await s.next(token);
  await s.control("policy", { policy: { quota: [], minInterval: 0 } });
  for (let call = 0; call < 201; call += 1) token = await s.next(token);
});

test("[house] an expired token is answered with both dates", async (t) => {
  const s = await exact(t);
  const refreshToken = await fresh(s);
  const expiresAt = s.clock.now() + 30 * 24 * 3600 * SECOND;
  s.clock.advance(30 * 24 * 3600 * SECOND - SECOND);
  assert.equal(usDate(Date.parse("2022-10-11T21:18:20Z")), "10/11/2022 9:18:20 PM");
  assert.equal(usDate(Date.parse("2022-01-02T00:05:09Z")), "1/2/2022 12:05:09 AM");
  s.clock.advance(3 * SECOND);
  const { status, text } = await s.refresh(refreshToken);
  assert.equal(status, 400);
  const [ended, now] = [usDate(expiresAt), usDate(s.clock.now())];
  assert.equal(
    text,
    `{"error":"invalid_request","error_description":"The refresh token expired at ${ended} and it is now ${now}."}`,
  );
});

test("[A12] a token in use lapses ten minutes after its first use, where the policy says so", async (t) => {
  const s = await stand(t, {
    preset: "exact-online-10min",
    policy: { ...PRESETS["exact-online-10min"]!, minInterval: 0 },
  });
  const active = await fresh(s);
  await s.next(active);
  s.clock.advance(599 * SECOND);
  await s.next(active);
  s.clock.advance(SECOND);
  assertOld(await s.refresh(active));
});

test("[A14] old tokens are allowed by a policy change that revives, and chain rules hold again at once", async (t) => {
  const s = await exact(t, { policy: { ...PRESETS["exact-online"]!, minInterval: 0 } });
  const tokens = [await fresh(s)];
  for (let i = 0; i < 5; i += 1) tokens.push(await s.next(tokens.at(-1)!));
  assertOld(await s.refresh(tokens[0]!));
  const allowed = {
    overlap: { untilUsed: true, atLeast: "forever", reach: "all" },
    minInterval: 0,
  };
  await s.control("policy", { policy: allowed, revive: true });
  for (const token of tokens) assert.equal((await s.refresh(token)).status, 200);
  await s.control("policy", { policy: { minInterval: 0 } });
  assertOld(await s.refresh(tokens[1]!));
});

test("[house] an unknown client is answered with its identifier", async (t) => {
  const s = await exact(t);
  const { json } = await s.refresh("x", { client_id: 'no-such"client' });
  assert.equal(json.error_description, "Client with identifier 'no-such'client' not found.");
});
