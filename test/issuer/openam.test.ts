/** The OpenAM presets over HTTP: the option on and off, and every row of its error table. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import type { Chain } from "../../src/kernel/chain.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { basic, type Form, type Stand, stand } from "./stand.ts";

const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;

const password = (s: Stand, form: Form = {}) =>
  s.post({
    grant_type: "password",
    username: s.sandbox.username,
    password: s.sandbox.password,
    ...form,
  });

async function onlyChain(s: Stand, subject: string): Promise<Chain> {
  const { records } = await s.store.list("chain", {});
  const mine = records.filter(({ record }) => record.subject === subject);
  assert.equal(mine.length, 1);
  return mine[0]!.record.chain;
}

test("[C02] with the option on, the second use of a token is refused, letter for letter", async (t) => {
  for (const preset of ["openam-12", "openam-13"]) {
    const s = await stand(t, { preset });
    const next = await s.next(s.sandbox.refreshToken);
    const { status, text } = await s.refresh(s.sandbox.refreshToken);
    assert.equal(status, 400);
    assert.equal(text, '{"error_description":"grant is invalid","error":"invalid_grant"}');
    await s.next(next);
  }
});

test("[C03] with the option off, one token serves 1000 times, and is never answered", async (t) => {
  const s = await stand(t, { preset: "openam-13-reuse" });
  const granted = (await password(s)).json.refresh_token as string;
  let before = await s.store.size();
  for (let i = 0; i < 1000; i += 1) {
    const { status, json } = await s.refresh(granted);
    assert.deepEqual([status, "refresh_token" in json], [200, false]);
    // By then the list is full: it names the newest 100 access tokens.
    if (i === 100) before = await s.store.size();
  }
  const chain = await onlyChain(s, s.sandbox.username);
  assert.deepEqual([chain.last, chain.entries.length], [0, 1]);
  assert.deepEqual(await s.store.size(), before);
});

test("[C06] with the option on, each token expires later than the one before", async (t) => {
  const s = await stand(t, { preset: "openam-13" });
  let token = (await password(s)).json.refresh_token as string;
  for (let i = 0; i < 5; i += 1) {
    s.clock.advance(DAY);
    token = await s.next(token);
  }
  const { register } = await onlyChain(s, s.sandbox.username);
  const ends = register.filter(({ access }) => access === null).map(({ expiresAt }) => expiresAt);
  assert.equal(ends.length, 6);
  for (const [i, end] of ends.entries()) assert.equal(end, ends[0]! + i * DAY);
  s.clock.advance(7 * DAY - SECOND);
  token = await s.next(token);
  s.clock.advance(7 * DAY);
  assert.equal((await s.refresh(token)).status, 400);
});

test("[C07] with the option off, the expiry stands still, and the token is refused at that moment", async (t) => {
  const s = await stand(t, { preset: "openam-13-reuse" });
  const token = (await password(s)).json.refresh_token as string;
  for (let day = 1; day < 7; day += 1) {
    s.clock.advance(DAY);
    assert.equal((await s.refresh(token)).status, 200);
  }
  s.clock.advance(DAY - 1);
  assert.equal((await s.refresh(token)).status, 200);
  s.clock.advance(1);
  assert.equal((await s.refresh(token)).json.error_description, "grant is invalid");
});

test("[C11] the password grant with Basic gives the five keys, expires_in less one, as a number", async (t) => {
  const s = await stand(t, { preset: "openam-13" });
  const { clientId, clientSecret } = s.sandbox;
  const headers = { authorization: basic(clientId, clientSecret) };
  const request = {
    grant_type: "password",
    username: s.sandbox.username,
    password: s.sandbox.password,
  };
  const { status, json, text } = await s.post({ ...request, scope: "cn mail" }, { headers });
  assert.equal(status, 200, text);
  assert.deepEqual(Object.keys(json), [
    "access_token",
    "refresh_token",
    "scope",
    "token_type",
    "expires_in",
  ]);
  assert.deepEqual([json.scope, json.token_type, json.expires_in], ["cn mail", "Bearer", 3599]);
  await s.next(json.refresh_token as string);
});

test("[house] a code used twice ends all tokens of its grant", async (t) => {
  const s = await stand(t, { preset: "openam-13" });
  const code = await s.code();
  const { access_token, refresh_token } = (await s.redeem(code)).json as Record<string, string>;
  const again = await s.redeem(code);
  assert.equal(again.status, 400);
  assert.equal(
    again.text,
    '{"error_description":"The provided access grant is invalid, expired, or revoked.","error":"invalid_grant"}',
  );
  assert.equal((await s.refresh(refresh_token!)).status, 400);
  assert.deepEqual((await s.introspect(access_token!)).json, { active: false });
});

test("[C13] every row of the table of errors", async (t) => {
  const s = await stand(t, { preset: "openam-13" });
  const { clientId, clientSecret, tokenEndpoint, refreshToken, issuer } = s.sandbox;
  const secret = new Secret("another secret");
  const grantTypes = ["authorization_code", "refresh_token", "password"] as const;
  const other = {
    kind: "confidential",
    policy: PRESETS["openam-13"]!,
    grantTypes,
    secret,
  } as const;
  await issuer.registerClient({ ...other, clientId: "other" });
  const asOther = { client_id: "other", client_secret: secret.reveal() };
  const wrong = { authorization: basic(clientId, "wrong") };
  const right = { authorization: basic(clientId, clientSecret) };
  const refresh = { grant_type: "refresh_token", refresh_token: refreshToken };
  const code = await s.code();
  s.clock.advance(120 * SECOND);
  const used = (await password(s)).json.refresh_token as string;
  await s.next(used);
  const cases: readonly [
    Promise<{ status: number; json: Record<string, unknown> }>,
    number,
    string,
    string,
  ][] = [
    [s.post({}), 400, "invalid_request", "Grant type is not set"],
    [s.post({ grant_type: "magic" }), 400, "unsupported_grant_type", "Grant type is not supported"],
    [
      s.post({ grant_type: "refresh_token" }),
      400,
      "invalid_request",
      "Missing parameter, 'refresh_token'",
    ],
    [
      s.post({ ...refresh, refresh_token: "" }),
      400,
      "invalid_request",
      "Missing parameter, 'refresh_token'",
    ],
    [s.refresh("unknown"), 400, "invalid_grant", "grant is invalid"],
    [s.refresh(used), 400, "invalid_grant", "grant is invalid"],
    [
      s.refresh(refreshToken, asOther),
      400,
      "invalid_request",
      "Token was issued to a different client",
    ],
    [
      s.refresh(refreshToken, { scope: "cn uid" }),
      400,
      "invalid_scope",
      "Unknown/invalid scope(s): [uid]",
    ],
    [
      password(s, asOther),
      400,
      "invalid_scope",
      "No scope requested and no default scope configured",
    ],
    [
      s.refresh(refreshToken, { client_secret: "wrong" }),
      400,
      "invalid_client",
      "Client authentication failed",
    ],
    [s.post(refresh, { headers: wrong }), 401, "invalid_client", "Client authentication failed"],
    [
      s.post({ ...refresh, client_secret: clientSecret }, { headers: right }),
      400,
      "invalid_request",
      "Client authentication failed",
    ],
    [
      password(s, { password: "wrong" }),
      400,
      "invalid_grant",
      "Resource owner authentication failed",
    ],
    [
      password(s, { username: "nobody" }),
      400,
      "invalid_grant",
      "Resource owner authentication failed",
    ],
    [s.redeem(code), 400, "invalid_grant", "Authorization code expired."],
  ];
  for (const [answer, status, error, error_description] of cases) {
    const { status: answered, json } = await answer;
    assert.deepEqual([answered, json], [status, { error_description, error }]);
  }
  const { headers } = await s.post(refresh, { headers: wrong });
  assert.match(headers.get("www-authenticate") ?? "", /^Basic/);
  const get = await fetch(tokenEndpoint);
  const notForm = { "content-type": "text/plain" };
  const plain = await fetch(tokenEndpoint, { method: "POST", headers: notForm, body: "x" });
  assert.deepEqual(
    [get.status, await get.json()],
    [405, { error_description: "Required Method: POST found: GET", error: "method_not_allowed" }],
  );
  assert.deepEqual(
    [plain.status, await plain.json()],
    [400, { error_description: "Invalid Content Type", error: "invalid_request" }],
  );
  await s.next(refreshToken);
});

test("[C14] scope at refresh: the same or narrower", async (t) => {
  const s = await stand(t, { preset: "openam-13" });
  const narrow = await s.refresh(s.sandbox.refreshToken, { scope: "cn" });
  assert.deepEqual([narrow.status, narrow.json.scope], [200, "cn"]);
  const full = await s.refresh(narrow.json.refresh_token as string, { scope: "cn mail" });
  assert.deepEqual([full.status, full.json.scope], [200, "cn mail"]);
});
