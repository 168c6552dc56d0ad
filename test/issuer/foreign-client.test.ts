/**
 * Strict clients that nobody here wrote complete code, refresh, introspection and revocation at every preset of the
 * standards, each set up from the server's metadata alone.
 *
 * The code is opened by a control call, as the owner's consent would open it; the clients get it as the redirect that
 * would bring it, with the issuer's name where the metadata announce one.
 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { STANDARD_POLICIES } from "../../src/vendors/standards/policy.ts";
import { type Stand, stand } from "./stand.ts";

const REDIRECT_URI = "http://127.0.0.1/callback";
const insecure = { [oauth.allowInsecureRequests]: true } as const;

/** What both libraries give back of a token response. */
interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string | undefined;
  readonly expires_in?: number | undefined;
  readonly token_type: string;
}

interface ForeignClient {
  /** Redeems the code that the owner's consent gave, with PKCE. */
  redeem(): Promise<Tokens>;
  refresh(refreshToken: string): Promise<Tokens>;
  introspect(token: string): Promise<{ readonly active: boolean; readonly iss?: unknown }>;
  revoke(token: string): Promise<void>;
}

type Open = (s: Stand, method: "basic" | "post") => Promise<ForeignClient>;

/** The redirect back to the client. */
async function redirect(s: Stand, codeChallenge: string): Promise<URL> {
  const url = new URL(REDIRECT_URI);
  url.searchParams.set("code", await s.code({ redirectUri: REDIRECT_URI, codeChallenge }));
  url.searchParams.set("iss", s.sandbox.url);
  return url;
}

async function discover({ sandbox }: Stand): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(sandbox.url);
  const response = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  return oauth.processDiscoveryResponse(issuer, response);
}

const openOauth4webapi: Open = async (s, method) => {
  const as = await discover(s);
  const { clientId: client_id, clientSecret } = s.sandbox;
  const client = { client_id };
  const authentication = method === "basic" ? oauth.ClientSecretBasic : oauth.ClientSecretPost;
  const auth = authentication(clientSecret);
  return {
    async redeem() {
      const verifier = oauth.generateRandomCodeVerifier();
      const url = await redirect(s, await oauth.calculatePKCECodeChallenge(verifier));
      const given = oauth.validateAuthResponse(as, client, url, oauth.expectNoState);
      const ask = oauth.authorizationCodeGrantRequest;
      const response = await ask(as, client, auth, given, REDIRECT_URI, verifier, insecure);
      return oauth.processAuthorizationCodeResponse(as, client, response);
    },
    async refresh(token) {
      const response = await oauth.refreshTokenGrantRequest(as, client, auth, token, insecure);
      return oauth.processRefreshTokenResponse(as, client, response);
    },
    async introspect(token) {
      const response = await oauth.introspectionRequest(as, client, auth, token, insecure);
      return oauth.processIntrospectionResponse(as, client, response);
    },
    async revoke(token) {
      const response = await oauth.revocationRequest(as, client, auth, token, insecure);
      await oauth.processRevocationResponse(response);
    },
  };
};

const openOpenidClient: Open = async (s, method) => {
  const { url, clientId, clientSecret } = s.sandbox;
  const authentication = method === "basic" ? openid.ClientSecretBasic : openid.ClientSecretPost;
  const auth = authentication(clientSecret);
  const config = await openid.discovery(new URL(url), clientId, undefined, auth, {
    algorithm: "oauth2",
    execute: [openid.allowInsecureRequests],
  });
  return {
    async redeem() {
      const pkceCodeVerifier = openid.randomPKCECodeVerifier();
      const challenge = await openid.calculatePKCECodeChallenge(pkceCodeVerifier);
      const given = await redirect(s, challenge);
      return openid.authorizationCodeGrant(config, given, { pkceCodeVerifier });
    },
    refresh: (token) => openid.refreshTokenGrant(config, token),
    introspect: (token) => openid.tokenIntrospection(config, token),
    revoke: (token) => openid.tokenRevocation(config, token),
  };
};

async function completes(s: Stand, client: ForeignClient): Promise<void> {
  const first = await client.redeem();
  assert.ok(first.refresh_token);
  const second = await client.refresh(first.refresh_token);
  assert.equal(second.token_type, "bearer");
  assert.equal(second.expires_in, 600);
  const refreshToken = second.refresh_token ?? first.refresh_token;
  const third = await client.refresh(refreshToken);
  const described = await client.introspect(third.access_token);
  assert.deepEqual([described.active, described.iss], [true, s.sandbox.url]);
  await client.revoke(third.refresh_token ?? refreshToken);
  assert.equal((await client.introspect(third.access_token)).active, false);
  await assert.rejects(client.refresh(third.refresh_token ?? refreshToken), {
    error: "invalid_grant",
    status: 400,
  });
}

for (const preset of Object.keys(STANDARD_POLICIES)) {
  for (const method of ["basic", "post"] as const) {
    test(`[G18] oauth4webapi completes code, refresh, introspection and revocation at "${preset}", ${method}`, async (t) => {
      const s = await stand(t, { preset });
      await completes(s, await openOauth4webapi(s, method));
    });

    test(`[G18] openid-client completes code, refresh, introspection and revocation at "${preset}", ${method}`, async (t) => {
      const s = await stand(t, { preset });
      await completes(s, await openOpenidClient(s, method));
    });
  }
}

test("[G18] a strict client refuses a redirect that another issuer sent", async (t) => {
  const s = await stand(t);
  const as = await discover(s);
  const client = { client_id: s.sandbox.clientId };
  const url = await redirect(s, "A".repeat(43));
  url.searchParams.set("iss", "https://other.example");
  assert.throws(() => oauth.validateAuthResponse(as, client, url, oauth.expectNoState), {
    code: "OAUTH_INVALID_RESPONSE",
  });
});

test("[ISS-02] a strict client reads a 401 with its challenge", async (t) => {
  const s = await stand(t);
  const as = await discover(s);
  const client = { client_id: s.sandbox.clientId };
  const auth = oauth.ClientSecretBasic("wrong");
  const { refreshToken } = s.sandbox;
  const response = await oauth.refreshTokenGrantRequest(as, client, auth, refreshToken, insecure);
  await assert.rejects(oauth.processRefreshTokenResponse(as, client, response), (error) => {
    assert.ok(error instanceof oauth.WWWAuthenticateChallengeError);
    return error.cause[0]?.scheme === "basic";
  });
  await s.next(refreshToken);
});
