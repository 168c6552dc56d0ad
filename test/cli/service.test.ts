/** The command line at work: real processes, a stand-in for the provider, one data directory. */

import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { connectArgs, eventually, keten, requestsOf, startKeten } from "./processes.ts";

test("[G13] one service: two processes on one data directory and SQLite alone share a refresh, without a server", async (t) => {
  const directory = temporaryDirectory(t);
  const data = ["--data", join(directory, "data")];
  // The first answer takes longer than the second process takes to ask.
  const faults = ["--fault", "answer-late=1:1500-1500"];
  const sandbox = startKeten(t, ["sandbox", "handshake", "--port", "0", "--json", ...faults]);
  const standIn = await sandbox.ready;
  const connected = await keten(t, [
    ...connectArgs(directory, "acme", "handshake", standIn),
    ...data,
  ]);
  assert.deepEqual([connected.code, connected.stdout], [0, ""]);
  assert.equal((await requestsOf(standIn)).length, 0, "nothing was sent");

  const [first, second] = await Promise.all([
    keten(t, ["token", "acme", "--json", ...data]),
    keten(t, ["token", "acme", "--json", ...data]),
  ]);
  assert.deepEqual([first.code, second.code], [0, 0], first.stderr + second.stderr);
  const tokens = [first, second].map(({ stdout }) => JSON.parse(stdout));
  assert.equal(tokens[0].access_token, tokens[1].access_token);
  assert.deepEqual(
    tokens.map(({ generation }) => generation),
    [1, 1],
  );
  assert.equal((await requestsOf(standIn)).length, 1, "one refresh for both");

  const third = await keten(t, ["token", "acme", ...data]);
  assert.equal(third.stdout, `${tokens[0].access_token}\n`, "the token and nothing else");
  assert.equal((await requestsOf(standIn)).length, 1);
  const shown = await keten(t, ["show", "acme", "--json", ...data]);
  assert.equal(JSON.parse(shown.stdout).status, "fresh");
});

test("[PRO-14] two SIGTERMs while the provider's answer is on its way: it is committed, handed out, and the exit is 0", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const faults = ["--fault", "answer-late=1:2000-2000"];
  const sandbox = startKeten(t, ["sandbox", "strict", "--port", "0", "--json", ...faults]);
  const server = startKeten(t, ["serve", "--data", dataDir, "--port", "0", "--lazy", "--json"]);
  const [standIn, { url = "", apiKey = "" }] = await Promise.all([sandbox.ready, server.ready]);
  const env = { KETEN_URL: url, KETEN_API_KEY: apiKey };
  const connected = await keten(t, connectArgs(directory, "acme", "strict", standIn), env);
  assert.equal(connected.code, 0, connected.stderr);

  const headers = { authorization: `Bearer ${apiKey}` };
  const waiting = fetch(`${url}/v1/connections/acme/token`, { headers });
  await eventually("the provider to have granted", async () =>
    (await requestsOf(standIn)).find(({ decision }) => decision === "granted"),
  );
  server.child.kill("SIGTERM");
  await eventually("the drain to begin", () => /draining/.exec(server.stderr())?.[0]);
  server.child.kill("SIGTERM");
  await eventually("a word on the second signal", () => /does not cut/.exec(server.stderr())?.[0]);
  assert.equal((await requestsOf(standIn))[0]?.written, "pending", "the answer is still held");
  await assert.rejects(fetch(`${url}/healthz`), "nobody new is let in");

  const response = await waiting;
  assert.equal(response.status, 200, "who waited has the token");
  const { generation } = (await response.json()) as { generation: number };
  assert.equal((await server.finished).code, 0);
  const shown = await keten(t, ["show", "acme", "--json", "--data", dataDir]);
  const { status, generation: committed, open_attempts } = JSON.parse(shown.stdout);
  assert.deepEqual([status, committed, generation, open_attempts], ["fresh", 1, 1, 0]);
  assert.equal((await requestsOf(standIn)).length, 1);
});

