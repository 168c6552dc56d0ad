/** Consumers by command: with a server and without one, over two servers of one data directory, and asked for wrongly. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { failureOf } from "../../src/cli/failure.ts";
import { parseProgram } from "../../src/cli/program.ts";
import type { AddedConsumerAnswer } from "../../src/http/consumers-wire.ts";
import { granted } from "../http/stand.ts";
import { httpAnswer, rawServer } from "../support/raw-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { eventually, keten, type Running, secretFile, startKeten } from "./processes.ts";

interface Place {
  /** What makes a command work there. */
  readonly env: Readonly<Record<string, string>>;
  readonly data: readonly string[];
}

const json = { "content-type": "application/json" };

/** How soon a process notices what another has written: about a second, and what a busy machine adds. */
const NOTICED_MS = 5000;

async function served(server: Running): Promise<Place & { readonly url: string }> {
  const { url = "", apiKey = "" } = await server.ready;
  return { url, env: { KETEN_URL: url, KETEN_API_KEY: apiKey }, data: [] };
}

const serve = (t: TestContext, dataDir: string): Running =>
  startKeten(t, [
    "serve",
    "--data",
    dataDir,
    "--port",
    "0",
    "--lazy",
    "--courier",
    "off",
    "--json",
  ]);

/** Runs a command that has to succeed. */
async function run(t: TestContext, { env, data }: Place, ...args: readonly string[]) {
  const finished = await keten(t, [...args, ...data], env);
  assert.equal(finished.code, 0, `keten ${args.join(" ")}: ${finished.stderr}`);
  return finished;
}

const connectTo = (directory: string, tokenEndpoint: string): readonly string[] => [
  ...["connect", "acme", "--policy", "strict", "--token-endpoint", tokenEndpoint],
  ...["--client-id", "c", "--refresh-token-file", secretFile(directory, "token", "imported")],
];

