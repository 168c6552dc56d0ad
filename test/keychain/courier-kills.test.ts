/** Keten, its courier, or both are killed in the middle of an exchange: real processes, and a provider that waits. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../cli/processes.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import {
  answersJournaled,
  connect,
  ended,
  journaled,
  provider,
  requestsCame,
  runs,
  type Served,
  serve,
  stop,
} from "./courier-stand.ts";

const TOKEN = "/v1/connections/acme/token";

/** Keten with "acme", whose first refresh is under way. */
async function refreshing(t: TestContext, policy: string, ...more: readonly string[]) {
  const dataDir = join(temporaryDirectory(t), "data");
  const to = await provider(t);
  const keten = await serve(t, dataDir, "--lazy", ...more);
  const courier = await keten.courier();
  await connect(keten, to, policy);
  const waiting = keten.call("GET", TOKEN);
  waiting.catch(() => {});
  return { dataDir, to, keten, courier, waiting };
}

async function kill({ server }: Served): Promise<void> {
  server.child.kill("SIGKILL");
  await server.finished;
}

/** The newest token is handed out, and the next refresh presents its successor. */
async function goesOn(next: Served, to: Awaited<ReturnType<typeof provider>>): Promise<void> {
  const { status, body } = await next.call("GET", TOKEN);
  assert.deepEqual([status, body.access_token, body.generation], [200, "access-1", 1]);
  const requests = to.requests.length;
  const again = next.call("POST", `${TOKEN}/failed`, { generation: 1 });
  await requestsCame(to, requests + 1);
  to.grant(requests, 2);
  assert.equal((await again).body.access_token, "access-2");
}

test("[E07, PRO-15] strict: Keten is killed while the provider holds the request; the courier harvests it and the next Keten goes on", async (t) => {
  const { dataDir, to, keten, courier } = await refreshing(t, "strict");
  await requestsCame(to, 1);
  await kill(keten);
  const next = await serve(t, dataDir, "--lazy");
  const show = (await next.call("GET", "/v1/connections/acme")).body;
  assert.deepEqual([show.status, show.open_attempts], ["redeeming", 1], "it waits");
  const from = performance.now();
  to.grant(0, 1);
  await goesOn(next, to);
  const tookMs = performance.now() - from;
  assert.ok(tookMs < 10_000, `it was taken in at once, not at the request's end: ${tookMs} ms`);
  assert.deepEqual(to.presented(), ["refresh-0", "refresh-1"]);
  await ended(courier);
});

test("[E07, PRO-15, PRO-22] an answer is taken in at once by who waits for it, while the courier still harvests another", async (t) => {
  const { dataDir, to, keten, courier } = await refreshing(t, "strict");
  await requestsCame(to, 1);
  await connect(keten, to, "strict", "other");
  keten.call("GET", "/v1/connections/other/token").catch(() => {});
  await requestsCame(to, 2);
  await kill(keten);
  const next = await serve(t, dataDir, "--lazy", "--patience", "15000");
  const waiting = next.call("GET", TOKEN);
  await eventually("the next Keten to look", async () =>
    (await next.call("GET", "/v1/connections/acme")).body.status === "redeeming" ? true : undefined,
  );
  to.grant(0, 1);
  const { status, body } = await waiting;
  assert.deepEqual([status, body.access_token], [200, "access-1"]);
  assert.ok(runs(courier), "it harvests the other");
  assert.equal((await next.call("GET", "/v1/connections/other")).body.open_attempts, 1);
  to.grant(1, 7);
  await ended(courier);
  const other = await next.call("GET", "/v1/connections/other/token");
  assert.equal(other.body.access_token, "access-7");
  assert.equal(to.requests.length, 2);
});

test("[E07, PRO-15] strict: Keten is killed when the courier has journaled and nobody has heard; the next Keten goes on", async (t) => {
  const { dataDir, to, keten, courier } = await refreshing(t, "strict");
  await requestsCame(to, 1);
  stop(t, keten.pid);
  to.grant(0, 1);
  await journaled(dataDir, 1);
  await kill(keten);
  await ended(courier);
  await goesOn(await serve(t, dataDir, "--lazy"), to);
  assert.deepEqual(to.presented(), ["refresh-0", "refresh-1"]);
});

