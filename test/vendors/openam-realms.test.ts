/** OpenAM's realms, and the administration of each realm's service: by REST and by the console's form. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { basic } from "../issuer/stand.ts";
import { DAY, named, type OpenamStand, openam, SECOND } from "./openam-stand.ts";

const SERVICE = "realm-config/services/oauth-oidc";

/** Makes the realm /x with a user and the manual's client; the service only where `configured`. */
async function realmX(s: OpenamStand, admin: string, configured = true): Promise<void> {
  const create = (path: string, body: object) =>
    s.call(`${path}/?_action=create&realm=/x`, { as: admin, body });
  const made = await s.call("/json/realms/?_action=create", { as: admin, body: { realm: "x" } });
  assert.deepEqual([made.status, made.json], [201, { realmCreated: "/x" }]);
  const user = { username: "demo", userpassword: "changeit" };
  assert.equal((await create("/json/users", user)).status, 201);
  if (!configured) return;
  const path = `/json/realms/root/realms/x/${SERVICE}?_action=create`;
  assert.equal((await s.call(path, { as: admin, body: {} })).status, 201);
  await registerClient(s, admin, "myClientID");
}

async function registerClient(s: OpenamStand, admin: string, clientId: string) {
  const body = {
    client_id: [clientId],
    realm: ["/x"],
    userpassword: ["password"],
    "com.forgerock.openam.oauth2provider.clientType": ["Confidential"],
    "com.forgerock.openam.oauth2provider.scopes": ["cn", "mail"],
  };
  const registered = await s.call("/frrest/oauth2/client/?_action=create", { as: admin, body });
  assert.deepEqual(registered.json, { success: "true" });
}

const SPELLINGS = [
  "/oauth2/access_token?realm=/x",
  "/oauth2/access_token?realm=x",
  "/oauth2/realms/root/realms/x/access_token",
  "/oauth2/x/access_token",
];

test("[C01] a realm without its service refuses OAuth requests, in the vendor's words; once configured it grants", async (t) => {
  const s = await openam(t);
  const admin = await s.logIn("amadmin");
  const refused = async (): Promise<void> => {
    for (const path of SPELLINGS) {
      const { status, text } = await s.tokens({}, path);
      assert.equal(status, 404, path);
      assert.equal(
        text,
        '{"error_description":"No OpenID Connect provider for realm /x","error":"not_found"}',
      );
    }
    assert.equal((await s.tokens({ realm: "/x" })).status, 404, "as a parameter of the form");
    assert.equal((await s.call("/oauth2/tokeninfo?access_token=x&realm=/x")).status, 404);
  };
  await refused();
  await realmX(s, admin, false);
  await refused();
  assert.equal((await s.call(`/json/x/${SERVICE}`, { as: admin })).status, 404);
  await s.logIn("demo", "changeit", "/x");
  const body = { refreshTokenLifetime: 60 };
  const path = `/json/realms/root/realms/x/${SERVICE}`;
  const configured = await s.call(path, { method: "PUT", as: admin, body });
  assert.equal(configured.status, 201);
  assert.equal(configured.json.refreshTokenLifetime, 60);
  await registerClient(s, admin, "myClientID");
  for (const spelling of SPELLINGS) assert.equal((await s.tokens({}, spelling)).status, 200);
  assert.equal((await s.tokens({ realm: "/x" })).status, 200);
});

test("[C01] clients, users and tokens of one realm are nothing in another", async (t) => {
  const s = await openam(t);
  const admin = await s.logIn("amadmin");
  await realmX(s, admin);
  await s.control("users", { username: "only-root", password: "changeit" });
  const inX = "/oauth2/realms/root/realms/x/access_token";
  const granted = (await s.tokens({}, inX)).json as Record<string, string>;
  const rooted = (await s.tokens()).json as Record<string, string>;
  const wrongUser = await s.tokens({ username: "only-root" }, inX);
  assert.equal(wrongUser.json.error_description, "Resource owner authentication failed");
  await registerClient(s, admin, "only-x");
  const headers = { authorization: basic("only-x", "password") };
  const form = { grant_type: "password", username: "demo", password: "changeit" };
  const asOnlyX = (path: string) =>
    s.post(form, { url: `${s.sandbox.url}/openam${path}`, headers });
  assert.equal((await asOnlyX(inX)).status, 200);
  const wrongClient = await asOnlyX("/oauth2/access_token");
  assert.deepEqual([wrongClient.status, wrongClient.json.error], [401, "invalid_client"]);
  for (const [token, path] of [
    [granted.refresh_token, "/oauth2/access_token"],
    [rooted.refresh_token, inX],
  ] as const) {
    const { status, json } = await s.refreshDemo(token ?? "", {}, path);
    assert.deepEqual([status, json.error_description], [400, "grant is invalid"]);
  }
  const info = (token: string | undefined, realm: string) =>
    s.call(`/oauth2/tokeninfo?access_token=${token}&realm=${realm}`);
  assert.equal((await info(granted.access_token, "/x")).json.realm, "/x");
  assert.equal((await info(granted.access_token, "/")).status, 401);
  assert.equal((await info(rooted.access_token, "/x")).status, 401);

  const mine = await s.list(await s.logIn("demo", "changeit", "/x"));
  assert.deepEqual(
    mine.map(({ realm }) => realm?.[0]),
    Array(4).fill("/x"),
  );
  const all = await s.list(admin, "userName=demo");
  assert.deepEqual(
    all.map(({ realm }) => realm?.[0]),
    ["/", "/", ...Array(4).fill("/x")],
  );
  const stranger = await s.logIn("demo", "changeit", "/");
  const read = await s.call(`/frrest/oauth2/token/${granted.refresh_token}`, { as: stranger });
  assert.equal(read.status, 401, "a user of the same name elsewhere is somebody else");
});

