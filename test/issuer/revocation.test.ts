/** Revocation and introspection. RFC 7009, RFC 7662 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { type Stand, stand } from "./stand.ts";

const asServer = ({ sandbox: { resourceServer } }: Stand) => ({
  client_id: resourceServer.clientId,
  client_secret: resourceServer.clientSecret,
});

async function otherClient(s: Stand) {
  const secret = new Secret("another client's secret");
  const policy = PRESETS.strict!;
  const grantTypes = ["refresh_token"] as const;
  await s.sandbox.issuer.registerClient({
    clientId: "other",
    kind: "confidential",
    policy,
    grantTypes,
    secret,
  });
  return { client_id: "other", client_secret: secret.reveal() };
}

test("[ISS-35] revoking a refresh token ends its chain and its access tokens; unknown tokens give 200", async (t) => {
  const s = await stand(t);
  const { access_token, refresh_token } = (await s.redeem(await s.code())).json as Record<
    string,
    string
  >;
  for (const token of ["unknown", await s.code()])
    assert.equal((await s.revoke(token)).status, 200);
  const other = await s.revoke(refresh_token!, await otherClient(s));
  assert.deepEqual([other.status, other.json.error], [400, "invalid_grant"]);
  assert.equal((await s.introspect(access_token!)).json.active, true);
  assert.equal((await s.revoke(refresh_token!)).status, 200);
  assert.equal((await s.refresh(refresh_token!)).status, 400);
  assert.deepEqual((await s.introspect(access_token!)).json, { active: false });
  assert.equal((await s.revoke(refresh_token!)).status, 200, "twice");
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200, "another chain");
});

test("[ISS-35] a superseded token revokes its chain: whoever lost the newest can still end the grant", async (t) => {
  const s = await stand(t, { preset: "handshake" });
  const next = await s.next(s.sandbox.refreshToken);
  assert.equal((await s.revoke(s.sandbox.refreshToken)).status, 200);
  assert.equal((await s.refresh(next)).status, 400);
});

test("[ISS-35] an access token is revoked alone, also many of them", async (t) => {
  const s = await stand(t, { preset: "relay" });
  const tokens: string[] = [];
  for (let i = 0; i < 20; i += 1) {
    tokens.push((await s.refresh(s.sandbox.refreshToken)).json.access_token as string);
  }
  for (const token of tokens.slice(0, 18)) assert.equal((await s.revoke(token)).status, 200);
  for (const token of tokens.slice(0, 18)) {
    assert.deepEqual((await s.introspect(token)).json, { active: false });
  }
  for (const token of tokens.slice(18)) assert.equal((await s.introspect(token)).json.active, true);
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200);
});

test("[ISS-36] introspection is authenticated, and an inactive token reveals only that", async (t) => {
  const s = await stand(t);
  const { access_token, refresh_token } = (await s.redeem(await s.code())).json as Record<
    string,
    string
  >;
  const active = (await s.introspect(access_token!, asServer(s))).json;
  const now = s.clock.now() / 1000;
  assert.deepEqual(active, {
    active: true,
    scope: "read write",
    client_id: s.sandbox.clientId,
    token_type: "Bearer",
    exp: now + 600,
    iat: now,
    sub: s.sandbox.username,
    iss: s.sandbox.url,
  });
  assert.equal((await s.introspect(refresh_token!)).json.active, true, "its own client");
  const inactive = [
    await s.introspect(refresh_token!, asServer(s)),
    await s.introspect(access_token!, await otherClient(s)),
    await s.introspect("garbage", asServer(s)),
  ];
  for (const { status, text } of inactive)
    assert.deepEqual([status, text], [200, '{"active":false}']);
  s.clock.advance(600_000);
  assert.deepEqual((await s.introspect(access_token!, asServer(s))).json, { active: false });
});

test("[ISS-36] a resource server's question is the first use where the policy says so; the client's is not", async (t) => {
  const s = await stand(t, { preset: "handshake-observed" });
  const first = s.sandbox.refreshToken;
  const { access_token } = (await s.refresh(first)).json as Record<string, string>;
  s.clock.advance(120_000);
  assert.equal((await s.introspect(access_token!)).json.active, true);
  assert.equal((await s.refresh(first)).status, 200, "nobody has used the successor");
  const before = (await s.store.events(0, 1000)).length;
  assert.equal((await s.introspect(access_token!, asServer(s))).json.active, true);
  const used = await s.dump();
  assert.equal((await s.introspect(access_token!, asServer(s))).json.active, true);
  assert.equal(await s.dump(), used, "one write at first use only");
  s.clock.advance(120_000);
  assert.equal((await s.refresh(first)).status, 400, "the successor was used");
  assert.ok((await s.store.events(0, 1000)).length > before);
});

test("[ISS-10] tokens made in a race are all dead after the authorization is revoked", async (t) => {
  const s = await stand(t, { preset: "handshake" });
  const { refresh_token } = (await s.redeem(await s.code())).json as Record<string, string>;
  const answers = await Promise.all(Array.from({ length: 10 }, () => s.refresh(refresh_token!)));
  const { clientId, username } = s.sandbox;
  await s.sandbox.issuer.revokeAuthorization({ clientId, subject: username });
  for (const { json } of answers) {
    assert.deepEqual((await s.introspect(json.access_token as string)).json, { active: false });
    assert.equal((await s.refresh(json.refresh_token as string)).status, 400);
  }
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200, "another subject");
});

test("[C21] a change of policy works from the next refresh on, also in another process", async (t) => {
  const s = await stand(t, { preset: "openam-13" });
  const first = await s.next(s.sandbox.refreshToken);
  const key = { kind: "client", id: `sandbox/${s.sandbox.clientId}` } as const;
  // Written by somebody else: this process still has the old row at hand.
  await s.store.update([key], ([row], now) => {
    const revision = {
      revision: 2,
      at: now,
      revive: false,
      policy: { rotate: "never", unrotated: "omit" },
    };
    return { result: null, writes: [{ ...row!, revisions: [...row!.revisions, revision] }] };
  });
  s.clock.advance(1000);
  for (let i = 0; i < 3; i += 1) {
    const { status, json } = await s.refresh(first);
    assert.deepEqual([status, "refresh_token" in json], [200, false]);
  }
  await s.control("policy", { policy: {} });
  assert.notEqual(await s.next(first), first);
});

test("[house] the metadata names what is there, field by field", async (t) => {
  for (const preset of ["strict", "openam-13"]) {
    const s = await stand(t, { preset });
    const { url, tokenEndpoint, revocationEndpoint, introspectionEndpoint } = s.sandbox;
    const { authorizationEndpoint } = s.sandbox;
    const response = await fetch(`${url}/.well-known/oauth-authorization-server`);
    const metadata = (await response.json()) as Record<string, unknown>;
    assert.equal(metadata.issuer, url);
    assert.equal(metadata.token_endpoint, tokenEndpoint);
    assert.equal(metadata.revocation_endpoint, revocationEndpoint);
    assert.equal(metadata.introspection_endpoint, introspectionEndpoint);
    assert.equal(metadata.authorization_endpoint, authorizationEndpoint);
    const page = await fetch(authorizationEndpoint);
    assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
    for (const grant_type of metadata.grant_types_supported as string[]) {
      assert.notEqual(
        (await s.post({ grant_type })).json.error,
        "unsupported_grant_type",
        grant_type,
      );
    }
    const hasPassword = (metadata.grant_types_supported as string[]).includes("password");
    const asked = (await s.post({ grant_type: "password" })).json.error;
    assert.equal(asked !== "unsupported_grant_type", hasPassword);
  }
});
