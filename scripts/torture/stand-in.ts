/**
 * The stand-in as the torture sees it: a process, its control calls, and its log kept up to date.
 *
 * 1. A line of the log changes until its request is decided and its connection over; it is asked for again until then.
 * 2. The stand-in's clock runs faster than life from an origin of its own, which two readings of both clocks give away.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { InspectedChain, Inspection } from "../../src/issuer/inspection.ts";
import type { Duration, Instant } from "../../src/kernel/time.ts";
import type { DemoGrant } from "../../src/sandbox/demo.ts";
import type { FaultInputs } from "../../src/sandbox/faults.ts";
import type { RequestLine } from "../../src/sandbox/request-log.ts";
import { type Child, start } from "../children.ts";
import type { Seen } from "./trace.ts";

export interface StandInOptions {
  readonly preset: string;
  readonly seed: string;
  readonly timeScale: number;
  /** As `--fault` has them. */
  readonly faults: readonly string[];
}

/** What a token is; of one that is none of the stand-in's, only that it is not accepted. */
export type Inspected = Partial<Inspection> & { readonly accepted: boolean };

interface LogAnswer {
  readonly now: Instant;
  readonly dropped: number;
  readonly requests: readonly RequestLine[];
  readonly chains: readonly InspectedChain[];
}

/** How often the clocks are compared; the reading with the shortest way there and back counts. */
const READINGS = 10;

export class StandIn {
  readonly child: Child;
  readonly url: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly timeScale: number;
  readonly #lines = new Map<number, RequestLine>();
  #finalUpTo = 0;
  #origin = 0;

  private constructor(child: Child, ready: Record<string, string>, timeScale: number) {
    this.child = child;
    this.timeScale = timeScale;
    this.url = ready.url ?? "";
    this.tokenEndpoint = ready.tokenEndpoint ?? "";
    this.clientId = ready.clientId ?? "";
    this.clientSecret = ready.clientSecret ?? "";
  }

  static async start({ preset, seed, timeScale, faults }: StandInOptions): Promise<StandIn> {
    const args = ["sandbox", preset, "--port", "0", "--json", "--seed", seed];
    const scale = ["--time-scale", String(timeScale)];
    const wrong = faults.flatMap((fault) => ["--fault", fault]);
    const child = start("bin/keten.js", [...args, ...scale, ...wrong]);
    const standIn = new StandIn(child, JSON.parse(await child.ready), timeScale);
    await standIn.#compareClocks();
    return standIn;
  }

  async #compareClocks(): Promise<void> {
    if (this.timeScale === 1) return;
    let shortest = Number.POSITIVE_INFINITY;
    for (let reading = 0; reading < READINGS; reading += 1) {
      const before = Date.now();
      const { now } = await this.#get<LogAnswer>("log?after=0");
      const way = Date.now() - before;
      if (way >= shortest) continue;
      shortest = way;
      const at = before + way / 2;
      this.#origin = (at * this.timeScale - now) / (this.timeScale - 1);
    }
  }

  /** An instant of the stand-in's clock, in real time. */
  real(at: Instant): Instant {
    return this.#origin + (at - this.#origin) / this.timeScale;
  }

  /** A chain of a fresh user, that may be refreshed at once; with when it was granted, by the stand-in's clock. */
  async grant(minInterval: Duration): Promise<DemoGrant & { readonly grantAt: Instant }> {
    const grant = await this.#post<DemoGrant>("grants", {});
    const { chains } = await this.#get<LogAnswer>(`log?after=${this.#finalUpTo}`);
    const own = chains.find(({ chain }) => chain === grant.chain);
    return { ...grant, grantAt: (own?.notBefore ?? 0) - minInterval };
  }

  inspect(token: string): Promise<Inspected> {
    return this.#post("tokens/inspect", { token });
  }

  async setFaults(faults: FaultInputs): Promise<void> {
    await this.#post("faults", faults);
  }

  /** Brings the log up to date; the lines by number. */
  async lines(): Promise<ReadonlyMap<number, RequestLine>> {
    const { requests, dropped } = await this.#get<LogAnswer>(`log?after=${this.#finalUpTo}`);
    if (dropped > 0) throw new Error(`the stand-in has dropped ${dropped} lines of its log`);
    for (const line of requests) this.#lines.set(line.number, line);
    while (isFinal(this.#lines.get(this.#finalUpTo + 1))) this.#finalUpTo += 1;
    return this.#lines;
  }

  /** Every request, once all of them are decided and over, or after so long. */
  async settledLog(withinMs: number): Promise<readonly Seen[]> {
    const giveUpAt = performance.now() + withinMs;
    for (;;) {
      const lines = [...(await this.lines()).values()];
      if (lines.every(isFinal) || performance.now() > giveUpAt) {
        return lines.map((line) => this.#seen(line));
      }
      await sleep(50);
    }
  }

  #seen(line: RequestLine): Seen {
    const realOrNull = (at: Instant | null): Instant | null => (at === null ? null : this.real(at));
    return {
      line,
      received: this.real(line.receivedAt),
      decided: realOrNull(line.decidedAt),
      answered: realOrNull(line.answeredAt),
    };
  }

  async #get<T>(path: string): Promise<T> {
    return await answerOf(await fetch(`${this.url}/sandbox/${path}`));
  }

  async #post<T>(path: string, body: unknown): Promise<T> {
    const headers = { "content-type": "application/json" };
    const request = { method: "POST", headers, body: JSON.stringify(body) };
    return await answerOf(await fetch(`${this.url}/sandbox/${path}`, request));
  }
}

async function answerOf<T>(response: Response): Promise<T> {
  const answer = (await response.json()) as T;
  if (!response.ok) throw new Error(`the stand-in refused: ${JSON.stringify(answer)}`);
  return answer;
}

function isFinal(line: RequestLine | undefined): boolean {
  return line !== undefined && line.decision !== "pending" && line.written !== "pending";
}
