/** OpenAM's sessions: headers, callbacks, refusals, and what a session is worth. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { type OpenamStand, openam } from "./openam-stand.ts";

const MINUTE = 60_000;
const RIGHT = { "X-OpenAM-Username": "demo", "X-OpenAM-Password": "changeit" };

const authenticate = (s: OpenamStand, headers = {}, path = "/json/authenticate") =>
  s.call(path, { method: "POST", headers });

interface Callbacks {
  readonly authId: string;
  readonly callbacks: readonly { readonly input: { value: string }[] }[];
}

test("[C16] the two headers give tokenId and successUrl, whatever their case", async (t) => {
  const s = await openam(t);
  for (const headers of [
    RIGHT,
    { "x-openam-username": "demo", "X-OPENAM-PASSWORD": "changeit" },
    { ...RIGHT, "content-type": "application/json" },
  ]) {
    const { status, json, text } = await authenticate(s, headers);
    assert.equal(status, 200, text);
    assert.deepEqual(Object.keys(json), ["tokenId", "successUrl"]);
    assert.match(json.tokenId as string, /^AQIC5[\w-]+\.\*AAJTSQACMDE\.\*$/);
    assert.equal(json.successUrl, "/openam/console");
  }
});

test("[C16] a wrong password is 401, letter for letter, and a wrong name reads the same", async (t) => {
  const s = await openam(t);
  for (const wrong of [{ "X-OpenAM-Password": "wrong" }, { "X-OpenAM-Username": "nobody" }]) {
    const { status, text } = await authenticate(s, { ...RIGHT, ...wrong });
    assert.equal(status, 401);
    assert.equal(text, '{"code":401,"reason":"Unauthorized","message":"Invalid Password!!"}');
  }
});

test("[C16] another media type is 415, an unknown index type 400, an unknown realm 400", async (t) => {
  const s = await openam(t);
  const form = await fetch(`${s.sandbox.url}/openam/json/authenticate`, {
    method: "POST",
    headers: RIGHT,
    body: new URLSearchParams({ a: "b" }),
  });
  assert.equal(form.status, 415);
  assert.equal(((await form.json()) as { reason: string }).reason, "Unsupported Media Type");
  const path = "/json/authenticate?authIndexType=";
  assert.equal(
    (await authenticate(s, RIGHT, `${path}service&authIndexValue=ldapService`)).status,
    200,
  );
  assert.equal(
    (await authenticate(s, RIGHT, `${path}module&authIndexValue=DataStore`)).status,
    200,
  );
  assert.equal((await authenticate(s, RIGHT, `${path}service&authIndexValue=other`)).status, 401);
  const unknown = await authenticate(s, RIGHT, `${path}magic&authIndexValue=x`);
  assert.equal(unknown.json.message, "Unknown Authentication Index Type, magic");
  assert.equal((await authenticate(s, RIGHT, "/json/nowhere/authenticate")).status, 400);
  const broken = await s.call("/json/authenticate", {
    method: "POST",
    headers: { "content-type": "application/json" },
  });
  assert.equal(broken.status, 200, "an empty body is none");
});

test("[C16] without headers the callbacks are asked for, and work when posted back", async (t) => {
  const s = await openam(t);
  const asked = async (): Promise<Callbacks> =>
    (await authenticate(s)).json as unknown as Callbacks;
  const filled = ({ callbacks, ...rest }: Callbacks, ...values: string[]) => {
    for (const [i, { input }] of callbacks.entries()) input[0]!.value = values[i] ?? "";
    return { ...rest, callbacks };
  };
  const post = (body: object) => s.call("/json/authenticate", { body });
  const { json } = await authenticate(s);
  assert.deepEqual(
    (json.callbacks as { type: string }[]).map(({ type }) => type),
    ["NameCallback", "PasswordCallback"],
  );
  const done = await post(filled(await asked(), "demo", "changeit"));
  assert.deepEqual([done.status, Object.keys(done.json)], [200, ["tokenId", "successUrl"]]);
  await s.list(done.json.tokenId as string);
  const wrong = await post(filled(await asked(), "demo", "wrong"));
  assert.deepEqual([wrong.status, wrong.json.message], [401, "Invalid Password!!"]);
  const forged = filled(await asked(), "demo", "changeit");
  assert.equal((await post({ ...forged, authId: `${forged.authId.slice(0, -1)}A` })).status, 400);
  assert.equal((await post({ authId: forged.authId })).status, 400, "no callbacks");
  s.clock.advance(5 * MINUTE);
  assert.equal((await post(forged)).status, 400, "too old");
});

test("[C16] a session passes as header or cookie of any case, and in its own realm only", async (t) => {
  const s = await openam(t);
  const tokenId = await s.logIn();
  const path = "/frrest/oauth2/token?_queryId=access_token";
  for (const headers of [
    { iplanetDirectoryPro: tokenId },
    { IPLANETDIRECTORYPRO: tokenId },
    { cookie: `x=1; iPlanetDirectoryPro=${tokenId}` },
    { cookie: `iplanetdirectorypro=${tokenId}` },
  ]) {
    assert.equal((await s.call(path, { headers })).status, 200, JSON.stringify(headers));
  }
  for (const as of ["", "AQIC5x.*AAJTSQACMDE.*", `${tokenId.slice(0, 60)}A${tokenId.slice(61)}`]) {
    const { status, text } = await s.call(path, { as });
    assert.equal(status, 401);
    assert.equal(text, '{"code":401,"reason":"Unauthorized","message":"Unauthorized"}');
  }
});

test("[C16] a session ends after two hours, and with a changed password", async (t) => {
  const s = await openam(t);
  const tokenId = await s.logIn();
  const path = "/frrest/oauth2/token?_queryId=access_token";
  s.clock.advance(120 * MINUTE - 1);
  assert.equal((await s.call(path, { as: tokenId })).status, 200);
  s.clock.advance(1);
  assert.equal((await s.call(path, { as: tokenId })).status, 401);
  const fresh = await s.logIn();
  await s.sandbox.control.realms.main.accounts.changePassword("demo", new Secret("another"));
  assert.equal((await s.call(path, { as: fresh })).status, 401);
  assert.equal((await authenticate(s, RIGHT)).status, 401);
});
