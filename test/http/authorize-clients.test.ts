/** Strict clients that nobody here wrote go the whole way: through the pages to a code, tokens, and their end. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { CALLBACK, type PagesStand, pagesStand, surfer, TOTP_SECRET } from "./pages-stand.ts";

const insecure = { [oauth.allowInsecureRequests]: true } as const;
const SCOPE = "read write";
const PROFILES = ["strict", "fapi2", "relay", "handshake", "handshake-observed"] as const;

/** An owner with a second factor in a browser that answers what it is asked, and tells where it ended up. */
async function ownerOf(s: PagesStand): Promise<(url: URL) => Promise<URL>> {
  const owner = await s.addOwner({ totpSecret: TOTP_SECRET });
  const browser = surfer();
  return async (url) => {
    const login = await browser.open(url.href);
    const second = await browser.submit(login, owner);
    const consent = await browser.submit(second, { code: s.totp() });
    const { left } = await browser.submit(consent, { answer: "allow" });
    assert.ok(left);
    return left;
  };
}

for (const preset of PROFILES) {
  test(`[ISS-29, ISS-27] oauth4webapi completes code, refresh, introspection and revocation with "${preset}"`, async (t) => {
    const s = await pagesStand(t, { preset });
    const allow = await ownerOf(s);
    const issuer = new URL(s.sandbox.url);
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
    const as = await oauth.processDiscoveryResponse(issuer, discovered);
    const client: oauth.Client = { client_id: s.sandbox.clientId };
    const auth = oauth.ClientSecretBasic(s.sandbox.clientSecret);
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    assert.ok(as.authorization_endpoint);
    const url = new URL(as.authorization_endpoint);
    const asked = {
      client_id: client.client_id,
      redirect_uri: CALLBACK,
      response_type: "code",
      scope: SCOPE,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    const answer = oauth.validateAuthResponse(as, client, await allow(url), state);
    const granted = await oauth.processAuthorizationCodeResponse(
      as,
      client,
      await oauth.authorizationCodeGrantRequest(
        ...[as, client, auth, answer, CALLBACK, verifier, insecure],
      ),
    );
    assert.ok(granted.refresh_token);
    const refreshed = await oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, auth, granted.refresh_token, insecure),
    );
    const introspect = async (): Promise<oauth.IntrospectionResponse> =>
      oauth.processIntrospectionResponse(
        as,
        client,
        await oauth.introspectionRequest(as, client, auth, refreshed.access_token, insecure),
      );
    const { active, sub, scope } = await introspect();
    assert.deepEqual([active, sub, scope], [true, "alice", SCOPE]);
    const last = refreshed.refresh_token ?? granted.refresh_token;
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, auth, last, insecure),
    );
    assert.equal((await introspect()).active, false);
  });

  test(`[ISS-29, ISS-27] openid-client completes code, refresh, introspection and revocation with "${preset}"`, async (t) => {
    const s = await pagesStand(t, { preset });
    const allow = await ownerOf(s);
    const { url, clientId, clientSecret } = s.sandbox;
    const config = await openid.discovery(new URL(url), clientId, clientSecret, undefined, {
      algorithm: "oauth2",
      execute: [openid.allowInsecureRequests],
    });
    const pkceCodeVerifier = openid.randomPKCECodeVerifier();
    const expectedState = openid.randomState();
    const asked = openid.buildAuthorizationUrl(config, {
      redirect_uri: CALLBACK,
      scope: SCOPE,
      state: expectedState,
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
    });
    const granted = await openid.authorizationCodeGrant(config, await allow(asked), {
      pkceCodeVerifier,
      expectedState,
    });
    assert.ok(granted.refresh_token);
    const refreshed = await openid.refreshTokenGrant(config, granted.refresh_token);
    const introspect = () => openid.tokenIntrospection(config, refreshed.access_token);
    assert.equal((await introspect()).active, true);
    await openid.tokenRevocation(config, refreshed.refresh_token ?? granted.refresh_token);
    assert.equal((await introspect()).active, false);
  });
}

test("[ISS-29] a strict client refuses an answer of another issuer, or of none", async (t) => {
  const s = await pagesStand(t);
  const allow = await ownerOf(s);
  const issuer = new URL(s.sandbox.url);
  const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  const as = await oauth.processDiscoveryResponse(issuer, discovered);
  const client = { client_id: s.sandbox.clientId };
  const answer = await allow(new URL(s.url()));
  assert.ok(oauth.validateAuthResponse(as, client, answer, "as it came"));
  answer.searchParams.set("iss", "https://evil.example");
  assert.throws(() => oauth.validateAuthResponse(as, client, answer, "as it came"));
  answer.searchParams.delete("iss");
  assert.throws(() => oauth.validateAuthResponse(as, client, answer, "as it came"));
});
