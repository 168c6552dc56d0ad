/** Malformed requests: a 4xx that says what was wrong, where, and what was expected; never a 5xx, nothing repeated. */

import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import { API_KEY, apiStand } from "./stand.ts";

const SECRET = "canary-2b77e0-do-not-repeat";

const good = {
  name: "fresh",
  policy: "handshake",
  token_endpoint: "https://as.example/token",
  client_id: "client",
  client_secret: SECRET,
  refresh_token: SECRET,
};

interface Malformed {
  readonly request: readonly [method: string, path: string];
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly says: RegExp;
  readonly where?: string;
}

const connect = ["POST", "/v1/connections"] as const;
const failed = ["POST", "/v1/connections/acme/token/failed"] as const;

const with_ = (more: Readonly<Record<string, unknown>>): unknown => ({ ...good, ...more });
const without = (...names: readonly string[]): unknown =>
  Object.fromEntries(Object.entries(good).filter(([name]) => !names.includes(name)));

const MALFORMED: readonly Malformed[] = [
  // the body as a whole
  { request: connect, status: 400, says: /body/ },
  { request: connect, text: "", status: 400, says: /the body is empty; expected JSON/ },
  {
    request: connect,
    text: `{"refresh_token":"${SECRET}"`,
    status: 400,
    says: /the body is no JSON/,
  },
  { request: connect, text: `${SECRET}`, status: 400, says: /the body is no JSON/ },
  {
    request: connect,
    body: [good],
    status: 400,
    says: /"body" is of another type; expected a JSON object/,
  },
  { request: connect, body: SECRET, status: 400, says: /"body" is of another type/ },
  { request: connect, body: null, status: 400, says: /"body" is of another type/ },
  {
    request: connect,
    text: `{"__proto__":{"name":"${SECRET}"}}`,
    status: 400,
    says: /the body is no JSON|malformed/,
  },
  {
    request: connect,
    text: `refresh_token=${SECRET}`,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    status: 415,
    says: /expected "application\/json"/,
  },
  {
    request: connect,
    text: "{}",
    headers: { "content-type": "nonsense" },
    status: 415,
    says: /expected "application\/json"/,
  },
  {
    request: connect,
    body: with_({ client_id: "x".repeat(70_000) }),
    status: 413,
    says: /too large; expected 64 KiB/,
  },
  // its members
  {
    request: connect,
    body: without("name"),
    status: 400,
    says: /"body.name" is missing/,
    where: "body.name",
  },
  {
    request: connect,
    body: without("client_id"),
    status: 400,
    says: /"body.client_id" is missing/,
    where: "body.client_id",
  },
  {
    request: connect,
    body: without("refresh_token"),
    status: 400,
    says: /"body.refresh_token" is missing/,
    where: "body.refresh_token",
  },
  {
    request: connect,
    body: with_({ name: "a/b" }),
    status: 400,
    says: /"body.name" is malformed; expected 1 to 64 letters/,
    where: "body.name",
  },
  { request: connect, body: with_({ name: "" }), status: 400, says: /"body.name" is malformed/ },
  {
    request: connect,
    body: with_({ name: SECRET.repeat(4) }),
    status: 400,
    says: /"body.name" is malformed/,
  },
  {
    request: connect,
    body: with_({ name: 7 }),
    status: 400,
    says: /"body.name" is of another type; expected string/,
  },
  {
    request: connect,
    body: with_({ refresh_token: { token: SECRET } }),
    status: 400,
    says: /"body.refresh_token" is of another type; expected string/,
  },
  {
    request: connect,
    body: with_({ refresh_token: [SECRET] }),
    status: 400,
    says: /"body.refresh_token" is of another type/,
  },
  {
    request: connect,
    body: with_({ refresh_token: null }),
    status: 400,
    says: /"body.refresh_token" is of another type/,
  },
  {
    request: connect,
    body: with_({ refresh_token: "" }),
    status: 400,
    says: /"body.refresh_token" is empty; expected text/,
  },
  {
    request: connect,
    body: with_({ refresh_token: SECRET.repeat(1000) }),
    status: 400,
    says: /"body.refresh_token" is too long; expected at most 16384/,
  },
  {
    request: connect,
    body: with_({ client_secret: 12345 }),
    status: 400,
    says: /"body.client_secret" is of another type/,
  },
  {
    request: connect,
    body: with_({ client_secret: "" }),
    status: 400,
    says: /"body.client_secret" is empty/,
  },
  {
    request: connect,
    body: with_({ client_authentication: SECRET }),
    status: 400,
    says: /"body.client_authentication" is unknown; expected one of/,
  },
  {
    request: connect,
    body: with_({ password: SECRET }),
    status: 400,
    says: /"body" has the unknown member "password"; expected only/,
  },
  {
    request: connect,
    body: with_({ [SECRET]: 1 }),
    status: 400,
    says: /"body" has an unknown member/,
  },
  // what it says
  {
    request: connect,
    body: with_({ policy: "acme-corp" }),
    status: 422,
    says: /policy "acme-corp" is unknown; expected one of strict, /,
  },
  {
    request: connect,
    body: with_({ provider: "strict" }),
    status: 422,
    says: /both a provider and a policy are given/,
  },
  {
    request: connect,
    body: without("policy"),
    status: 422,
    says: /neither a provider nor a token endpoint/,
  },
  {
    request: connect,
    body: without("token_endpoint"),
    status: 422,
    says: /"handshake" has no token endpoint of its own/,
  },
  {
    request: connect,
    body: with_({ token_endpoint: "nowhere" }),
    status: 422,
    says: /token endpoint is no URL; expected "https:/,
  },
  {
    request: connect,
    body: with_({ token_endpoint: "http://as.example/t" }),
    status: 422,
    says: /"http:\/\/as.example" is not protected/,
  },
  {
    request: connect,
    body: with_({ token_endpoint: `https://u:${SECRET}@as.example` }),
    status: 422,
    says: /carries a user name or password/,
  },
  {
    request: connect,
    body: with_({ token_endpoint: "file:///etc/passwd" }),
    status: 422,
    says: /is not protected/,
  },
  {
    request: connect,
    body: with_({ name: "acme" }),
    status: 409,
    says: /a connection called "acme" exists already/,
  },
  // paths and queries
  {
    request: ["GET", `/v1/connections/acme/token?key=${SECRET}`],
    status: 400,
    says: /"query" has parameters; expected none/,
  },
  {
    request: ["GET", `/v1/connections/${SECRET.repeat(4)}/token`],
    status: 400,
    says: /"params.name" is malformed/,
    where: "params.name",
  },
  {
    request: ["GET", "/v1/connections/%2e%2e%2f/token"],
    status: 400,
    says: /"params.name" is malformed/,
  },
  { request: ["GET", "/v1/connections/%ff/token"], status: 400, says: /malformed/ },
  {
    request: ["GET", `/v1/connections/${"a".repeat(300)}`],
    status: 400,
    says: /"params.name" is malformed/,
  },
  { request: ["GET", "/v1/connections/none"], status: 404, says: /no connection is called "none"/ },
  {
    request: ["DELETE", "/v1/connections/none"],
    status: 404,
    says: /no connection is called "none"/,
  },
  { request: ["GET", "/v1/connection"], status: 404, says: /no such path; \/openapi.json lists/ },
  {
    request: ["PUT", "/v1/connections"],
    status: 405,
    says: /method PUT is not for this path; expected GET, POST/,
  },
  { request: ["POST", "/v1/connections/acme/token"], status: 405, says: /expected GET/ },
  { request: ["POST", "/healthz"], status: 405, says: /expected GET/ },
  // reports
  {
    request: failed,
    body: {},
    status: 400,
    says: /"body.generation" is missing/,
    where: "body.generation",
  },
  {
    request: failed,
    body: { generation: "1" },
    status: 400,
    says: /"body.generation" is of another type; expected integer/,
  },
  {
    request: failed,
    body: { generation: -1 },
    status: 400,
    says: /"body.generation" is too small; expected at least 0/,
  },
  {
    request: failed,
    body: { generation: 1.5 },
    status: 400,
    says: /"body.generation" is of another type/,
  },
  {
    request: failed,
    body: { generation: 1e9 },
    status: 400,
    says: /generation 1000000000 was never handed out; expected .* at most 0/,
    where: "body.generation",
  },
  {
    request: failed,
    body: { generation: 0, token: SECRET },
    status: 400,
    says: /unknown member "token"/,
  },
];

