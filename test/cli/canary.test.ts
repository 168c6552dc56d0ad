/** Secrets that must not be seen: every one is followed through a life of successes, refusals, failures and kills. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { httpAnswer, rawServer } from "../support/raw-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { eventually, keten, type Running, secretFile, startKeten } from "./processes.ts";

/** Every secret begins and ends alike: to search for both is to search for all, and for parts of them. */
const HEAD = 'canary/of+the=test%20&"~ü-';
const TAIL = `-${"q7Zk".repeat(6)}`;
const canary = (name: string): string => `${HEAD}${name}${TAIL}`;

/** A secret as it is and as it might be written by an encoder, in bytes. */
function formsOf(secret: string): readonly Buffer[] {
  const bytes = Buffer.from(secret);
  // Base64 depends on where in three bytes it begins; what is cut off depends on the neighbours.
  const shifted = [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), bytes]);
    const inner = (encoding: "base64" | "base64url"): string =>
      padded.toString(encoding).replace(/=+$/, "").slice(4, -4);
    return [inner("base64"), inner("base64url")];
  });
  const texts = [
    ...[secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), encodeURI(secret)],
    ...[new URLSearchParams({ "": secret }).toString().slice(1), bytes.toString("latin1")],
    ...[bytes.toString("hex"), bytes.toString("hex").toUpperCase(), ...shifted],
  ];
  return [...new Set(texts)].flatMap((text) => [Buffer.from(text), Buffer.from(text, "utf16le")]);
}

/** Where a text or a file holds a canary, or another secret if one is given. */
function leaksIn(place: string, content: Buffer | string, ...others: readonly string[]) {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content);
  return [HEAD, TAIL, ...others].flatMap((secret) =>
    formsOf(secret)
      .filter((form) => bytes.includes(form))
      .map((form) => {
        const at = bytes.indexOf(form);
        return `${place}: ${bytes.subarray(Math.max(0, at - 30), at + 60).toString("latin1")}`;
      }),
  );
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test("[LOG-02] the search itself finds a secret however it is written", () => {
  const secret = canary("found");
  const writings = [
    secret,
    JSON.stringify({ token: secret }),
    `x${Buffer.from(`ab${secret}cd`).toString("base64")}`,
    Buffer.from(`{"a":"${secret}"}`).toString("base64url"),
    Buffer.from(secret).toString("hex"),
    new URLSearchParams({ refresh_token: secret }).toString(),
    encodeURIComponent(secret),
    Buffer.from(secret, "utf16le"),
  ];
  for (const [i, writing] of writings.entries()) {
    assert.notDeepEqual(leaksIn("here", writing), [], `writing ${i}`);
  }
  assert.deepEqual(leaksIn("here", "nothing of the kind"), []);
});

