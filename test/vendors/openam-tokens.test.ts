/** OpenAM's token listing: its answers key for key, who sees what, and what its calls end. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { Policy } from "../../src/kernel/policy.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { stand } from "../issuer/stand.ts";
import { DAY, type Entry, named, type OpenamStand, openam, SECOND } from "./openam-stand.ts";

const ACCESS = ["expireTime", "tokenName", "scope", "grant_type", "clientID", "parent"];
const ACCESS_END = ["id", "tokenType", "redirectURI", "nonce", "realm", "userName", "refreshToken"];
const REFRESH = ["expireTime", "tokenName", "scope", "grant_type", "clientID", "authModules"];
const REFRESH_END = ["id", "tokenType", "redirectURI", "acr", "realm", "userName"];
const COMPUTED = ["display_name", "scopes"];

const keysOf = (entry: Entry | undefined): readonly string[] => Object.keys(entry ?? {});

async function granted(s: OpenamStand) {
  const { status, json, text } = await s.tokens({ scope: "cn mail" });
  assert.equal(status, 200, text);
  return json as { readonly access_token: string; readonly refresh_token: string };
}

const register = (s: OpenamStand, username: string) =>
  s.control("users", { username, password: "changeit" });

test("[C17] the list has the vendor's keys in its shape: arrays, null, -1", async (t) => {
  for (const [preset, trail] of [
    ["openam-12", []],
    ["openam-13", ["auditTrackingId"]],
  ] as const) {
    const s = await openam(t, preset);
    const { refresh_token } = await granted(s);
    const { json } = await s.call("/frrest/oauth2/token?_queryid=*", { as: await s.logIn() });
    assert.deepEqual(Object.keys(json), [
      ...["result", "resultCount", "pagedResultsCookie", "remainingPagedResults"],
    ]);
    const { resultCount, pagedResultsCookie, remainingPagedResults } = json;
    assert.deepEqual([resultCount, pagedResultsCookie, remainingPagedResults], [2, null, -1]);
    const [refresh, access] = json.result as readonly Entry[];
    assert.deepEqual(keysOf(access), [...ACCESS, ...trail, ...ACCESS_END, ...COMPUTED]);
    assert.deepEqual(keysOf(refresh), [...REFRESH, ...trail, ...REFRESH_END, ...COMPUTED]);
    const { expireTime: _, id: __, auditTrackingId: ___, ...rest } = access as Entry;
    assert.deepEqual(rest, {
      tokenName: ["access_token"],
      scope: ["cn", "mail"],
      grant_type: ["password"],
      clientID: ["myClientID"],
      parent: [],
      tokenType: ["Bearer"],
      redirectURI: [],
      nonce: [],
      realm: ["/"],
      userName: ["demo"],
      refreshToken: [refresh_token],
      display_name: "",
      scopes: "cn,mail",
    });
    assert.deepEqual(refresh?.id, [refresh_token]);
  }
});

test('[C17] dates read like "Oct 10, 2017 10:02 PM"; with the option off both entries show the refresh token\'s end', async (t) => {
  const s = await openam(t, "openam-13-reuse");
  s.clock.advance(Date.parse("2027-10-03T22:02:30Z") - s.clock.now());
  await granted(s);
  const entries = await s.list(await s.logIn());
  assert.deepEqual(
    entries.map(({ expireTime }) => expireTime),
    ["Oct 10, 2027 10:02 PM", "Oct 10, 2027 10:02 PM"],
  );
});

test("[C17] with the option on, an access token that can be refreshed shows Indefinitely", async (t) => {
  const s = await openam(t);
  await granted(s);
  const as = await s.logIn();
  const [access] = await s.list(as, "access_token");
  assert.equal(access?.expireTime, "Indefinitely");
  const [refresh] = named(await s.list(as), "refresh_token");
  assert.equal(refresh?.expireTime, "Jan 8, 2024 12:00 AM");
});

test("[C17] a refresh token without an end shows Indefinitely, and -1 when it is read", async (t) => {
  const s = await openam(t, "openam-13-reuse");
  const admin = await s.logIn("amadmin");
  const path = "/json/realm-config/services/oauth-oidc";
  const body = { refreshTokenLifetime: -1 };
  const { status, text } = await s.call(path, { method: "PUT", as: admin, body });
  assert.equal(status, 200, text);
  const { refresh_token } = await granted(s);
  const as = await s.logIn();
  for (const { expireTime } of await s.list(as)) assert.equal(expireTime, "Indefinitely");
  const read = await s.call(`/frrest/oauth2/token/${refresh_token}`, { as });
  assert.deepEqual(read.json.expireTime, ["-1"]);
  s.clock.advance(100 * 366 * DAY);
  assert.equal((await s.refreshDemo(refresh_token)).status, 200);
});

test("[C06, C07] option on: each refresh token ends later; option off: its end stands still, and holds", async (t) => {
  for (const preset of ["openam-13", "openam-13-reuse"]) {
    const s = await openam(t, preset);
    let newest = (await granted(s)).refresh_token;
    const end = s.clock.now() + 7 * DAY;
    const ends: number[] = [];
    for (let day = 0; day < 4; day += 1) {
      const as = await s.logIn();
      const { json } = await s.call(`/frrest/oauth2/token/${newest}`, { as });
      ends.push(Number((json.expireTime as string[])[0]));
      s.clock.advance(DAY);
      const answer = await s.refreshDemo(newest);
      newest = (answer.json.refresh_token as string | undefined) ?? newest;
    }
    const step = preset === "openam-13" ? DAY : 0;
    assert.deepEqual(ends, [end, end + step, end + 2 * step, end + 3 * step], preset);
    if (step > 0) continue;
    s.clock.advance(3 * DAY - 1);
    assert.equal((await s.refreshDemo(newest)).status, 200);
    s.clock.advance(1);
    assert.equal((await s.refreshDemo(newest)).json.error_description, "grant is invalid");
  }
});

test("[C10] lifetimes set by the administrator hold from a second to over a year", async (t) => {
  for (const [refreshTokenLifetime, accessTokenLifetime] of [
    [1, 1],
    [400 * 86_400, 600],
    [2_147_483_647, 600],
  ] as const) {
    const s = await openam(t, "openam-13-reuse");
    const body = { refreshTokenLifetime, accessTokenLifetime };
    const as = await s.logIn("amadmin");
    await s.call("/json/realm-config/services/oauth-oidc", { method: "PUT", as, body });
    const { refresh_token } = await granted(s);
    s.clock.advance(refreshTokenLifetime * SECOND - 1);
    const last = await s.refreshDemo(refresh_token);
    assert.deepEqual([last.status, last.json.expires_in], [200, accessTokenLifetime - 1]);
    s.clock.advance(1);
    assert.equal((await s.refreshDemo(refresh_token)).status, 400);
  }
});

test("[C18] a user sees the own tokens only; a refreshed token says how it came to be", async (t) => {
  const s = await openam(t);
  await register(s, "other");
  const { refresh_token } = await granted(s);
  await s.tokens({ username: "other", scope: "cn" });
  s.clock.advance(SECOND);
  await s.refreshDemo(refresh_token);
  const mine = await s.list(await s.logIn());
  assert.equal(mine.length, 4);
  for (const { userName } of mine) assert.deepEqual(userName, ["demo"]);
  assert.deepEqual(
    mine.map(({ grant_type }) => grant_type?.[0]),
    ["password", "refresh_token", "password", "refresh_token"],
  );
  assert.equal((await s.list(await s.logIn("other"))).length, 2);
});

test("[C18] administrators must name a user from 13 on, others must not; in 12 an administrator sees all", async (t) => {
  const s = await openam(t, "openam-13");
  await register(s, "other");
  await granted(s);
  await s.tokens({ username: "other", scope: "cn" });
  const admin = await s.logIn("amadmin");
  const user = await s.logIn();
  const ask = (as: string, queryId: string) =>
    s.call(`/frrest/oauth2/token?_queryId=${encodeURIComponent(queryId)}`, { as });
  assert.deepEqual((await ask(admin, "access_token")).json, {
    code: 400,
    reason: "Bad Request",
    message: "userName field MUST be set in _queryId",
  });
  assert.equal(
    (await ask(user, "userName=demo")).json.message,
    "userName field MUST NOT be set in _queryId",
  );
  assert.equal((await ask(user, "colour=red")).status, 400);
  assert.equal((await s.call("/frrest/oauth2/token", { as: user })).status, 400);
  const count = async (as: string, queryId: string) => (await s.list(as, queryId)).length;
  assert.equal(await count(admin, "userName=other,tokenName=refresh_token"), 1);
  assert.equal(await count(admin, "userName=demo"), 2);
  assert.equal(await count(admin, "userName=demo,realm=/nowhere"), 0);
  assert.equal(await count(user, "scope=mail,tokenName=access_token"), 1);
  assert.equal(await count(user, "clientID=other"), 0);

  const old = await openam(t, "openam-12");
  await granted(old);
  const all = await old.list(await old.logIn("amadmin"));
  assert.deepEqual([...new Set(all.map(({ userName }) => userName?.[0]))].sort(), [
    "demo",
    "user2",
  ]);
});

test("[C18] from 13.5 on, owners see no ids; administrators do", async (t) => {
  const s = await openam(t, "openam-13.5");
  const { refresh_token } = await granted(s);
  const hidden = ["id", "parent", "auditTrackingId", "authGrantId", "refreshToken"];
  const own = await s.list(await s.logIn());
  for (const entry of own) {
    assert.deepEqual(
      hidden.filter((name) => name in entry),
      [],
    );
  }
  const admin = await s.logIn("amadmin");
  const seen = await s.list(admin, "userName=demo,tokenName=access_token");
  assert.deepEqual(
    hidden.filter((name) => seen[0] && name in seen[0]),
    hidden,
  );
  assert.deepEqual(seen[0]?.refreshToken, [refresh_token]);
});

test("[C19] reading one token: raw fields, its end in milliseconds, by text or by handle", async (t) => {
  const s = await openam(t);
  const { access_token, refresh_token } = await granted(s);
  const as = await s.logIn();
  const read = (id: string, who = as) => s.call(`/frrest/oauth2/token/${id}`, { as: who });
  const refresh = await read(refresh_token);
  assert.deepEqual(refresh.json.expireTime, [String(s.clock.now() + 7 * DAY)]);
  assert.deepEqual(Object.keys(refresh.json), [...REFRESH, "auditTrackingId", ...REFRESH_END]);
  const byText = await read(access_token);
  assert.deepEqual(byText.json.tokenName, ["access_token"]);
  const handle = (byText.json.id as string[])[0] as string;
  assert.deepEqual((await read(handle)).json, byText.json);
  assert.equal((await s.call(`/oauth2/tokeninfo?access_token=${handle}`)).status, 401);
  await register(s, "other");
  const stranger = await read(refresh_token, await s.logIn("other"));
  assert.deepEqual([stranger.status, stranger.json.message], [401, "Unauthorized"]);
  assert.equal((await read(refresh_token, await s.logIn("amadmin"))).status, 200);
  assert.deepEqual((await read("unknown")).json, {
    code: 404,
    reason: "Not Found",
    message: "Could not find valid token with given ID",
  });
  assert.equal((await read(refresh_token, "")).status, 401);
});

test("[C19, C20] a token that has expired is listed until it is reaped, but cannot be read", async (t) => {
  const s = await openam(t, "openam-13-reuse");
  const { access_token } = await granted(s);
  s.clock.advance(3600 * SECOND + 1);
  const as = await s.logIn();
  assert.equal((await s.list(as, "access_token")).length, 1);
  const { status, json } = await s.call(`/frrest/oauth2/token/${access_token}`, { as });
  assert.deepEqual([status, json.message], [404, "Could not find valid token with given ID"]);
});

test("[C19] deleting a token ends it; a stranger cannot; a deleted one is not listed", async (t) => {
  for (const preset of ["openam-13", "openam-13.5"]) {
    const s = await openam(t, preset);
    await register(s, "other");
    const { access_token, refresh_token } = await granted(s);
    const as = await s.logIn();
    const remove = (id: string, who = as) =>
      s.call(`/frrest/oauth2/token/${id}`, { method: "DELETE", as: who });
    assert.equal((await remove(access_token, await s.logIn("other"))).status, 401);
    const { status, json } = await remove(access_token);
    assert.equal(status, 200);
    if (preset === "openam-13") assert.deepEqual(json, { success: "true" });
    else assert.deepEqual(json.tokenName, ["access_token"]);
    assert.equal((await s.call(`/oauth2/tokeninfo?access_token=${access_token}`)).status, 401);
    assert.equal((await s.list(as)).length, 1);
    const refreshed = await s.refreshDemo(refresh_token);
    assert.equal(refreshed.status, 200, "the refresh token lives on");
    assert.equal((await remove(refreshed.json.refresh_token as string)).status, 200);
    assert.equal((await s.refreshDemo(refreshed.json.refresh_token as string)).status, 400);
    assert.deepEqual(await s.list(as), []);
    assert.equal((await remove("unknown")).status, 404);
  }
});

test("[C19] deleting a superseded token takes it off the list and leaves the chain alone", async (t) => {
  const s = await openam(t);
  const first = (await granted(s)).refresh_token;
  s.clock.advance(SECOND);
  const second = (await s.refreshDemo(first)).json.refresh_token as string;
  const as = await s.logIn();
  assert.equal(named(await s.list(as), "refresh_token").length, 2);
  const { json } = await s.call(`/frrest/oauth2/token/${first}`, { method: "DELETE", as });
  assert.deepEqual(json, { success: "true" });
  const left = named(await s.list(as), "refresh_token");
  assert.deepEqual(
    left.map(({ id }) => id?.[0]),
    [second],
  );
  assert.equal((await s.refreshDemo(second)).status, 200);
});

test("[C19, C23] a token that is refreshed while its owner deletes it ends all the same", async (t) => {
  const s = await openam(t);
  const first = (await granted(s)).refresh_token;
  const { issuer } = s.sandbox;
  const listed = (await issuer.listTokens({ subject: "demo" })).find(({ id }) => id === first);
  assert.ok(listed?.accepted);
  const second = (await s.refreshDemo(first)).json.refresh_token as string;
  await issuer.revokeListed(listed);
  assert.equal((await s.refreshDemo(second)).status, 400);
  assert.deepEqual(await s.list(await s.logIn()), []);
});

test("[C19] revoking an access token ends its refresh token too", async (t) => {
  const s = await openam(t);
  const { access_token, refresh_token } = await granted(s);
  const as = await s.logIn();
  const act = (action: string, body = {}, who: string | undefined = as) =>
    s.call(`/frrest/oauth2/token/${access_token}?_action=${action}`, {
      body,
      ...(who === undefined ? {} : { as: who }),
    });
  assert.equal((await act("magic")).status, 501);
  assert.equal((await act("revokeTokens")).status, 501, "not before 13.5");
  assert.equal((await act("revoke", {}, "")).status, 401);
  const { status, text } = await act("revoke");
  assert.deepEqual([status, text], [200, "{}"]);
  assert.equal((await s.refreshDemo(refresh_token)).status, 400);
  assert.deepEqual(await s.list(as), []);
  assert.equal((await act("revoke")).json.message, "Token Not Found");
});

test("[C19] from 13.5 on, a client ends tokens of its own by revokeTokens", async (t) => {
  const s = await openam(t, "openam-13.5");
  const { access_token, refresh_token } = await granted(s);
  const act = (body: object) =>
    s.call(`/frrest/oauth2/token/${access_token}?_action=revokeTokens`, { body });
  assert.deepEqual((await act({})).json.message, "Missing clientId");
  const other = await act({ client_id: "sandbox-client" });
  assert.deepEqual([other.status, other.json.message], [403, "Unauthorized"]);
  assert.equal((await s.refreshDemo(refresh_token, { scope: "cn" })).status, 200);
  assert.equal((await act({ client_id: "myClientID" })).text, "{}");
  assert.equal((await s.call(`/oauth2/tokeninfo?access_token=${access_token}`)).status, 401);
});

test("[C19] the applications of a user from 13 on: their scopes, their end, and withdrawal", async (t) => {
  const s = await openam(t, "openam-13-reuse");
  const { refresh_token } = await granted(s);
  const as = await s.logIn();
  const path = "/json/users/demo/oauth2/applications";
  const { json } = await s.call(`${path}?_queryFilter=true`, { as });
  const application = {
    _id: "myClientID",
    name: null,
    scopes: { cn: "cn", mail: "mail" },
    expiryDateTime: "2024-01-08T01:00:00.000Z",
  };
  assert.deepEqual(json, {
    result: [application],
    resultCount: 1,
    pagedResultsCookie: null,
    remainingPagedResults: -1,
  });
  assert.equal((await s.call("/json/users/user1/oauth2/applications", { as })).status, 403);
  assert.equal((await s.call(path)).status, 401);
  const unknown = await s.call(`${path}/other`, { method: "DELETE", as });
  assert.equal(unknown.status, 404);
  const withdrawn = await s.call(`${path}/myClientID`, { method: "DELETE", as });
  assert.deepEqual([withdrawn.status, withdrawn.json], [200, application]);
  assert.equal((await s.refreshDemo(refresh_token)).status, 400);
  assert.deepEqual(await s.list(as), []);

  const rotating = await openam(t, "openam-13");
  await granted(rotating);
  const admin = await rotating.logIn("amadmin");
  const seen = (await rotating.call(path, { as: admin })).json.result as Record<string, unknown>[];
  assert.equal(seen[0]?.expiryDateTime, null);
  const old = await openam(t, "openam-12");
  assert.equal((await old.call(path, { as: await old.logIn() })).status, 404);
});

test("[C08] a chain that rotates ends at its authorization's end, to the millisecond, over HTTP", async (t) => {
  const preset = PRESETS["openam-13"] as Policy;
  const [never] = preset.expiry.authorization;
  assert.ok(never);
  const policy = {
    ...preset,
    expiry: { ...preset.expiry, authorization: [{ ...never, value: 20 * DAY }] },
  };
  const s = await stand(t, { preset: "openam-13", policy });
  const granted = s.clock.now();
  let token = (await s.redeem(await s.code())).json.refresh_token as string;
  for (let day = 5; day < 20; day += 5) {
    s.clock.advance(granted + day * DAY - s.clock.now());
    token = await s.next(token);
  }
  s.clock.advance(granted + 20 * DAY - 1 - s.clock.now());
  token = await s.next(token);
  s.clock.advance(1);
  const { status, json } = await s.refresh(token);
  assert.deepEqual(
    [status, json.error, json.error_description],
    [...[400, "invalid_grant", "grant is invalid"]],
  );
});
