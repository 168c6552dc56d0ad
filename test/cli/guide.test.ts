/**
 * The guide for owners of existing products, followed to the letter: its commands are taken from the page and run in a
 * shell, in their order, against a real sandbox and a real server. Only ports are replaced, and the home directory is another.
 *
 * 1. A block that begins with `keten sandbox` or `keten serve` stays in a terminal of its own; all others share one shell.
 * 2. What the page shows as answers is compared with what is answered: every member, and every word that is not "…".
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { ROOT } from "../../scripts/source-files.ts";
import { oauthError } from "../../src/kernel/refusal.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { eventually } from "./processes.ts";

const PAGE = join(ROOT, "docs/guides/use-keten-from-an-existing-product.md");
const SERVER_PORT = "5383";

interface Block {
  readonly kind: string;
  readonly text: string;
}

const blocksOf = (page: string): readonly Block[] =>
  [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind = "", text = ""]) => ({
    kind,
    text,
  }));

/** A home directory, a `keten` on the path, and nothing of the environment that decides where data is. */
function newHome(t: TestContext): { home: string; env: NodeJS.ProcessEnv } {
  const home = temporaryDirectory(t);
  const bin = join(home, "bin");
  mkdirSync(bin);
  const keten = join(bin, "keten");
  const program = join(ROOT, "bin/keten.js");
  writeFileSync(keten, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  chmodSync(keten, 0o755);
  const rest = Object.entries(process.env).filter(
    ([name]) => !/^(?:KETEN_|NODE_|XDG_)|proxy$/i.test(name),
  );
  const path = [bin, dirname(process.execPath), process.env.PATH].join(":");
  return { home, env: { ...Object.fromEntries(rest), HOME: home, PATH: path } };
}

interface Shell {
  /** Types some lines; says what they wrote to the standard output. Fails as they fail. */
  run(text: string): Promise<string>;
}

function startShell(t: TestContext, home: string, env: NodeJS.ProcessEnv): Shell {
  const child = begin(t, ["bash", "-eu", "-o", "pipefail"], home, env);
  let runs = 0;
  return {
    async run(text) {
      runs += 1;
      const [from, end] = [child.stdout().length, `-- end of ${runs} --\n`];
      child.process.stdin?.write(`${text}\nprintf '%s' '${end}'\n`);
      return await eventually(`the end of\n${text}`, () => {
        if (child.process.exitCode !== null) {
          throw new Error(`the shell ended in\n${text}\n${child.stdout()}\n${child.stderr()}`);
        }
        const written = child.stdout().slice(from);
        return written.endsWith(end) ? written.slice(0, -end.length) : undefined;
      });
    },
  };
}

interface Begun {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
}

function begin(
  t: TestContext,
  [program = "", ...args]: readonly string[],
  home: string,
  env: NodeJS.ProcessEnv,
): Begun {
  const child = spawn(program, args, { cwd: home, env, stdio: "pipe" });
  const closed = new Promise((resolve) => child.once("close", resolve));
  const out = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      out[name] += text;
    });
  }
  t.after(async () => {
    child.kill("SIGTERM");
    await closed;
  });
  return { process: child, stdout: () => out.stdout, stderr: () => out.stderr };
}

interface Followed {
  /** What each shell block wrote, by the block's first line. */
  readonly wrote: ReadonlyMap<string, string>;
  readonly home: string;
  readonly url: string;
}

/** Runs the page's commands one after another; `before` is called with each block's first line. */
async function follow(
  t: TestContext,
  blocks: readonly Block[],
  before: (first: string, followed: Followed, shell: Shell) => Promise<void>,
): Promise<Followed> {
  const { home, env } = newHome(t);
  const shell = startShell(t, home, env);
  const ports = new Map<string, string>();
  const wrote = new Map<string, string>();
  const stay = async (text: string, isReady: (begun: Begun) => string | undefined) => {
    const [, port = ""] = /--port (\d+)/.exec(text) ?? [];
    const command = `exec ${text.trim().replace(`--port ${port}`, "--port 0")}`;
    const begun = begin(t, ["bash", "-c", command], home, env);
    const url = await eventually(`${text.trim()} to be ready`, () => isReady(begun));
    ports.set(port, new URL(url).port);
    return url;
  };
  let url = "";
  for (const { text } of blocks.filter(({ kind }) => kind === "sh")) {
    const [first = ""] = text.split("\n", 1);
    await before(first, { wrote, home, url }, shell);
    if (first.startsWith("keten sandbox")) {
      await stay(text, () => urlIn(join(home, "sandbox.json")));
    } else if (first.startsWith("keten serve")) {
      url = await stay(text, ({ stderr }) => /serves at (\S+);/.exec(stderr())?.[1]);
    } else {
      wrote.set(first, await shell.run(withPorts(text, ports)));
    }
  }
  return { wrote, home, url };
}