test("[LOG-02, E01] canary secrets are in no log, message, metric, store file or journal, whatever happens to them", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const refresh = (count: number): string => canary(`refresh-${count}`);
  const access = (count: number): string => canary(`access-${count}`);
  const clientSecret = canary("client-secret");
  const imported = canary("imported");
  const json = { "content-type": "application/json" };
  let granted = 0;
  const grant = (): string => {
    granted += 1;
    const tokens = { access_token: access(granted), refresh_token: refresh(granted) };
    return JSON.stringify({ ...tokens, token_type: "Bearer", expires_in: 600 });
  };
  // A provider that writes what it was sent, and what it would have sent, wherever it can.
  const blurt = (): string => `${imported} ${refresh(1)} ${access(1)} ${clientSecret}`;
  const answers: Readonly<Record<string, () => string>> = {
    grant: () => httpAnswer(200, grant(), json),
    serverError: () => httpAnswer(500, `<p>${blurt()} ${grant()}</p>`, { server: refresh(1) }),
    cut: () => httpAnswer(200, grant().slice(0, -30), { ...json, "content-length": 4000 }),
    described: () =>
      httpAnswer(400, JSON.stringify({ error: "invalid_request", error_description: blurt() }), {
        ...json,
        reason: blurt().replaceAll("ü", "u"),
      }),
    coded: () => httpAnswer(400, JSON.stringify({ error: refresh(granted) }), json),
    found: () =>
      httpAnswer(400, JSON.stringify({ error: "invalid_grant", refresh_token: refresh(0) }), json),
    nonsense: () => `${blurt()}\r\n\r\n`,
    silent: () => "",
  };
  let mode = "grant";
  const provider = await rawServer(t, (socket) => {
    const answer = answers[mode]?.() ?? "";
    if (answer !== "") socket.end(answer);
  });

  const serve = ["serve", "--data", dataDir, "--port", "0", "--lazy", "--json"];
  const times = ["--deadline", "300", "--request-life", "300", "--patience", "700"];
  const started: Running[] = [];
  const startServer = async (): Promise<{ url: string; apiKey: string }> => {
    const server = startKeten(t, [...serve, ...times]);
    started.push(server);
    const { url = "", apiKey = "" } = await server.ready;
    return { url, apiKey };
  };
  let { url, apiKey } = await startServer();
  const seen: string[] = [];
  const call = async (method: string, path: string, body?: unknown): Promise<number> => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, ...json },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    // A token that was asked for is no leak.
    if (response.status !== 200 || !path.includes("/token")) {
      seen.push(`${[...response.headers]} ${text}`);
    }
    return response.status;
  };
  const connect = (name: string): Promise<number> =>
    call("POST", "/v1/connections", {
      ...{ name, policy: "handshake", token_endpoint: provider.url, client_id: "client" },
      ...{ client_secret: clientSecret, refresh_token: imported },
    });
  const lookAround = async (): Promise<void> => {
    for (const path of ["/v1/connections", "/metrics", "/openapi.json", "/readyz", "/nowhere"]) {
      await call("GET", path);
    }
  };

  assert.equal(await connect("grant"), 201);
  assert.equal(await connect("grant"), 409);
  assert.equal(await call("GET", "/v1/connections/grant/token"), 200);
  assert.equal(
    await call("POST", "/v1/connections", { name: "x", refresh_token: { t: imported } }),
    400,
  );
  for (const name of Object.keys(answers).filter((name) => name !== "grant")) {
    mode = name;
    await connect(name);
    const status = await call("GET", `/v1/connections/${name}/token`);
    assert.ok(status < 500 || status === 503, `${name} answered ${status}`);
    await call("GET", `/v1/connections/${name}`);
  }
  await lookAround();

  // A kill while the answer is on its way, and another start.
  mode = "silent";
  const requests = provider.requests.length;
  const cut = call("POST", "/v1/connections/grant/token/failed", { generation: 1 });
  cut.catch(() => {});
  await eventually("the request", () => (provider.requests.length > requests ? true : undefined));
  started[0]?.child.kill("SIGKILL");
  await started[0]?.finished;
  await cut.catch(() => {});
  mode = "grant";
  ({ url, apiKey } = await startServer());
  await eventually("the chain to go on", async () =>
    (await call("GET", "/v1/connections/grant/token")) === 200 ? true : undefined,
  );
  await lookAround();

  // The command line, with the server and without it, and when it is used wrongly.
  const env = { KETEN_URL: url, KETEN_API_KEY: apiKey };
  const file = secretFile(directory, "secret", imported);
  const stated: readonly (readonly string[])[] = [
    ["show", "grant"],
    ["show", "coded", "--json"],
    ["connections"],
    ["token", "none"],
    [
      "connect",
      "grant",
      "--policy",
      "strict",
      "--token-endpoint",
      provider.url,
      "--client-id",
      "c",
    ],
  ];
  const commands = stated.flatMap((args) => {
    const more = args[0] === "connect" ? ["--refresh-token-file", file] : [];
    return [env, { KETEN_DATA: dataDir }].map((where) => keten(t, [...args, ...more], where));
  });
  for (const { stdout, stderr } of await Promise.all(commands)) seen.push(stdout + stderr);
  const wrong = ["connect", "a", `--client-secret=${clientSecret}`, `--refresh-token=${imported}`];
  seen.push((await keten(t, wrong)).stderr);

  // Once while it runs, with the write-ahead log full of the newest, and once when all is closed.
  const scan = (when: string): readonly string[] =>
    filesBelow(dataDir).flatMap((path) => {
      const name = relative(dataDir, path);
      const others = name === "api-key" ? [] : [apiKey];
      return leaksIn(`${name} ${when}`, readFileSync(path), ...others);
    });
  const running = scan("while it ran");
  started[1]?.child.kill("SIGTERM");
  assert.equal((await started[1]?.finished)?.code, 0);
  for (const server of started) {
    seen.push(server.stderr(), server.stdout().replace(/"apiKey":"[^"]+"/, ""));
  }
  assert.ok(granted >= 3, "there was something to find");
  const files = filesBelow(dataDir).map((path) => relative(dataDir, path));
  assert.ok(files.includes("keten.db") && files.some((name) => name.startsWith("journal/")));
  const leaks = [
    ...running,
    ...scan("at the end"),
    ...seen.flatMap((text, i) => leaksIn(`output ${i}`, text, apiKey)),
  ];
  assert.deepEqual(leaks, []);
});
