/**
 * The endpoints' care: what they refuse, and that refusing burns nothing. Each refusal is followed by the same token or
 * code in a proper request, which must be granted.
 */

import { strict as assert } from "node:assert";
import { SECOND } from "../../src/kernel/time.ts";
import type { Check } from "./check.ts";
import {
  type Answer,
  begin,
  encode,
  type Form,
  granted,
  isActive,
  post,
  redeem,
  refresh,
  refused,
  type ServerUnderTest,
  stillGood,
  wait,
} from "./server-under-test.ts";

const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" };

/** A proper refresh as a form, for requests that spoil one thing of it. */
const refreshForm = ({ client }: ServerUnderTest, refreshToken: string): Form => ({
  grant_type: "refresh_token",
  refresh_token: refreshToken,
  client_id: client.clientId,
  client_secret: client.clientSecret,
});

export const neverStored: Check = {
  async run(server) {
    const { token, introspection } = server.endpoints;
    const { refreshToken, accessToken } = await begin(server);
    wait(server);
    const answers: readonly (readonly [string, Answer])[] = [
      ["a granted code", await redeem(server, await server.openCode())],
      ["a refusal", await refresh(server, "garbage")],
      ["an empty request", await post(server, { client_secret: undefined }, { url: token })],
      ["a refresh", await refresh(server, refreshToken)],
      ["an introspection", await post(server, { token: accessToken }, { url: introspection })],
    ];
    for (const [what, { header }] of answers) {
      assert.match(header("cache-control") ?? "", /\bno-store\b/, `${what} says no-store`);
    }
  },
};

export const postOnly: Check = {
  async run(server) {
    const { refreshToken } = await begin(server);
    wait(server);
    const url = `${server.endpoints.token}?${encode(refreshForm(server, refreshToken))}`;
    for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const { status, text } = await server.send({ url, method });
      assert.ok(status >= 400 && status < 500, `${method} is refused, not ${status}`);
      assert.doesNotMatch(text, /access_token/, method);
    }
    await stillGood(server, refreshToken, "requests by other methods");
  },
};

export const noRepeatedParameters: Check = {
  async run(server) {
    const { refreshToken } = await begin(server);
    wait(server);
    const form = refreshForm(server, refreshToken);
    for (const name of Object.keys(form)) {
      const twice = { ...form, [name]: [form[name], form[name]].map(String) };
      refused(await post(server, twice), `${name} twice`);
    }
    await stillGood(server, refreshToken, "repeated parameters");
  },
};

export const noCredentialsInUri: Check = {
  async run(server) {
    const { refreshToken } = await begin(server);
    wait(server);
    const form = refreshForm(server, refreshToken);
    for (const name of ["refresh_token", "client_id", "client_secret"]) {
      const url = `${server.endpoints.token}?${encode({ [name]: form[name] })}`;
      const body = encode({ ...form, [name]: undefined });
      const answer = await server.send({ url, headers: FORM_TYPE, body });
      refused(answer, `${name} in the URI`);
    }
    await stillGood(server, refreshToken, "parameters in the URI");
  },
};

/** What is in the URI is refused there even if the body has it too: by then it is in somebody's log. */
export const urisAreLogged: Check = {
  async run(server) {
    const { refreshToken } = await begin(server);
    wait(server);
    const form = refreshForm(server, refreshToken);
    const url = `${server.endpoints.token}?${encode({ client_secret: form.client_secret })}`;
    refused(
      await server.send({ url, headers: FORM_TYPE, body: encode(form) }),
      "a secret in the URI",
    );
    await stillGood(server, refreshToken, "a secret in the URI");
  },
};

export const boundToClient: Check = {
  async run(server) {
    const by = server.otherClient;
    const { refreshToken, accessToken } = await begin(server);
    wait(server);
    const code = await server.openCode();
    const asked = { grant_type: "refresh_token", refresh_token: refreshToken };
    refused(await post(server, asked, { by }), "another client's refresh");
    const redemption = { grant_type: "authorization_code", ...code };
    refused(await post(server, redemption, { by }), "another client's code");
    for (const token of [refreshToken, accessToken]) {
      await post(server, { token }, { by, url: server.endpoints.revocation });
    }
    assert.ok(await isActive(server, refreshToken), "another client cannot revoke");
    granted(await redeem(server, code), "the code by its own client");
    await stillGood(server, refreshToken, "another client's attempts");
  },
};

export const scopeNeverWidens: Check = {
  appliesTo: ({ scope }) => scope.length > 0,
  async run(server) {
    const { refreshToken } = await begin(server);
    wait(server);
    const scope = [...server.scope, "everything-else"].join(" ");
    refused(await refresh(server, refreshToken, { scope }), "a wider scope");
    await stillGood(server, refreshToken, "a wider scope");
  },
};