async function ask(
  url: string,
  { client_id, client_secret, refresh_token }: AddedConsumerAnswer,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const grant =
    refresh_token === null
      ? { grant_type: "client_credentials" }
      : { grant_type: "refresh_token", refresh_token };
  const response = await fetch(`${url}/oauth2/relay/token`, {
    method: "POST",
    body: new URLSearchParams({ ...grant, client_id, client_secret }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** What a command would do, faster: asked of the server itself. */
async function call<T>({ env }: Place, path: string, body: object): Promise<T> {
  const response = await fetch(`${env.KETEN_URL}/v1/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${env.KETEN_API_KEY}`, ...json },
    body: JSON.stringify(body),
  });
  assert(response.ok, `${path}: ${response.status}`);
  return (await response.json()) as T;
}

const connectAt = (place: Place, tokenEndpoint: string): Promise<unknown> =>
  call(place, "connections", {
    ...{ name: "acme", policy: "strict", token_endpoint: tokenEndpoint, client_id: "c" },
    refresh_token: "imported",
  });

const addAt = (place: Place, more: object = {}): Promise<AddedConsumerAnswer> =>
  call(place, "consumers", { connection: "acme", ...more });

for (const where of ["with a server", "without a server"]) {
  test(`[G01, E25] consumers are added, listed, given other secrets and revoked ${where}; a secret is shown once`, async (t) => {
    const directory = temporaryDirectory(t);
    const dataDir = join(directory, "data");
    const place: Place =
      where === "with a server"
        ? await served(serve(t, dataDir))
        : { env: {}, data: ["--data", dataDir] };
    await run(t, place, ...connectTo(directory, "http://127.0.0.1:9/token"));
    const added = JSON.parse((await run(t, place, "consumer", "add", "acme", "--json")).stdout);
    assert.deepEqual(Object.keys(added), [
      ...["client_id", "connection", "dialect", "allow_from", "created_at", "revoked_at"],
      ...["token_endpoint", "client_secret", "refresh_token"],
    ]);
    assert.match(added.client_id, /^acme-[0-9a-f]{8}$/);
    assert.match(added.token_endpoint, /^http:\/\/127\.0\.0\.1:\d+\/oauth2\/relay\/token$/);

    const erp = await run(
      t,
      place,
      ...["consumer", "add", "acme", "--client-id", "erp"],
      ...[
        ...["--dialect", "exact-online", "--no-refresh-token"],
        ...["--allow-from", "192.0.2.0/24", "2001:db8::7"],
      ],
    );
    const shown = /^token endpoint +(\S+)\nclient id +erp\nclient secret +(\S+)\n$/.exec(
      erp.stdout,
    );
    assert(shown, erp.stdout);
    const secret = shown[2] ?? "";
    assert.match(erp.stderr, /shown once/);

    const rotated = await run(t, place, "consumer", "rotate-secret", "erp");
    assert.match(rotated.stdout, /^\S{43}\n$/);
    assert.notEqual(rotated.stdout.trim(), secret);
    assert.match(rotated.stderr, /shown once/);
    const revoked = await run(t, place, "consumer", "revoke", "erp");
    assert.deepEqual([revoked.stdout, /"erp" gets no token/.test(revoked.stderr)], ["", true]);

    const listed = await run(t, place, "consumer", "list", "acme", "--json");
    const { consumers } = JSON.parse(listed.stdout);
    assert.equal(consumers.length, 2);
    const found = consumers.find(({ client_id }: AddedConsumerAnswer) => client_id === "erp");
    const { created_at, revoked_at, ...rest } = found;
    assert(revoked_at >= created_at);
    assert.deepEqual(rest, {
      ...{ client_id: "erp", connection: "acme", dialect: "exact-online" },
      allow_from: ["192.0.2.0/24", "2001:db8::7"],
    });
    const people = await run(t, place, "consumer", "list");
    assert.match(people.stdout, /^erp {2}acme {2}exact-online {2}revoked$/m);
    assert.match(people.stdout, /^acme-[0-9a-f]{8} {2}acme {2}standard {2}may ask$/m);
    const told = [added.client_secret, added.refresh_token, secret, rotated.stdout.trim()];
    for (const one of told) assert(!`${listed.stdout}${people.stdout}`.includes(one), one);
  });
}

test("[G01, E26] what one process revokes or changes, another of the same data notices within a second", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const provider = await rawServer(t, (socket) => socket.end(granted(provider.requests.length)));
  const here = await served(serve(t, dataDir));
  const there = await served(serve(t, dataDir));
  const without: Place = { env: {}, data: ["--data", dataDir] };
  await connectAt(here, provider.url);
  const one = await addAt(here);
  const other = await addAt(there);
  const third = await addAt(there, { refresh_token: false });
  const outside = await addAt(here, { allow_from: ["192.0.2.0/24"] });
  for (const { url } of [here, there]) {
    for (const consumer of [one, other, third]) {
      const { status, body } = await ask(url, consumer);
      assert.deepEqual([status, body.access_token], [200, "access-1"]);
    }
    assert.equal((await ask(url, outside)).status, 403);
  }
  assert.equal(provider.requests.length, 1, "one refresh for both processes");

  const refused = (url: string, consumer: AddedConsumerAnswer, error: string) =>
    eventually(
      `${error} at ${url}`,
      async () => ((await ask(url, consumer)).body.error === error ? true : undefined),
      NOTICED_MS,
    );
  // Each is asked for at both all the while: what is believed of it is as young as can be.
  await run(t, here, "consumer", "revoke", one.client_id);
  await refused(there.url, one, "invalid_grant");
  assert.equal((await ask(here.url, one)).body.error, "invalid_grant");

  const { stdout } = await run(t, there, "consumer", "rotate-secret", other.client_id);
  await refused(here.url, other, "invalid_client");
  for (const { url } of [here, there]) {
    assert.equal((await ask(url, { ...other, client_secret: stdout.trim() })).status, 200);
    assert.equal((await ask(url, other)).body.error, "invalid_client");
  }

  await run(t, without, "consumer", "revoke", third.client_id);
  for (const { url } of [here, there]) await refused(url, third, "invalid_client");
});

test("[G01] a lost connection is reconnected by command, and its consumers go on with what they have", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const dead = httpAnswer(400, JSON.stringify({ error: "invalid_grant" }), json);
  const provider = await rawServer(t, (socket, request) =>
    socket.end(/refresh_token=imported/.test(request) ? dead : granted(provider.requests.length)),
  );
  const server = await served(serve(t, dataDir));
  await connectAt(server, provider.url);
  const consumer = await addAt(server);
  for (const [place, token] of [
    [server, "anew"],
    [{ env: {}, data: ["--data", dataDir] }, "again"],
  ] as const) {
    const lost = await ask(server.url, consumer);
    assert.deepEqual([lost.status, lost.body.error], [503, "connection_lost"]);
    assert.equal(lost.body.reconnect_uri, `${server.url}/v1/connections/acme/reconnect`);
    const file = ["--refresh-token-file", secretFile(directory, "anew", `${token}-granted`)];
    const { stdout, stderr } = await run(t, place, "reconnect", "acme", ...file);
    assert.equal(stdout, "");
    assert.match(stderr, /^"acme" goes on from the new token; its consumers need nothing\n$/);
    const { status, body } = await ask(server.url, consumer);
    assert.deepEqual([status, body.refresh_token], [200, consumer.refresh_token]);
    // Lost again, for the other way.
    await call(server, "connections/acme/reconnect", { refresh_token: "imported" });
  }
});

