/**
 * Child processes of a script: real ones, each on its own, all ended by their own number.
 *
 * 1. A child stands in a process group of its own: Ctrl-C reaches the script alone, which then ends its children in order.
 * 2. A child has an IPC channel to the script and ends when that closes: a script that is killed leaves no orphans.
 * 3. Whatever ends the script in good order, `endAll` has ended every child before.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./source-files.ts";

export interface Child {
  readonly process: ChildProcess;
  /** The first line of the standard output. Rejects if the child ends without one. */
  readonly ready: Promise<string>;
  readonly ended: Promise<void>;
  /** What it said on the standard error, the last 64 KiB. */
  readonly said: () => string;
}

const children = new Set<Child>();
const SAID_MAX = 64 * 1024;

/** How long a child may take to end in good order. */
const PATIENCE_MS = 15_000;

/** Starts a file of this repository with this process's Node. */
export function start(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  const child = spawn(process.execPath, [join(ROOT, file), ...args], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
    env: { ...process.env, ...env },
  });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-SAID_MAX);
  });
  const ended = once(child, "close").then(() => undefined);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const ready = Promise.race([
    once(lines, "line").then(([line]) => String(line)),
    ended.then(() => Promise.reject(new Error(`${file} ${args[0] ?? ""} ended: ${said}`))),
  ]);
  // Whoever waits for it hears of it; that nobody waits is no mistake.
  ready.catch(() => {});
  const started: Child = { process: child, ready, ended, said: () => said };
  children.add(started);
  ended.then(
    () => children.delete(started),
    () => children.delete(started),
  );
  return started;
}

/** Ends a child without warning, as a power cut would. */
export async function kill(child: Child): Promise<void> {
  child.process.kill("SIGKILL");
  await child.ended;
}

/** Ends a child in good order; without warning if that takes too long. */
export async function end(child: Child): Promise<void> {
  child.process.kill("SIGTERM");
  const timer = setTimeout(() => child.process.kill("SIGKILL"), PATIENCE_MS);
  await child.ended;
  clearTimeout(timer);
}

/** Ends all that is left. */
export async function endAll(): Promise<void> {
  await Promise.all([...children].map(end));
}