const withPorts = (text: string, ports: ReadonlyMap<string, string>): string =>
  [...ports].reduce((all, [port, real]) => all.replaceAll(`:${port}`, `:${real}`), text);

function urlIn(path: string): string | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")).url;
  } catch {
    return undefined;
  }
}

/** Replaces what differs from run to run, as the page does. */
function masked(value: Record<string, unknown>): Record<string, unknown> {
  const secret = ["access_token", "refresh_token"];
  return Object.fromEntries(
    Object.entries(value).map(([name, of]) => [
      name,
      secret.includes(name) ? "…" : name === "expires_in" ? typeof of : of,
    ]),
  );
}

test("[G01] the guide's steps work as they stand", async (t) => {
  const blocks = blocksOf(readFileSync(PAGE, "utf8"));
  const shown = blocks.filter(({ kind }) => kind === "json").map(({ text }) => JSON.parse(text));
  const [shownToken, shownOutage, shownLoss] = shown;
  assert.equal(shown.length, 3);
  const bareAsk = blocks.find(({ text }) => text.startsWith('curl -sS --user "reports'))?.text;
  let lost: Record<string, unknown> = {};
  let pastAndRevoked = "";
  let sandboxUrl = "";

  const { wrote, url } = await follow(t, blocks, async (first, { home, url: server }, shell) => {
    if (first.startsWith("field()")) sandboxUrl = urlIn(join(home, "sandbox.json")) ?? "";
    if (first.startsWith("rm billing.txt")) pastAndRevoked = await shell.run(`ask; ${bareAsk}`);
    // Before the owner asks for another token, the grant ends at the provider, and Keten gets to know.
    if (!first.includes("/sandbox/grants")) return;
    await post(`${sandboxUrl}/sandbox/revocations`, { username: "user2" }, 200);
    const key = readFileSync(join(home, ".local/share/keten/api-key"), "utf8").trim();
    const failed = `${server}/v1/connections/acme/token/failed`;
    await post(failed, { generation: 1 }, 410, { authorization: `Bearer ${key}` });
    lost = JSON.parse(await shell.run("ask"));
  });

  const token = JSON.parse(wrote.get(lineWith(wrote, "field()")) ?? "");
  assert.deepEqual(masked(token), masked(shownToken));
  assert.ok(token.expires_in > 0);
  const printed = wrote.get(lineWith(wrote, "consumer add acme --client-id billing")) ?? "";
  const labels = (text: string) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(0, 19));
  const text = blocks.find(({ kind }) => kind === "text")?.text ?? "";
  assert.deepEqual(labels(printed), labels(text));
  const value = (label: string) => new RegExp(`^${label} +(.*)$`, "m").exec(printed)?.[1];
  assert.equal(value("token endpoint"), `${url}/oauth2/relay/token`);
  assert.equal(value("client id"), "billing");
  assert.equal(value("refresh token"), token.refresh_token, "the same again");
  const bare = JSON.parse(wrote.get(lineWith(wrote, 'curl -sS --user "reports')) ?? "");
  assert.equal(bare.access_token, token.access_token, "all share one chain");
  assert.match(wrote.get("keten token acme") ?? "", /^\S+\nname +acme\n/);

  assert.deepEqual(lost, {
    ...shownLoss,
    reconnect_uri: withPorts(shownLoss.reconnect_uri, new Map([[SERVER_PORT, new URL(url).port]])),
  });
  const outage = { reason: "upstreamUnavailable", state: "uncertain", retryAfter: 1000 } as const;
  const { error, description, more } = oauthError(outage, 0);
  assert.deepEqual(shownOutage, { error, error_description: description, ...more });
  const again = JSON.parse(wrote.get("ask") ?? "");
  assert.equal(again.refresh_token, token.refresh_token, "nothing was done in the product");
  assert.notEqual(again.access_token, token.access_token);
  assert.match(wrote.get("keten consumer list") ?? "", /^billing {2}acme .*\nreports {2}acme /);
  assert.equal(pastAndRevoked.match(/"error":"invalid_client"/g)?.length, 2, pastAndRevoked);
});

const lineWith = (wrote: ReadonlyMap<string, string>, part: string): string =>
  [...wrote.keys()].find((line) => line.includes(part)) ?? `no block begins with "${part}"`;

async function post(
  url: string,
  body: object,
  expected: number,
  headers: Record<string, string> = {},
): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, expected, await response.text());
}
