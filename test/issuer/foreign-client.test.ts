/** A strict client that nobody here wrote completes refresh, revocation and introspection. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import * as oauth from "oauth4webapi";
import { type Stand, stand } from "./stand.ts";

const insecure = { [oauth.allowInsecureRequests]: true } as const;

async function discover({ sandbox }: Stand): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(sandbox.url);
  const response = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  return oauth.processDiscoveryResponse(issuer, response);
}

const AUTHENTICATIONS = [
  ["client_secret_basic", oauth.ClientSecretBasic],
  ["client_secret_post", oauth.ClientSecretPost],
] as const;

for (const preset of ["strict", "handshake"]) {
  test(`[house] oauth4webapi completes refresh, introspection and revocation with "${preset}"`, async (t) => {
    for (const [name, authentication] of AUTHENTICATIONS) {
      const s = await stand(t, { preset });
      const as = await discover(s);
      const client = { client_id: s.sandbox.clientId };
      const auth = authentication(s.sandbox.clientSecret);
      const refresh = async (token: string): Promise<oauth.TokenEndpointResponse> => {
        const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, insecure);
        return oauth.processRefreshTokenResponse(as, client, response);
      };
      const introspect = async (token: string): Promise<oauth.IntrospectionResponse> => {
        const response = await oauth.introspectionRequest(as, client, auth, token, insecure);
        return oauth.processIntrospectionResponse(as, client, response);
      };
      const first = await refresh(s.sandbox.refreshToken);
      const second = await refresh(first.refresh_token!);
      assert.equal(second.token_type, "bearer", name);
      assert.equal(second.expires_in, 600);
      const described = await introspect(second.access_token);
      assert.deepEqual([described.active, described.iss], [true, s.sandbox.url]);
      const revoked = await oauth.revocationRequest(
        as,
        client,
        auth,
        second.refresh_token!,
        insecure,
      );
      await oauth.processRevocationResponse(revoked);
      assert.equal((await introspect(second.access_token)).active, false);
      await assert.rejects(refresh(second.refresh_token!), { error: "invalid_grant", status: 400 });
    }
  });
}

test("[house] oauth4webapi reads a 401 with its challenge", async (t) => {
  const s = await stand(t);
  const as = await discover(s);
  const client = { client_id: s.sandbox.clientId };
  const auth = oauth.ClientSecretBasic("wrong");
  const response = await oauth.refreshTokenGrantRequest(
    as,
    client,
    auth,
    s.sandbox.refreshToken,
    insecure,
  );
  await assert.rejects(oauth.processRefreshTokenResponse(as, client, response), (error) => {
    assert.ok(error instanceof oauth.WWWAuthenticateChallengeError);
    return error.cause[0]?.scheme === "basic";
  });
  await s.next(s.sandbox.refreshToken);
});

test("[house] oauth4webapi redeems a code with PKCE", async (t) => {
  const s = await stand(t);
  const as = await discover(s);
  const client = { client_id: s.sandbox.clientId };
  const auth = oauth.ClientSecretPost(s.sandbox.clientSecret);
  const verifier = oauth.generateRandomCodeVerifier();
  const codeChallenge = await oauth.calculatePKCECodeChallenge(verifier);
  const redirectUri = "http://127.0.0.1/callback";
  const code = await s.code({ redirectUri, codeChallenge });
  const parameters = oauth.validateAuthResponse(
    as,
    client,
    new URLSearchParams({ code }),
    oauth.expectNoState,
  );
  const response = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    auth,
    parameters,
    redirectUri,
    verifier,
    insecure,
  );
  const granted = await oauth.processAuthorizationCodeResponse(as, client, response);
  assert.ok(granted.refresh_token);
});
