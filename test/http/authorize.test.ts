/** The authorization endpoint as clients see it: what it answers, where, and what it refuses. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { answered, CALLBACK, pagesStand, surfer, VERIFIER } from "./pages-stand.ts";

test("[A01, ISS-29] login and consent lead to the client with a code, the state as it came, and the issuer", async (t) => {
  const s = await pagesStand(t);
  const state = `a b+c&d=e#f%20"<é>`;
  const left = await s.allow(surfer(), { state });
  assert.equal(left.origin + left.pathname, CALLBACK);
  assert.deepEqual([...left.searchParams.keys()], ["code", "state", "iss"]);
  assert.equal(left.searchParams.get("state"), state);
  assert.equal(left.searchParams.get("iss"), s.sandbox.url);
  const code = left.searchParams.get("code")!;
  for (const redirect_uri of [undefined, "http://127.0.0.1/callback"]) {
    const refused = await s.redeem(code, { redirect_uri, code_verifier: VERIFIER });
    assert.equal(refused.status, 400, "the redirect URI of the request is asked for");
  }
  const redeemed = await s.redeem(code, { redirect_uri: CALLBACK, code_verifier: VERIFIER });
  assert.equal(redeemed.status, 200, redeemed.text);
  const described = await s.introspect(redeemed.json.access_token as string);
  assert.equal(described.json.sub, s.sandbox.username);
});

test("[ISS-29, ISS-48] metadata announce the endpoint, its response types and the issuer in answers", async (t) => {
  for (const issuerInAnswer of [true, false]) {
    const s = await pagesStand(t, { rules: { issuerInAnswer } });
    const response = await fetch(`${s.sandbox.url}/.well-known/oauth-authorization-server`);
    const metadata = (await response.json()) as Record<string, unknown>;
    assert.equal(metadata.authorization_endpoint, s.sandbox.authorizationEndpoint);
    assert.deepEqual(metadata.response_types_supported, ["code"]);
    assert.deepEqual(metadata.response_modes_supported, ["query"]);
    assert.deepEqual(metadata.code_challenge_methods_supported, ["S256"]);
    assert.equal(metadata.authorization_response_iss_parameter_supported, issuerInAnswer);
    const left = await s.allow(surfer());
    assert.equal(left.searchParams.has("iss"), issuerInAnswer);
    const denied = await surfer().open(s.url({ prompt: "none" }));
    assert.equal(denied.left?.searchParams.has("iss"), issuerInAnswer);
  }
});

test("[ISS-27] PKCE is required with S256: none, plain and malformed challenges are refused, and so is a downgrade", async (t) => {
  const s = await pagesStand(t);
  const cases: readonly (readonly [Record<string, string | undefined>, RegExp])[] = [
    [{ code_challenge: undefined, code_challenge_method: undefined }, /missing.*code_challenge/],
    [{ code_challenge: undefined }, /missing.*code_challenge/],
    [{ code_challenge_method: undefined }, /not 'S256'/],
    [{ code_challenge_method: "plain" }, /not 'S256'/],
    [{ code_challenge: "short" }, /43 characters/],
    [{ code_challenge: "x".repeat(44) }, /43 characters/],
  ];
  for (const [ask, description] of cases) {
    const page = await surfer().open(s.url(ask));
    assert.equal(page.status, 303);
    const { error, error_description, state } = answered(page);
    assert.deepEqual([error, state], ["invalid_request", "as it came"]);
    assert.match(error_description!, description);
  }
  const left = await s.allow(surfer());
  const code = left.searchParams.get("code")!;
  const redeem = (code_verifier?: string) =>
    s.redeem(code, { redirect_uri: CALLBACK, code_verifier });
  for (const verifier of [undefined, "w".repeat(43), "v".repeat(42), "v".repeat(129)]) {
    assert.equal((await redeem(verifier)).status, 400, String(verifier));
  }
  assert.equal((await redeem(VERIFIER)).status, 200);
});

test("[ISS-27] where PKCE is optional, a public client still needs it, and a code without a challenge takes no verifier", async (t) => {
  const s = await pagesStand(t, { rules: { pkce: "optional" } });
  const none = { code_challenge: undefined, code_challenge_method: undefined };
  const left = await s.allow(surfer(), none);
  const code = left.searchParams.get("code")!;
  const refused = await s.redeem(code, { redirect_uri: CALLBACK, code_verifier: VERIFIER });
  assert.deepEqual([refused.status, refused.json.error], [400, "invalid_grant"]);
  await s.sandbox.issuer.registerClient({
    clientId: "native",
    kind: "public",
    policy: s.sandbox.control.policy,
    grantTypes: ["authorization_code"],
    redirectUris: ["com.example.app:/callback"],
  });
  const native = { client_id: "native", redirect_uri: "com.example.app:/callback" };
  const page = await surfer().open(s.url({ ...native, ...none }));
  assert.equal(answered(page).error, "invalid_request");
  assert.equal((await surfer().open(s.url(native))).title, "Sign in");
});

test("[ISS-28, ISS-31] a redirect URI that is not the registered one is never redirected to, but for the port at the loopback", async (t) => {
  const registered = ["https://app.example/cb?x=1", "http://127.0.0.1/callback"];
  const s = await pagesStand(t, { redirectUris: registered });
  const passing = [...registered, "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback"];
  for (const redirect_uri of passing) {
    const page = await surfer().open(s.url({ redirect_uri }));
    assert.deepEqual([page.status, page.title], [200, "Sign in"], redirect_uri);
  }
  const failing = [
    "https://app.example/cb",
    "https://app.example/cb?x=1&y=2",
    "https://app.example:8443/cb?x=1",
    "https://APP.example/cb?x=1",
    "https://app.example/cb/../cb?x=1",
    "https://app.example/cb?x=1#",
    "https://app.example.evil.example/cb?x=1",
    "https://app.example@evil.example/cb?x=1",
    "http://app.example/cb?x=1",
    "//app.example/cb?x=1",
    "http://127.0.0.1:4321/callback/",
    "http://127.0.0.1:4321@evil.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://localhost:4321/callback",
    "http://[::1]:4321/callback",
    "https://127.0.0.1:4321/callback",
    "javascript:alert(1)",
    "data:text/html,x",
  ];
  for (const redirect_uri of failing) {
    const page = await surfer().open(s.url({ redirect_uri, response_type: "nonsense" }));
    assert.deepEqual([page.status, page.left], [400, undefined], redirect_uri);
    assert.equal(page.title, "This link does not work");
    assert.ok(!page.text.includes("evil"), "what was asked for is not shown");
  }
});

test("[ISS-28] a registered URI with http, a fragment, credentials or a dangerous scheme is not redirected to either", async (t) => {
  const bad = [
    "http://app.example/cb",
    "https://app.example/cb#x",
    "https://user:word@app.example/cb",
    "javascript:alert(1)",
    "myapp:/cb",
    "https://app.example/c b",
  ];
  const s = await pagesStand(t, { redirectUris: bad });
  for (const redirect_uri of bad) {
    const page = await surfer().open(s.url({ redirect_uri }));
    assert.deepEqual([page.status, page.left], [400, undefined], redirect_uri);
  }
});

test("[A01, ISS-31] where a vendor wants public https addresses, others get its refusal as a page; test mode lets the loopback in", async (t) => {
  const rules = { redirects: "httpsPublicOnly", refusalStatus: 401 } as const;
  const redirectUris = [
    "https://app.example.com/cb",
    "https://localhost/cb",
    "https://192.0.2.1/cb",
    CALLBACK,
  ];
  for (const testMode of [true, false]) {
    const s = await pagesStand(t, { rules, redirectUris, testMode });
    const statuses: number[] = [];
    for (const redirect_uri of [...redirectUris, "https://other.example.com/cb"]) {
      const page = await surfer().open(s.url({ redirect_uri }));
      statuses.push(page.status);
      assert.equal(page.left, undefined);
    }
    assert.deepEqual(statuses, [200, 401, 401, testMode ? 200 : 401, 401]);
  }
});

test("[ISS-31] an unknown client, none, or a repeated name is told on a page, whatever else is asked", async (t) => {
  const s = await pagesStand(t);
  const urls = [
    s.url({ client_id: "nobody" }),
    s.url({ client_id: undefined }),
    `${s.url()}&client_id=${s.sandbox.clientId}`,
    `${s.url()}&redirect_uri=${encodeURIComponent(CALLBACK)}`,
    `${s.url()}&state=%ff`,
  ];
  for (const url of urls) {
    const page = await surfer().open(url);
    assert.deepEqual(
      [page.status, page.left, page.title],
      [400, undefined, "This link does not work"],
    );
  }
});

test("[ISS-26, ISS-49] what is wrong besides is told to the client at its redirect URI, with the state", async (t) => {
  const s = await pagesStand(t);
  const cases: readonly (readonly [string, string])[] = [
    [s.url({ response_type: undefined }), "invalid_request"],
    [s.url({ response_type: "token" }), "unsupported_response_type"],
    [s.url({ response_type: "code token" }), "unsupported_response_type"],
    [s.url({ response_mode: "form_post" }), "invalid_request"],
    [s.url({ scope: "read everything" }), "invalid_scope"],
    [s.url({ scope: 'read"' }), "invalid_scope"],
    [s.url({ prompt: "none login" }), "invalid_request"],
    [s.url({ max_age: "soon" }), "invalid_request"],
    [`${s.url()}&scope=read&scope=write`, "invalid_request"],
    [s.url({ prompt: "none" }), "login_required"],
  ];
  for (const [url, expected] of cases) {
    const page = await surfer().open(url);
    const { error, state, code } = answered(page);
    assert.deepEqual([page.status, error, state, code], [303, expected, "as it came", undefined]);
  }
});

test("[house] a client that registered one redirect URI need not name it; one with two has to", async (t) => {
  const one = await pagesStand(t, { redirectUris: ["https://app.example/cb"] });
  const left = await one.allow(surfer(), { redirect_uri: undefined });
  assert.equal(left.origin, "https://app.example");
  const redeemed = await one.redeem(left.searchParams.get("code")!, { code_verifier: VERIFIER });
  assert.equal(redeemed.status, 200);
  const two = await pagesStand(t, {
    redirectUris: ["https://app.example/a", "https://app.example/b"],
  });
  const page = await surfer().open(two.url({ redirect_uri: undefined }));
  assert.deepEqual([page.status, page.left], [400, undefined]);
});

test("[ISS-30] a form with a password is answered with 303, and so is everything else that leads away", async (t) => {
  const s = await pagesStand(t);
  const browser = surfer();
  const { username, password } = s.sandbox;
  const login = await browser.open(s.url());
  const consent = await browser.submit(login, { username, password }, { still: true });
  assert.equal(consent.status, 200);
  const left = await browser.submit(consent, { answer: "allow" }, { still: true });
  assert.equal(left.status, 303);
  const account = await surfer().open(`${s.sandbox.url}/account`);
  const other = surfer();
  await other.open(`${s.sandbox.url}/account`);
  const again = await other.submit(
    await other.open(`${s.sandbox.url}/account`),
    { username, password },
    { still: true },
  );
  assert.deepEqual([account.status, again.status], [200, 303]);
});

test("[ISS-32] every page refuses frames and scripts, is not stored, and nothing answers cross-origin requests", async (t) => {
  const s = await pagesStand(t);
  const browser = surfer();
  const { username, password } = s.sandbox;
  const origin = { headers: { origin: "https://evil.example" } };
  const login = await browser.open(s.url(), origin);
  const wrong = await browser.submit(login, { username, password: "no" }, origin);
  const consent = await browser.submit(login, { username, password }, origin);
  const refused = await browser.open(s.url({ client_id: "nobody" }), origin);
  const account = await browser.open(`${s.sandbox.url}/account`, origin);
  for (const { headers, text } of [login, wrong, consent, refused, account]) {
    const policy = headers.get("content-security-policy") ?? "";
    for (const part of [
      "default-src 'none'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'self'",
    ]) {
      assert.ok(policy.includes(part), `${part} in ${policy}`);
    }
    assert.doesNotMatch(policy, /unsafe|script-src| \*/);
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(
      [...headers.keys()].find((name) => name.startsWith("access-control")),
      undefined,
    );
    assert.doesNotMatch(text, /<script|javascript:|\son\w+=/i);
  }
  assert.match(login.headers.get("content-security-policy")!, /form-action 'self';/);
  const preflight = await fetch(s.url(), { method: "OPTIONS", headers: origin.headers });
  assert.equal(preflight.headers.get("access-control-allow-origin"), null);
});

