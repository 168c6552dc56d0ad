/** OpenAM's token store as it is played: what piles up in it and how far, what the reaper takes, and what races do. */

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { fastify } from "fastify";
import { oauthRoutes } from "../../src/http/oauth.ts";
import { createAccounts } from "../../src/issuer/accounts.ts";
import { issuerKeys } from "../../src/issuer/keys.ts";
import { createRealms, type RealmSettings } from "../../src/issuer/realms.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { OPENAM_SURFACE } from "../../src/vendors/openam/surface.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import type { SurfaceParts } from "../../src/vendors/provider.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { basic, stand } from "../issuer/stand.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { seededRandom } from "../support/seeded-random.ts";
import {
  DAY,
  type Entry,
  named,
  type OpenamStand,
  openam,
  SECOND,
  withCalls,
} from "./openam-stand.ts";

const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A stand whose superseded tokens are listed (`keep`) or not (`drop`), at most so many. */
async function registering(
  t: TestContext,
  superseded: "keep" | "drop",
  max = 100,
): Promise<OpenamStand> {
  const policy = policyOf({
    replay: { action: "refuse", sparing: 0 },
    expiry: { lifetime: "7 d" },
    access: { lifetime: "3600 s" },
    register: { max, superseded },
  });
  return withCalls(await stand(t, { preset: "openam-13", policy }));
}

const refreshTokens = async (s: OpenamStand): Promise<readonly Entry[]> =>
  named(await s.list(await s.logIn()), "refresh_token");

/** One refresh past the wire: thousands of them are asked for below. Answers the new token, or null. */
async function refreshAtOnce(s: OpenamStand, token: string): Promise<string | null> {
  const parameters = { grant_type: "refresh_token", refresh_token: token };
  const authorization = basic("myClientID", "password");
  const outcome = await s.sandbox.issuer.token({ parameters, authorization });
  assert.ok(outcome.granted);
  return outcome.response.refreshToken;
}

/** Refreshes so often, an hour apart; answers the newest token. */
async function refreshTimes(s: OpenamStand, token: string, times: number): Promise<string> {
  let newest = token;
  for (let time = 0; time < times; time += 1) {
    s.clock.advance(HOUR);
    newest = (await refreshAtOnce(s, newest)) ?? "";
  }
  return newest;
}

test("[C03] option off: one token, 1000 refreshes, none answered, exactly one in the store", async (t) => {
  for (const preset of ["openam-11", "openam-12-reuse", "openam-13-reuse"]) {
    const s = await openam(t, preset);
    const token = (await s.tokens()).json.refresh_token as string;
    for (let time = 0; time < 1000; time += 1) assert.equal(await refreshAtOnce(s, token), null);
    const [only, ...more] = await refreshTokens(s);
    assert.deepEqual([only?.id, more], [[token], []]);
  }
});

test("[C04, F21] superseded tokens pile up in the list, one a refresh, where they are kept; else nothing grows", async (t) => {
  const kept = await registering(t, "keep");
  const dropped = await registering(t, "drop");
  for (const s of [kept, dropped]) {
    const token = (await s.tokens()).json.refresh_token as string;
    await refreshTimes(s, token, 10);
  }
  const list = await refreshTokens(kept);
  assert.equal(list.length, 11);
  assert.equal(new Set(list.map(({ id }) => id?.[0])).size, 11);
  assert.equal((await refreshTokens(dropped)).length, 1);
});

test("[C05, F21] under a flood of 10,000 refreshes the list stays at its bound, newest first to stay", async (t) => {
  const s = await registering(t, "keep", 50);
  let token = (await s.tokens()).json.refresh_token as string;
  let after100 = 0;
  for (let time = 1; time <= 10_000; time += 1) {
    token = (await refreshAtOnce(s, token)) ?? "";
    if (time === 100) after100 = (await s.store.size()).bytes;
  }
  assert.equal((await s.store.size()).bytes, after100);
  const entries = await s.list(await s.logIn());
  const list = named(entries, "refresh_token");
  assert.deepEqual([list.length, named(entries, "access_token").length], [50, 50]);
  assert.deepEqual(list.at(-1)?.id, [token], "the newest is never pushed out");
  assert.equal((await s.refreshDemo(token)).status, 200);
});

