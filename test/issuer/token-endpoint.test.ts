/** The token endpoint as the standards ask for it, over HTTP. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { basic, type Form, stand } from "./stand.ts";

test("[ISS-01] a refresh token presented by another client is refused and changes no state", async (t) => {
  const s = await stand(t);
  const { issuer, refreshToken } = s.sandbox;
  await issuer.registerClient({
    clientId: "other",
    kind: "confidential",
    policy: PRESETS.strict!,
    grantTypes: ["refresh_token"],
    secret: new Secret("the other client's secret"),
  });
  const before = await s.dump();
  const other = { client_id: "other", client_secret: "the other client's secret" };
  const { status, json } = await s.refresh(refreshToken, other);
  assert.deepEqual([status, json.error], [400, "invalid_grant"]);
  assert.equal(await s.dump(), before);
  assert.equal((await s.refresh(refreshToken)).status, 200);
});

test("[ISS-02] a missing or wrong credential gives 401 and burns nothing", async (t) => {
  const s = await stand(t);
  const { clientId, clientSecret, refreshToken } = s.sandbox;
  const before = await s.dump();
  const cases: readonly [string, Form, string?][] = [
    ["no credential at all", { client_id: undefined, client_secret: undefined }],
    ["no secret", { client_secret: undefined }],
    ["a wrong secret", { client_secret: "wrong" }],
    ["an empty secret", { client_secret: "" }],
    ["a secret cut short", { client_secret: clientSecret.slice(0, -1) }],
    ["an unknown client", { client_id: "nobody" }],
    ["a wrong secret by header", {}, basic(clientId, "wrong")],
    ["an unknown client by header", {}, basic("nobody", clientSecret)],
  ];
  for (const [name, form, authorization] of cases) {
    const request = { grant_type: "refresh_token", refresh_token: refreshToken, ...form };
    const { status, json, headers } = await s.post(
      request,
      authorization ? { headers: { authorization } } : {},
    );
    assert.deepEqual([status, json.error], [401, "invalid_client"], name);
    assert.match(headers.get("www-authenticate") ?? "", /^Basic /, name);
  }
  assert.equal(await s.dump(), before);
  assert.equal((await s.refresh(refreshToken)).status, 200);
});

test("[ISS-02, CRY-12] an unknown client and a wrong secret look alike; digests in the store are HMACs", async (t) => {
  const s = await stand(t);
  const { refreshToken, clientSecret } = s.sandbox;
  const unknown = await s.refresh(refreshToken, { client_id: "nobody" });
  const wrong = await s.refresh(refreshToken, { client_secret: "wrong" });
  assert.deepEqual([unknown.status, unknown.text], [wrong.status, wrong.text]);
  const stored = await s.dump();
  const { hash } = await import("node:crypto");
  for (const encoding of ["hex", "base64", "base64url"] as const) {
    assert.ok(!stored.includes(hash("sha256", clientSecret, encoding)), "a bare hash is stored");
  }
  assert.ok(!stored.includes(clientSecret));
});

test("[ISS-02] a secret that is replaced while its request is under way does not pass", async (t) => {
  const s = await stand(t);
  const { clientId, refreshToken } = s.sandbox;
  const key = { kind: "client", id: `sandbox/${clientId}` } as const;
  assert.equal((await s.refresh("garbage")).status, 400, "the client is at hand now");
  await s.store.update([key], ([row]) => ({
    result: null,
    writes: [{ ...row!, secretDigest: "B".repeat(43) }],
  }));
  const { status, json } = await s.refresh(refreshToken);
  assert.deepEqual([status, json.error], [401, "invalid_client"]);
});

test("[ISS-01] a public client needs no secret, and only rotates", async (t) => {
  const s = await stand(t, { preset: "handshake" });
  const { issuer } = s.sandbox;
  const registration = {
    clientId: "public",
    kind: "public",
    grantTypes: ["authorization_code", "refresh_token"],
    redirectUris: ["http://127.0.0.1/public"],
  } as const;
  await assert.rejects(issuer.registerClient({ ...registration, policy: PRESETS.relay! }), {
    code: "policy_invalid",
  });
  await issuer.registerClient({ ...registration, policy: PRESETS.handshake! });
  const verifier = "v".repeat(43);
  const { hash } = await import("node:crypto");
  const consent = { clientId: "public", subject: "someone" };
  assert.ok("refusal" in (await issuer.openCode(consent)), "a public client needs a challenge");
  const opened = await issuer.openCode({
    ...consent,
    codeChallenge: hash("sha256", verifier, "base64url"),
  });
  assert.ok("code" in opened);
  const redeem = (form: Form) =>
    s.post(
      { grant_type: "authorization_code", code: opened.code, client_id: "public", ...form },
      { bare: true },
    );
  assert.equal((await redeem({})).json.error, "invalid_request");
  assert.equal((await redeem({ code_verifier: "w".repeat(43) })).json.error, "invalid_grant");
  const granted = await redeem({ code_verifier: verifier });
  assert.equal(granted.status, 200, granted.text);
  const refreshed = await s.post(
    {
      grant_type: "refresh_token",
      refresh_token: granted.json.refresh_token as string,
      client_id: "public",
    },
    { bare: true },
  );
  assert.equal(refreshed.status, 200, refreshed.text);
});

test("[ISS-25] every answer of the token endpoint says no-store", async (t) => {
  const s = await stand(t);
  const answers = [
    await s.refresh(s.sandbox.refreshToken),
    await s.refresh("garbage"),
    await s.post({}, { bare: true }),
    await s.post({}, { url: `${s.sandbox.tokenEndpoint}?code=x` }),
    await s.revoke("garbage"),
    await s.introspect("garbage"),
  ];
  const get = await fetch(s.sandbox.tokenEndpoint);
  for (const { headers } of [...answers, get]) {
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("pragma"), "no-cache");
  }
});

test("[ISS-26, A06] parameters that are not known are ignored, once or repeated", async (t) => {
  const s = await stand(t);
  const body = new URLSearchParams([
    ["grant_type", "refresh_token"],
    ["refresh_token", s.sandbox.refreshToken],
    ["client_id", s.sandbox.clientId],
    ["client_secret", s.sandbox.clientSecret],
    ["force_login", "0"],
    ["redirect_uri", "https://example.com/"],
    ["resource", "a"],
    ["resource", "b"],
    ["__proto__", "x"],
    ["constructor", "x"],
  ]);
  const response = await fetch(s.sandbox.tokenEndpoint, { method: "POST", body });
  assert.equal(response.status, 200, await response.text());
});

test("[ISS-08] a retry yields the same successor where the policy repeats it", async (t) => {
  const s = await stand(t, { preset: "handshake" });
  const first = await s.refresh(s.sandbox.refreshToken);
  s.clock.advance(3_600_000);
  const second = await s.refresh(s.sandbox.refreshToken);
  assert.equal(second.json.refresh_token, first.json.refresh_token);
  assert.notEqual(second.json.access_token, first.json.access_token);
  const third = await s.next(first.json.refresh_token as string);
  assert.notEqual(third, first.json.refresh_token);
});

test("[ISS-08] a retry's new successor replaces the one that was never used", async (t) => {
  const policy = policyOf({
    overlap: { untilUsed: true },
    retry: { answer: "new" },
    replay: { action: "refuse" },
  });
  const s = await stand(t, { policy });
  const lost = await s.next(s.sandbox.refreshToken);
  const kept = await s.next(s.sandbox.refreshToken);
  assert.notEqual(kept, lost);
  assert.equal((await s.refresh(lost)).status, 400);
  assert.equal((await s.refresh(kept)).status, 200);
});

test("[C23] parallel presentations of one token have one winner, in one transaction", async (t) => {
  const s = await stand(t, { preset: "openam-13" });
  const { refreshToken } = s.sandbox;
  const before = (await s.store.events(0, 1000)).length;
  const answers = await Promise.all(Array.from({ length: 25 }, () => s.refresh(refreshToken)));
  const granted = answers.filter(({ status }) => status === 200);
  assert.equal(granted.length, 1);
  for (const { status, json } of answers.filter((answer) => answer.status !== 200)) {
    assert.deepEqual([status, json.error], [400, "invalid_grant"]);
  }
  const events = (await s.store.events(0, 1000)).slice(before);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["chain.rotated"],
  );
  await s.next(granted[0]?.json.refresh_token as string);
});

test("[ISS-08] parallel presentations of one token get the same successor where the policy repeats it", async (t) => {
  const s = await stand(t, { preset: "handshake" });
  const { refreshToken } = s.sandbox;
  const answers = await Promise.all(Array.from({ length: 25 }, () => s.refresh(refreshToken)));
  assert.equal(new Set(answers.map(({ json }) => json.refresh_token)).size, 1);
  assert.equal(new Set(answers.map(({ json }) => json.access_token)).size, 25);
});

test("[ISS-11] a code is single-use under 25 parallel redemptions; the second use revokes what the first gave", async (t) => {
  const s = await stand(t);
  const code = await s.code();
  const answers = await Promise.all(Array.from({ length: 25 }, () => s.redeem(code)));
  const granted = answers.filter(({ status }) => status === 200);
  assert.equal(granted.length, 1);
  const { access_token, refresh_token } = granted[0]!.json as Record<string, string>;
  assert.equal((await s.refresh(refresh_token!)).status, 400);
  assert.deepEqual((await s.introspect(access_token!)).json, { active: false });
});

test("[D05] a declared reaction to replay: refuse", async (t) => {
  const s = await stand(t, { policy: policyOf({ replay: { action: "refuse" } }) });
  const next = await s.next(s.sandbox.refreshToken);
  s.clock.advance(60_000);
  assert.equal((await s.refresh(s.sandbox.refreshToken)).json.error, "invalid_grant");
  await s.next(next);
});

test("[D05] a declared reaction to replay: revoke the chain, after a short time in which it is only a race", async (t) => {
  const s = await stand(t);
  const refreshed = await s.refresh(s.sandbox.refreshToken);
  const { refresh_token, access_token } = refreshed.json as Record<string, string>;
  s.clock.advance(1_999);
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 400);
  assert.equal((await s.introspect(access_token!)).json.active, true);
  s.clock.advance(2);
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 400);
  assert.equal((await s.refresh(refresh_token!)).json.error, "invalid_grant");
  assert.deepEqual((await s.introspect(access_token!)).json, { active: false });
  const events = await s.store.events(0, 1000);
  assert.ok(events.some(({ type, data }) => type === "chain.revoked" && data.by === "replay"));
});

test("[D05] a declared reaction to replay: revoke all of the client and subject", async (t) => {
  const policy = policyOf({ replay: { action: "revokeClientAndSubject" } });
  const s = await stand(t, { policy });
  const { refresh_token: one } = (await s.redeem(await s.code())).json as Record<string, string>;
  const { refresh_token: two } = (await s.redeem(await s.code())).json as Record<string, string>;
  await s.next(one!);
  s.clock.advance(60_000);
  assert.equal((await s.refresh(one!)).status, 400);
  assert.equal((await s.refresh(two!)).status, 400);
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200, "another subject");
});

test("[D05] a declared reaction to a presentation again: the same answer", async (t) => {
  const s = await stand(t, { policy: policyOf({ overlap: { atLeast: "10 s" } }) });
  const next = await s.next(s.sandbox.refreshToken);
  assert.equal(await s.next(s.sandbox.refreshToken), next);
});

test("[ISS-17] scope narrows and never widens; asking for too much burns nothing", async (t) => {
  const s = await stand(t);
  const { refreshToken } = s.sandbox;
  const before = await s.dump();
  const wider = await s.refresh(refreshToken, { scope: "read admin" });
  assert.deepEqual([wider.status, wider.json.error], [400, "invalid_scope"]);
  assert.equal(await s.dump(), before);
  const narrow = await s.refresh(refreshToken, { scope: "write" });
  assert.deepEqual([narrow.status, narrow.json.scope], [200, "write"]);
  const { access_token, refresh_token } = narrow.json as Record<string, string>;
  assert.equal((await s.introspect(access_token!)).json.scope, "write");
  const full = await s.refresh(refresh_token!);
  assert.equal(full.json.scope, "read write");
});
