/** The App Center, and what the vendor alone decides about an app. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { type ExactStand, exactStand, MINUTE, OLD, SECOND } from "./exact-stand.ts";

const REDIRECT = "https://app.example/callback";
const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

interface App {
  readonly clientId: string;
  readonly clientSecret: string;
}

const register = async (s: ExactStand, body: object = {}): Promise<App> =>
  (await s.postJson("/apps", { redirectUri: REDIRECT, ...body })).json as unknown as App;

const credentialsOf = ({ clientId, clientSecret }: App) => ({
  client_id: clientId,
  client_secret: clientSecret,
});

/** The refresh token of a user's consent to an app. */
async function connect(s: ExactStand, app: App, username: string): Promise<string> {
  const { issuer } = s.sandbox;
  const opened = await issuer.openCode({ clientId: app.clientId, subject: username });
  assert.ok("code" in opened, JSON.stringify(opened));
  const { json, text } = await s.redeem(opened.code, credentialsOf(app));
  assert.ok(json.refresh_token, text);
  return json.refresh_token as string;
}

test("[A26, F02] an app is registered with a GUID, a secret that is shown once, a redirect URI, and not reviewed", async (t) => {
  const s = await exactStand(t);
  const { status, json } = await s.postJson("/apps", { redirectUri: REDIRECT, customer: "Firma" });
  assert.equal(status, 201);
  const { clientId, clientSecret, ...rest } = json as unknown as App;
  assert.match(clientId, GUID);
  assert.ok(clientSecret.length >= 12);
  const app = { redirectUris: [REDIRECT], customer: "Firma", review: "pending" };
  assert.deepEqual(rest, app);
  const listed = await s.get("/apps");
  assert.ok(!listed.text.includes(clientSecret));
  const apps = listed.json.apps as { clientId: string }[];
  assert.deepEqual(
    apps.find((one) => one.clientId === clientId),
    { clientId, ...app },
  );
  assert.ok(apps.some((one) => one.clientId === s.sandbox.clientId));
  assert.ok(
    !apps.some((one) => one.clientId.includes("resource-server")),
    "what only asks is no app",
  );
});

test("[A26, F02] people register an app on a page, and see its secret once", async (t) => {
  const s = await exactStand(t);
  const accept = "text/html,application/xhtml+xml";
  const empty = await s.get("/apps", { accept });
  assert.match(empty.headers.get("content-type")!, /^text\/html/);
  assert.match(empty.headers.get("content-security-policy")!, /default-src 'none'/);
  const redirectUri = "https://app.example/<b>";
  const response = await fetch(`${s.sandbox.url}/apps`, {
    method: "POST",
    headers: { accept },
    body: new URLSearchParams({ redirectUri: encodeURI(redirectUri), customer: "<Firma>" }),
  });
  const page = await response.text();
  assert.equal(response.status, 201, page);
  const [, clientId, secret] = /of <code>([^<]+)<\/code> is <code>([^<]+)<\/code>/.exec(page) ?? [];
  assert.match(clientId!, GUID);
  assert.ok(!page.includes("<Firma>"));
  const after = await s.get("/apps", { accept });
  assert.ok(after.text.includes(clientId!) && !after.text.includes(secret!));
  await connect(s, { clientId: clientId!, clientSecret: secret! }, "a");
  const action = `/apps/${clientId}/secret`;
  assert.ok(after.text.includes(`<form method="post" action="${action}">`));
  const form = new URLSearchParams({});
  const init = { method: "POST", headers: { accept }, body: form };
  const renewed = await (await fetch(s.sandbox.url + action, init)).text();
  assert.match(renewed, /The client secret of <code>/);
  assert.ok(!renewed.includes(secret!));
  assert.ok(renewed.includes('action="/apps"'));
  const ofPartner = new URLSearchParams({ redirectUri: REDIRECT, customer: "" });
  const partner = await fetch(`${s.sandbox.url}/de/apps`, { ...init, body: ofPartner });
  assert.equal(partner.status, 201);
  assert.match(
    await partner.text(),
    /partner, review pending[\s\S]*action="\/de\/apps\/[0-9a-f-]+\/secret"/,
  );
});

test("[A26] a secret that is replaced is dead at once, and the new one works", async (t) => {
  const s = await exactStand(t);
  const app = await register(s);
  const refreshToken = await connect(s, app, "a");
  s.clock.advance(570 * SECOND);
  const { json } = await s.postJson(`/apps/${app.clientId}/secret`);
  const renewed = json as unknown as App;
  assert.equal(renewed.clientId, app.clientId);
  assert.equal((await s.refresh(refreshToken, credentialsOf(app))).json.error, "invalid_client");
  assert.equal((await s.refresh(refreshToken, credentialsOf(renewed))).status, 200);
});

