/** Exact Online's authorization endpoint and its security centre, as an owner's browser sees them. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { generateSync } from "otplib";
import { Secret } from "../../src/env/secret.ts";
import { EXACT_ONLINE_AUTHORIZATION } from "../../src/vendors/exact-online/authorization.ts";
import { type PagesStand, pagesStand, TOTP_SECRET } from "../http/pages-stand.ts";
import { read } from "../issuer/stand.ts";
import { type Surfer, surfer, type Visited } from "../support/surfer.ts";
import { HOUR, rows, SECOND, servicesAt } from "./exact-stand.ts";

const CALLBACK = "https://app.example/callback";
const WITHOUT_PKCE = { code_challenge: undefined, code_challenge_method: undefined };

/** A stand with an owner who has a second factor. */
async function exactPages(t: Parameters<typeof pagesStand>[0], testMode = false) {
  const s = await pagesStand(t, {
    preset: "exact-online",
    rules: EXACT_ONLINE_AUTHORIZATION,
    redirectUris: [CALLBACK, "http://127.0.0.1:4321/callback", "http://intranet.example/callback"],
    testMode,
  });
  const owner = await s.addOwner({ totpSecret: TOTP_SECRET });
  return { s, owner };
}

/** An authorization request as Exact Online's clients send it. */
const urlOf = (s: PagesStand, ask: Record<string, string | undefined> = {}): string =>
  s.url({ redirect_uri: CALLBACK, ...WITHOUT_PKCE, ...ask });

/** Password and second factor, up to the page that asks. */
async function logIn(
  s: PagesStand,
  browser: Surfer,
  page: Visited,
  owner: { username: string; password: string },
): Promise<Visited> {
  assert.equal(page.title, "Sign in");
  const second = await browser.submit(page, owner);
  assert.equal(second.title, "One more step");
  return browser.submit(second, { code: s.totp() });
}

/** The companies that a page offers. */
const offered = ({ text }: Visited): readonly string[] =>
  [...text.matchAll(/name="resource" value="([^"]+)"/g)].map(([, id]) => id!);

test("[A01] with or without a slash at the end: login, consent, and a code with an exclamation mark and the state", async (t) => {
  const { s, owner } = await exactPages(t);
  for (const slash of ["", "/"]) {
    const browser = surfer();
    const state = `a b&c=ü/${slash}`;
    const url = urlOf(s, { state }).replace("/auth?", `/auth${slash}?`);
    const page = await logIn(s, browser, await browser.open(url), owner);
    const { left } = await browser.submit(page, { answer: "allow", resource: offered(page) });
    assert.equal(left!.origin + left!.pathname, CALLBACK);
    assert.deepEqual([...left!.searchParams.keys()], ["code", "state"]);
    assert.equal(left!.searchParams.get("state"), state);
    const code = left!.searchParams.get("code")!;
    assert.match(code, /^stampNL001\.[\w-]{4}!IAAAA/);
    assert.match(left!.search, /code=stampNL001\.[\w-]{4}(?:!|%21)IAAAA/);
    const redeemed = await s.redeem(code, { redirect_uri: CALLBACK });
    assert.equal(redeemed.status, 200, redeemed.text);
    s.clock.advance(30 * SECOND);
  }
});

test("[A01] a redirect URI that is not registered, not HTTPS, or local is answered with 401; in test mode a local one passes", async (t) => {
  const { s } = await exactPages(t);
  const local = "http://127.0.0.1:4321/callback";
  for (const redirect_uri of [
    "https://other.example/callback",
    "http://intranet.example/callback",
    local,
  ]) {
    const page = await surfer().open(urlOf(s, { redirect_uri }));
    assert.deepEqual([page.status, page.left], [401, undefined], redirect_uri);
  }
  const lenient = (await exactPages(t, true)).s;
  assert.equal((await surfer().open(urlOf(lenient, { redirect_uri: local }))).title, "Sign in");
  for (const redirect_uri of [
    "https://other.example/callback",
    "http://intranet.example/callback",
  ]) {
    assert.equal((await surfer().open(urlOf(lenient, { redirect_uri }))).status, 401);
  }
});

