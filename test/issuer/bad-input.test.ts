/** Malformed requests: each has its one clear error, none is a 5xx, and none consumes anything. */

import { strict as assert } from "node:assert";
import { connect } from "node:net";
import { test } from "node:test";
import { basic, type Stand, stand } from "./stand.ts";

interface Case {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly status: number;
  readonly error: string;
  /** What the description names. */
  readonly says: RegExp;
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };

function casesFor(s: Stand): readonly Case[] {
  const { clientId, clientSecret, refreshToken, tokenEndpoint } = s.sandbox;
  const path = new URL(tokenEndpoint).pathname;
  const cc = `client_id=${clientId}&client_secret=${clientSecret}`;
  const rt = `refresh_token=${encodeURIComponent(refreshToken)}`;
  const grant = "grant_type=refresh_token";
  const good = `${grant}&${rt}&${cc}`;
  const asBody = (
    name: string,
    body: string | Uint8Array,
    status: number,
    error: string,
    says: RegExp,
  ): Case => ({ name, body, status, error, says });
  const inUri = (parameter: string): Case => ({
    name: `${parameter} in the URI`,
    path: `${path}?${parameter}=x`,
    body: good,
    status: 400,
    error: "invalid_request",
    says: new RegExp(`'${parameter}' must not be in the request URI`),
  });
  const method = (name: string): Case => ({
    name: `method ${name}`,
    method: name,
    status: 405,
    error: "invalid_request",
    says: /expected POST/,
  });
  const type = (name: string, headers: Record<string, string>, body: string): Case => ({
    name,
    headers,
    body,
    status: 415,
    error: "invalid_request",
    says: /application\/x-www-form-urlencoded/,
  });
  const header = (name: string, authorization: string): Case => ({
    name,
    headers: { ...FORM, authorization },
    body: `${grant}&${rt}`,
    status: 400,
    error: "invalid_request",
    says: /'Authorization' is malformed: expected Basic/,
  });
  const repeated = (parameter: string): Case =>
    asBody(
      `${parameter} twice`,
      `${good}&${parameter}=x&${parameter}=y`,
      400,
      "invalid_request",
      new RegExp(`'${parameter}' occurs more than once`),
    );
  const malformed = /'body' is malformed: expected .*percent-encoded/;
  const token = /refresh_token was not issued to this client/;
  return [
    asBody("an empty body", "", 400, "invalid_request", /'grant_type'/),
    asBody(
      "no grant type",
      `${rt}&${cc}`,
      400,
      "invalid_request",
      /missing parameter 'grant_type'/,
    ),
    asBody(
      "an empty grant type",
      `grant_type=&${rt}&${cc}`,
      400,
      "invalid_request",
      /missing parameter 'grant_type'/,
    ),
    asBody(
      "an unknown grant type",
      `grant_type=magic&${rt}&${cc}`,
      400,
      "unsupported_grant_type",
      /not supported/,
    ),
    asBody(
      "a grant type of a prototype",
      `grant_type=constructor&${rt}&${cc}`,
      400,
      "unsupported_grant_type",
      /not supported/,
    ),
    asBody(
      "a grant type in capitals",
      `grant_type=REFRESH_TOKEN&${rt}&${cc}`,
      400,
      "unsupported_grant_type",
      /not supported/,
    ),
    asBody(
      "a grant of vendors' realms",
      `grant_type=password&username=user1&password=x&${cc}`,
      400,
      "unsupported_grant_type",
      /not supported/,
    ),
    asBody(
      "no refresh token",
      `${grant}&${cc}`,
      400,
      "invalid_request",
      /missing parameter 'refresh_token'/,
    ),
    asBody(
      "an empty refresh token",
      `${grant}&refresh_token=&${cc}`,
      400,
      "invalid_request",
      /missing parameter 'refresh_token'/,
    ),
    asBody(
      "no code",
      `grant_type=authorization_code&${cc}`,
      400,
      "invalid_request",
      /missing parameter 'code'/,
    ),
    asBody(
      "a code of garbage",
      `grant_type=authorization_code&code=x&${cc}`,
      400,
      "invalid_grant",
      /code was not issued/,
    ),
    asBody(
      "a refresh token as a code",
      `grant_type=authorization_code&code=${encodeURIComponent(refreshToken)}&${cc}`,
      400,
      "invalid_grant",
      /code was not issued/,
    ),
    asBody(
      "a token cut short",
      `${grant}&refresh_token=${refreshToken.slice(0, -1)}&${cc}`,
      400,
      "invalid_grant",
      token,
    ),
    asBody(
      "a token with a space behind it",
      `${grant}&refresh_token=${refreshToken}%20&${cc}`,
      400,
      "invalid_grant",
      token,
    ),
    asBody(
      "a token with a null byte",
      `${grant}&refresh_token=${refreshToken}%00&${cc}`,
      400,
      "invalid_grant",
      token,
    ),
    asBody(
      "a token of 8000 letters",
      `${grant}&refresh_token=${"A".repeat(8000)}&${cc}`,
      400,
      "invalid_grant",
      token,
    ),
    asBody(
      "a token in another alphabet",
      `${grant}&refresh_token=${encodeURIComponent("ключ".repeat(20))}&${cc}`,
      400,
      "invalid_grant",
      token,
    ),
    asBody(
      "a scope with a quote",
      `${good}&scope=${encodeURIComponent('a"b')}`,
      400,
      "invalid_request",
      /'scope' is malformed/,
    ),
    asBody(
      "a scope with two spaces",
      `${good}&scope=read++write`,
      400,
      "invalid_request",
      /'scope' is malformed/,
    ),
    asBody(
      "a scope with a line break",
      `${good}&scope=read%0Awrite`,
      400,
      "invalid_request",
      /'scope' is malformed/,
    ),
    asBody(
      "a wider scope",
      `${good}&scope=everything`,
      400,
      "invalid_scope",
      /scope must not exceed/,
    ),
    asBody(
      "malformed percent-encoding",
      `${grant}&refresh_token=%zz&${cc}`,
      400,
      "invalid_request",
      malformed,
    ),
    asBody("a percent sign at the end", `${good}&x=%`, 400, "invalid_request", malformed),
    asBody("bytes that are no UTF-8", `${good}&x=%ff%fe`, 400, "invalid_request", malformed),
    asBody("an overlong encoding", `${good}&x=%c0%af`, 400, "invalid_request", malformed),
    asBody(
      "JSON in a form's clothes",
      '{"grant_type":"refresh_token"}',
      400,
      "invalid_request",
      /'grant_type'/,
    ),
    asBody("only ampersands", "&&&&&&", 400, "invalid_request", /'grant_type'/),
    asBody(
      "binary",
      new Uint8Array(256).map((_, i) => i),
      400,
      "invalid_request",
      /'grant_type'|'body'/,
    ),
    {
      name: "a body too long",
      body: `${good}&x=${"a".repeat(40_000)}`,
      status: 413,
      error: "invalid_request",
      says: /at most \d+ bytes/,
    },
    repeated("grant_type"),
    repeated("refresh_token"),
    repeated("client_id"),
    repeated("client_secret"),
    repeated("scope"),
    repeated("code"),
    ...["GET", "PUT", "PATCH", "DELETE", "OPTIONS"].map(method),
    ...["client_secret", "refresh_token", "code", "client_id", "password", "token"].map(inUri),
    type(
      "JSON",
      { "content-type": "application/json" },
      JSON.stringify({ grant_type: "refresh_token" }),
    ),
    type("a form of parts", { "content-type": "multipart/form-data; boundary=x" }, "--x--"),
    type("plain text", { "content-type": "text/plain" }, good),
    type("a malformed content type", { "content-type": ";;" }, good),
    header("Basic without credentials", "Basic"),
    header("Basic with no base64", "Basic !!!"),
    header("Basic without a colon", `Basic ${Buffer.from("nocolon").toString("base64")}`),
    header(
      "Basic with malformed percent-encoding",
      `Basic ${Buffer.from("a%zz:b").toString("base64")}`,
    ),
    header("another scheme", "Bearer abc"),
    header("Basic without a client", `Basic ${Buffer.from(":secret").toString("base64")}`),
    {
      name: "credentials twice",
      headers: { ...FORM, authorization: basic(clientId, clientSecret) },
      body: good,
      status: 400,
      error: "invalid_request",
      says: /in the header and in the body/,
    },
    {
      name: "two clients",
      headers: { ...FORM, authorization: basic(clientId, clientSecret) },
      body: `${grant}&${rt}&client_id=other`,
      status: 400,
      error: "invalid_request",
      says: /in the header and in the body/,
    },
  ];
}

