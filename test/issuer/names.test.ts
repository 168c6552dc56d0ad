/** Names that look like other names: realms, clients and subjects are told apart whatever they are called. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Secret } from "../../src/env/secret.ts";
import { systemRandom } from "../../src/env/system.ts";
import { createIssuer, type Issuer } from "../../src/issuer/issuer.ts";
import { issuerKeys } from "../../src/issuer/keys.ts";
import { PLAIN_SHAPES } from "../../src/issuer/token-format.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { manualClock } from "../support/manual-clock.ts";
import { stand } from "./stand.ts";

const clock = manualClock();

const openStore = (): Promise<Store> => openMemoryStore({ clock, turn: () => turn() });

function issuerOf(store: Store, name: string): Issuer {
  const realm = {
    ...{ name, issuer: "https://issuer.example", shapes: PLAIN_SHAPES },
    grantTypes: ["authorization_code", "refresh_token"],
  } as const;
  const keys = issuerKeys({ key: Buffer.alloc(32, 7), deployment: "test" });
  return createIssuer({ store, clock, random: systemRandom, keys, realm });
}

const ONE_EACH = policyOf({
  caps: [
    { per: "client", max: 1, over: "refuse" },
    { per: "clientAndSubject", max: 1, over: "refuse" },
  ],
});

async function register(issuer: Issuer, clientId: string, policy = policyOf({})): Promise<void> {
  await issuer.registerClient({
    ...{ clientId, kind: "confidential", policy },
    grantTypes: ["authorization_code", "refresh_token"],
    secret: new Secret(`the secret of ${clientId}`),
  });
}

async function tokenOf(issuer: Issuer, clientId: string, subject: string): Promise<string> {
  const granted = await issuer.grant({ clientId, subject });
  assert.ok(granted.granted, `${clientId} and ${subject} count for themselves`);
  return granted.response.refreshToken ?? "";
}

async function isGood(issuer: Issuer, token: string): Promise<boolean> {
  return (await issuer.inspectToken(token))?.accepted === true;
}

test("[ISS-43, C01] realms whose names are paths know none of each other's clients", async () => {
  const store = await openStore();
  const [outer, inner] = [issuerOf(store, "/a"), issuerOf(store, "/a/b")];
  await register(inner, "app");
  assert.equal(await outer.findClient("b/app"), undefined);
  await register(outer, "b/app");
  assert.equal((await inner.findClient("app"))?.realm, "/a/b");
  const { length } = (await store.list("client", {})).records;
  assert.equal(length, 2);
});

test("[ISS-43, ISS-46] caps count a client, a subject and a realm for themselves, also where their names run together", async () => {
  const store = await openStore();
  const [outer, inner] = [issuerOf(store, "/a"), issuerOf(store, "/a/b")];
  await register(inner, "app", ONE_EACH);
  await register(outer, "b/app", ONE_EACH);
  await register(outer, "owner", ONE_EACH);
  const tokens = [
    [inner, await tokenOf(inner, "app", "owner")],
    [outer, await tokenOf(outer, "b/app", "owner")],
    [outer, await tokenOf(outer, "owner", "b/app")],
  ] as const;
  for (const [issuer, token] of tokens) assert.ok(await isGood(issuer, token));
});

test("[ISS-43] a client that is called like a subject gets nothing of that subject, and ends nothing of his", async () => {
  const store = await openStore();
  const issuer = issuerOf(store, "realm");
  for (const clientId of ["alice", "app", "app/alice"]) await register(issuer, clientId);
  const ofAlice = await tokenOf(issuer, "app", "alice");
  const others = [
    await tokenOf(issuer, "alice", "app"),
    await tokenOf(issuer, "alice", "alice"),
    await tokenOf(issuer, "app/alice", "x"),
    await tokenOf(issuer, "app", "alice/x"),
  ];
  const described = await issuer.introspect({
    parameters: { client_id: "app", client_secret: "the secret of app", token: ofAlice },
  });
  assert.ok(described.granted && described.introspection.active);
  assert.deepEqual(
    [described.introspection.clientId, described.introspection.subject],
    ["app", "alice"],
  );
  await issuer.revokeAuthorization({ clientId: "app", subject: "alice" });
  assert.equal(await isGood(issuer, ofAlice), false);
  for (const token of others) assert.equal(await isGood(issuer, token), true);
});

test("[ISS-43] nobody can register a client over the wire, and the metadata offer no such thing", async (t) => {
  const s = await stand(t);
  const metadata = (await (
    await fetch(`${s.sandbox.url}/.well-known/oauth-authorization-server`)
  ).json()) as object;
  assert.ok(!("registration_endpoint" in metadata));
  for (const path of ["/register", "/oauth2/register", "/oauth2/clients"]) {
    const response = await fetch(s.sandbox.url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ client_id: s.sandbox.username, redirect_uris: [] }),
    });
    assert.equal(response.status, 404, path);
  }
});
