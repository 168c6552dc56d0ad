/**
 * Walls between consumers: all routes, with all identities. Each answer is looked through for every secret there is,
 * and it is exactly known which answers hand out an access token, and whose.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Issuer } from "../../src/issuer/issuer.ts";
import { Admission } from "../../src/relay/admission.ts";
import type { ConsumerRecord } from "../../src/store/records.ts";
import { keyOf } from "../../src/store/store.ts";
import { routesOf } from "../http/routes.ts";
import type { Called } from "../http/stand.ts";
import { until } from "../keychain/harness.ts";
import { manualClock } from "../support/manual-clock.ts";
import { relayStand } from "./stand.ts";
import {
  accessOf,
  buildWalls,
  CONNECTIONS,
  type Form,
  formsFor,
  type Identity,
  type Pairs,
  type Walls,
} from "./walls.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const TOKEN = "/oauth2/relay/token";

/** Every path there is, its methods, and what its owner would send there. A new route fails until it stands here. */
const PATHS: Readonly<Record<string, { readonly methods: string; readonly body?: object }>> = {
  "/.well-known/oauth-authorization-server/oauth2/relay": { methods: "GET" },
  "/healthz": { methods: "GET" },
  "/metrics": { methods: "GET" },
  "/oauth2/relay/introspect": { methods: METHODS.toSorted().join(" ") },
  "/oauth2/relay/revoke": { methods: METHODS.toSorted().join(" ") },
  [TOKEN]: { methods: METHODS.toSorted().join(" ") },
  "/openapi.json": { methods: "GET" },
  "/readyz": { methods: "GET" },
  "/v1/connections": { methods: "GET POST", body: { name: "spare" } },
  "/v1/connections/{name}": { methods: "DELETE GET" },
  "/v1/connections/{name}/reconnect": {
    methods: "POST",
    body: { refresh_token: "upstream-spare-refresh-first" },
  },
  "/v1/connections/{name}/token": { methods: "GET" },
  "/v1/connections/{name}/token/failed": { methods: "POST", body: { generation: 0 } },
  "/v1/consumers": { methods: "GET POST", body: { connection: "spare" } },
  "/v1/consumers/{client_id}": { methods: "DELETE" },
  "/v1/consumers/{client_id}/secret": { methods: "POST" },
};

/** Where the owner reads access tokens. */
const isOwnersToken = (method: string, path: string): boolean =>
  /^(?:GET \/v1\/connections\/\w+\/token|POST \/v1\/connections\/\w+\/token\/failed)$/.test(
    `${method} ${path}`,
  );

const FORM_TYPE = "application/x-www-form-urlencoded";
const encoded = (pairs: Pairs): string =>
  new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString();

function headersOf({ authorization }: Identity, type?: string): Record<string, string> {
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(type === undefined ? {} : { "content-type": type }),
  };
}

const post = ({ stand }: Walls, identity: Identity, path: string, pairs: Pairs): Promise<Called> =>
  stand.call("POST", path, {
    ...{ key: null, headers: headersOf(identity, FORM_TYPE) },
    text: encoded([...identity.form, ...pairs]),
  });

/** No answer tells a secret, but for those that this one may have. */
function assertTellsNothing(
  { secrets }: Walls,
  { text, headers }: Called,
  what: string,
  allowed: readonly string[] = [],
): void {
  const told = `${text}\n${[...headers].join("\n")}`;
  for (const secret of secrets) {
    if (allowed.includes(secret)) continue;
    assert(!told.includes(secret), `${what} tells ${secret}: ${told.slice(0, 300)}`);
  }
}

function assertAnswered(walls: Walls, identity: Identity, form: Form, called: Called): void {
  const what = `${identity.name}, ${form.name}`;
  const has = identity.may !== null && (!form.refreshes || !identity.name.startsWith("bare"));
  if (!has || !form.isGranted) {
    assert(called.status >= 400 && called.status < 500, `${what}: ${called.status} ${called.text}`);
    assert.notEqual(called.status, 429, `${what}: too fast to tell`);
    assertTellsNothing(walls, called, what);
    return;
  }
  assert.equal(called.status, 200, `${what}: ${called.text}`);
  const { access_token, refresh_token, scope } = called.json;
  assert.equal(access_token, accessOf(identity.may ?? ""), what);
  assert.equal(scope, "read write", what);
  assert.equal(refresh_token, form.refreshes ? identity.refreshToken : undefined, what);
  assertTellsNothing(walls, called, what, [accessOf(identity.may ?? ""), identity.refreshToken]);
}

/** Asks as one that may: what is remembered of it must not let another pass. */
async function askRightly(walls: Walls, identity: Identity): Promise<void> {
  const form = formsFor(identity, walls.consumers).find(
    ({ refreshes }) => refreshes !== identity.name.startsWith("bare"),
  );
  assert(form);
  assertAnswered(walls, identity, form, await post(walls, identity, TOKEN, form.pairs));
}

/** All that an identity can send to the token endpoint in a form. */
async function walkForms(walls: Walls, identity: Identity): Promise<void> {
  const right = walls.identities.filter(({ name }) => /^(?:one|other) by/.test(name));
  await Promise.all(right.map((one) => askRightly(walls, one)));
  await Promise.all(
    formsFor(identity, walls.consumers).map(async (form) => {
      const called = await post(walls, identity, TOKEN, form.pairs);
      assertAnswered(walls, identity, form, called);
    }),
  );
}