test("[A01] a redirect URI that is not percent-encoded is understood: one published client sends it so", async (t) => {
  const { s } = await exactPages(t);
  const { clientId, authorizationEndpoint } = s.sandbox;
  const query = `client_id=${clientId}&redirect_uri=${CALLBACK}&response_type=code&force_login=0`;
  assert.equal((await surfer().open(`${authorizationEndpoint}?${query}`)).title, "Sign in");
});

test("[A02] the implicit grant: an access token in the fragment for 600 s, and no refresh token", async (t) => {
  const { s, owner } = await exactPages(t);
  const browser = surfer();
  const url = urlOf(s, { response_type: "token", state: "mine" });
  const page = await logIn(s, browser, await browser.open(url), owner);
  const { left } = await browser.submit(page, { answer: "allow", resource: offered(page) });
  assert.equal(left!.search, "", "nothing in the query");
  const fields = new URLSearchParams(left!.hash.slice(1));
  assert.deepEqual([...fields.keys()], ["access_token", "token_type", "expires_in", "state"]);
  assert.equal(fields.get("expires_in"), "600");
  assert.equal(fields.get("token_type"), "bearer");
  const me = async () =>
    read(
      await fetch(`${s.sandbox.url}/api/v1/current/Me`, {
        headers: { authorization: `Bearer ${fields.get("access_token")}` },
      }),
    );
  s.clock.advance(599 * SECOND);
  assert.equal((await me()).status, 200);
  s.clock.advance(SECOND);
  assert.equal((await me()).status, 401);
});

test("[A03] force_login=1 asks for a login despite a session, 0 does not", async (t) => {
  const { s, owner } = await exactPages(t);
  const browser = surfer();
  await logIn(s, browser, await browser.open(urlOf(s)), owner);
  assert.notEqual((await browser.open(urlOf(s))).title, "Sign in");
  assert.notEqual((await browser.open(urlOf(s, { force_login: "0" }))).title, "Sign in");
  assert.equal((await browser.open(urlOf(s, { force_login: "1" }))).title, "Sign in");
});

test("[A23] the owner picks companies at consent, and the app gets into no other", async (t) => {
  const { s, owner } = await exactPages(t);
  const browser = surfer();
  const page = await logIn(s, browser, await browser.open(urlOf(s)), owner);
  const ids = offered(page);
  assert.equal(ids.length, 3);
  const [first, second] = ids.map((id) => Number(id.replace("division:", "")));
  const none = await browser.submit(page, { answer: "allow" });
  assert.equal(none.left, undefined, "at least one must be picked");
  const { left } = await browser.submit(page, {
    answer: "allow",
    resource: [ids[1]!, "division:1"],
  });
  const code = left!.searchParams.get("code")!;
  const { json } = await s.redeem(code, { redirect_uri: CALLBACK });
  const headers = { authorization: `Bearer ${json.access_token}` };
  const api = async (path: string) =>
    read(await fetch(`${s.sandbox.url}/api/v1/${path}`, { headers }));
  assert.equal(rows(await api("current/Me"))[0]!.CurrentDivision, second);
  const told = rows(await api(`${second}/system/Divisions`)).map(({ Code }) => Code);
  assert.deepEqual(told, [second]);
  assert.equal((await api(`${first}/crm/Accounts`)).status, 403);
});

test("[A25] the second factor is compulsory: a correct code of now, made by an independent library, and once", async (t) => {
  const { s, owner } = await exactPages(t);
  const codeAt = (at: number) =>
    generateSync({ secret: TOTP_SECRET.reveal(), epoch: Math.floor(at / SECOND) });
  const toSecond = async (browser: Surfer) => browser.submit(await browser.open(urlOf(s)), owner);
  const browser = surfer();
  const second = await toSecond(browser);
  const now = s.clock.now();
  for (const wrong of ["000000", "", codeAt(now - HOUR), codeAt(now + HOUR)]) {
    const page = await browser.submit(second, { code: wrong });
    assert.equal(page.title, "One more step", wrong);
  }
  const good = codeAt(now);
  const consent = await browser.submit(second, { code: good });
  assert.equal(offered(consent).length, 3);
  const other = surfer();
  const reused = await other.submit(await toSecond(other), { code: good });
  assert.equal(reused.title, "One more step", "a code passes once");
});