test("[house] every malformed command about consumers gets one line that says what was expected, and exits with 2", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const data = ["--data", dataDir];
  await run(t, { env: {}, data }, ...connectTo(directory, "http://127.0.0.1:9/token"));
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  process.env = { HOME: directory };
  const add = ["consumer", "add", "acme"];
  const malformed: readonly (readonly [readonly string[], RegExp])[] = [
    [["consumer"], /^no consumer command given; expected one of add, list, revoke, rotate-secret$/],
    [["consumer", "ad"], /^unknown command "consumer ad"; expected one of add, list, /],
    [["consumer", "add"], /^missing argument; expected connection; /],
    [["consumer", "add", "a/b"], /^the connection's name is malformed; /],
    [["consumer", "add", "acme", "x"], /^too many arguments for "add"; expected 1 argument; /],
    [[...add, "--client-id", ""], /^the client id is malformed; expected 1 to 96 letters/],
    [[...add, "--client-id", "a b:c"], /^the client id is malformed; /],
    [[...add, "--client-id", "x".repeat(97)], /^the client id is malformed; /],
    [[...add, "--client-id"], /^option "--client-id" has no value; expected id; /],
    [[...add, "--dialect", "klingon", ...data], /^dialect "klingon" is unknown; expected one of /],
    [[...add, "--allow-from", "home", ...data], /^"home" is no network; expected an IP address/],
    [[...add, "--allow-from", "192.0.2.0/33", ...data], /^"192\.0\.2\.0\/33" is no network; /],
    [[...add, "--allow-from"], /^option "--allow-from" has no value; /],
    [[...add, "--secret=canary"], /^unknown option "--secret"; /],
    [[...add, "--data", join(directory, "none")], /" holds no keychain; expected another/],
    [["consumer", "list", "a/b"], /^the connection's name is malformed; /],
    [["consumer", "revoke"], /^missing argument; expected client-id; /],
    [["consumer", "revoke", "../x"], /^the client id is malformed; /],
    [["consumer", "revoke", "x", "y"], /^too many arguments for "revoke"; /],
    [["consumer", "rotate-secret", ""], /^the client id is malformed; /],
    [["reconnect"], /^missing option; expected "--refresh-token-file"; /],
    [["reconnect", "acme"], /^missing option; expected "--refresh-token-file"; /],
    [["reconnect", "a/b", "--refresh-token-file", "f"], /^the connection's name is malformed; /],
    [
      ["reconnect", "acme", "--refresh-token-file", join(directory, "none"), ...data],
      /^option "--refresh-token-file": ".*" cannot be read \(ENOENT\); expected a file/,
    ],
    [
      ["reconnect", "acme", "--refresh-token-file", "f", "--refresh-token=canary"],
      /^unknown option "--refresh-token"; /,
    ],
  ];
  for (const [args, says] of malformed) {
    const line = `keten ${args.join(" ")}`;
    const error = await parseProgram(args).then(
      () => assert.fail(`${line} was taken`),
      (thrown: unknown) => thrown,
    );
    const { exitCode, message } = failureOf(error);
    assert.match(message, says, line);
    assert.equal(exitCode, 2, line);
    assert(!message.includes("\n") && !message.includes("canary"), line);
  }
  for (const command of ["revoke", "rotate-secret"]) {
    const error = await parseProgram(["consumer", command, "nobody", ...data]).catch((e) => e);
    const { exitCode, message } = failureOf(error);
    assert.equal(exitCode, 1);
    assert.match(message, /^no consumer has the client id "nobody"; run "keten consumer list"/);
  }
});
