/** What a consumer gets at the relay's token endpoint, and what it is told when there is nothing to get. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { granted } from "../http/stand.ts";
import { httpAnswer } from "../support/raw-server.ts";
import { relayStand } from "./stand.ts";

const json = { "content-type": "application/json" };
const upstream = (status: number, body: object): string =>
  httpAnswer(status, JSON.stringify(body), json);

test("[G01] a consumer gets the provider's access token for a refresh token of ours that never changes", async (t) => {
  const stand = await relayStand(t);
  const [one, other] = [await stand.consumer(), await stand.consumer()];
  assert.notEqual(one.refreshToken, other.refreshToken);
  const first = await stand.ask(one);
  assert.equal(first.status, 200, first.text);
  const { expires_in: expiresIn, ...rest } = first.json;
  assert.deepEqual(rest, {
    ...{ access_token: "access-1", token_type: "Bearer", refresh_token: one.refreshToken },
  });
  assert(expiresIn > 590 && expiresIn <= 600, String(expiresIn));
  assert.equal(first.headers.get("cache-control"), "no-store");
  const second = await stand.ask(other);
  assert.equal(second.json.access_token, "access-1", "both share one chain");
  assert.equal(second.json.refresh_token, other.refreshToken);
  assert.equal(stand.provider.requests.length, 1);
});

test("[E14] a consumer that needs no refresh token asks with client_credentials alone", async (t) => {
  const stand = await relayStand(t);
  const consumer = await stand.consumer({ refresh_token: false });
  assert.equal(consumer.refreshToken, "");
  const answer = await stand.post("token", consumer, { grant_type: "client_credentials" });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.access_token, "access-1");
  assert(!("refresh_token" in answer.json));
});

test("[G01] the dialect is the one that clients of the provider expect: seconds in a text at Exact Online", async (t) => {
  const stand = await relayStand(t);
  const consumer = await stand.consumer({ dialect: "exact-online" });
  const { json: body } = await stand.ask(consumer);
  assert.equal(typeof body.expires_in, "string");
  assert.equal(body.token_type, "bearer");
  assert.equal(body.refresh_token, consumer.refreshToken);
});

test("[G01] the true scope and the allowed further members are passed on, and nothing else", async (t) => {
  const stand = await relayStand(t);
  stand.answers(() =>
    upstream(200, {
      ...{ access_token: "access-1", refresh_token: "refresh-1", token_type: "Bearer" },
      ...{ expires_in: 600, scope: "write read", instance_url: "https://eu1.example" },
      ...{ id_token: "upstream-id-token", client_secret: "upstream-secret", id: "upstream-id" },
    }),
  );
  const { json: body, text } = await stand.ask(await stand.consumer());
  assert.equal(body.scope, "read write");
  assert.equal(body.instance_url, "https://eu1.example");
  assert.doesNotMatch(text, /upstream-|refresh-1/);
});

test("[G01, E15] scope must be what the connection has: less is pointed to a proxy, more is refused", async (t) => {
  const stand = await relayStand(t);
  stand.answers((count) =>
    upstream(200, {
      ...{ access_token: `access-${count}`, refresh_token: `refresh-${count}` },
      ...{ token_type: "Bearer", expires_in: 600, scope: "read write" },
    }),
  );
  const consumer = await stand.consumer();
  assert.equal((await stand.ask(consumer)).status, 200);
  assert.equal((await stand.ask(consumer, { scope: "write read" })).status, 200);
  for (const [scope, says] of [
    ["read", /proxy/],
    ["read write admin", /exceed/],
    ["admin", /exceed/],
    ['"', /scope/],
  ] as const) {
    const { status, json: body } = await stand.ask(consumer, { scope });
    assert.equal(status, 400);
    assert.match(body.error, /invalid_scope|invalid_request/);
    assert.match(body.error_description, says);
    assert(!("access_token" in body));
  }
});

test("[G01] an outage upstream is 503 with Retry-After and a reason, and never invalid_grant", async (t) => {
  const stand = await relayStand(t);
  const consumer = await stand.consumer();
  stand.answers(() => httpAnswer(503, "down for maintenance", { "retry-after": "600" }));
  const { status, json: body, headers } = await stand.ask(consumer);
  assert.equal(status, 503);
  assert.equal(body.error, "temporarily_unavailable");
  assert.match(body.reason, /^(?:uncertain|redeeming|imported)$/);
  assert(Number(headers.get("retry-after")) > 0);
});

test("[G01] a chain that is lost is an error of its own, with the link for the owner; reconnected, the same token works", async (t) => {
  const stand = await relayStand(t, { policy: "strict" });
  const consumer = await stand.consumer();
  assert.equal((await stand.ask(consumer)).status, 200);
  stand.answers(() => upstream(400, { error: "invalid_grant" }));
  const failed = await stand.call("POST", "/v1/connections/acme/token/failed", {
    body: { generation: 1 },
  });
  assert.equal(failed.status, 410);
  const lost = await stand.ask(consumer);
  assert.equal(lost.status, 503);
  assert.equal(lost.json.error, "connection_lost");
  assert.equal(lost.json.reconnect_uri, `${stand.url}/v1/connections/acme/reconnect`);
  assert(Number(lost.headers.get("retry-after")) > 0);
  assert.doesNotMatch(lost.text, /invalid_grant/);

  stand.answers(granted);
  const { pathname } = new URL(lost.json.reconnect_uri);
  const again = await stand.call("POST", pathname, { body: { refresh_token: "granted-anew" } });
  assert.equal(again.status, 200, again.text);
  const { status, json: body } = await stand.ask(consumer);
  assert.equal(status, 200);
  assert.equal(body.refresh_token, consumer.refreshToken);
});

test("[G01] revoking one consumer leaves the others, and only its own token is an invalid_grant", async (t) => {
  const stand = await relayStand(t);
  const [one, other] = [await stand.consumer(), await stand.consumer()];
  assert.equal((await stand.ask(one)).status, 200);
  const revoked = await stand.call("DELETE", `/v1/consumers/${one.clientId}`);
  assert.equal(revoked.status, 200);
  assert.notEqual(revoked.json.revoked_at, null);
  const dead = await stand.ask(one);
  assert.deepEqual([dead.status, dead.json.error], [400, "invalid_grant"]);
  const bare = await stand.post("token", one, { grant_type: "client_credentials" });
  assert.deepEqual([bare.status, bare.json.error], [401, "invalid_client"]);
  assert.equal((await stand.ask(other)).status, 200);
});

test("[G01] a consumer's new secret kills the one before, at once", async (t) => {
  const stand = await relayStand(t);
  const consumer = await stand.consumer();
  assert.equal((await stand.ask(consumer)).status, 200);
  const path = `/v1/consumers/${consumer.clientId}/secret`;
  const { json: body } = await stand.call("POST", path);
  assert.equal((await stand.ask(consumer)).json.error, "invalid_client");
  assert.equal((await stand.ask({ ...consumer, clientSecret: body.client_secret })).status, 200);
});

test("[E26] a consumer is answered from its addresses only", async (t) => {
  const stand = await relayStand(t);
  const inside = await stand.consumer({ allow_from: ["127.0.0.0/8"] });
  const outside = await stand.consumer({ allow_from: ["192.0.2.7", "2001:db8::/32"] });
  assert.equal((await stand.ask(inside)).status, 200);
  const { status, json: body } = await stand.ask(outside);
  assert.deepEqual([status, body.error], [403, "access_denied"]);
  const body2 = { connection: "acme", allow_from: ["192.0.2.0/33"] };
  const malformed = await stand.call("POST", "/v1/consumers", { body: body2 });
  assert.equal(malformed.status, 422);
  assert.match(malformed.json.message, /192\.0\.2\.0\/33.*is no network/);
});

test("[G01] one that asks in a loop is told to wait, and the others do not notice", async (t) => {
  const stand = await relayStand(t);
  const [greedy, other] = [await stand.consumer(), await stand.consumer()];
  assert.equal((await stand.ask(greedy)).status, 200);
  const answers = await Promise.all(Array.from({ length: 400 }, () => stand.ask(greedy)));
  const refused = answers.filter(({ status }) => status !== 200);
  assert(refused.length > 0 && refused.length < answers.length, `${refused.length} refused`);
  for (const { status, headers } of refused) {
    assert.equal(status, 429);
    assert(Number(headers.get("retry-after")) > 0);
  }
  assert.equal((await stand.ask(other)).status, 200);
});

test("[G01] revocation here is of our refresh tokens; a provider's access token is refused, never forwarded", async (t) => {
  const stand = await relayStand(t);
  const consumer = await stand.consumer();
  const { json: body } = await stand.ask(consumer);
  const before = stand.provider.requests.length;
  const access = await stand.post("revoke", consumer, { token: body.access_token });
  assert.deepEqual([access.status, access.json.error], [400, "unsupported_token_type"]);
  assert.equal(stand.provider.requests.length, before);
  const own = await stand.post("revoke", consumer, { token: consumer.refreshToken });
  assert.equal(own.status, 200);
  assert.equal((await stand.ask(consumer)).json.error, "invalid_grant");
});

test("[G01] a consumer may ask of its own tokens, and of nobody else's", async (t) => {
  const stand = await relayStand(t);
  const [one, other] = [await stand.consumer(), await stand.consumer()];
  const { json: body } = await stand.ask(one);
  const access = await stand.post("introspect", one, { token: body.access_token });
  assert.equal(access.json.active, true);
  assert.equal(access.json.client_id, one.clientId);
  const refresh = await stand.post("introspect", one, { token: one.refreshToken });
  assert.equal(refresh.json.active, true);
  for (const token of [other.refreshToken, "access-2", "garbage"]) {
    const { json: found } = await stand.post("introspect", one, { token });
    assert.deepEqual(found, { active: false });
  }
});

test("[G01] the metadata say what the relay grants, under its own issuer", async (t) => {
  const stand = await relayStand(t);
  const path = "/.well-known/oauth-authorization-server/oauth2/relay";
  const { json: body } = await stand.call("GET", path, { key: null });
  assert.equal(body.issuer, `${stand.url}/oauth2/relay`);
  assert.equal(body.token_endpoint, `${stand.url}/oauth2/relay/token`);
  assert.deepEqual(body.grant_types_supported, ["refresh_token", "client_credentials"]);
});

test("[G01, E25] the consumers of a removed connection get nothing of another that is added under its name", async (t) => {
  const stand = await relayStand(t);
  const old = await stand.consumer();
  const bare = await stand.consumer({ refresh_token: false });
  assert.equal((await stand.call("DELETE", "/v1/connections/acme")).status, 204);
  const removed = await stand.ask(old);
  assert.deepEqual([removed.status, removed.json.error], [503, "connection_lost"]);
  const again = await stand.connect("acme", { refresh_token: "another-account" });
  assert.equal(again.status, 201, again.text);
  const owner = await stand.consumer();
  const { access_token: token } = (await stand.ask(owner)).json;
  const refused = await stand.ask(old);
  assert.deepEqual([refused.status, refused.json.error], [400, "invalid_grant"]);
  const unknown = await stand.post("token", bare, { grant_type: "client_credentials" });
  assert.deepEqual([unknown.status, unknown.json.error], [401, "invalid_client"]);
  for (const [consumer, active] of [
    [owner, true],
    [old, false],
  ] as const) {
    const { json } = await stand.post("introspect", consumer, { token });
    assert.equal(json.active, active);
  }
});
