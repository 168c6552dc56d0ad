/** Malformed command lines: one clear line each, exit code 2, no stack, nothing secret repeated. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { failureOf } from "../../src/cli/failure.ts";
import { parseProgram } from "../../src/cli/program.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { keten } from "./processes.ts";

const SECRET = "canary-8f3a1c-do-not-repeat";
const ENDPOINT = "https://as.example/token";

interface Malformed {
  readonly args: readonly string[];
  readonly says: RegExp;
  readonly env?: Readonly<Record<string, string>>;
}

function malformed(directory: string): readonly Malformed[] {
  const at = (name: string): string => join(directory, name);
  writeFileSync(at("token"), "a-refresh-token\n", { mode: 0o600 });
  writeFileSync(at("empty"), "\n", { mode: 0o600 });
  writeFileSync(at("lines"), `${SECRET}\n${SECRET}\n`, { mode: 0o600 });
  writeFileSync(at("long"), "x".repeat(20_000), { mode: 0o600 });
  mkdirSync(at("folder"));
  const rest = ["--client-id", "c", "--refresh-token-file", at("token"), "--data", at("data")];
  const connect = (...args: string[]): readonly string[] => ["connect", "acme", ...args, ...rest];
  const known = ["--provider", "handshake", "--token-endpoint", ENDPOINT];
  return [
    { args: [], says: /^no command given; expected one of serve, connect/ },
    { args: ["refresh"], says: /^unknown command "refresh"; / },
    { args: ["tokn", "acme"], says: /^unknown command "tokn"; did you mean token\?$/ },
    { args: ["--fast"], says: /^unknown option "--fast"; run it with "--help"$/ },
    { args: ["serve", "--prot", "1"], says: /^unknown option "--prot"; did you mean --port\?$/ },
    { args: ["serve", "--port"], says: /^option "--port" has no value; expected number; / },
    { args: ["serve", "--port", "http"], says: /^option "--port" is "http"; expected a whole/ },
    {
      args: ["serve", "--port", "65536"],
      says: /"65536"; expected a whole number from 0 to 65535/,
    },
    { args: ["serve", "--port", "-1"], says: /--port/ },
    { args: ["serve", "--port", "80.5"], says: /"80.5"; expected a whole number/ },
    {
      args: ["serve", "--time-scale", "0"],
      says: /"--time-scale" is "0"; expected a number above/,
    },
    { args: ["serve", "--time-scale", "fast"], says: /"fast"; expected a number above 0/ },
    {
      args: ["serve", "--deadline", "0"],
      says: /"--deadline" is "0"; expected a whole number from/,
    },
    { args: ["serve", "--request-life", "1s"], says: /"--request-life" is "1s"; expected/ },
    { args: ["serve", "--data", ""], says: /^option "--data" is ""; expected a directory$/ },
    { args: ["serve", "now"], says: /^too many arguments for "serve"; expected 0 arguments; / },
    {
      args: ["serve", "--data", at("d1"), "--store", "postgres://u:p@h/d"],
      says: /PostgreSQL .* not in this version; expected "sqlite:PATH" or "memory:"$/,
    },
    {
      args: ["serve", "--data", at("d1"), "--store", "mysql:x"],
      says: /^no store of kind "mysql"; expected/,
    },
    { args: ["serve", "--data", at("d1"), "--store", "sqlite:"], says: /; expected "sqlite:PATH"/ },
    { args: ["serve", "--data", at("token")], says: /^data directory ".*" cannot be made \(E/ },
    {
      args: ["serve", "--data", at("d1"), "--deadline", "9000", "--request-life", "8000"],
      says: /^request life 8000 ms is shorter than the deadline of 9000 ms; expected/,
    },
    { args: ["token"], says: /^missing argument; expected name; / },
    { args: ["token", "a", "b"], says: /^too many arguments for "token"; expected 1 argument; / },
    { args: ["token", "a/b"], says: /^the connection's name is malformed; expected 1 to 64 / },
    { args: ["token", ""], says: /^the connection's name is malformed; / },
    {
      args: ["token", "acme", "--data", at("nothing")],
      says: /" holds no keychain; expected another "--data DIRECTORY"/,
    },
    {
      args: ["token", "acme"],
      says: /^KETEN_URL is set and KETEN_API_KEY is not; /,
      env: { KETEN_URL: "http://127.0.0.1:1" },
    },
    {
      args: ["token", "acme"],
      says: /^the server's URL is none; expected/,
      env: { KETEN_URL: "localhost", KETEN_API_KEY: SECRET },
    },
    { args: ["show"], says: /^missing argument; expected name; / },
    { args: ["connections", "all"], says: /^too many arguments for "connections"/ },
    { args: ["connect", "acme"], says: /^missing option; expected "--client-id"; / },
    { args: connect(), says: /^no provider given; expected "--provider PRESET", or/ },
    {
      args: connect("--policy", "strict"),
      says: /^a policy without an address; expected "--token-endpoint URL"/,
    },
    {
      args: connect("--provider", "acme-corp"),
      says: /^provider "acme-corp" is unknown; expected one of strict, /,
    },
    {
      args: connect("--policy", "nobody", "--token-endpoint", ENDPOINT),
      says: /^policy "nobody" is unknown; expected one of/,
    },
    {
      args: connect("--provider", "strict", "--policy", "strict"),
      says: /"--policy <preset>" cannot be used with option "--provider <preset>"/,
    },
    {
      args: connect("--provider", "handshake"),
      says: /^"handshake" has no token endpoint of its own; expected its address$/,
    },
    {
      args: connect("--provider", "strict", "--token-endpoint", "as.example"),
      says: /^token endpoint is no URL; expected "https:/,
    },
    {
      args: connect("--provider", "strict", "--token-endpoint", "http://as.example/t"),
      says: /is not protected; expected "https:/,
    },
    {
      args: connect("--provider", "strict", "--token-endpoint", `https://u:${SECRET}@as.example/t`),
      says: /^token endpoint carries a user name or password; /,
    },
    {
      args: connect(...known, "--client-authentication", "jwt"),
      says: /"jwt" is invalid.*[aA]llowed choices are basic, body/,
    },
    {
      args: connect(...known, `--client-secret=${SECRET}`),
      says: /^unknown option "--client-secret"; /,
    },
    {
      args: connect(...known, "--client-secret", SECRET),
      says: /^unknown option "--client-secret"; /,
    },
    {
      args: connect(...known, "--client-secret-file", at("missing")),
      says: /^option "--client-secret-file": ".*" cannot be read \(ENOENT\); expected a file/,
    },
    {
      args: connect(...known, "--client-secret-file", at("empty")),
      says: /" is empty; expected one line$/,
    },
    {
      args: connect(...known, "--client-secret-file", at("lines")),
      says: /" has more than one line; expected one$/,
    },
    {
      args: connect(...known, "--client-secret-file", at("long")),
      says: /" is too long; expected at most 16 KiB$/,
    },
    {
      args: connect(...known, "--client-secret-file", at("folder")),
      says: /" is a directory; expected a file$/,
    },
    {
      args: [
        "connect",
        "acme",
        ...known,
        "--client-id",
        "c",
        "--client-secret-file",
        "-",
        "--refresh-token-file",
        "-",
      ],
      says: /^both secrets are to come from the standard input; /,
    },
    {
      args: ["connect", "acme", ...known, "--client-id", "", "--refresh-token-file", at("token")],
      says: /^option "--client-id" is ""; expected an id$/,
    },
    {
      args: ["connect", "acme", SECRET, ...known],
      says: /^too many arguments for "connect"|^missing option/,
    },
    { args: ["sandbox"], says: /^no preset given; expected one of strict, / },
    {
      args: ["sandbox", "acme-corp"],
      says: /^preset "acme-corp" is unknown; expected one of strict, /,
    },
    {
      args: ["sandbox", "strict", "--fault", "hold"],
      says: /^"hold" is no fault: expected NAME=RATE/,
    },
    {
      args: ["sandbox", "strict", "--fault", "gremlin=0.1"],
      says: /^unknown fault "gremlin": expected one of maintenance, /,
    },
    { args: ["sandbox", "strict", "--fault", "hold=2"], says: /expected a rate from 0 to 1/ },
    { args: ["sandbox", "strict", "--port", "x"], says: /^option "--port" is "x"; expected/ },
  ];
}

test("[house] every malformed command line gets one line that says what was wrong and what was expected", async (t) => {
  const directory = temporaryDirectory(t);
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const { args, says, env = {} } of malformed(directory)) {
    process.env = { HOME: directory, ...env };
    const line = `keten ${args.join(" ")}`;
    const error = await parseProgram(args).then(
      () => assert.fail(`${line} was taken`),
      (thrown: unknown) => thrown,
    );
    const { exitCode, message } = failureOf(error);
    assert.match(message, says, line);
    assert.equal(exitCode, 2, line);
    assert.ok(!message.includes("\n"), `${line}: one line`);
    assert.ok(!message.includes(SECRET), `${line}: nothing secret`);
  }
});

test("[house] a malformed command line exits with 2, says one line on the standard error and nothing else", async (t) => {
  for (const args of [["token"], ["serve", "--port", "x"], ["sandbox", "nobody"]]) {
    const { code, stdout, stderr } = await keten(t, args);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^keten: [^\n]+\n$/);
  }
});

test("[house] what fails for another reason exits with 1 and says what to do next", async (t) => {
  const directory = temporaryDirectory(t);
  const gone = { KETEN_URL: "http://127.0.0.1:9", KETEN_API_KEY: "k" };
  const unreachable = await keten(t, ["token", "acme"], gone);
  assert.equal(unreachable.code, 1);
  assert.match(
    unreachable.stderr,
    /^keten: no answer from http:\/\/127\.0\.0\.1:9: .*; start it with "keten serve"/,
  );
  const key = join(directory, "api-key");
  writeFileSync(key, "a key that everybody can read\n");
  chmodSync(key, 0o644);
  const unsafe = await keten(t, ["serve", "--data", directory, "--port", "0"]);
  assert.equal(unsafe.code, 1);
  assert.match(
    unsafe.stderr,
    /has mode 0644; expected 0600.*; take the permissions of others away/,
  );
});

test("[house] help and version go to the standard output", async (t) => {
  const [version, help, ofCommand] = await Promise.all([
    keten(t, ["--version"]),
    keten(t, ["--help"]),
    keten(t, ["connect", "--help"]),
  ]);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match(help.stdout, /^Usage: keten /);
  assert.match(ofCommand.stdout, /--refresh-token-file <file>/);
  for (const line of help.stdout.split("\n")) assert.ok(line.length <= 80, line);
  assert.deepEqual(
    [version, help, ofCommand].map(({ code, stderr }) => [code, stderr]),
    [
      [0, ""],
      [0, ""],
      [0, ""],
    ],
  );
});