test("[C01] realms lie below each other, by every spelling; a name that is none is refused", async (t) => {
  const s = await openam(t);
  const admin = await s.logIn("amadmin");
  const create = (realm: string, parent = "/") =>
    s.call(`/json/realms?_action=create&realm=${parent}`, { as: admin, body: { realm } });
  assert.equal((await create("y", "/x")).status, 404);
  assert.equal((await create("x")).status, 201);
  assert.equal((await create("x")).status, 409);
  assert.deepEqual((await create("y", "/x")).json, { realmCreated: "/x/y" });
  assert.equal((await create("a b")).status, 400);
  assert.equal((await create("")).status, 400);
  for (const path of [
    `/json/${SERVICE}?realm=/x/y`,
    `/json/realms/root/realms/x/realms/y/${SERVICE}`,
    `/json/x/y/${SERVICE}`,
  ]) {
    assert.equal(
      (await s.call(path, { as: admin })).json.message,
      'Realm /x/y has no service "OAuth2 Provider"',
    );
  }
  assert.equal((await s.call("/json/nothing/at/all", { as: admin })).status, 404);
  assert.equal((await s.call("/json/%ff/authenticate", { method: "POST" })).status, 400);
});

test("[C22] only the administrator administers", async (t) => {
  const s = await openam(t);
  const user = await s.logIn();
  const requests = [
    ["GET", `/json/${SERVICE}`],
    ["PUT", `/json/${SERVICE}`],
    ["POST", `/json/${SERVICE}?_action=create`],
    ["POST", "/json/realms/?_action=create"],
    ["POST", "/json/users/?_action=create"],
    ["POST", "/frrest/oauth2/client/?_action=create"],
  ] as const;
  const before = await s.dump();
  for (const [method, path] of requests) {
    const body = method === "GET" ? {} : { body: {} };
    assert.equal((await s.call(path, { method, ...body })).status, 401, path);
    assert.equal((await s.call(path, { method, ...body, as: user })).status, 403, path);
  }
  assert.equal(await s.dump(), before);
});

test("[C22] option and lifetimes are edited by REST, each change with its audit entry", async (t) => {
  const s = await openam(t);
  const admin = await s.logIn("amadmin");
  const path = `/json/${SERVICE}`;
  const defaults = {
    codeLifetime: 120,
    refreshTokenLifetime: 604_800,
    accessTokenLifetime: 3600,
    issueRefreshToken: true,
    issueRefreshTokenOnRefreshedToken: true,
  };
  assert.deepEqual((await s.call(path, { as: admin })).json, defaults);
  const body = { accessTokenLifetime: 600, issueRefreshTokenOnRefreshedToken: false };
  const put = (body: object) => s.call(path, { method: "PUT", as: admin, body });
  assert.deepEqual((await put(body)).json, { ...defaults, ...body });
  const changes = (await s.store.events(0, 1000)).filter(({ type }) => type === "policy.changed");
  assert.deepEqual(changes.map(({ about }) => about).sort(), [
    "realm /",
    "sandbox/myClientID",
    "sandbox/sandbox-client",
    "sandbox/sandbox-resource-server",
  ]);
  assert.equal(changes.find(({ about }) => about === "realm /")?.data.accessTokenLifetime, 600);
  const granted = await s.tokens();
  assert.equal(granted.json.expires_in, 599);
  const refreshed = await s.refreshDemo(granted.json.refresh_token as string);
  assert.equal("refresh_token" in refreshed.json, false);

  const before = await s.dump();
  for (const [wrong, message] of [
    [{ accessTokenLifetime: 0 }, /accessTokenLifetime.*from 1 to 2147483647$/],
    [{ refreshTokenLifetime: -2 }, /refreshTokenLifetime.*or -1 for never/],
    [{ codeLifetime: "10" }, /codeLifetime/],
    [{ issueRefreshToken: false }, /only true/],
    [{ colour: "red" }, /Unknown attribute "colour"/],
  ] as const) {
    const { status, json } = await put(wrong);
    assert.equal(status, 400);
    assert.match(json.message as string, message);
  }
  assert.equal(await s.dump(), before);
});

