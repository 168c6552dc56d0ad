/** What the standards' profiles promise beyond the black-box checks of `test/conformance`. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { STANDARD_POLICIES } from "../../src/vendors/standards/policy.ts";
import { basic, type Form, type Stand, stand } from "./stand.ts";

const STANDARDS = Object.keys(STANDARD_POLICIES);

test("[ISS-05] profile fapi2 does not rotate: one token serves for ever, and no answer has another", async (t) => {
  const s = await stand(t, { preset: "fapi2" });
  for (let i = 0; i < 5; i += 1) {
    s.clock.advance(86_400_000);
    const { status, json } = await s.refresh(s.sandbox.refreshToken);
    assert.deepEqual([status, "refresh_token" in json], [200, false]);
  }
});

test("[ISS-07] activation: the token before works until its successor is first used, then it is spent", async (t) => {
  const overlap = { untilUsed: true, atMost: "1 h" };
  const s = await stand(t, { policy: policyOf({ overlap }) });
  const { refreshToken } = s.sandbox;
  const successor = await s.next(refreshToken);
  s.clock.advance(3_599 * SECOND);
  assert.equal(await s.next(refreshToken), successor, "nobody used the successor");
  await s.next(successor);
  const { status, json } = await s.refresh(refreshToken);
  assert.deepEqual([status, json.error], [400, "invalid_grant"]);
});

test("[ISS-07] activation: a declared time ends the token before, used successor or not", async (t) => {
  const overlap = { untilUsed: true, atMost: "1 h" };
  const s = await stand(t, { policy: policyOf({ overlap }) });
  const { refreshToken } = s.sandbox;
  const successor = await s.next(refreshToken);
  s.clock.advance(3_600 * SECOND);
  assert.equal((await s.refresh(refreshToken)).status, 400);
  await s.next(successor);
});

test("[ISS-12] codes of the standards' profiles are declared to live at most a minute", () => {
  for (const [name, { code }] of Object.entries(STANDARD_POLICIES)) {
    assert.ok(code.lifetime <= 60 * SECOND, name);
  }
});

test("[ISS-33, ISS-34] the standards' profiles know neither passwords nor client credentials, and no grant gives a refresh token by itself", async (t) => {
  for (const preset of STANDARDS) {
    const s = await stand(t, { preset });
    const { username, password } = s.sandbox;
    for (const grant_type of ["client_credentials", "password", "implicit", "urn:x"]) {
      const { status, json } = await s.post({ grant_type, username, password });
      assert.deepEqual([status, json.error], [400, "unsupported_grant_type"], grant_type);
      assert.ok(!("refresh_token" in json));
    }
  }
});

test("[ISS-39] a client that may not refresh gets no refresh token, whatever the policy says", async (t) => {
  const provider = { grantTypes: ["authorization_code", "refresh_token"] } as const;
  const s = await stand(t, { preset: "handshake", provider });
  const { issuer } = s.sandbox;
  const { secret } = await issuer.registerClient({
    ...{ clientId: "code-only", kind: "confidential", policy: PRESETS.handshake! },
    grantTypes: ["authorization_code"],
  });
  const opened = await issuer.openCode({ clientId: "code-only", subject: "someone" });
  assert.ok("code" in opened);
  const own = { client_id: "code-only", client_secret: secret?.reveal() };
  const { status, json } = await s.redeem(opened.code, own);
  assert.equal(status, 200);
  assert.ok("access_token" in json && !("refresh_token" in json));
  const refused = await s.refresh(s.sandbox.refreshToken, own);
  assert.deepEqual([refused.status, refused.json.error], [400, "unauthorized_client"]);
});

test("[ISS-44] forwarded headers count for nothing: no proxy is listed", async (t) => {
  const s = await stand(t);
  const headers = {
    "x-forwarded-for": "10.1.2.3",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "https",
    forwarded: 'for=10.1.2.3;host="evil.example";proto=https',
    host: new URL(s.sandbox.url).host,
  };
  const url = `${s.sandbox.url}/.well-known/oauth-authorization-server`;
  const plain = await (await fetch(url)).text();
  assert.equal(await (await fetch(url, { headers })).text(), plain);
  const form = { grant_type: "refresh_token", refresh_token: s.sandbox.refreshToken };
  const { client_id, client_secret } = credentialsOf(s);
  const answer = await s.post({ ...form, client_id, client_secret }, { headers });
  assert.equal(answer.status, 200);
  const described = await s.introspect(String(answer.json.access_token));
  assert.equal(described.json.iss, s.sandbox.url);
});

const credentialsOf = ({ sandbox: { clientId, clientSecret } }: Stand) => ({
  client_id: clientId,
  client_secret: clientSecret,
});

test("[ISS-47] replay of any authentic old token is recognised without having been kept", async (t) => {
  for (const old of [0, 1, 57, 98]) {
    const s = await stand(t);
    const tokens = [s.sandbox.refreshToken];
    for (let i = 0; i < 100; i += 1) {
      s.clock.advance(5 * SECOND);
      tokens.push(await s.next(tokens.at(-1)!));
      if (i === 3) assert.equal(await recordsOf(s), (await s.store.size()).records);
    }
    const before = await s.store.size();
    const { status, json } = await s.refresh(tokens[old]!);
    assert.deepEqual([status, json.error], [400, "invalid_grant"]);
    assert.equal((await s.store.size()).records, before.records, "nothing was kept, nothing grew");
    assert.equal((await s.refresh(tokens.at(-1)!)).status, 400, "the chain is over");
    const events = await s.store.events(0, 10_000);
    const revoked = events.find(({ type }) => type === "chain.revoked");
    assert.deepEqual([revoked?.data.by, revoked?.data.serial], ["replay", old]);
  }
});

/** Chains and authorizations: one of each owner. */
async function recordsOf({ store }: Stand): Promise<number> {
  const counts = await Promise.all(
    (["chain", "authorization", "client", "account", "tally"] as const).map(
      async (kind) => (await store.list(kind, {})).records.length,
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

test("[ISS-48] metadata match behaviour, field by field, in every dialect", async (t) => {
  const byDialect = new Map(Object.values(PROVIDERS).map((one) => [one.dialect.name, one.name]));
  for (const preset of byDialect.values()) {
    const s = await stand(t, { preset });
    const { url } = s.sandbox;
    const path = PROVIDERS[preset]?.paths.metadata ?? "/.well-known/oauth-authorization-server";
    const response = await fetch(url + path);
    assert.equal(response.status, 200, preset);
    const metadata = (await response.json()) as Record<string, unknown>;
    assert.equal(metadata.issuer, url, preset);
    for (const name of ["token", "revocation", "introspection"]) {
      const endpoint = String(metadata[`${name}_endpoint`]);
      await methodsHold(s, endpoint, metadata[`${name}_endpoint_auth_methods_supported`] ?? []);
    }
    assert.deepEqual(metadata.code_challenge_methods_supported, ["S256"]);
    for (const grant of ["authorization_code", "refresh_token", "password", "client_credentials"]) {
      const { json } = await s.post({ grant_type: grant });
      const isOffered = (metadata.grant_types_supported as string[]).includes(grant);
      assert.equal(json.error !== "unsupported_grant_type", isOffered, `${preset}: ${grant}`);
    }
  }
});

/** Every way that is announced lets the client in; its name alone does not. */
async function methodsHold(s: Stand, url: string, announced: unknown): Promise<void> {
  const { clientId, clientSecret } = s.sandbox;
  const form: Form = { grant_type: "refresh_token", token: "x", refresh_token: "x" };
  // Some vendors say it with another status.
  const isKnown = async (asked: ReturnType<Stand["post"]>): Promise<boolean> => {
    const { status, json } = await asked;
    return status !== 401 && json.error !== "invalid_client";
  };
  const headers = { authorization: basic(clientId, clientSecret) };
  const ways = {
    client_secret_basic: () => s.post(form, { url, headers }),
    client_secret_post: () => s.post(form, { url }),
  };
  for (const [name, ask] of Object.entries(ways)) {
    assert.ok((announced as string[]).includes(name), `${url} announces ${name}`);
    assert.ok(await isKnown(ask()), `${url}: ${name}`);
  }
  assert.ok(!(announced as string[]).includes("private_key_jwt"));
  assert.ok(!(await isKnown(s.post({ ...form, client_id: clientId }, { url, bare: true }))), url);
}

test("[ISS-48] what the metadata do not announce is not there: assertions and proofs of possession prove nothing", async (t) => {
  const s = await stand(t);
  const url = `${s.sandbox.url}/.well-known/oauth-authorization-server`;
  const metadata = (await (await fetch(url)).json()) as Record<string, unknown>;
  for (const name of Object.keys(metadata)) assert.doesNotMatch(name, /dpop|mtls|signing_alg|tls_/);
  const before = await s.dump();
  const { clientId, refreshToken } = s.sandbox;
  const assertion = {
    client_id: clientId,
    client_assertion: "eyJhbGciOiJub25lIn0.e30.",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  };
  const form = { grant_type: "refresh_token", refresh_token: refreshToken, ...assertion };
  const { status, json } = await s.post(form, { bare: true, headers: { dpop: "e30.e30." } });
  assert.deepEqual([status, json.error], [401, "invalid_client"]);
  assert.equal(await s.dump(), before);
});
