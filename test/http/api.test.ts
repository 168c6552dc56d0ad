/** The keychain API as its clients see it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { httpAnswer } from "../support/raw-server.ts";
import { routesOf } from "./routes.ts";
import { API_KEY, apiStand, granted } from "./stand.ts";

test("[CLI-12] a token comes with its type, its true end and its generation, and nothing else", async (t) => {
  const stand = await apiStand(t);
  const before = Math.floor(Date.now() / 1000);
  assert.equal((await stand.connect("acme")).status, 201);
  const { status, headers, json } = await stand.call("GET", "/v1/connections/acme/token");
  assert.equal(status, 200);
  assert.equal(headers.get("cache-control"), "no-store");
  assert.deepEqual(Object.keys(json), [
    ...["access_token", "token_type", "expires_in", "expires_at", "generation"],
  ]);
  assert.equal(json.access_token, "access-1");
  assert.equal(json.token_type, "Bearer");
  assert.equal(json.generation, 1);
  // The end is counted from before the request: early rather than late.
  assert.ok(json.expires_in > 590 && json.expires_in < 600, String(json.expires_in));
  assert.ok(Math.abs(json.expires_at - before - 600) <= 2, String(json.expires_at));
  const again = await stand.call("GET", "/v1/connections/acme/token");
  assert.deepEqual({ ...again.json, expires_in: 0 }, { ...json, expires_in: 0 });
  assert.equal(stand.provider.requests.length, 1);
});

test("[G10] fifty workers report one failed token and all get the same newer one, for one request", async (t) => {
  const stand = await apiStand(t);
  await stand.connect("acme");
  const { json: first } = await stand.call("GET", "/v1/connections/acme/token");
  const report = { body: { generation: first.generation } };
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      stand.call("POST", "/v1/connections/acme/token/failed", report),
    ),
  );
  for (const { status, json } of answers) {
    assert.deepEqual([status, json.access_token, json.generation], [200, "access-2", 2]);
  }
  assert.equal(stand.provider.requests.length, 2);
});

test("[E25, CLI-11] no route gives a refresh token or a client secret away, whatever state it is asked in", async (t) => {
  const secrets = ["imported-acme", "refresh-1", "refresh-2", "the-client-secret", API_KEY];
  const stand = await apiStand(t);
  const seen: string[] = [];
  const visit = async (method: string, path: string, body?: unknown): Promise<number> => {
    const called = await stand.call(method, path, { body });
    seen.push(`${method} ${path} ${[...called.headers]} ${called.text}`);
    return called.status;
  };
  const everyRoute = async (): Promise<void> => {
    await visit("GET", "/v1/connections");
    await visit("GET", "/v1/connections/acme");
    await visit("GET", "/v1/connections/acme/token");
    await visit("POST", "/v1/connections/acme/token/failed", { generation: 1 });
    await visit("GET", "/v1/consumers");
    await visit("POST", "/v1/consumers", { connection: "acme", client_id: "app" });
    await visit("POST", "/v1/consumers/app/secret");
    for (const path of ["/healthz", "/readyz", "/metrics", "/openapi.json"]) {
      await visit("GET", path);
    }
  };
  const connection = {
    ...{ name: "acme", policy: "strict", token_endpoint: stand.provider.url },
    ...{ client_id: "client", client_secret: "the-client-secret", refresh_token: "imported-acme" },
  };
  assert.equal(await visit("POST", "/v1/connections", connection), 201);
  assert.equal(await visit("POST", "/v1/connections", connection), 409);
  await everyRoute();
  stand.answers(() =>
    httpAnswer(
      400,
      JSON.stringify({ error: "invalid_grant", error_description: "refresh-2 is dead" }),
    ),
  );
  assert.equal(await visit("POST", "/v1/connections/acme/token/failed", { generation: 2 }), 410);
  await everyRoute();
  const again = { refresh_token: "imported-acme" };
  assert.equal(await visit("POST", "/v1/connections/acme/reconnect", again), 200);
  assert.equal(await visit("DELETE", "/v1/connections/acme"), 204);
  await everyRoute();
  assert.equal(await visit("DELETE", "/v1/consumers/app"), 200);
  for (const text of seen) {
    for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text}`);
  }

  // The visits above are all there are, and no schema of an answer has a place for either.
  const { json: api } = await stand.call("GET", "/openapi.json");
  const routes = Object.entries(api.paths as Record<string, Record<string, unknown>>).flatMap(
    ([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual([...routes].sort(), [
    "DELETE /v1/connections/{name}",
    "DELETE /v1/consumers/{client_id}",
    "GET /healthz",
    "GET /metrics",
    "GET /readyz",
    "GET /v1/connections",
    "GET /v1/connections/{name}",
    "GET /v1/connections/{name}/token",
    "GET /v1/consumers",
    "POST /v1/connections",
    "POST /v1/connections/{name}/reconnect",
    "POST /v1/connections/{name}/token/failed",
    "POST /v1/consumers",
    "POST /v1/consumers/{client_id}/secret",
  ]);
  const visited = seen.map((text) =>
    text.split(" ", 2).join(" ").replace("/acme", "/{name}").replace("/app", "/{client_id}"),
  );
  for (const route of [...routes, "GET /openapi.json"]) assert.ok(visited.includes(route), route);
  // A consumer's own are told once, where they are made.
  const tells = ["POST /v1/consumers", "POST /v1/consumers/{client_id}/secret"];
  for (const [path, methods] of Object.entries(api.paths as Record<string, object>)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (tells.includes(`${method.toUpperCase()} ${path}`)) continue;
      const { responses } = operation as { responses: unknown };
      assert.doesNotMatch(JSON.stringify(responses), /refresh_token|client_secret/);
    }
  }
});

test("[E25] the routes that the document lists are all the routes the server has", async (t) => {
  const stand = await apiStand(t);
  const { json: listed } = await stand.call("GET", "/openapi.json");
  const routes = await routesOf(stand);
  const documented = Object.entries(listed.paths as Record<string, object>).flatMap(
    ([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const own = [...routes].filter((route) => !/ \/(?:oauth2|\.well-known)\//.test(route));
  assert.deepEqual(own.sort(), [...documented, "GET /openapi.json"].sort());
});

test("[house] everything under /v1 asks for the key, and says the same whatever is wrong with it", async (t) => {
  const stand = await apiStand(t);
  await stand.connect("acme");
  const wrong = [
    ...[null, "", "x", API_KEY.slice(0, -1), `${API_KEY}x`, API_KEY.toUpperCase(), "é".repeat(26)],
  ];
  const routes: readonly (readonly [string, string])[] = [
    ["GET", "/v1/connections"],
    ["POST", "/v1/connections"],
    ["GET", "/v1/connections/acme"],
    ["DELETE", "/v1/connections/acme"],
    ["GET", "/v1/connections/acme/token"],
    ["GET", "/v1/connections/other/token"],
    ["POST", "/v1/connections/acme/token/failed"],
    ["GET", "/v1/nothing"],
    ["PUT", "/v1/connections"],
  ];
  for (const [method, path] of routes) {
    for (const key of wrong) {
      const { status, headers, json } = await stand.call(method, path, { key });
      assert.deepEqual([status, json.error], [401, "api_key_wrong"], `${method} ${path}`);
      assert.match(headers.get("www-authenticate") ?? "", /^Bearer /);
    }
  }
  const basic = { authorization: `Basic ${Buffer.from(`x:${API_KEY}`).toString("base64")}` };
  const other = await stand.call("GET", "/v1/connections", { key: null, headers: basic });
  assert.equal(other.status, 401);
  const lower = { authorization: `bearer ${API_KEY}` };
  const same = await stand.call("GET", "/v1/connections", { key: null, headers: lower });
  assert.equal(same.status, 200);
  assert.equal(stand.provider.requests.length, 0);
});

test("[house] what keeps a token away is told by status, code and evidence", async (t) => {
  const stand = await apiStand(t);
  const refused = (status: number, error: string) => () =>
    httpAnswer(status, JSON.stringify({ error }), { "content-type": "application/json" });
  const token = (name: string) => stand.call("GET", `/v1/connections/${name}/token`);
  await stand.connect("dead");
  await stand.connect("limited");
  await stand.connect("locked");

  stand.answers(refused(400, "invalid_grant"));
  const dead = await token("dead");
  assert.deepEqual([dead.status, dead.json.error], [410, "connection_lost"]);
  assert.equal(dead.json.cause, "importRefused");
  assert.equal(dead.headers.get("cache-control"), "no-store");

  stand.answers(() => httpAnswer(429, "{}", { "retry-after": 120 }));
  const limited = await token("limited");
  assert.deepEqual([limited.status, limited.json.error], [503, "connection_unavailable"]);
  const wait = Number(limited.headers.get("retry-after"));
  assert.ok(wait > 100 && wait <= 120, `retry-after ${wait}`);
  assert.equal(limited.json.retry_after, wait);

  const shown = await stand.call("GET", "/v1/connections/dead");
  assert.equal(shown.json.cause, "importRefused");
  assert.match(shown.json.explanation, /Import the newest token/);
  assert.match(shown.json.evidence, /invalid_grant, status 400/);

  const none = await token("none");
  assert.deepEqual([none.status, none.json.error], [404, "connection_unknown"]);
  stand.answers(granted);
  assert.equal((await token("locked")).status, 200);
});

test("[house] health, readiness and figures need no key and follow what happens", async (t) => {
  const stand = await apiStand(t);
  const open = async (path: string) => stand.call("GET", path, { key: null });
  assert.deepEqual((await open("/healthz")).json, { status: "ok" });
  assert.deepEqual((await open("/readyz")).json, { status: "ready" });
  await stand.connect("acme");
  await stand.call("GET", "/v1/connections/acme/token");
  await stand.call("GET", "/v1/connections/acme/token");
  await stand.call("GET", "/v1/connections/none/token");
  const { text, headers } = await open("/metrics");
  assert.match(headers.get("content-type") ?? "", /^text\/plain/);
  assert.match(text, /^keten_tokens_handed_out_total 2$/m);
  assert.match(text, /^keten_api_errors_total\{error="connection_unknown"\} 1$/m);
  assert.match(text, /^keten_connections\{status="fresh"\} 1$/m);
  assert.match(text, /^keten_generations 1$/m);
  assert.doesNotMatch(text, /acme|access-|none/);
});
