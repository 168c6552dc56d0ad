/** Real processes for tests: the command line as users start it, ended with the test that started it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ROOT } from "../../scripts/source-files.ts";

const READY_MS = 30_000;

export interface Finished {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** The first line on the standard output, as JSON. */
  readonly ready: Promise<Record<string, string>>;
  readonly finished: Promise<Finished>;
  stdout(): string;
  stderr(): string;
}

/** Nothing of the environment of whoever runs the tests decides where data is. */
const environment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const rest = Object.entries(process.env).filter(([name]) => !/^(?:KETEN_|NODE_)/.test(name));
  return { ...Object.fromEntries(rest), ...env };
};

export function startProgram(
  t: TestContext,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input?: string,
): Running {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: environment(env),
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.end(input);
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const finished = once(child, "close").then(([code]) => ({ code, stdout, stderr }) as Finished);
  t.after(async () => {
    child.kill("SIGKILL");
    await finished;
  });
  const ready = async (): Promise<Record<string, string>> => {
    const line = await eventually("a line on the standard output", async () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${stderr}`);
      return /^(.*)\n/.exec(stdout)?.[1];
    });
    return JSON.parse(line);
  };
  let first: Promise<Record<string, string>> | undefined;
  return {
    child,
    finished,
    get ready() {
      first ??= ready();
      return first;
    },
    stdout: () => stdout,
    stderr: () => stderr,
  };
}

/** Starts `keten` with arguments. */
export const startKeten = (
  t: TestContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input?: string,
): Running => startProgram(t, [process.execPath, join(ROOT, "bin/keten.js"), ...args], env, input);

/** Runs `keten` to its end. */
export const keten = (
  t: TestContext,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input?: string,
): Promise<Finished> => startKeten(t, args, env, input).finished;

/** Looks until there is something to see, for a bounded time. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  limitMs = READY_MS,
): Promise<T> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms for ${what}`);
    await pause(10);
  }
}

/** A file with a secret in it, readable by its owner alone. */
export function secretFile(directory: string, name: string, secret: string): string {
  const path = join(directory, name);
  writeFileSync(path, `${secret}\n`, { mode: 0o600 });
  return path;
}

/** The arguments that connect to a stand-in. */
export function connectArgs(
  directory: string,
  name: string,
  preset: string,
  standIn: Readonly<Record<string, string>>,
): readonly string[] {
  const { tokenEndpoint = "", clientId = "", clientSecret = "", refreshToken = "" } = standIn;
  return [
    ...["connect", name, "--provider", preset, "--token-endpoint", tokenEndpoint],
    ...["--client-id", clientId],
    ...["--client-secret-file", secretFile(directory, "client-secret", clientSecret)],
    ...["--refresh-token-file", secretFile(directory, "refresh-token", refreshToken)],
  ];
}

export interface SeenRequest {
  readonly decision: string;
  readonly written: string;
  readonly presented: number | null;
}

/** What a stand-in was asked so far. */
export async function requestsOf(standIn: Readonly<Record<string, string>>) {
  const response = await fetch(`${standIn.url}/sandbox/log`);
  return ((await response.json()) as { requests: readonly SeenRequest[] }).requests;
}

/** The processes that have a word in their environment, where that can be looked up. */
export function processesWith(word: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, "latin1").includes(word);
      } catch {
        return false;
      }
    });
}