test("[C22, ISS-03] the option is not switched off under a public client, and nothing changes", async (t) => {
  const s = await openam(t);
  const as = await s.logIn("amadmin");
  const client = {
    client_id: ["app"],
    "com.forgerock.openam.oauth2provider.clientType": ["Public"],
    "com.forgerock.openam.oauth2provider.scopes": ["cn"],
  };
  const made = await s.call("/frrest/oauth2/client/?_action=create", { as, body: client });
  assert.equal(made.status, 201, made.text);
  const before = await s.dump();
  const body = { issueRefreshTokenOnRefreshedToken: false };
  const { status, json } = await s.call(`/json/${SERVICE}`, { method: "PUT", as, body });
  assert.equal(status, 400);
  assert.match(json.message as string, /^Client "app": /);
  assert.equal(await s.dump(), before);
  const shown = await s.call(`/json/${SERVICE}`, { as });
  assert.equal(shown.json.issueRefreshTokenOnRefreshedToken, true);
});

test("[C22, C09] version 11 has no such option", async (t) => {
  const s = await openam(t, "openam-11");
  const as = await s.logIn("amadmin");
  const { json } = await s.call(`/json/${SERVICE}`, { as });
  assert.deepEqual(json, {
    codeLifetime: 10,
    refreshTokenLifetime: 600,
    accessTokenLifetime: 60,
    issueRefreshToken: true,
  });
  const body = { issueRefreshTokenOnRefreshedToken: true };
  assert.equal((await s.call(`/json/${SERVICE}`, { method: "PUT", as, body })).status, 400);
});

test("[C22] the same by the console's form, at realm, services, OAuth2 Provider", async (t) => {
  const s = await openam(t);
  const admin = await s.logIn("amadmin");
  await realmX(s, admin, false);
  const { url } = s.sandbox;
  const page = "/openam/console/realms/root/realms/x/services/oauth2-provider";
  const post = (path: string, form: Record<string, string>, cookie = "") =>
    fetch(url + path, {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { cookie },
      redirect: "manual",
    });
  assert.match(await (await fetch(url + page)).text(), /Sign in to OpenAM/);
  assert.equal(
    (await post("/openam/console", { username: "amadmin", password: "no" })).status,
    401,
  );
  const entered = await post("/openam/console", { username: "amadmin", password: "changeit" });
  assert.equal(entered.status, 303);
  const cookie = (entered.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const shown = await (await fetch(url + page, { headers: { cookie } })).text();
  assert.match(shown, /Not configured yet/);
  assert.match(shown, /Issue Refresh Tokens on Refreshing Access Tokens/);
  const form = { codeLifetime: "10", refreshTokenLifetime: "-1", accessTokenLifetime: "600" };
  assert.equal((await post(page, form)).status, 401, "without a session");
  const wrong = await post(page, { ...form, codeLifetime: "soon" }, cookie);
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /Attribute &quot;codeLifetime&quot;: expected whole seconds/);
  assert.match(await (await post(page, form, cookie)).text(), /Saved\./);
  assert.deepEqual((await s.call(`/json/x/${SERVICE}`, { as: admin })).json, {
    codeLifetime: 10,
    refreshTokenLifetime: -1,
    accessTokenLifetime: 600,
    issueRefreshToken: true,
    issueRefreshTokenOnRefreshedToken: false,
  });
  const user = await s.logIn();
  const asUser = await fetch(url + page, { headers: { cookie: `iPlanetDirectoryPro=${user}` } });
  assert.doesNotMatch(await asUser.text(), /Access Token Lifetime/);
});

const toggle = async (s: OpenamStand, on: boolean): Promise<void> => {
  const as = await s.logIn("amadmin");
  const body = { issueRefreshTokenOnRefreshedToken: on };
  const { status, text } = await s.call(`/json/${SERVICE}`, { method: "PUT", as, body });
  assert.equal(status, 200, text);
};

test("[C21] the option switched on under a living chain: its token is good once more, then it rotates", async (t) => {
  const s = await openam(t, "openam-13-reuse");
  const first = (await s.tokens()).json.refresh_token as string;
  s.clock.advance(DAY);
  assert.equal("refresh_token" in (await s.refreshDemo(first)).json, false);
  await toggle(s, true);
  const second = (await s.refreshDemo(first)).json.refresh_token as string;
  assert.equal((await s.refreshDemo(first)).json.error_description, "grant is invalid");
  assert.equal((await s.refreshDemo(second)).status, 200);
  const [refresh] = named(await s.list(await s.logIn()), "refresh_token");
  assert.equal(refresh?.id?.[0], first, "superseded tokens pile up from now on");
});

test("[C21] the option switched off under a living chain: its newest token stays, those before stay dead", async (t) => {
  const s = await openam(t);
  const first = (await s.tokens()).json.refresh_token as string;
  s.clock.advance(SECOND);
  const second = (await s.refreshDemo(first)).json.refresh_token as string;
  await toggle(s, false);
  assert.equal((await s.refreshDemo(first)).status, 400);
  for (let time = 0; time < 3; time += 1) {
    const { status, json } = await s.refreshDemo(second);
    assert.deepEqual([status, "refresh_token" in json], [200, false]);
  }
  await toggle(s, true);
  const third = (await s.refreshDemo(second)).json.refresh_token as string;
  assert.equal((await s.refreshDemo(second)).status, 400);
  assert.equal((await s.refreshDemo(third)).status, 200);
});