test("[E07] SIGKILL with the answer on its way: the next start asks again, and the chain goes on", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const serve = ["serve", "--data", dataDir, "--port", "0", "--json", "--request-life", "1000"];
  const times = ["--deadline", "1000"];
  const faults = ["--fault", "answer-late=1:60000-60000"];
  const sandbox = startKeten(t, ["sandbox", "handshake", "--port", "0", "--json", ...faults]);
  const server = startKeten(t, [...serve, ...times]);
  const [standIn, { url = "", apiKey = "" }] = await Promise.all([sandbox.ready, server.ready]);
  const env = { KETEN_URL: url, KETEN_API_KEY: apiKey };
  await keten(t, connectArgs(directory, "acme", "handshake", standIn), env);
  await eventually("the provider to have granted", async () =>
    (await requestsOf(standIn)).find(({ decision }) => decision === "granted"),
  );
  server.child.kill("SIGKILL");
  await server.finished;
  await fetch(`${standIn.url}/sandbox/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ "answer-late": 0 }),
  });
  const next = startKeten(t, [...serve, ...times]);
  const again = await next.ready;
  assert.equal(again.apiKey, apiKey, "the key stays");
  const client = { KETEN_URL: again.url ?? "", KETEN_API_KEY: apiKey };
  const token = await keten(t, ["token", "acme", "--json"], client);
  assert.equal(token.code, 0, token.stderr);
  assert.equal(JSON.parse(token.stdout).generation, 1);
  const decisions = (await requestsOf(standIn)).map(({ decision, presented }) => [
    decision,
    presented,
  ]);
  assert.deepEqual(decisions, [
    ["granted", 0],
    ["granted", 0],
  ]);
});

test("[house] what scripts read from the standard output has exactly the promised members", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const sandbox = startKeten(t, ["sandbox", "exact-online", "--port", "0", "--json"]);
  const server = startKeten(t, ["serve", "--data", dataDir, "--port", "0", "--json"]);
  const [standIn, served] = await Promise.all([sandbox.ready, server.ready]);
  assert.deepEqual(Object.keys(standIn), [
    ...["url", "authorizationEndpoint", "tokenEndpoint", "revocationEndpoint"],
    ...["clientId", "clientSecret", "username", "password", "refreshToken"],
  ]);
  assert.deepEqual(Object.keys(served), ["url", "apiKey"]);
  const env = { KETEN_URL: served.url ?? "", KETEN_API_KEY: served.apiKey ?? "" };
  const args = connectArgs(directory, "acme", "exact-online", standIn);
  const secret = args[args.indexOf("--client-secret-file") + 1] ?? "";
  chmodSync(secret, 0o644);
  const connected = await keten(t, [...args, "--json"], env);
  assert.equal(JSON.parse(connected.stdout).status, "imported");
  assert.match(
    connected.stderr,
    /^keten: warning: ".*client-secret" has mode 0644; .* expected 0600\n$/,
  );

  const token = await keten(t, ["token", "acme"], env);
  assert.match(token.stdout, /^\S+\n$/);
  assert.equal(token.stderr, "");
  const json = JSON.parse((await keten(t, ["token", "acme", "--json"], env)).stdout);
  assert.deepEqual(Object.keys(json), [
    ...["access_token", "token_type", "expires_in", "expires_at", "generation"],
  ]);
  assert.equal(json.access_token, token.stdout.trim());
  const { connections } = JSON.parse((await keten(t, ["connections", "--json"], env)).stdout);
  assert.deepEqual(
    connections.map(({ name }: { name: string }) => name),
    ["acme"],
  );
  const people = await keten(t, ["connections"], env);
  assert.match(people.stdout, /^acme {2}exact-online {2}fresh {2}generation 1\n$/);
  const removed = await keten(t, ["remove", "acme"], env);
  assert.deepEqual([removed.code, removed.stdout], [0, ""]);
  const gone = await keten(t, ["token", "acme"], env);
  assert.deepEqual([gone.code, gone.stdout], [1, ""]);
  assert.match(gone.stderr, /^keten: no connection is called "acme"; run "keten connections"/);

  for (const { child, finished } of [server, sandbox]) {
    child.kill("SIGTERM");
    assert.equal((await finished).code, 0);
  }
  assert.equal(server.stdout(), `${JSON.stringify(served)}\n`, "one line");
  assert.equal(sandbox.stdout(), `${JSON.stringify(standIn)}\n`, "one line");
  for (const name of ["api-key", "keten.key", "deployment.json", "keten.db"]) {
    assert.equal(statSync(join(dataDir, name)).mode & 0o077, 0, `${name} is its owner's alone`);
  }
  assert.equal(statSync(dataDir).mode & 0o077, 0);
  assert.equal(readFileSync(join(dataDir, "api-key"), "utf8"), `${served.apiKey}\n`);
});

test("[house] scaled time goes on over a restart, and another scale for the same data is refused", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const serve = (...more: string[]) =>
    startKeten(t, ["serve", "--data", dataDir, "--port", "0", "--json", ...more]);
  const sandbox = startKeten(t, ["sandbox", "strict", "--port", "0", "--json"]);
  const first = serve("--time-scale", "1000");
  const [standIn] = await Promise.all([sandbox.ready, first.ready]);
  first.child.kill("SIGTERM");
  await first.finished;

  const other = await serve("--time-scale", "7").finished;
  assert.equal(other.code, 2);
  assert.match(other.stderr, /^keten: time scale 7 is not that of ".*"; expected 1000, or another/);
  const { url = "", apiKey = "" } = await serve().ready;
  const env = { KETEN_URL: url, KETEN_API_KEY: apiKey };
  const { timeOrigin } = JSON.parse(readFileSync(join(dataDir, "deployment.json"), "utf8"));
  const scaled = (at: number): number => Math.floor((timeOrigin + (at - timeOrigin) * 1000) / 1000);
  const from = scaled(Date.now());
  const args = [...connectArgs(directory, "acme", "strict", standIn), "--json"];
  const { since } = JSON.parse((await keten(t, args, env)).stdout);
  assert.ok(since >= from && since <= scaled(Date.now()), `${since} is about ${from}`);
});