test("[ISS-18, ISS-26] every malformed request has one clear error and consumes nothing", async (t) => {
  const s = await stand(t);
  const before = await s.dump();
  const cases = casesFor(s);
  assert.ok(cases.length >= 40, `${cases.length} cases`);
  for (const { name, method = "POST", path, headers = FORM, body, status, error, says } of cases) {
    const url = path ? s.sandbox.url + path : s.sandbox.tokenEndpoint;
    const init = { method, headers: method === "POST" ? headers : {} };
    const response = await fetch(
      url,
      body === undefined ? init : { ...init, body: body as string },
    );
    const text = await response.text();
    assert.equal(response.status, status, `${name}: ${text}`);
    const answer = JSON.parse(text) as Record<string, string>;
    assert.deepEqual(Object.keys(answer), ["error", "error_description"], name);
    assert.equal(answer.error, error, `${name}: ${text}`);
    assert.match(answer.error_description ?? "", says, name);
    assert.match(answer.error_description ?? "", /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, name);
    assert.equal(response.headers.get("cache-control"), "no-store", name);
    assert.ok(
      !text.includes(s.sandbox.clientSecret) && !text.includes(s.sandbox.refreshToken),
      name,
    );
    if (status === 405) assert.equal(response.headers.get("allow"), "POST", name);
  }
  assert.equal(await s.dump(), before, "something was consumed");
  await s.next(s.sandbox.refreshToken);
});

