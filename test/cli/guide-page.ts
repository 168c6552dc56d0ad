/**
 * A guide as a test follows it: its shell blocks are run in their order, in a home directory of their own.
 *
 * A block that begins with `keten sandbox` or `keten serve` stays in a terminal of its own; all others share one shell.
 * Ports are replaced by free ones, and nothing else is.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { ROOT } from "../../scripts/source-files.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { eventually } from "./processes.ts";

export interface Block {
  readonly kind: string;
  readonly text: string;
}

export const blocksOf = (page: string): readonly Block[] =>
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

export interface Shell {
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

export interface Followed {
  /** What each shell block wrote, by the block's first line. */
  readonly wrote: ReadonlyMap<string, string>;
  readonly home: string;
  readonly url: string;
}

/** Runs the page's commands one after another; `before` is called with each block's first line. */
export async function follow(
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

export const withPorts = (text: string, ports: ReadonlyMap<string, string>): string =>
  [...ports].reduce((all, [port, real]) => all.replaceAll(`:${port}`, `:${real}`), text);

export function urlIn(path: string): string | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")).url;
  } catch {
    return undefined;
  }
}