test("[A26] an app that was not reviewed may be connected by its own customer only", async (t) => {
  const s = await exactStand(t);
  const app = await register(s, { customer: "Firma" });
  const { issuer } = s.sandbox;
  const consent = { clientId: app.clientId, subject: "a" };
  assert.ok("code" in (await issuer.openCode({ ...consent, tenant: "Firma" })));
  const refused = await issuer.openCode({ ...consent, tenant: "Ander" });
  assert.deepEqual(refused, { refusal: { reason: "clientNotApproved" } });
  const path = `/sandbox/exact-online/apps/${app.clientId}`;
  const { json } = await s.postJson(path, { approved: true });
  assert.equal(json.review, "approved");
  assert.ok("code" in (await issuer.openCode({ ...consent, tenant: "Ander" })));
});

test("[A26] what is wrong with a registration is told in one sentence, and no app is made", async (t) => {
  const s = await exactStand(t);
  const before = await s.dump();
  for (const body of [
    {},
    { redirectUri: "" },
    { redirectUri: 7 },
    { redirectUri: "no url" },
    { redirectUri: `${REDIRECT}#part` },
    { redirectUri: REDIRECT, secret: "mine" },
  ]) {
    const { status, json } = await s.postJson("/apps", body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.equal(typeof json.error, "string");
  }
  assert.equal((await s.postJson("/apps/nobody/secret")).status, 400);
  const unknown = await s.postJson("/sandbox/exact-online/apps/nobody", { approved: true });
  assert.deepEqual(unknown.json, { error: 'there is no app "nobody" at this site' });
  assert.equal(await s.dump(), before);
});

test("[A14] an app for which old refresh tokens are allowed, and no other; off again, chain rules at once", async (t) => {
  const s = await exactStand(t);
  await s.turn({ D2: "none" });
  const [app, other] = [await register(s), await register(s)];
  const chainOf = async (one: App) => {
    const tokens = [await connect(s, one, "a")];
    for (let i = 0; i < 5; i += 1) {
      const { json } = await s.refresh(tokens.at(-1)!, credentialsOf(one));
      tokens.push(json.refresh_token as string);
    }
    return tokens;
  };
  const [tokens, others] = [await chainOf(app), await chainOf(other)];
  const status = async (token: string, one = app) =>
    (await s.refresh(token, credentialsOf(one))).status;
  assert.equal(await status(tokens[0]!), 401);
  const path = `/sandbox/exact-online/apps/${app.clientId}`;
  const { json } = await s.postJson(path, { oldTokensAllowed: true });
  assert.equal(json.oldTokensAllowed, true);
  for (const token of tokens) assert.equal(await status(token), 200);
  assert.equal(await status(others[0]!, other), 401, "another app");
  await s.turn({ D2: "10 s" });
  s.clock.advance(10 * SECOND);
  assert.equal(await status(tokens[0]!), 200, "a switch leaves it");
  await s.postJson(path, { oldTokensAllowed: false });
  s.clock.advance(10 * SECOND);
  const answer = await s.refresh(tokens[1]!, credentialsOf(app));
  assert.deepEqual([answer.status, answer.text], [401, OLD]);
});

test("[A19] an app that is exempt has no limit on token calls; it applies again when that is taken back", async (t) => {
  const s = await exactStand(t);
  await s.turn({ D2: "none" });
  const app = await register(s);
  let token = await connect(s, app, "a");
  const refresh = async () => {
    const answer = await s.refresh(token, credentialsOf(app));
    if (answer.status === 200) token = answer.json.refresh_token as string;
    return answer.status;
  };
  for (let call = 2; call <= 200; call += 1) assert.equal(await refresh(), 200, `call ${call}`);
  assert.equal(await refresh(), 429, "call 201");
  const path = `/sandbox/exact-online/apps/${app.clientId}`;
  await s.postJson(path, { quotaExempt: true });
  for (let call = 201; call <= 210; call += 1) assert.equal(await refresh(), 200, `call ${call}`);
  await s.postJson(path, { quotaExempt: false });
  let count = 0;
  while ((await refresh()) === 200) count += 1;
  assert.ok(count <= 200, `${count} more calls`);
});

test("[A24] an app that the user revokes: all its tokens are refused at once, another app's and user's are not", async (t) => {
  const s = await exactStand(t);
  const { access, refresh } = await s.tokens();
  const app = await register(s);
  const others = await connect(s, app, s.sandbox.username);
  s.clock.advance(5 * MINUTE);
  assert.equal((await s.api("current/Me", access)).status, 200);
  await s.control("revocations", { username: s.sandbox.username });
  assert.equal((await s.api("current/Me", access)).status, 401);
  s.clock.advance(5 * MINUTE);
  const answer = await s.refresh(refresh);
  assert.deepEqual([answer.status, answer.text], [401, OLD]);
  assert.equal((await s.refresh(others, credentialsOf(app))).status, 200);
  await s.next(s.sandbox.refreshToken);
});