test("[E07, PRO-15, PRO-04] strict: Keten is killed with the request handed over and not begun; nothing is sent by a courier alone", async (t) => {
  const dataDir = join(temporaryDirectory(t), "data");
  const to = await provider(t);
  const times = ["--deadline", "1000", "--request-life", "1000"];
  const keten = await serve(t, dataDir, "--lazy", ...times);
  const courier = await keten.courier();
  await connect(keten, to, "strict");
  const { goOn } = stop(t, courier);
  keten.call("GET", TOKEN).catch(() => {});
  await eventually("the intent", async () =>
    (await keten.call("GET", "/v1/connections/acme")).body.open_attempts === 1 ? true : undefined,
  );
  await kill(keten);
  goOn();
  await ended(courier);
  assert.equal(to.requests.length, 0);
  const next = await serve(t, dataDir, "--lazy", ...times);
  const waiting = next.call("GET", TOKEN);
  await requestsCame(to, 1);
  to.grant(0, 1);
  assert.equal((await waiting).body.access_token, "access-1");
  assert.deepEqual(to.presented(), ["refresh-0"]);
});

test("[PRO-15] the courier alone is killed while the provider holds the request: in doubt, and asked again through the next courier", async (t) => {
  const times = ["--deadline", "1000", "--request-life", "1000"];
  const { to, keten, courier, waiting } = await refreshing(t, "handshake", ...times);
  await requestsCame(to, 1);
  process.kill(courier, "SIGKILL");
  await requestsCame(to, 2);
  const second = await keten.courier();
  assert.notEqual(second, courier);
  to.grant(1, 1);
  assert.equal((await waiting).body.access_token, "access-1");
  assert.deepEqual(to.presented(), ["refresh-0", "refresh-0"]);
  assert.match(keten.server.stderr(), /"courier_gone"/);
});

test("[PRO-15, PRO-11] strict: the courier is killed when it has journaled and nobody has heard: the answer is found in its journal", async (t) => {
  const { dataDir, to, keten, courier, waiting } = await refreshing(t, "strict");
  await requestsCame(to, 1);
  const { goOn } = stop(t, keten.pid);
  to.grant(0, 1);
  await journaled(dataDir, 1);
  process.kill(courier, "SIGKILL");
  goOn();
  assert.equal((await waiting).body.access_token, "access-1");
  assert.deepEqual(to.presented(), ["refresh-0"]);
});

test("[E07] both are killed at once: as without a courier, asked again where the policy lets us", async (t) => {
  const times = ["--deadline", "1000", "--request-life", "1000"];
  const { dataDir, to, keten, courier } = await refreshing(t, "handshake", ...times);
  await requestsCame(to, 1);
  process.kill(courier, "SIGKILL");
  await kill(keten);
  const next = await serve(t, dataDir, "--lazy", ...times);
  const waiting = next.call("GET", TOKEN);
  await requestsCame(to, 2);
  to.grant(1, 1);
  assert.equal((await waiting).body.access_token, "access-1");
  assert.equal(answersJournaled(dataDir), 1);
});

test("[PRO-14, PRO-24] SIGTERM to all with the request held: it is finished through the courier, which then is gone with its beacon", async (t) => {
  const { dataDir, to, keten, courier, waiting } = await refreshing(t, "strict");
  await requestsCame(to, 1);
  // A service manager tells every process of the service.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.kill(courier, signal);
  keten.server.child.kill("SIGTERM");
  await eventually("the drain", () => /draining/.exec(keten.server.stderr())?.[0]);
  to.grant(0, 1);
  assert.equal((await waiting).body.access_token, "access-1");
  assert.equal((await keten.server.finished).code, 0);
  await ended(courier);
  assert.deepEqual(readdirSync(join(dataDir, "owners")), []);
});

test("[LOG-02, PRO-15] no secret is on the courier's command line or in its environment, and it stands in a session of its own", async (t) => {
  const { dataDir, to, courier } = await refreshing(t, "strict");
  await requestsCame(to, 1);
  const [command, environment, stat] = ["cmdline", "environ", "stat"].map((name) =>
    readFileSync(`/proc/${courier}/${name}`, "latin1"),
  );
  const key = readFileSync(join(dataDir, "keten.key"));
  const secrets = ["refresh-0", "client-secret", key.toString("base64"), key.toString("hex")];
  for (const secret of secrets) {
    assert.ok(!command?.includes(secret) && !environment?.includes(secret));
  }
  assert.doesNotMatch(environment ?? "", /KETEN_|HOME=|NODE_OPTIONS/);
  const [, , group, session] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  assert.deepEqual([group, session], [String(courier), String(courier)]);
  to.grant(0, 1);
});
