/** Consumers that come back within seconds: their token is tried where that is possible, and replaced only if it is dead. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Probed } from "../../src/env/http-probe.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { tokens } from "../keychain/harness.ts";
import { httpAnswer, rawServer } from "../support/raw-server.ts";
import { type Parts, type PartsOptions, relayParts } from "./parts.ts";
import { relayStand } from "./stand.ts";

interface Probing extends Parts {
  /** The tokens that were tried. */
  readonly tried: string[];
}

/** A relay whose provider's address for probes says what it is told. */
async function probingParts(
  t: Parameters<typeof relayParts>[0],
  says: (token: string) => Probed,
  more: Partial<PartsOptions> = {},
): Promise<Probing> {
  const tried: string[] = [];
  const parts: Parts = await relayParts(t, {
    wire: () => tokens(parts.started.sent.length),
    probe: async (accessToken) => {
      const token = accessToken.reveal();
      tried.push(token);
      return says(token);
    },
    ...more,
  });
  return { ...parts, tried };
}

/** Asks for all at once and tells which tokens they got. */
async function tokensOf({ get }: Parts, consumers: readonly Parameters<Parts["get"]>[0][]) {
  const answers = await Promise.all(consumers.map(get));
  return answers.map(({ accessToken }) => accessToken);
}

test("[G01] a token asked for again within seconds is tried; if it is dead a newer one is fetched, once for all", async (t) => {
  const parts = await probingParts(t, (token) => (token === "access-1" ? "refused" : "accepted"));
  const { started, tried } = parts;
  const consumers = [await parts.consumer(), await parts.consumer(), await parts.consumer()];
  assert.deepEqual(new Set(await tokensOf(parts, consumers)), new Set(["access-1"]));
  assert.deepEqual(tried, [], "nobody has come back yet");
  const again = await tokensOf(parts, [...consumers, ...consumers]);
  assert.deepEqual(new Set(again), new Set(["access-2"]));
  assert.deepEqual(tried, ["access-1"], "tried once for all");
  assert.equal(started.sent.length, 2, "one refresh for all");
});

test("[G01] a token that is alive when it is tried stays, and nothing is refreshed", async (t) => {
  const parts = await probingParts(t, () => "accepted");
  const [one, other] = [await parts.consumer(), await parts.consumer()];
  await tokensOf(parts, [one, other]);
  assert.deepEqual(await tokensOf(parts, [one, other]), ["access-1", "access-1"]);
  assert.deepEqual(parts.tried, ["access-1"]);
  assert.equal(parts.started.sent.length, 1);
});

for (const [what, more] of [
  ["cannot tell", {}],
  ["has no address for it", { probe: undefined }],
] as const) {
  test(`[G01] on suspicion alone nothing is refreshed: the provider ${what}`, async (t) => {
    const parts = await probingParts(t, () => "unknown", more as Partial<PartsOptions>);
    const consumer = await parts.consumer();
    for (let i = 0; i < 5; i += 1) {
      assert.equal((await parts.get(consumer)).accessToken, "access-1");
    }
    assert.equal(parts.started.sent.length, 1);
  });
}

test("[G01] ten seconds after a hand-out nothing is tried: whoever comes then has used it", async (t) => {
  const parts = await probingParts(t, () => "refused");
  const { on, tried } = parts;
  const consumer = await parts.consumer();
  await parts.get(consumer);
  for (let i = 0; i < 5; i += 1) {
    on.clock.advance(10 * SECOND);
    assert.equal((await parts.get(consumer)).accessToken, "access-1");
  }
  assert.deepEqual(tried, []);
  on.clock.advance(10 * SECOND - 1);
  assert.equal((await parts.get(consumer)).accessToken, "access-2");
  assert.deepEqual(tried, ["access-1"]);
});

test("[G01] an address that refuses every token costs one refresh a minute, not one a question", async (t) => {
  const parts = await probingParts(t, () => "refused");
  const { on, started, tried } = parts;
  const [one, other] = [await parts.consumer(), await parts.consumer()];
  const count = 58;
  for (let i = 0; i < count; i += 1) {
    await tokensOf(parts, [one, other]);
    on.clock.advance(SECOND);
  }
  assert.deepEqual([started.sent.length, tried.length], [2, 1]);
  on.clock.advance(4 * SECOND);
  await tokensOf(parts, [one, other]);
  assert.deepEqual([started.sent.length, tried.length], [3, 2]);
});

test("[G01] a dead token that may not be refreshed yet is told as an outage, with the time to come again", async (t) => {
  const parts = await probingParts(t, () => "refused", { presets: ["exact-online"] });
  const consumer = await parts.consumer();
  await parts.get(consumer);
  const outcome = await parts.ask(consumer);
  assert(!outcome.granted && outcome.refusal.reason === "upstreamUnavailable");
  const { retryAfter } = outcome.refusal;
  assert(retryAfter > 560 * SECOND && retryAfter <= 571 * SECOND, String(retryAfter));
  assert.equal(parts.started.sent.length, 1);
});

test("[G01] a consumer that asks in a loop costs a try each half minute, not one a question", async (t) => {
  const parts = await probingParts(t, () => "accepted");
  const { on, started, tried } = parts;
  const consumer = await parts.consumer();
  for (let i = 0; i < 60; i += 1) {
    assert.equal((await parts.get(consumer)).accessToken, "access-1");
    on.clock.advance(SECOND);
  }
  assert.deepEqual([started.sent.length, tried.length], [1, 2]);
});

for (const [status, next] of [
  [200, "access-1"],
  [500, "access-1"],
  [401, "access-2"],
] as const) {
  test(`[G01, E25] the address for probes sees the access token as a bearer, never a refresh token or a secret; it answers ${status}`, async (t) => {
    const probe = await rawServer(t, (socket) => socket.end(httpAnswer(status, "{}")));
    const stand = await relayStand(t, {
      ...{ probe_endpoint: probe.url, client_secret: "the-client-secret" },
    });
    const consumer = await stand.consumer();
    const ask = async (): Promise<string> => (await stand.ask(consumer)).json.access_token;
    assert.deepEqual([await ask(), probe.requests.length], ["access-1", 0]);
    assert.deepEqual([await ask(), probe.requests.length], [next, 1]);
    assert.equal(stand.provider.requests.length, next === "access-1" ? 1 : 2);
    const [request = ""] = probe.requests;
    assert.match(request, /^GET \/token HTTP\/1\.1\r\n/);
    assert.match(request, /^authorization: Bearer access-1\r$/im);
    const { clientSecret, refreshToken } = consumer;
    const secrets = [refreshToken, clientSecret, "refresh-", "imported-", "the-client-secret"];
    for (const secret of secrets) assert(!request.includes(secret), request);
  });
}
