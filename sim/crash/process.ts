/** A victim as the tools hold it: a process that takes commands and can be waited for in every way it may end. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../../scripts/source-files.ts";
import { TIME_SCALE } from "./stand.ts";
import type { Command, Told, VictimOptions } from "./victim.ts";

/** Longer than a loopback answer takes on a busy machine; what is unanswered waits this long under strict policies. */
const REQUEST_LIFE_MS = 3000;
const PATIENCE_MS = 15_000;

/** An answer to a command, or null if the process ended before it came. */
export type Answer = { readonly answer: Told | null; readonly log: readonly string[] } | null;

export class Victim {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #said = "";

  private constructor(dataDir: string) {
    const options: VictimOptions = {
      dataDir,
      timeScale: TIME_SCALE,
      deadlineMs: REQUEST_LIFE_MS,
      requestLifeMs: REQUEST_LIFE_MS,
      patienceMs: PATIENCE_MS,
    };
    const file = join(ROOT, "sim/crash/victim.ts");
    this.#child = spawn(process.execPath, [file, JSON.stringify(options)], { stdio: "pipe" });
    const { stdin, stdout, stderr } = this.#child;
    if (!stdin || !stdout || !stderr) throw new Error("a victim has no pipes");
    stdin.on("error", () => {});
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
    this.#ended = once(this.#child, "close");
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Starts one and waits until its keychain is open. */
  static async start(dataDir: string): Promise<Victim> {
    const victim = new Victim(dataDir);
    const line = await victim.#next();
    if (line !== null && "ready" in line) return victim;
    await victim.end();
    throw new Error(`a victim did not start: ${JSON.stringify(line)} ${victim.said}`);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** All that it wrote on its standard error. */
  get said(): string {
    return this.#said;
  }

  async command(command: Command): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return (await this.#next()) as Answer;
  }

  async #next(): Promise<object | null> {
    const { value, done } = await this.#lines.next();
    return done ? null : (JSON.parse(value) as object);
  }

  /** Makes sure that it is gone. */
  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
