/** The bench's side of the load generator: prepares loads, runs them, and reads the server's CPU time around them. */

import { once } from "node:events";
import { type Child, start } from "../scripts/children.ts";
import type { Counted, FromLoad, Load, ToLoad } from "./load.ts";
import type { Usage } from "./servers/served.ts";

/** What one measured time came to. */
export interface Measured {
  readonly perSecond: number;
  readonly answers: number;
  readonly seconds: number;
  /** Of the server's process, all threads, for one answer. */
  readonly cpuMicrosecondsPerAnswer: number;
  /** How much of one core the server used. */
  readonly cores: number;
  readonly rssBytes: number;
  /** How much of a core the load generator used. Near one, it was the generator that was measured. */
  readonly generatorCores: number;
  readonly latencyMs: Counted["latencyMs"];
}

export interface Timing {
  readonly warmMs: number;
  readonly measureMs: number;
}

export class Loader {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static async start(): Promise<Loader> {
    const child = start("bench/load.ts", []);
    await child.ready;
    return new Loader(child);
  }

  prepare(load: Load): void {
    this.#tell({ tell: "prepare", load });
  }

  /** Runs the loads at once against a server. The first is what is measured; the others keep the server busy. */
  async run(
    server: Child,
    [measured, ...others]: readonly [string, ...string[]],
    { warmMs, measureMs }: Timing,
  ): Promise<{ readonly measured: Measured; readonly others: readonly Counted[] }> {
    const names = [measured, ...others];
    const begun = this.#hear(measured, "begun");
    const ended = this.#hear(measured, "ended");
    const counted = names.map((name) => this.#hear(name, "counted"));
    for (const name of names) this.#tell({ tell: "run", name, warmMs, measureMs });
    await begun;
    const before = await usageOf(server);
    await ended;
    const after = await usageOf(server);
    const [first, ...rest] = (await Promise.all(counted)).map((message) => message.counted);
    if (!first) throw new Error("nothing was counted");
    const { answers, seconds, latencyMs } = first;
    const generatorCores = first.cpuMs / (1000 * seconds);
    const cpuMs = after.cpuMs - before.cpuMs;
    return {
      measured: {
        perSecond: answers / seconds,
        answers,
        seconds,
        cpuMicrosecondsPerAnswer: (1000 * cpuMs) / answers,
        cores: cpuMs / (1000 * seconds),
        rssBytes: after.rssBytes,
        generatorCores,
        latencyMs,
      },
      others: rest,
    };
  }

  #tell(order: ToLoad): void {
    this.#child.process.send(order);
  }

  /** The next message of a kind about a load. Rejects if the load failed or its process is gone. */
  #hear<K extends FromLoad["tells"]>(
    name: string,
    tells: K,
  ): Promise<Extract<FromLoad, { tells: K }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<FromLoad, { tells: K }>>();
    const hear = (message: FromLoad): void => {
      if (message.name !== name) return;
      if (message.tells === tells) resolve(message as Extract<FromLoad, { tells: K }>);
      if (message.tells === "failed") reject(new Error(`${name}: ${message.message}`));
    };
    this.#child.process.on("message", hear);
    const gone = (): void => reject(new Error(`load generator: ${this.#child.said()}`));
    this.#child.ended.then(gone, gone);
    const heard = promise.finally(() => this.#child.process.off("message", hear));
    heard.catch(() => {});
    return heard;
  }
}

async function usageOf({ process }: Child): Promise<Usage> {
  const answered = once(process, "message");
  process.send("usage");
  const [usage] = (await answered) as [Usage];
  return usage;
}
