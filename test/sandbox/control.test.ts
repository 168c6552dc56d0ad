/** The control API against its reference: every route of the page, every member of its answers, and what it refuses. */

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fastify as createServer } from "fastify";
import { ROOT } from "../../scripts/source-files.ts";
import { controlRoutes } from "../../src/sandbox/control.ts";
import { wire } from "./wire.ts";

const PAGE = readFileSync(join(ROOT, "docs/reference/sandbox-api.md"), "utf8");

interface Documented {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown> | undefined;
  readonly answer: unknown;
}

const block = (section: string, kind: string): string | undefined =>
  new RegExp(`^\`\`\`json ${kind}\\n(.*?)^\`\`\`$`, "ms").exec(section)?.[1];

const documented: readonly Documented[] = PAGE.split(/^### /m)
  .slice(1)
  .map((section) => {
    const [, method = "", path = ""] = /^`(\w+) (\S+)`/.exec(section) ?? [];
    const [body, answer] = [block(section, "body"), block(section, "answer")];
    return {
      method,
      path,
      body: body === undefined ? undefined : JSON.parse(body),
      answer: answer === undefined ? undefined : JSON.parse(answer),
    };
  });

/** Names and kinds of all members, in their order; of a list, those of its first. Null is of every kind. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, shape(of)]));
}

test("[G06] every route of the control API is in its reference, and the reference has no other", async () => {
  const routes: string[] = [];
  const server = createServer();
  server.addHook("onRoute", ({ method, url }) => {
    if (method !== "HEAD") routes.push(`${method} ${url.replace(":name", "NAME")}`);
  });
  // Nothing is asked, so nothing is needed.
  server.register(controlRoutes, {} as never);
  await server.ready();
  const told = documented.map(({ method, path }) => `${method} ${path.replace(/\?.*/, "")}`);
  assert.deepEqual(routes.toSorted(), told.toSorted());
});

test("[G06] each call of the reference is answered as it says, member by member", async (t) => {
  const w = await wire(t, "exact-online");
  await w.refresh(w.sandbox.refreshToken);
  await w.lines();
  const allOff = documented.find(({ path }) => path === "/sandbox/faults")?.answer;
  for (const { method, path, body, answer } of documented) {
    const sent = body && "token" in body ? { token: w.sandbox.refreshToken } : body;
    const call = path.slice("/sandbox/".length).replace("NAME", "reset-after");
    const { status, json } = await w.call(method, call, sent);
    const what = `${method} ${path}: ${JSON.stringify(json)}`;
    assert.equal(status, 200, what);
    if (path.startsWith("/sandbox/log")) json.chains = [];
    // One of them was revoked by a call before.
    if (path === "/sandbox/chains")
      json.chains = (json.chains as { revoked: unknown }[]).filter(
        ({ revoked }) => revoked === null,
      );
    if (path.startsWith("/sandbox/faults") && method !== "POST") {
      assert.deepEqual(json, allOff, what);
    } else if (answer !== undefined) {
      assert.deepEqual(Object.keys(json), Object.keys(answer as object), what);
      assert.deepEqual(withoutNulls(json, answer), withoutNulls(answer, json), what);
    }
  }
});

/** The shape of what neither of two values has as null. */
function withoutNulls(value: unknown, other: unknown): unknown {
  if (Array.isArray(value))
    return value.slice(0, 1).map((one) => withoutNulls(one, (other as unknown[])[0]));
  if (typeof value !== "object" || value === null) return shape(value);
  const others = (other ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, of]) => of !== null && others[name] !== null)
      .map(([name, of]) => [name, withoutNulls(of, others[name])]),
  );
}

test("[G06] what a setting is told as can be set again, and one sentence says what is wrong with a call", async (t) => {
  const w = await wire(t, "exact-online");
  const body = documented.find(
    ({ method, path }) => method === "POST" && path === "/sandbox/faults",
  )?.body;
  const { json: told } = await w.call("POST", "faults", body);
  assert.deepEqual((await w.call("POST", "faults", told)).json, told);
  assert.deepEqual(told.maintenance, { rate: 1, daily: "04:00-04:30,CET", until: null });
  assert.deepEqual(told["reset-after"], {
    rate: 0.1,
    minBytes: 20,
    maxBytes: 20,
    daily: null,
    until: w.clock.now() + 1_800_000,
  });
  const soon = JSON.parse(block(PAGE, "error") ?? "").error;
  const cases: readonly [string, string, object, string | RegExp][] = [
    ["POST", "clock", { advance: "soon" }, soon],
    ["POST", "clock", { advance: "0 s" }, /"advance" is "0 s"/],
    ["POST", "clock", { advance: "forever" }, /at most ten years/],
    ["POST", "clock", {}, /required property 'advance'/],
    ["POST", "grants", { age: "-1 s" }, /"age" is "-1 s"/],
    ["POST", "users", { username: "user1" }, /account "user1" exists already/],
    ["POST", "users", { locale: "fr" }, /locale/],
    ["POST", "users", { totpSecret: "not base32!" }, /TOTP|base32/i],
    ["POST", "totp", { username: "nobody" }, /no user "nobody" has a second factor/],
    ["POST", "sessions/end", { username: "nobody" }, /no account "nobody"/],
    ["POST", "faults", { "*": 2 }, /rate from 0 to 1/],
    ["POST", "faults", { html: "3/fortnight" }, /one such as "3\/week", got "3\/fortnight"/],
    ["POST", "faults", { html: { rate: 1, minMs: 5 } }, /fault "html": unknown member "minMs"/],
    ["POST", "faults", { slow: { rate: 1, minMs: 1.5 } }, /whole milliseconds/],
    ["POST", "faults", { html: { rate: 1, daily: "4-5" } }, /"daily" as in "04:00-04:30"/],
    ["POST", "faults", { html: { rate: 1, daily: "04:00-24:00" } }, /"daily"/],
    ["POST", "faults", { html: { rate: 1, daily: "04:00-05:00,Nowhere" } }, /"daily"/],
    ["POST", "faults", { html: { rate: 1, for: "forever" } }, /"for" as one of/],
    ["POST", "faults", { html: 0.7, slow: 2 }, /fault "slow": expected a rate/],
    ["POST", "faults", { html: null }, /rate from 0 to 1/],
    ["POST", "faults", { "reset-after": { rate: 1, maxBytes: -1 } }, /whole bytes/],
    ["DELETE", "faults/htm", {}, /unknown fault "htm"/],
  ];
  for (const [method, path, sent, says] of cases) {
    const { status, json } = await w.call(method, path, sent);
    const what = `${path} ${JSON.stringify(sent)}: ${JSON.stringify(json)}`;
    assert.equal(status, 400, what);
    if (typeof says === "string") assert.equal(json.error, says);
    else assert.match(String(json.error), says, what);
    assert.deepEqual(Object.keys(json), ["error"], what);
  }
  assert.deepEqual((await w.call("GET", "faults")).json, told, "nothing of them was set");
});

test("[G06] a user who was added is granted a token by name, and loses it again", async (t) => {
  const w = await wire(t, "strict");
  const user = (await w.call("POST", "users", { username: "ada" })).json;
  assert.equal(user.username, "ada");
  const granted = (await w.call("POST", "grants", { username: "ada" })).json;
  assert.deepEqual([granted.username, granted.password], ["ada", undefined]);
  await w.call("POST", "revocations", { username: "ada" });
  assert.equal((await w.refresh(granted.refreshToken as string)).status, 400);
  const { chains } = (await w.call("GET", "chains")).json as {
    chains: { subject: string; revoked: string; revokedAt: number }[];
  };
  const own = chains.find(({ subject }) => subject === "ada");
  assert.deepEqual([own?.revoked, own?.revokedAt], ["clientAndSubject", w.clock.now()]);
});

test("[house] a user who was given a name that would be the next one's does not get in its way, nor do several at once", async (t) => {
  const w = await wire(t, "strict");
  await w.call("POST", "users", { username: "user3" });
  const granted = await Promise.all([1, 2, 3, 4].map(() => w.call("POST", "grants")));
  const names = granted.map(({ json }) => json.username ?? json.error);
  assert.deepEqual(names.toSorted(), ["user4", "user5", "user6", "user7"]);
});

test("[G06] time travel ages tokens: too early, then in time, then too late", async (t) => {
  const w = await wire(t, "exact-online");
  const { refreshToken } = (await w.call("POST", "grants", { age: "1 min" })).json;
  const statusNow = async () => (await w.refresh(refreshToken as string)).status;
  assert.equal(await statusNow(), 400);
  await w.call("POST", "clock", { advance: "9 min" });
  assert.equal(await statusNow(), 200);
  await w.call("POST", "clock", { advance: "31 d" });
  const late = await w.refresh(refreshToken as string);
  assert.match(late.body, /The refresh token expired at/);
  const { now, ahead } = (await w.call("GET", "clock")).json as { now: number; ahead: number };
  assert.equal(ahead, now - w.clock.now());
});