/** Every way to be refused before the token is looked at. */
export const errorsBurnNothing: Check = {
  async run(server) {
    const { refreshToken } = await begin(server);
    wait(server);
    const form = refreshForm(server, refreshToken);
    const { token: url } = server.endpoints;
    const spoiled: readonly (readonly [string, Form])[] = [
      ["no grant type", { ...form, grant_type: undefined }],
      ["an unknown grant type", { ...form, grant_type: "magic" }],
      ["a grant type for codes", { ...form, grant_type: "authorization_code" }],
      ["no secret", { ...form, client_secret: undefined }],
      ["a wrong secret", { ...form, client_secret: "wrong" }],
      ["no client", { ...form, client_id: undefined, client_secret: undefined }],
      ["an unknown client", { ...form, client_id: "nobody" }],
      ["a token cut short", { ...form, refresh_token: refreshToken.slice(0, -1) }],
      ["a token and more", { ...form, refresh_token: `${refreshToken}A` }],
    ];
    for (const [what, body] of spoiled) {
      refused(await server.send({ url, headers: FORM_TYPE, body: encode(body) }), what);
    }
    const body = encode(form);
    const json = { "content-type": "application/json" };
    refused(await server.send({ url, headers: json, body: JSON.stringify(form) }), "JSON");
    refused(await server.send({ url, headers: { "content-type": "text/plain" }, body }), "text");
    await stillGood(server, refreshToken, "errors");
  },
};

export const codeBoundToVerifier: Check = {
  async run(server) {
    const code = await server.openCode();
    const others: readonly (readonly [string, Form])[] = [
      ["no verifier", { code_verifier: undefined }],
      ["another verifier", { code_verifier: "w".repeat(43) }],
      ["a verifier too short", { code_verifier: "v".repeat(42) }],
      ["no redirect URI", { redirect_uri: undefined }],
      ["another redirect URI", { redirect_uri: `${code.redirect_uri}/` }],
    ];
    for (const [what, form] of others) refused(await redeem(server, code, form), what);
    granted(await redeem(server, code), "the code with its own verifier and redirect URI");
  },
};

export const codeOnce: Check = {
  async run(server) {
    const code = await server.openCode();
    granted(await redeem(server, code), "a fresh code");
    refused(await redeem(server, code), "a code for the second time");
  },
};

/** RFC 6749, section 4.1.2: the second use of a code ends what the first gave. */
export const codeReplayEndsGrant: Check = {
  async run(server) {
    const code = await server.openCode();
    const { accessToken, refreshToken } = granted(await redeem(server, code), "a fresh code");
    server.pass(5 * SECOND);
    refused(await redeem(server, code), "a code for the second time");
    assert.ok(!(await isActive(server, accessToken)), "the access token is dead");
    wait(server);
    refused(await refresh(server, refreshToken), "the refresh token of a code used twice");
  },
};

/** Garbage, and authentic tokens in the wrong place, end nothing. */
export const garbageEndsNothing: Check = {
  async run(server) {
    const { refreshToken, accessToken } = await begin(server);
    wait(server);
    const flipped = (token: string): string => {
      const at = token.length >> 1;
      const other = token[at] === "A" ? "B" : "A";
      return token.slice(0, at) + other + token.slice(at + 1);
    };
    const garbage = ["garbage", flipped(refreshToken), flipped(accessToken), accessToken];
    for (const token of garbage) refused(await refresh(server, token), "garbage");
    for (const token of [...garbage.slice(0, -1), "x".repeat(2000)]) {
      const { status } = await post(server, { token }, { url: server.endpoints.revocation });
      assert.equal(status, 200, "an unknown token is answered like a revoked one");
      assert.ok(!(await isActive(server, token)));
    }
    assert.ok(await isActive(server, accessToken));
    await stillGood(server, refreshToken, "garbage");
  },
};

export const revocationEndsGrant: Check = {
  async run(server) {
    const { revocation: url } = server.endpoints;
    const { refreshToken, accessToken } = await begin(server);
    const bare = { client_id: undefined, client_secret: undefined };
    refused(
      await post(server, { token: refreshToken, ...bare }, { url }),
      "an anonymous revocation",
    );
    assert.ok(await isActive(server, refreshToken));
    assert.equal((await post(server, { token: refreshToken }, { url })).status, 200);
    assert.ok(!(await isActive(server, accessToken)), "the access token dies with it");
    wait(server);
    refused(await refresh(server, refreshToken), "a revoked token");
    assert.equal((await post(server, { token: refreshToken }, { url })).status, 200, "twice");
  },
};

export const introspectionTellsNothing: Check = {
  async run(server) {
    const { introspection: url, revocation } = server.endpoints;
    const { refreshToken, accessToken } = await begin(server);
    const bare = { client_id: undefined, client_secret: undefined };
    refused(await post(server, { token: accessToken, ...bare }, { url }), "an anonymous question");
    await post(server, { token: refreshToken }, { url: revocation });
    for (const token of ["garbage", refreshToken, accessToken]) {
      const { status, json } = await post(server, { token }, { url });
      assert.deepEqual([status, json], [200, { active: false }], "an inactive token");
    }
  },
};