test("[A02, ISS-33] the implicit grant exists only where a realm has it, and answers an access token in the fragment, nothing else", async (t) => {
  const rules = { responseTypes: ["code", "token"], issuerInAnswer: false } as const;
  const without = await pagesStand(t, { rules });
  const none = await surfer().open(without.url({ response_type: "token" }));
  assert.equal(answered(none).error, "unsupported_response_type");
  const grantTypes = ["authorization_code", "refresh_token", "implicit"] as const;
  const s = await pagesStand(t, { rules, provider: { grantTypes } });
  const left = await s.allow(surfer(), { response_type: "token" });
  assert.equal(left.search, "");
  const fields = Object.fromEntries(new URLSearchParams(left.hash.slice(1)));
  const { access_token, expires_in, state, refresh_token } = fields;
  assert.deepEqual([expires_in, state, refresh_token], ["600", "as it came", undefined]);
  const described = await s.introspect(access_token!);
  assert.deepEqual([described.json.active, described.json.sub], [true, s.sandbox.username]);
  const denied = await surfer().open(s.url({ response_type: "token", prompt: "none" }));
  assert.match(denied.left!.hash, /^#error=login_required/);
  const response = await fetch(`${s.sandbox.url}/.well-known/oauth-authorization-server`);
  const metadata = (await response.json()) as Record<string, unknown>;
  assert.deepEqual(metadata.response_types_supported, ["code", "token"]);
  assert.ok((metadata.grant_types_supported as string[]).includes("implicit"));
});

test("[A01] with and without a slash at its end, by GET and as a form by POST", async (t) => {
  const s = await pagesStand(t, { rules: { trailingSlash: true } });
  const [path, query] = s.url().split("?") as [string, string];
  assert.equal((await surfer().open(`${path}/?${query}`)).title, "Sign in");
  for (const url of [path, `${path}/`]) {
    const response = await fetch(url, { method: "POST", body: new URLSearchParams(query) });
    assert.match(await response.text(), /<title>Sign in/);
  }
  const strict = await pagesStand(t);
  const [only] = strict.url().split("?") as [string];
  assert.equal((await surfer().open(`${only}/?${query}`)).status, 404);
  const json = await fetch(path, {
    method: "POST",
    body: "{}",
    headers: { "content-type": "application/json" },
  });
  assert.equal(json.status, 415);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const malformed = await fetch(path, { method: "POST", body: "state=%ff", headers: form });
  assert.equal(malformed.status, 400);
});

test("[ISS-39] where refresh tokens are for offline access, a code brings one only when that was asked for and the owner was asked", async (t) => {
  const s = await pagesStand(t, { rules: { refresh: "onOfflineAccess" } });
  const redeem = async (left: URL): Promise<boolean> => {
    const code = left.searchParams.get("code")!;
    const redeemed = await s.redeem(code, { redirect_uri: CALLBACK, code_verifier: VERIFIER });
    assert.equal(redeemed.status, 200, redeemed.text);
    return "refresh_token" in redeemed.json;
  };
  const browser = surfer();
  assert.equal(await redeem(await s.allow(browser)), false);
  const offline = { access_type: "offline" };
  assert.equal(await redeem(await s.allow(surfer(), { ...offline, prompt: "consent" })), true);
  assert.equal(await redeem(await s.allow(browser, offline)), false, "not asked again");
  assert.equal(await redeem(await s.allow(browser, { ...offline, prompt: "consent" })), true);
});

test("[ISS-31, ISS-49] whatever is sent, nothing fails and nobody is redirected to an address that was not registered", async (t) => {
  const s = await pagesStand(t, { rules: { forceLogin: "force_login" } });
  const before = await s.dump();
  const names = [
    ...["client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "prompt"],
    ...["code_challenge", "code_challenge_method", "max_age", "ui_locales", "login_hint"],
    ...["force_login", "access_type", "form", "username", "password", "code", "answer", "revoke"],
    ...["sign-out", "resource", "__proto__", "toString"],
  ];
  const good = Object.fromEntries(new URL(s.url()).searchParams);
  const odd = fc.oneof(
    fc.constantFrom(...Object.values(good), "none", "token", "https://evil.example/", "\0", "%ff"),
    fc.string({ unit: "binary", maxLength: 40 }),
  );
  const pair = fc.tuple(fc.constantFrom(...names), odd);
  const isGood = fc.subarray(Object.entries(good), { minLength: 2 });
  const address = new URL(s.sandbox.authorizationEndpoint);
  const paths = [address.pathname, "/account"];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.boolean(),
      isGood,
      fc.array(pair, { maxLength: 6 }),
      async (path, posts, kept, odds) => {
        const body = new URLSearchParams([...kept, ...odds].map(([name, value]) => [name, value]));
        const url = `${s.sandbox.url}${path}${posts ? "" : `?${body}`}`;
        const init = { redirect: "manual", ...(posts ? { method: "POST", body } : {}) } as const;
        const response = await fetch(url, init);
        await response.arrayBuffer();
        assert.ok(response.status < 500, `${response.status} ${url} ${body}`);
        const location = response.headers.get("location");
        if (location !== null)
          assert.match(location, /^http:\/\/127\.0\.0\.1(?::4321)?\/callback[?#]/);
      },
    ),
    { numRuns: 150 },
  );
  assert.equal(await s.dump(), before);
});