test("[A25] an account without a second factor cannot log in", async (t) => {
  const { s } = await exactPages(t);
  const bare = await s.addOwner({ username: "bob" });
  const browser = surfer();
  const page = await browser.submit(await browser.open(urlOf(s)), bare);
  assert.equal(page.status, 403);
});

test("[A26] an app that was not reviewed is refused an account of another customer", async (t) => {
  const { s } = await exactPages(t);
  const { clientId } = s.sandbox;
  await s.sandbox.issuer.approveClient(clientId, false);
  const foreign = await s.addOwner({ username: "eve", tenant: "Ander", totpSecret: TOTP_SECRET });
  const browser = surfer();
  const page = await logIn(s, browser, await browser.open(urlOf(s)), foreign);
  const { left } = await browser.submit(page, { answer: "allow", resource: offered(page) });
  assert.equal(left!.searchParams.get("error"), "unauthorized_client");
});

test("[A24] the user revokes the app in the security centre: its tokens are refused at once", async (t) => {
  const { s, owner } = await exactPages(t);
  const browser = surfer();
  const page = await logIn(s, browser, await browser.open(urlOf(s)), owner);
  const { left } = await browser.submit(page, { answer: "allow", resource: offered(page) });
  const code = left!.searchParams.get("code")!;
  const { json } = await s.redeem(code, { redirect_uri: CALLBACK });
  const { clientId, url } = s.sandbox;
  const centre = await browser.open(`${url}/account`);
  assert.ok(centre.text.includes(clientId));
  const after = await browser.submit(centre, { revoke: clientId });
  assert.ok(!after.text.includes(clientId));
  const me = await fetch(`${url}/api/v1/current/Me`, {
    headers: { authorization: `Bearer ${json.access_token}` },
  });
  assert.equal(me.status, 401);
  s.clock.advance(570 * SECOND);
  const refused = await s.refresh(json.refresh_token as string);
  assert.equal(refused.json.error_description, "Old refresh token used.");
});

test("[A22] login, consent and security centre of another site, under its part of the path", async (t) => {
  const { s } = await exactPages(t);
  const realm = servicesAt(s, "de");
  const { clientId, clientSecret, ...rest } = (await read(
    await fetch(`${s.sandbox.url}/de/apps`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ redirectUri: CALLBACK, customer: "Firma" }),
    }),
  ).then(({ json }) => json)) as Record<string, string>;
  assert.equal(rest.review, "pending");
  const owner = { username: "greta", password: "sesam" };
  await realm.accounts.add({
    ...owner,
    password: new Secret(owner.password),
    tenant: "Firma",
    totpSecret: TOTP_SECRET,
  });
  const browser = surfer();
  const url = urlOf(s, { client_id: clientId }).replace("/api/", "/de/api/");
  const page = await logIn(s, browser, await browser.open(url), owner);
  const { left } = await browser.submit(page, { answer: "allow", resource: offered(page) });
  const code = left!.searchParams.get("code")!;
  assert.match(code, /^stampDE001\./);
  const credentials = { client_id: clientId, client_secret: clientSecret };
  const redeemed = await s.post(
    { grant_type: "authorization_code", code, redirect_uri: CALLBACK, ...credentials },
    { url: `${s.sandbox.url}/de/api/oauth2/token`, bare: true },
  );
  assert.equal(redeemed.status, 200, redeemed.text);
  const centre = await browser.open(`${s.sandbox.url}/de/account`);
  const after = await browser.submit(centre, { revoke: clientId! });
  assert.ok(after.url.endsWith("/de/account"), after.url);
});
