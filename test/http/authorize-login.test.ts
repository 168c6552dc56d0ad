/** Logging in and asking, through the pages: second factor, sessions, forged forms, throttling, what is remembered. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { generateSync } from "otplib";
import { Secret } from "../../src/env/secret.ts";
import { inRealm } from "../../src/store/realm-key.ts";
import { keyOf } from "../../src/store/store.ts";
import { sealedForm } from "../support/surfer.ts";
import { answered, CALLBACK, pagesStand, surfer, TOTP_SECRET, VERIFIER } from "./pages-stand.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test("[A25, F16] a login needs the second factor's code: a wrong one, one of another step and a used one do not pass", async (t) => {
  const s = await pagesStand(t);
  const owner = await s.addOwner({ totpSecret: TOTP_SECRET });
  const browser = surfer();
  const begin = async () => browser.submit(await browser.open(s.url()), owner);
  const second = await begin();
  assert.equal(second.title, "One more step");
  assert.ok(![...browser.cookies.keys()].some((name) => name.startsWith("session")));
  // The codes are an independent program's.
  const codeAt = (seconds: number): string =>
    generateSync({
      secret: TOTP_SECRET.reveal(),
      epoch: Math.floor(s.clock.now() / 1000) + seconds,
    });
  for (const code of ["", "000000", codeAt(-60), codeAt(60)]) {
    const again = await browser.submit(second, { code });
    assert.deepEqual([again.status, again.title], [400, "One more step"], code);
  }
  const now = codeAt(0);
  const passed = await browser.submit(second, { code: now });
  assert.equal(passed.title, "Allow access?");
  const elsewhere = surfer();
  const other = await elsewhere.submit(await elsewhere.open(s.url()), owner);
  assert.equal((await elsewhere.submit(other, { code: now })).status, 400, "used before");
  s.clock.advance(30_000);
  assert.equal((await elsewhere.submit(other, { code: codeAt(0) })).title, "Allow access?");
});

test("[A25] an account without a second factor cannot log in where one is required", async (t) => {
  const s = await pagesStand(t, { rules: { secondFactor: "required" } });
  const browser = surfer();
  const page = await browser.submit(await browser.open(s.url()), await s.addOwner());
  assert.deepEqual([page.status, page.title], [403, "This account needs a second step"]);
  assert.equal(
    (await browser.open(s.url({ prompt: "none" }))).left?.searchParams.get("error"),
    "login_required",
  );
  const owner = await s.addOwner({ username: "bob", totpSecret: TOTP_SECRET });
  assert.ok((await s.allow(surfer(), {}, owner)).searchParams.has("code"));
});

test("[A03] a session spares the login; prompt, max_age and the vendor's own parameter ask for it all the same", async (t) => {
  const s = await pagesStand(t, { rules: { forceLogin: "force_login", consent: "always" } });
  const browser = surfer();
  await s.allow(browser);
  const titles = async (ask: Record<string, string>) => (await browser.open(s.url(ask))).title;
  assert.equal(await titles({}), "Allow access?");
  assert.equal(await titles({ force_login: "0" }), "Allow access?");
  assert.equal(await titles({ force_login: "1" }), "Sign in");
  assert.equal(await titles({ prompt: "login" }), "Sign in");
  assert.equal(await titles({ prompt: "select_account" }), "Sign in");
  assert.equal(await titles({ max_age: "60" }), "Allow access?");
  assert.equal(await titles({ max_age: "0" }), "Sign in");
  s.clock.advance(MINUTE);
  assert.equal(await titles({ max_age: "60" }), "Sign in");
  s.clock.advance(11 * HOUR + 58 * MINUTE);
  assert.equal(await titles({}), "Allow access?");
  s.clock.advance(MINUTE);
  assert.equal(await titles({}), "Sign in", "after twelve hours");
  const forced = await s.allow(browser, { force_login: "1" });
  assert.ok(forced.searchParams.has("code"), "a forced login is asked for once, not for ever");
});

test("[A03] force_login is only the vendor's that has it", async (t) => {
  const s = await pagesStand(t, { rules: { consent: "always" } });
  const browser = surfer();
  await s.allow(browser);
  assert.equal((await browser.open(s.url({ force_login: "1" }))).title, "Allow access?");
});

test("[house] a consent is remembered for what was given, until it is revoked, and never for a public client", async (t) => {
  const s = await pagesStand(t);
  const browser = surfer();
  const redeem = async (left: URL) => {
    const code = left.searchParams.get("code")!;
    const answer = await s.redeem(code, { redirect_uri: CALLBACK, code_verifier: VERIFIER });
    assert.equal(answer.status, 200, answer.text);
  };
  await redeem(await s.allow(browser, { scope: "read" }));
  const direct = await browser.open(s.url({ scope: "read" }));
  assert.equal(direct.status, 303, "not asked again");
  await redeem(direct.left!);
  assert.ok(
    (await browser.open(s.url({ scope: "read", prompt: "none" }))).left?.searchParams.has("code"),
  );
  assert.equal(
    (await browser.open(s.url({ scope: "read", prompt: "consent" }))).title,
    "Allow access?",
  );
  assert.equal((await browser.open(s.url({ scope: "read write" }))).title, "Allow access?");
  const wider = await browser.open(s.url({ scope: "read write", prompt: "none" }));
  assert.equal(answered(wider).error, "consent_required");
  const again = await browser.open(s.url({ scope: "read", prompt: "login" }));
  const { username, password } = s.sandbox;
  const confirm = await browser.submit(again, { username, password });
  assert.equal(confirm.title, "Continue to sandbox-client?");
  assert.ok((await browser.submit(confirm, { answer: "allow" })).left?.searchParams.has("code"));
  await s.sandbox.issuer.revokeAuthorization({ clientId: s.sandbox.clientId, subject: username });
  assert.equal((await browser.open(s.url({ scope: "read" }))).title, "Allow access?");
  const redirect_uri = "com.example.app:/cb";
  await s.sandbox.issuer.registerClient({
    clientId: "native",
    kind: "public",
    policy: s.sandbox.control.policy,
    grantTypes: ["authorization_code", "refresh_token"],
    redirectUris: [redirect_uri],
    scope: ["read"],
  });
  const native = { client_id: "native", redirect_uri, scope: "read" };
  const left = await s.allow(browser, native);
  const code = left.searchParams.get("code")!;
  await s.post(
    {
      grant_type: "authorization_code",
      code,
      redirect_uri,
      code_verifier: VERIFIER,
      client_id: "native",
    },
    { bare: true },
  );
  assert.equal((await browser.open(s.url(native))).title, "Allow access?");
});

test("[A01] whoever does not allow it is sent back with access_denied, and nothing was granted", async (t) => {
  const s = await pagesStand(t);
  const browser = surfer();
  const { username, password } = s.sandbox;
  const before = await s.dump();
  const consent = await browser.submit(await browser.open(s.url()), { username, password });
  const denied = await browser.submit(consent, { answer: "deny" });
  const { error, state, code } = answered(denied);
  assert.deepEqual([error, state, code], ["access_denied", "as it came", undefined]);
  assert.equal(await s.dump(), before);
  const nothing = await browser.submit(consent, {});
  assert.equal(nothing.title, "Allow access?", "no answer is no consent");
  const other = await browser.submit(consent, { answer: "other" });
  assert.equal(other.title, "Sign in");
});

test("[ISS-40] the owner picks what the app may use: at least one, and only of what there is", async (t) => {
  const resources = () => [
    { id: "1", label: "Bakery" },
    { id: "2", label: "Mill" },
  ];
  const s = await pagesStand(t, { rules: { resources } });
  const browser = surfer();
  const { username, password } = s.sandbox;
  const consent = await browser.submit(await browser.open(s.url()), { username, password });
  for (const resource of [[], ["3"]]) {
    const again = await browser.submit(consent, { answer: "allow", resource });
    assert.deepEqual([again.status, again.title], [400, "Allow access?"]);
    assert.match(again.text, /Choose at least one/);
  }
  const left = await browser.submit(consent, { answer: "allow", resource: ["2", "3"] });
  const code = left.left!.searchParams.get("code")!;
  const redeemed = await s.redeem(code, { redirect_uri: CALLBACK, code_verifier: VERIFIER });
  const check = await s.sandbox.issuer.checkAccess(redeemed.json.access_token as string);
  assert.ok(check.active);
  assert.deepEqual(check.resources, ["2"]);
});

test("[A01, ISS-32] a form is good only in the browser it was made for, for half an hour, and unchanged", async (t) => {
  const s = await pagesStand(t);
  const owner = { username: s.sandbox.username, password: s.sandbox.password };
  const attacker = surfer();
  const victim = surfer();
  await s.allow(victim);
  const theirs = await attacker.submit(await attacker.open(s.url()), await s.addOwner());
  const forged = await victim.submit(theirs, { answer: "allow" });
  assert.deepEqual([forged.status, forged.title], [400, "This page is too old"]);
  assert.equal(
    (await surfer().submit(theirs, { answer: "allow" })).status,
    400,
    "without a cookie",
  );
  const own = await victim.open(s.url({ prompt: "login" }));
  const changed = {
    ...own,
    text: own.text.replace(sealedForm(own), `${sealedForm(own).slice(0, -2)}AA`),
  };
  assert.equal((await victim.submit(changed, owner)).title, "This page is too old");
  s.clock.advance(30 * MINUTE);
  assert.equal((await victim.submit(own, owner)).title, "This page is too old");
  const fresh = await victim.open(s.url({ prompt: "login" }));
  s.clock.advance(30 * MINUTE - 1);
  assert.equal((await victim.submit(fresh, owner)).title, "Allow access?");
  const plain = await fetch(s.url(), {
    method: "POST",
    body: new URLSearchParams({ answer: "allow" }),
  });
  assert.equal(plain.status, 400, "a form that nobody sealed is taken for a request");
});

test("[ISS-38] a new password and signing out end every session and every open form", async (t) => {
  const s = await pagesStand(t);
  const owner = await s.addOwner();
  const [one, two] = [surfer(), surfer()];
  await s.allow(one, {}, owner);
  const open = await two.submit(await two.open(s.url()), owner);
  assert.equal(open.title, "Allow access?");
  await s.accounts.changePassword("alice", new Secret("another"));
  assert.equal((await one.open(s.url())).title, "Sign in");
  assert.equal((await two.submit(open, { answer: "allow" })).title, "Sign in");
  const renewed = { ...owner, password: "another" };
  await s.allow(one, {}, renewed);
  await s.allow(two, {}, renewed);
  const account = await one.open(`${s.sandbox.url}/account`);
  const out = await one.submit(account, { "sign-out": "1" });
  assert.equal(out.title, "You are signed out");
  for (const browser of [one, two]) assert.equal((await browser.open(s.url())).title, "Sign in");
  assert.equal((await one.submit(account, { "sign-out": "1" })).title, "This page is too old");
});

test("[ISS-37] an owner sees which apps have access and takes it away: its tokens are dead, others live on", async (t) => {
  const s = await pagesStand(t);
  const owner = { username: s.sandbox.username, password: s.sandbox.password };
  const tokens: Record<string, string> = {};
  const secret = new Secret("other-secret");
  await s.sandbox.issuer.registerClient({
    clientId: "other-client",
    kind: "confidential",
    policy: s.sandbox.control.policy,
    grantTypes: ["authorization_code", "refresh_token"],
    redirectUris: [CALLBACK],
    scope: ["read"],
    secret,
  });
  const credentials = {
    "sandbox-client": s.sandbox.clientSecret,
    "other-client": secret.reveal(),
  };
  const browser = surfer();
  for (const [client_id, client_secret] of Object.entries(credentials)) {
    const left = await s.allow(browser, { client_id, scope: "read" });
    const form = { client_id, client_secret, redirect_uri: CALLBACK, code_verifier: VERIFIER };
    const redeemed = await s.redeem(left.searchParams.get("code")!, form);
    tokens[client_id] = redeemed.json.refresh_token as string;
  }
  const stranger = surfer();
  const login = await stranger.open(`${s.sandbox.url}/account`);
  assert.equal(login.title, "Sign in");
  const page = await stranger.submit(login, owner);
  assert.equal(page.title, "Apps with access");
  for (const clientId of Object.keys(credentials))
    assert.ok(page.text.includes(`<strong>${clientId}`));
  const after = await stranger.submit(page, { revoke: "other-client" });
  assert.ok(!after.text.includes("<strong>other-client"));
  assert.ok(after.text.includes("<strong>sandbox-client"));
  const other = { client_id: "other-client", client_secret: secret.reveal() };
  const dead = await s.refresh(tokens["other-client"]!, other);
  assert.deepEqual([dead.status, dead.json.error], [400, "invalid_grant"]);
  assert.equal((await s.refresh(tokens["sandbox-client"]!)).status, 200);
});

test("[ISS-45] guesses from elsewhere make a new browser wait and say how long; a browser that was here before logs in", async (t) => {
  const s = await pagesStand(t);
  const owner = await s.addOwner();
  const known = surfer();
  await s.allow(known, {}, owner);
  const guesser = surfer();
  const login = await guesser.open(s.url());
  const statuses: number[] = [];
  for (let i = 0; i < 7; i += 1) {
    const page = await guesser.submit(login, { ...owner, password: `guess ${i}` });
    statuses.push(page.status);
    if (page.status === 429) {
      assert.equal(page.headers.get("retry-after"), "1");
      assert.match(page.text, /Try again in one second/);
    }
    assert.ok(!page.text.includes(`guess ${i}`), "a password is never shown again");
  }
  assert.deepEqual(statuses, [400, 400, 400, 400, 400, 429, 429]);
  const stranger = surfer();
  assert.equal((await stranger.submit(await stranger.open(s.url()), owner)).status, 429);
  const back = await known.submit(await known.open(s.url({ prompt: "login" })), owner);
  assert.equal(back.status, 200);
  s.clock.advance(1000);
  assert.equal((await stranger.submit(await stranger.open(s.url()), owner)).status, 200);
});

test("[ISS-45] another account's browser is an unknown one", async (t) => {
  const s = await pagesStand(t);
  const owner = await s.addOwner();
  const browser = surfer();
  await s.allow(browser);
  const login = await browser.open(s.url({ prompt: "login" }));
  const statuses: number[] = [];
  for (let i = 0; i < 6; i += 1) {
    statuses.push((await browser.submit(login, { ...owner, password: "guess" })).status);
  }
  assert.deepEqual(statuses, [400, 400, 400, 400, 400, 429]);
});

test("[house] cookies are for this host alone, hidden from scripts, not sent from other sites, and secure where the issuer is", async (t) => {
  const s = await pagesStand(t);
  const browser = surfer();
  const login = await browser.open(s.url());
  const { username, password } = s.sandbox;
  const consent = await browser.submit(login, { username, password });
  for (const { headers } of [login, consent]) {
    for (const cookie of headers.getSetCookie()) {
      assert.match(cookie, /^(?:browser|session|devices)-[0-9a-f]{8}=/);
      assert.match(cookie, /; Path=\/; HttpOnly; SameSite=Lax$/);
      assert.doesNotMatch(cookie, /Domain/);
      assert.ok(!cookie.includes(username));
    }
  }
});

test("[ISS-31] a redirect URI that was taken from a client while the page was open is not redirected to", async (t) => {
  const s = await pagesStand(t);
  const { clientId, username, password } = s.sandbox;
  const [early, late] = [surfer(), surfer()];
  const login = await early.open(s.url());
  const consent = await late.submit(await late.open(s.url()), { username, password });
  const [realm] = s.sandbox.control.realms.list();
  const key = keyOf("client", inRealm(realm?.issuer.realm.name ?? "", clientId));
  await s.store.update([key], ([row]) => {
    assert.ok(row);
    return { result: undefined, writes: [{ ...row, redirectUris: ["https://app.example/cb"] }] };
  });
  // A wrong secret makes the issuer read the client's row again.
  await s.post(
    { grant_type: "refresh_token", client_id: clientId, client_secret: "x" },
    { bare: true },
  );
  for (const answer of ["allow", "deny"]) {
    const page = await late.submit(consent, { answer });
    assert.deepEqual(
      [page.status, page.left, page.title],
      [400, undefined, "This link does not work"],
    );
  }
  const page = await early.submit(login, { username, password });
  assert.deepEqual(
    [page.status, page.left, page.title],
    [400, undefined, "This link does not work"],
  );
});

test("[ISS-38] a second step and an account's page that were open when the password changed lead nowhere", async (t) => {
  const s = await pagesStand(t);
  const owner = await s.addOwner({ totpSecret: TOTP_SECRET });
  const [half, whole] = [surfer(), surfer()];
  await s.allow(whole, {}, owner);
  const { clientId } = s.sandbox;
  await s.sandbox.issuer.grant({ clientId, subject: owner.username });
  const account = await whole.open(`${s.sandbox.url}/account`);
  assert.equal(account.title, "Apps with access");
  const second = await half.submit(await half.open(s.url()), owner);
  assert.equal(second.title, "One more step");
  await s.accounts.changePassword(owner.username, new Secret("another"));
  s.clock.advance(MINUTE);
  assert.equal((await half.submit(second, { code: s.totp() })).title, "Sign in");
  assert.equal((await whole.submit(account, { revoke: clientId })).title, "Sign in");
  const grants = await s.sandbox.issuer.listGrants({ subject: owner.username });
  assert.deepEqual(
    grants.map((grant) => grant.clientId),
    [clientId],
  );
});