/** All paths with all methods, with names of connections and of a consumer in them. */
async function walkPaths(walls: Walls, identity: Identity): Promise<void> {
  const { stand, consumers } = walls;
  // The owner may do as it says: it does so to what is there for that, and to nothing else.
  const names = identity.isOwner ? ["spare"] : ["acme", "beta"];
  const ids = identity.isOwner ? ["spare"] : [consumers.other?.clientId ?? ""];
  const own = [
    ["grant_type", "client_credentials"],
    ["token", identity.refreshToken],
  ] as const;
  for (const [path, { body = {} }] of Object.entries(PATHS)) {
    const places = path.includes("{name}") ? names : path.includes("{client_id}") ? ids : [""];
    for (const place of places) {
      const at = path.replace(/\{\w+\}/, place);
      await Promise.all(
        METHODS.map(async (method) => {
          // Forms have a walk of their own.
          if (method === "POST" && path.startsWith("/oauth2/")) return;
          const query = path.startsWith("/oauth2/")
            ? `?${encoded([...identity.form, ...own])}`
            : "";
          const called = await stand.call(method, at + query, {
            ...{ key: null, headers: headersOf(identity) },
            ...(method === "GET" || method === "HEAD" ? {} : { body }),
          });
          const what = `${identity.name}, ${method} ${at}`;
          const isRead = identity.isOwner && isOwnersToken(method, at) && called.status === 200;
          assertTellsNothing(walls, called, what, isRead ? [accessOf(place)] : []);
          if (identity.isOwner) assert(called.status < 500, `${what}: ${called.status}`);
          else if (path.startsWith("/v1/")) assert.equal(called.status, 401, what);
        }),
      );
    }
  }
}

/** Questions about, and ends of, tokens that belong to others. */
async function walkTokens(walls: Walls, identity: Identity): Promise<void> {
  const { consumers } = walls;
  const foreign = [
    ...Object.values(consumers).flatMap((c) => [c.refreshToken, c.clientSecret]),
    ...CONNECTIONS.filter((name) => name !== identity.may).map(accessOf),
    ...CONNECTIONS.map((name) => `upstream-${name}-refresh-next`),
    "",
  ].filter((token) => token !== identity.refreshToken);
  await Promise.all(
    foreign.map(async (token, i) => {
      const about = `${identity.name} about ${token}`;
      const asked = await post(walls, identity, "/oauth2/relay/introspect", [["token", token]]);
      assertTellsNothing(walls, asked, about);
      if (asked.status === 200) assert.deepEqual(asked.json, { active: false }, about);
      const hint: Pairs = i % 2 === 0 ? [] : [["token_type_hint", "refresh_token"]];
      const end: Pairs = [["token", token], ...hint];
      const revoked = await post(walls, identity, "/oauth2/relay/revoke", end);
      assertTellsNothing(walls, revoked, about);
    }),
  );
}

test("[E15, E25, G01] no consumer obtains by any request another's token, a wider scope, or a secret: all routes, all identities", async (t) => {
  const walls = await buildWalls(t);
  const { stand, identities } = walls;
  const byPath = Object.groupBy(
    (await routesOf(stand)).map((route) => route.split(" ") as [string, string]),
    ([, path]) => path,
  );
  const routes = Object.entries(byPath).map(([path, at = []]) => [
    ...[
      path,
      at
        .map(([method]) => method)
        .sort()
        .join(" "),
    ],
  ]);
  const walked = Object.entries(PATHS).map(([path, { methods }]) => [path, methods]);
  assert.deepEqual(routes.sort(), walked.sort(), "what is walked is all there is");

  const upstreamBefore = stand.provider.requests.length;
  for (const identity of identities) {
    await walkForms(walls, identity);
    await walkTokens(walls, identity);
    if (!identity.isOwner) await walkPaths(walls, identity);
  }
  assert.equal(stand.provider.requests.length, upstreamBefore, "nothing went upstream");
  // Nobody was revoked, moved or locked out by what others sent.
  for (const identity of identities.filter(({ may }) => may !== null)) {
    await askRightly(walls, identity);
  }
  for (const identity of identities.filter(({ isOwner }) => isOwner)) {
    await walkPaths(walls, identity);
  }
});

test("[G01] a revocation that a crash cut short after its first write is a revocation", async (t) => {
  const stand = await relayStand(t);
  const consumer = await stand.consumer();
  const key = keyOf("consumer", consumer.clientId);
  await stand.home.store.update([key], ([row], now) => ({
    ...{ result: null, writes: [{ ...(row as ConsumerRecord), revokedAt: now }] },
  }));
  const { status, json } = await stand.ask(consumer);
  assert.deepEqual([status, json.error], [400, "invalid_grant"]);
});

test("[G01] who was looked up before a revocation is not believed after it", async () => {
  const looks: (() => void)[] = [];
  let isRevoked = false;
  const consumer = { clientId: "app", connection: "acme", allowFrom: [], revokedAt: null };
  const granted = { granted: true, client: { clientId: "app" }, subject: "acme" };
  const issuer = {
    authenticate: async () => granted,
    confirm: () => {
      const answer = isRevoked ? { granted: false } : granted;
      return new Promise((resolve) => looks.push(() => resolve(answer)));
    },
  };
  const admission = new Admission({
    ...{ issuer: issuer as unknown as Issuer, clock: manualClock() },
    consumers: { find: async () => consumer as unknown as ConsumerRecord },
  });
  const parameters = { grant_type: "refresh_token", refresh_token: "r" };
  const first = admission.admit({ parameters }, 0);
  await until(() => looks.length === 1);
  isRevoked = true;
  admission.forget();
  looks[0]?.();
  assert.equal((await first).granted, true, "it asked before");
  const second = admission.admit({ parameters }, 0);
  await until(() => looks.length === 2);
  looks[1]?.();
  assert.equal((await second).granted, false);
});
