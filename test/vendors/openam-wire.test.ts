/** OpenAM's OAuth endpoints, in every spelling of a realm: errors, tokeninfo, introspection, revocation, versions. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { basic, type Form } from "../issuer/stand.ts";
import { type OpenamStand, openam, SECOND } from "./openam-stand.ts";

const SPELLINGS = [
  "/oauth2/access_token",
  "/oauth2/access_token?realm=/",
  "/oauth2/realms/root/access_token",
];

type Case = readonly [form: Form, status: number, error: string, description: string];

async function casesOf(s: OpenamStand): Promise<readonly Case[]> {
  const refresh = { grant_type: "refresh_token" };
  const used = (await s.tokens()).json.refresh_token as string;
  s.clock.advance(SECOND);
  const live = (await s.refreshDemo(used)).json.refresh_token as string;
  const ofOther = s.sandbox.refreshToken;
  const password = { grant_type: "password", username: "demo", password: "changeit" };
  const body = { client_id: "myClientID", client_secret: "wrong" };
  return [
    [{}, 400, "invalid_request", "Grant type is not set"],
    [{ grant_type: "x" }, 400, "unsupported_grant_type", "Grant type is not supported"],
    [refresh, 400, "invalid_request", "Missing parameter, 'refresh_token'"],
    [
      { ...refresh, refresh_token: "" },
      400,
      "invalid_request",
      "Missing parameter, 'refresh_token'",
    ],
    [{ ...refresh, refresh_token: "unknown" }, 400, "invalid_grant", "grant is invalid"],
    [{ ...refresh, refresh_token: used }, 400, "invalid_grant", "grant is invalid"],
    [
      { ...refresh, refresh_token: ofOther },
      400,
      "invalid_request",
      "Token was issued to a different client",
    ],
    [
      { ...refresh, refresh_token: live, scope: "cn uid" },
      400,
      "invalid_scope",
      "Unknown/invalid scope(s): [uid]",
    ],
    [
      { ...password, password: "wrong" },
      400,
      "invalid_grant",
      "Resource owner authentication failed",
    ],
    [{ ...password, ...body }, 400, "invalid_request", "Client authentication failed"],
  ];
}

test("[C13] every row of the table of errors, in every spelling of the realm", async (t) => {
  const s = await openam(t);
  const right = { authorization: basic("myClientID", "password") };
  const url = `${s.sandbox.url}/openam`;
  const cases = await casesOf(s);
  const before = await s.dump();
  for (const spelling of SPELLINGS) {
    for (const [form, status, error, error_description] of cases) {
      const answer = await s.post(form, { url: url + spelling, headers: right });
      assert.deepEqual(
        [answer.status, answer.json],
        [status, { error_description, error }],
        spelling,
      );
    }
    const form = { grant_type: "refresh_token", refresh_token: "x" };
    const wrong = { authorization: basic("myClientID", "wrong") };
    const byHeader = await s.post(form, { url: url + spelling, headers: wrong });
    assert.deepEqual([byHeader.status, byHeader.json.error], [401, "invalid_client"]);
    assert.match(byHeader.headers.get("www-authenticate") ?? "", /^Basic/);
    const asBody = { ...form, client_id: "myClientID", client_secret: "wrong" };
    const byBody = await s.post(asBody, { url: url + spelling, bare: true });
    assert.deepEqual([byBody.status, byBody.json.error], [400, "invalid_client"]);
    const get = await fetch(url + spelling);
    assert.equal(get.status, 405);
    assert.deepEqual(await get.json(), {
      error_description: "Required Method: POST found: GET",
      error: "method_not_allowed",
    });
    const plain = await fetch(url + spelling, { method: "POST", body: "x" });
    assert.deepEqual(
      [plain.status, await plain.json()],
      [400, { error_description: "Invalid Content Type", error: "invalid_request" }],
    );
  }
  assert.equal(await s.dump(), before, "no refusal changes anything");
});

test("[C13] without any scope, and with a code too old or used, in a spelling of the realm", async (t) => {
  const s = await openam(t);
  const as = await s.logIn("amadmin");
  const body = { client_id: "bare", userpassword: "password" };
  await s.call("/frrest/oauth2/client/?_action=create", { as, body });
  const url = `${s.sandbox.url}/openam/oauth2/realms/root/access_token`;
  const headers = { authorization: basic("bare", "password") };
  const password = { grant_type: "password", username: "demo", password: "changeit" };
  const bare = await s.post(password, { url, headers });
  assert.deepEqual(
    [bare.status, bare.json],
    [
      400,
      {
        error_description: "No scope requested and no default scope configured",
        error: "invalid_scope",
      },
    ],
  );
  const redeem = (code: string) => s.post({ grant_type: "authorization_code", code }, { url });
  const [used, old] = [await s.code(), await s.code()];
  assert.equal((await redeem(used)).status, 200);
  assert.deepEqual((await redeem(used)).json, {
    error_description: "The provided access grant is invalid, expired, or revoked.",
    error: "invalid_grant",
  });
  s.clock.advance(120 * SECOND);
  assert.deepEqual((await redeem(old)).json, {
    error_description: "Authorization code expired.",
    error: "invalid_grant",
  });
});

test("[C13, F19] version 11 tells an expired token from others; 12 and 13 do not", async (t) => {
  for (const [preset, status, error] of [
    ["openam-11", 401, "expired_token"],
    ["openam-12-reuse", 400, "invalid_grant"],
    ["openam-13-reuse", 400, "invalid_grant"],
  ] as const) {
    const s = await openam(t, preset);
    const { refresh_token } = (await s.tokens()).json;
    s.clock.advance(7 * 24 * 3600 * SECOND);
    const { json, ...answer } = await s.refreshDemo(refresh_token as string);
    assert.deepEqual([answer.status, json.error], [status, error], preset);
  }
});

test("[F19, F20, C09] every version serves grant, refresh, session and list", async (t) => {
  for (const [preset, left, rotates] of [
    ["openam-11", 59, false],
    ["openam-12", 59, true],
    ["openam-12-reuse", 59, false],
    ["openam-13", 3599, true],
    ["openam-13-reuse", 3599, false],
    ["openam-13.5", 3599, true],
    ["openam-13.5-reuse", 3599, false],
  ] as const) {
    const s = await openam(t, preset);
    const { json } = await s.tokens({ scope: "cn" });
    assert.deepEqual([json.expires_in, json.scope], [left, "cn"], preset);
    const refreshed = await s.refreshDemo(json.refresh_token as string);
    assert.equal("refresh_token" in refreshed.json, rotates, preset);
    assert.equal((await s.list(await s.logIn())).length, rotates ? 4 : 3, preset);
  }
});

test("[C15] tokeninfo: its keys, by parameter or header, not both", async (t) => {
  const s = await openam(t);
  const { access_token } = (await s.tokens({ scope: "cn mail" })).json;
  const bearer = { authorization: `Bearer ${access_token}` };
  const told = {
    cn: "demo",
    mail: "",
    scope: ["cn", "mail"],
    grant_type: "password",
    realm: "/",
    client_id: "myClientID",
    token_type: "Bearer",
    expires_in: 3599,
    access_token,
  };
  const query = `/oauth2/tokeninfo?access_token=${access_token}`;
  for (const answer of [
    await s.call(query),
    await s.call("/oauth2/tokeninfo", { headers: bearer }),
    await s.call("/oauth2/realms/root/tokeninfo", { headers: bearer }),
  ]) {
    assert.deepEqual([answer.status, answer.json], [200, told]);
    assert.equal(answer.headers.get("cache-control"), "no-store");
  }
  assert.deepEqual((await s.call(query, { headers: bearer })).json, {
    error_description: "Access Token cannot be provided in both query and header",
    error: "invalid_request",
  });
  s.clock.advance(3600 * SECOND - 1);
  assert.equal((await s.call(query)).json.expires_in, 0);
  s.clock.advance(1);
  for (const path of [query, "/oauth2/tokeninfo", "/oauth2/tokeninfo?access_token=x"]) {
    const { status, json } = await s.call(path);
    assert.equal(status, 401);
    assert.deepEqual(json, {
      error_description:
        "The access token provided is expired, revoked, malformed, or invalid for other reasons.",
      error: "invalid_token",
    });
  }
});

test("[C15] introspection and revocation, which answers {} and ends all tokens of the grant", async (t) => {
  const s = await openam(t);
  const { access_token, refresh_token } = (await s.tokens()).json as Record<string, string>;
  const headers = { authorization: basic("myClientID", "password") };
  const at = (path: string, token: string | undefined) =>
    s.post({ token }, { url: `${s.sandbox.url}/openam/oauth2${path}`, headers });
  const asked = await at("/realms/root/introspect", access_token);
  assert.deepEqual([asked.json.active, asked.json.client_id], [true, "myClientID"]);
  const revoked = await at("/realms/root/token/revoke", refresh_token);
  assert.deepEqual([revoked.status, revoked.text], [200, "{}"]);
  assert.deepEqual((await at("/introspect", access_token)).json, { active: false });
  assert.equal((await s.call(`/oauth2/tokeninfo?access_token=${access_token}`)).status, 401);
  assert.equal((await s.refreshDemo(refresh_token ?? "")).json.error, "invalid_grant");
  assert.deepEqual(await s.list(await s.logIn()), []);
});

test("[C12] the code grant; a code used twice ends all tokens of its grant", async (t) => {
  const s = await openam(t);
  const code = await s.code({ username: "demo" });
  const { access_token, refresh_token } = (await s.redeem(code)).json as Record<string, string>;
  assert.deepEqual(
    (await s.list(await s.logIn())).map(({ grant_type }) => grant_type?.[0]),
    ["authorization_code", "authorization_code"],
  );
  const again = await s.redeem(code);
  assert.equal(
    again.json.error_description,
    "The provided access grant is invalid, expired, or revoked.",
  );
  assert.equal((await s.call(`/oauth2/tokeninfo?access_token=${access_token}`)).status, 401);
  assert.equal((await s.refresh(refresh_token ?? "")).status, 400);
  assert.deepEqual(await s.list(await s.logIn()), []);
});

test("[A27] the stand-in misbehaves at every spelling of the token endpoint", async (t) => {
  const s = await openam(t);
  await s.control("faults", { "error-after": 1 });
  for (const spelling of ["/oauth2/access_token", "/oauth2/realms/root/access_token"]) {
    assert.equal((await s.tokens({}, spelling)).status, 500, spelling);
  }
});