test("[house] every malformed request gets a 4xx that says what was wrong, where, and what was expected", async (t) => {
  const stand = await apiStand(t);
  await stand.connect("acme");
  for (const { request, status, says, where, ...rest } of MALFORMED) {
    const [method, path] = request;
    const what = `${method} ${path.slice(0, 60)} ${JSON.stringify(rest).slice(0, 90)}`;
    const called = await stand.call(method, path, rest);
    assert.equal(called.status, status, `${what} answered ${called.text}`);
    assert.match(called.json.message, says, what);
    assert.equal(typeof called.json.error, "string", what);
    if (where !== undefined) assert.equal(called.json.where, where, what);
    assert.ok(!called.text.includes(SECRET), `${what} repeats what was sent`);
  }
  assert.equal(stand.provider.requests.length, 0, "nothing was sent to the provider");
  const { json } = await stand.call("GET", "/v1/connections");
  assert.deepEqual(
    json.connections.map(({ name }: { name: string }) => name),
    ["acme"],
  );
  assert.deepEqual(stand.log.lines, [], "nothing of it is worth a line in the log");
});

test("[house] what is no HTTP, or half of it, is answered or cut, and the server goes on", async (t) => {
  const stand = await apiStand(t);
  const port = Number(new URL(stand.url).port);
  const key = `authorization: Bearer ${API_KEY}\r\n`;
  const texts: readonly (readonly [string, RegExp])[] = [
    [`${SECRET}\r\n\r\n`, /^HTTP\/1\.1 400 .*request_invalid/s],
    ["GET\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["GET /v1/connections HTTP/9.9\r\n\r\n", /^HTTP\/1\.1 (?:400|505) /],
    [`GET /healthz HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n`, /^HTTP\/1\.1 400 /],
    [`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(40_000)}\r\n\r\n`, /^HTTP\/1\.1 4\d\d /],
    [
      `POST /v1/connections HTTP/1.1\r\nhost: x\r\n${key}content-length: nine\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      `POST /v1/connections HTTP/1.1\r\nhost: x\r\n${key}content-type: application/json\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      `GET /v1/connections HTTP/1.1\r\nhost: x\r\n${key}content-length: 3\r\nconnection: close\r\n\r\nabc`,
      /^HTTP\/1\.1 (?:200|4\d\d) /,
    ],
  ];
  for (const [text, says] of texts) {
    const socket = net.connect(port, "127.0.0.1");
    let answer = "";
    socket.setEncoding("utf8").on("data", (part: string) => {
      answer += part;
      socket.end();
    });
    socket.on("error", () => {});
    socket.write(text);
    await once(socket, "close");
    assert.match(answer, says, text.slice(0, 60));
    assert.ok(!answer.includes(SECRET));
  }
  assert.equal((await stand.call("GET", "/healthz")).status, 200);
});