test("[C04, C05] the table of growth in the document is what is measured", async (t) => {
  const rows: string[] = [];
  const stands = [await registering(t, "drop"), await registering(t, "keep")];
  const held = await Promise.all(
    stands.map(async (s) => {
      const { bytes } = await s.store.size();
      return { s, bytes, token: (await s.tokens()).json.refresh_token as string };
    }),
  );
  let done = 0;
  for (const times of [1, 10, 100, 1000]) {
    const sizes: number[] = [];
    for (const one of held) {
      one.token = await refreshTimes(one.s, one.token, times - done);
      sizes.push((await one.s.store.size()).bytes - one.bytes);
    }
    done = times;
    rows.push(`| ${times} | ${times + 1} | ${sizes.join(" | ")} |`);
  }
  const document = await readFile(new URL("../../docs/vendors/openam.md", import.meta.url), "utf8");
  for (const row of rows) assert.ok(document.includes(row), `the table lacks: ${row}`);
});

// --- the reaper ---------------------------------------------------------------------------------------------

/** A server over a store, as one begins after a restart: it knows what the store knows. */
async function serve(t: TestContext, store: Store, clock: ManualClock) {
  const provider = PROVIDERS["openam-13-reuse"]!;
  const keys = issuerKeys({ key: Buffer.alloc(32, 7), deployment: "reaper" });
  const random = seededRandom(7);
  const { grantTypes, shapes, scopeRequired, policy } = provider;
  const settingsOf = (name: string): RealmSettings => ({
    ...{ name, issuer: "http://127.0.0.1", grantTypes, shapes, scopeRequired },
  });
  const now = () => clock.now();
  const accountsOf = (realm: string) =>
    createAccounts({
      ...{ store, random, keys, realm, now, passwordCost: { memoryKib: 64, passes: 1 } },
      uptime: () => clock.boot().at,
    });
  const realms = createRealms({ store, clock, random, keys, accountsOf, main: settingsOf("main") });
  const url = () => "http://127.0.0.1";
  const parts: SurfaceParts = {
    provider,
    realms,
    settingsOf,
    store,
    clock,
    random,
    url,
  } as SurfaceParts;
  const server = fastify();
  const realmFor = OPENAM_SURFACE.realmFor?.(parts);
  assert.ok(realmFor && policy);
  await server.register(oauthRoutes, {
    issuer: realms.main.issuer,
    issuerFor: (request) => {
      const realm = realmFor(request);
      return "unknown" in realm ? realm : realm.issuer;
    },
    ...{ dialect: provider.dialect, paths: provider.paths, now },
  });
  await server.register(OPENAM_SURFACE.routes, parts);
  t.after(() => server.close());
  const headers = { "x-openam-username": "demo", "x-openam-password": "changeit" };
  return {
    issuer: realms.main.issuer,
    async tokens() {
      const payload = "grant_type=password&username=demo&password=changeit&scope=cn";
      const authorization = basic("myClientID", "password");
      const type = "application/x-www-form-urlencoded";
      const answer = await server.inject({
        ...{ method: "POST", url: "/openam/oauth2/realms/root/access_token", payload },
        headers: { authorization, "content-type": type },
      });
      assert.equal(answer.statusCode, 200, answer.body);
    },
    async list(): Promise<readonly string[]> {
      const url = "/openam/json/authenticate";
      const { tokenId } = (await server.inject({ method: "POST", url, headers })).json();
      const listed = await server.inject({
        url: "/openam/frrest/oauth2/token?_queryId=*",
        headers: { iplanetdirectorypro: tokenId },
      });
      return (listed.json().result as Entry[]).map(({ tokenName }) => tokenName?.[0] ?? "");
    },
    async administer(method: "GET" | "POST" | "PUT", url: string, payload?: object) {
      const login = { ...headers, "x-openam-username": "amadmin" };
      const { tokenId } = (
        await server.inject({ method: "POST", url: "/openam/json/authenticate", headers: login })
      ).json();
      const answer = await server.inject({
        ...{ method, url: `/openam/json${url}`, headers: { iplanetdirectorypro: tokenId } },
        ...(payload ? { payload } : {}),
      });
      return answer.json() as Record<string, unknown>;
    },
  };
}

