/**
 * System calls of a running process, watched and made to fail by strace. A tool for proofs: users of Keten need none
 * of it, and where it is missing `straceFault` says so and everything else here is not called.
 *
 * 1. Tracing begins when everybody is attached and ends when told, so the counts are those of what lies between.
 * 2. Injection counts the calls of one thread, which is attached alone: the N-th call of the store's thread is not
 *    mistaken for the N-th of the main one.
 * 3. What was really hit is read from what strace wrote, never taken for granted.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** Where a call is made: Node's main thread, the store's, or another. */
export type Role = "main" | "store" | "other";

/** One system call as strace wrote it. */
export interface Call {
  readonly thread: number;
  readonly name: string;
  /** The file or the kind of thing it works on; empty where it works on none. */
  readonly target: string;
  readonly descriptor: number | null;
  /** Counts the calls of this name in this thread from 1 on. */
  readonly nth: number;
  readonly text: string;
}

export type Injection = "SIGKILL" | "EIO" | "ENOSPC";

/** Name that the store gives its thread, cut to what the kernel keeps. */
const STORE_THREAD = "keten sqlite";

let fault: string | null | undefined;

/** Why strace cannot be used here; null where it can. It is asked once. */
export function straceFault(): string | null {
  fault ??= askStrace();
  return fault;
}

function askStrace(): string | null {
  const version = spawnSync("strace", ["-V"], { encoding: "utf8" });
  if (version.error) return "strace is not installed";
  if (process.platform !== "linux") return "strace is for Linux only";
  const tried = spawnSync("strace", ["-qq", "-e", "trace=none", "true"], { encoding: "utf8" });
  return tried.status === 0 ? null : `strace may not trace here: ${tried.stderr.trim()}`;
}

/** The threads of a process by what they do. */
export function threadsOf(pid: number): readonly { readonly id: number; readonly role: Role }[] {
  return readdirSync(`/proc/${pid}/task`).map((name) => {
    const comm = readFileSync(`/proc/${pid}/task/${name}/comm`, "utf8").trim();
    const id = Number(name);
    return { id, role: id === pid ? "main" : comm === STORE_THREAD ? "store" : "other" };
  });
}

export interface Tracing {
  /** Ends the tracing; the process goes on. */
  end(): Promise<void>;
}

/** Attaches strace; resolves once it has. Everything it sees goes to a file. */
async function attach(args: readonly string[], output: string): Promise<Tracing> {
  const strace = spawn("strace", ["-y", "-o", output, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(strace, "close");
  await attached(strace, ended);
  return {
    end: async () => {
      strace.kill("SIGINT");
      await ended;
    },
  };
}

async function attached(strace: ChildProcess, ended: Promise<unknown>): Promise<void> {
  let said = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  strace.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (/ attached/.test(said)) resolve();
  });
  const failed = ended.then(() => Promise.reject(new Error(`strace ended: ${said}`)));
  failed.catch(() => {});
  await Promise.race([promise, failed]);
}

/** Records the calls of all threads of a process. */
export function record(pid: number, calls: readonly string[], output: string): Promise<Tracing> {
  return attach(["-f", "-p", String(pid), "-e", `trace=${calls.join(",")}`], output);
}

/** Lets the N-th call of a thread fail, or the process die on it. */
export function inject(
  thread: number,
  call: Pick<Call, "name" | "nth">,
  injection: Injection,
  output: string,
): Promise<Tracing> {
  const what = injection === "SIGKILL" ? "signal=SIGKILL" : `error=${injection}`;
  const filter = ["-e", `trace=${call.name}`, "-e", `inject=${call.name}:${what}:when=${call.nth}`];
  return attach(["-p", String(thread), ...filter], output);
}

/** Reads what strace wrote; `thread` names the one where strace followed one alone. */
export function readCalls(output: string, thread = 0): readonly Call[] {
  const counts = new Map<string, number>();
  return readFileSync(output, "utf8")
    .split("\n")
    .flatMap((line): Call[] => {
      const found = /^(?:(\d+) +)?(\w+)\((.*)$/.exec(line);
      if (!found) return [];
      const [, id, name = "", text = ""] = found;
      const at = id === undefined ? thread : Number(id);
      const nth = (counts.get(`${at} ${name}`) ?? 0) + 1;
      counts.set(`${at} ${name}`, nth);
      return [{ thread: at, name, nth, text, ...targetOf(text) }];
    });
}

/** The first thing an argument list names: a descriptor with its path, or a path. */
function targetOf(text: string): Pick<Call, "target" | "descriptor"> {
  const descriptor = /^(\d+)<([^>]*)>/.exec(text);
  if (descriptor) return { target: descriptor[2] ?? "", descriptor: Number(descriptor[1]) };
  const path = /^(?:AT_FDCWD(?:<[^>]*>)?, )?"([^"]*)"/.exec(text);
  return { target: path?.[1] ?? "", descriptor: null };
}

/** The call that met the fault: by an injected result, or by the death that was asked for. */
export function hitOf(output: string): Call | undefined {
  const calls = readCalls(output);
  const injected = calls.find(({ text }) => text.endsWith("(INJECTED)"));
  const isKilled = /\+\+\+ killed by SIGKILL/.test(readFileSync(output, "utf8"));
  return injected ?? (isKilled ? calls.at(-1) : undefined);
}
