/** The pages of realms behind https: several of them on one server, and what they declare of security events. */

import { strict as assert } from "node:assert";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { fastify } from "fastify";
import { Secret } from "../../src/env/secret.ts";
import { systemRandom } from "../../src/env/system.ts";
import { authorizeRoutes } from "../../src/http/authorize.ts";
import { STANDARD_AUTHORIZATION } from "../../src/http/authorize-rules.ts";
import { createAccounts } from "../../src/issuer/accounts.ts";
import { issuerKeys } from "../../src/issuer/keys.ts";
import { createRealms, type Realms } from "../../src/issuer/realms.ts";
import type { SecurityEvents } from "../../src/issuer/security-events.ts";
import { PLAIN_SHAPES } from "../../src/issuer/token-format.ts";
import { DEFAULT_POLICY } from "../../src/kernel/policy.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { STANDARD_DIALECT } from "../../src/vendors/standards/dialect.ts";
import { basic } from "../issuer/stand.ts";
import { manualClock } from "../support/manual-clock.ts";

const PASSWORD = "open sesame";
const SECRET = "a client's secret";
const REALMS = ["first", "second"] as const;

interface Server {
  readonly realms: Realms;
  /** Of one realm, with these cookies; a form where there are fields. */
  ask(
    realm: string,
    options?: { readonly cookie?: string; readonly form?: Record<string, string> },
  ): Promise<{
    readonly status: number;
    readonly text: string;
    readonly cookies: readonly string[];
    readonly location: string | undefined;
  }>;
}

async function server(t: TestContext, securityEvents?: SecurityEvents): Promise<Server> {
  const clock = manualClock();
  const store = await openMemoryStore({ clock, turn: () => turn() });
  const keys = issuerKeys({ key: new Uint8Array(32), deployment: "test" });
  const random = systemRandom;
  const now = () => clock.now();
  const settings = (name: string) => ({
    name,
    issuer: `https://as.example/${name}`,
    grantTypes: ["authorization_code", "refresh_token"] as const,
    shapes: PLAIN_SHAPES,
    ...(securityEvents ? { securityEvents } : {}),
  });
  const realms = createRealms({
    ...{ store, clock, random, keys },
    accountsOf: (realm) =>
      createAccounts({
        ...{ store, random, keys, realm, now },
        uptime: () => clock.boot().at,
        passwordCost: { memoryKib: 8, passes: 1 },
      }),
    main: settings(REALMS[0]),
  });
  realms.create(settings(REALMS[1]));
  for (const { accounts, issuer } of realms.list()) {
    await accounts.add({ username: "alice", password: new Secret(PASSWORD) });
    for (const clientId of ["one", "two"]) {
      await issuer.registerClient({
        ...{ clientId, kind: "confidential", policy: DEFAULT_POLICY },
        grantTypes: ["authorization_code", "refresh_token"],
        redirectUris: ["https://app.example/cb"],
        secret: new Secret(SECRET),
      });
    }
  }
  const app = fastify();
  t.after(() => app.close());
  await app.register(authorizeRoutes, {
    ...{ keys, random, now, dialect: STANDARD_DIALECT, rules: STANDARD_AUTHORIZATION },
    paths: { authorization: "/:realm/authorize", account: "/:realm/account" },
    realmFor: ({ params }) => {
      const { realm } = params as { readonly realm: string };
      return realms.find(realm) ?? { unknown: realm };
    },
  });
  return {
    realms,
    async ask(realm, { cookie = "", form } = {}) {
      const answer = await app.inject({
        method: form ? "POST" : "GET",
        url: `/${realm}/account`,
        headers: { cookie, "content-type": "application/x-www-form-urlencoded" },
        ...(form ? { payload: String(new URLSearchParams(form)) } : {}),
      });
      const cookies = [answer.headers["set-cookie"] ?? []].flat();
      const { location } = answer.headers;
      return { status: answer.statusCode, text: answer.body, cookies, location };
    },
  };
}

const sealedForm = (text: string): string => /name="form" value="([^"]*)"/.exec(text)?.[1] ?? "";
const pairs = (cookies: readonly string[]): string =>
  cookies.map((cookie) => cookie.split(";")[0]).join("; ");

/** Logs in; answers the cookies that a browser then has. */
async function logIn({ ask }: Server, realm: string): Promise<string> {
  const login = await ask(realm);
  const form = { form: sealedForm(login.text), username: "alice", password: PASSWORD };
  const done = await ask(realm, { cookie: pairs(login.cookies), form });
  assert.deepEqual([done.status, done.location], [303, `/${realm}/account`]);
  for (const cookie of [...login.cookies, ...done.cookies]) {
    assert.match(cookie, /^__Host-[a-z]+-[0-9a-f]{8}=.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  }
  return pairs([...login.cookies, ...done.cookies]);
}

test("[house] where the issuer is https, cookies are bound to its host; sessions and forms of one realm are none in another", async (t) => {
  const s = await server(t);
  const cookie = await logIn(s, "first");
  const account = await s.ask("first", { cookie });
  assert.match(account.text, /Apps with access/);
  assert.match((await s.ask("second", { cookie })).text, /<title>Sign in/);
  const [name = ""] = (await s.ask("second")).cookies[0]?.split("=") ?? [];
  const renamed = cookie.replace(/__Host-(\w+)-[0-9a-f]{8}/g, `__Host-$1-${name.slice(-8)}`);
  assert.notEqual(renamed, cookie);
  assert.match((await s.ask("second", { cookie: renamed })).text, /<title>Sign in/);
  const form = { form: sealedForm(account.text), "sign-out": "1" };
  assert.equal((await s.ask("second", { cookie: renamed, form })).status, 400);
  const third = await s.ask("third");
  assert.equal(third.status, 400);
});

const DECLARED: readonly (readonly [SecurityEvents | undefined, number, number])[] = [
  [undefined, 2, 2],
  [{ passwordChange: "revoke", signOut: "keep" }, 0, 2],
  [{ passwordChange: "keep", signOut: "revoke" }, 2, 0],
];

test("[ISS-38] a new password and signing out revoke what was granted, and codes that are open, as the realm declares", async (t) => {
  for (const [events, afterPassword, afterSignOut] of DECLARED) {
    for (const event of ["password", "sign-out"]) {
      const s = await server(t, events);
      const { issuer, accounts } = s.realms.main;
      const { issuer: other } = s.realms.find("second") ?? s.realms.main;
      const subject = "alice";
      for (const clientId of ["one", "two"]) await issuer.grant({ clientId, subject });
      await other.grant({ clientId: "one", subject });
      const opened = await issuer.openCode({ clientId: "one", subject });
      assert.ok("code" in opened);
      if (event === "password") {
        await accounts.changePassword(subject, new Secret("another"));
      } else {
        const cookie = await logIn(s, "first");
        const account = await s.ask("first", { cookie });
        const form = { form: sealedForm(account.text), "sign-out": "1" };
        assert.match((await s.ask("first", { cookie, form })).text, /You are signed out/);
      }
      const left = await issuer.listGrants({ subject });
      const expected = event === "password" ? afterPassword : afterSignOut;
      assert.equal(left.length, expected);
      const parameters = { grant_type: "authorization_code", code: opened.code };
      const redeemed = await issuer.token({ parameters, authorization: basic("one", SECRET) });
      assert.equal(redeemed.granted, expected > 0);
      assert.equal((await other.listGrants({ subject })).length, 1, "another realm's grants");
    }
  }
});