test("[ISS-18] bytes that are no HTTP are answered with 400 and consume nothing", async (t) => {
  const s = await stand(t);
  const { hostname, port } = new URL(s.sandbox.url);
  const path = new URL(s.sandbox.tokenEndpoint).pathname;
  const requests = [
    "garbage\r\n\r\n",
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST ${path}/%zz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  ];
  for (const request of requests) {
    const socket = connect(Number(port), hostname);
    const { promise, resolve } = Promise.withResolvers<string>();
    let answer = "";
    socket.on("connect", () => socket.write(request));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
    assert.match(await promise, /^HTTP\/1\.1 4\d\d /, JSON.stringify(request));
  }
  await s.next(s.sandbox.refreshToken);
});

test("[ISS-26] revocation and introspection take the same care", async (t) => {
  const s = await stand(t);
  for (const url of [s.sandbox.revocationEndpoint, s.sandbox.introspectionEndpoint]) {
    const missing = await s.post({}, { url });
    assert.deepEqual([missing.status, missing.json.error], [400, "invalid_request"]);
    const anonymous = await s.post({ token: s.sandbox.refreshToken }, { url, bare: true });
    assert.deepEqual([anonymous.status, anonymous.json.error], [401, "invalid_client"]);
    const inUri = await s.post({}, { url: `${url}?token=x` });
    assert.equal(inUri.status, 400);
    assert.equal((await fetch(url)).status, 405);
  }
  await s.next(s.sandbox.refreshToken);
});

test("[ISS-02, ISS-49] a client id that no client could have is of an unknown client", async (t) => {
  const s = await stand(t);
  const before = await s.dump();
  const { tokenEndpoint, revocationEndpoint, introspectionEndpoint } = s.sandbox;
  for (const client_id of [
    "\0",
    "a\0b",
    "\ud800",
    "ключ",
    " ",
    "a".repeat(5000),
    "__proto__",
    "/",
  ]) {
    for (const url of [tokenEndpoint, revocationEndpoint, introspectionEndpoint]) {
      const form = { grant_type: "refresh_token", token: s.sandbox.refreshToken, client_id };
      const { status, json } = await s.post(form, { url });
      assert.deepEqual([status, json.error], [401, "invalid_client"], JSON.stringify(client_id));
    }
  }
  assert.equal(await s.dump(), before);
});

test("[ISS-49, LOG-06] what no route takes is not repeated: its URI may hold a secret by mistake", async (t) => {
  const s = await stand(t);
  const { url, tokenEndpoint, clientSecret } = s.sandbox;
  const query = `?client_secret=${clientSecret}`;
  for (const [method, path, status] of [
    ["GET", `${url}/nothing${query}`, 404],
    ["POST", `${tokenEndpoint}/${query}`, 404],
    ["PROPFIND", `${tokenEndpoint}${query}`, 404],
    ["POST", `${tokenEndpoint}/%zz${query}`, 400],
  ] as const) {
    const response = await fetch(path, { method });
    const text = await response.text();
    assert.equal(response.status, status, text);
    assert.ok(!text.includes(clientSecret), text);
    assert.equal((JSON.parse(text) as Record<string, string>).error, "invalid_request");
  }
});