test("[C20, F21] what has expired is listed until the reaper's next round, also after a restart", async (t) => {
  const clock = manualClock({ start: Date.parse("2024-01-01T00:01:00Z") });
  const store = await openMemoryStore({ clock, turn: () => turn() });
  const server = await serve(t, store, clock);
  await server.tokens();
  const both = ["refresh_token", "access_token"];
  assert.deepEqual(await server.list(), both);
  clock.advance(HOUR - 1);
  assert.deepEqual(await server.list(), both, "01:00:59.999");
  clock.advance(1);
  assert.deepEqual(await server.list(), both, "expired at 01:01, not reaped yet");
  clock.advance(4 * MINUTE - 1);
  const restarted = await serve(t, store, clock);
  assert.deepEqual(await restarted.list(), both, "01:04:59.999, another process");
  clock.advance(1);
  assert.deepEqual(await restarted.list(), ["refresh_token"], "01:05");
  assert.deepEqual(await server.list(), ["refresh_token"]);
  clock.advance(7 * DAY - HOUR - 4 * MINUTE);
  assert.deepEqual(await server.list(), ["refresh_token"], "expired at 00:01, a week later");
  clock.advance(4 * MINUTE);
  const again = await serve(t, store, clock);
  assert.deepEqual(await again.list(), []);
});

test("[C20] a token that ends on a round of the reaper is taken by the next one", async (t) => {
  const clock = manualClock({ start: Date.parse("2024-01-01T00:00:00Z") });
  const store = await openMemoryStore({ clock, turn: () => turn() });
  const server = await serve(t, store, clock);
  await server.tokens();
  clock.advance(HOUR + 5 * MINUTE - 1);
  assert.equal((await server.list()).length, 2);
  clock.advance(1);
  assert.equal((await server.list()).length, 1);
});

test("[C01, C22] realms and their settings are found again after a restart", async (t) => {
  const clock = manualClock();
  const store = await openMemoryStore({ clock, turn: () => turn() });
  const before = await serve(t, store, clock);
  const service = "/realm-config/services/oauth-oidc";
  await before.administer("POST", "/realms/?_action=create", { realm: "x" });
  await before.administer("POST", "/realms/?_action=create&realm=/x", { realm: "y" });
  await before.administer("PUT", `/x/y${service}`, { accessTokenLifetime: 61 });
  await before.administer("PUT", service, { accessTokenLifetime: 62 });
  const after = await serve(t, store, clock);
  assert.equal((await after.administer("GET", `/x/y${service}`)).accessTokenLifetime, 61);
  assert.equal((await after.administer("GET", service)).accessTokenLifetime, 62);
  assert.equal((await after.administer("GET", `/x${service}`)).code, 404);
});

test("[C19, house] a revocation holds also where another process has replaced the client's secret", async (t) => {
  const clock = manualClock();
  const store = await openMemoryStore({ clock, turn: () => turn() });
  const [one, other] = [await serve(t, store, clock), await serve(t, store, clock)];
  await one.tokens();
  await other.issuer.replaceSecret("myClientID");
  for (const token of await one.issuer.listTokens({ subject: "demo" })) {
    if (token.kind === "refresh") await one.issuer.revokeListed(token);
  }
  assert.deepEqual(await one.list(), []);
});

// --- one transaction ----------------------------------------------------------------------------------------

test("[C23] of 25 parallel refreshes with one token, one wins, and one chain goes on", async (t) => {
  const s = await openam(t);
  const token = (await s.tokens()).json.refresh_token as string;
  const answers = await Promise.all(Array.from({ length: 25 }, () => s.refreshDemo(token)));
  const granted = answers.filter(({ status }) => status === 200);
  assert.equal(granted.length, 1);
  for (const { status, json } of answers) {
    if (status !== 200) assert.equal(json.error_description, "grant is invalid");
  }
  const list = await refreshTokens(s);
  assert.equal(list.length, 2, "the one that was used and its successor");
  const next = granted[0]?.json.refresh_token as string;
  assert.equal((await s.refreshDemo(next)).status, 200);
});

test("[C09] all presets of this vendor keep a list, and 13.5 has the rules of 13", () => {
  for (const [name, policy] of Object.entries(PRESETS)) {
    if (name.startsWith("openam")) assert.notEqual(policy.register, "off", name);
  }
  assert.deepEqual(PRESETS["openam-13.5"], PRESETS["openam-13"]);
  assert.deepEqual(PRESETS["openam-13.5-reuse"], PRESETS["openam-13-reuse"]);
});
