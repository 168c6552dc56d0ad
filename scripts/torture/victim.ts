/**
 * Keten as the torture's victim: one process after the other on one data directory, each killed without warning.
 *
 * 1. It is asked for nothing that ordinary users cannot ask.
 * 2. Each process is remembered with when it began and when it was killed: the judge asks who lived when.
 * 3. That it ends by itself is a failure of its own, told with its last words.
 */

import { Secret } from "../../src/env/secret.ts";
import { httpClient, type KeychainClient } from "../../src/http/client.ts";
import type { Duration, Instant } from "../../src/kernel/time.ts";
import { type Child, end, kill, start } from "../children.ts";

export interface VictimOptions {
  readonly dataDir: string;
  readonly timeScale: number;
  /** Unscaled, as all that the network takes. */
  readonly deadlineMs: Duration;
  readonly requestLifeMs: Duration;
  /** Whether its requests go through a courier, which is not killed with it. */
  readonly courier: boolean;
}

/** One process: from its start to the moment it was killed or told to end. */
export interface Span {
  readonly from: Instant;
  until: Instant;
}

export class Victim {
  readonly #options: VictimOptions;
  readonly spans: Span[] = [];
  #child: Child | undefined;
  #span: Span | undefined;
  #port = "0";
  #lastWords: string | undefined;
  url = "";
  apiKey = "";

  constructor(options: VictimOptions) {
    this.#options = options;
  }

  /** Starts a process; does not wait for it. */
  launch(): void {
    const { dataDir, timeScale, deadlineMs, requestLifeMs, courier } = this.#options;
    const args = ["serve", "--data", dataDir, "--port", this.#port, "--json"];
    const times = ["--time-scale", timeScale, "--deadline", deadlineMs].map(String);
    const span: Span = { from: Date.now(), until: Number.POSITIVE_INFINITY };
    const life = ["--request-life", String(requestLifeMs)];
    const through = ["--courier", courier ? "on" : "off"];
    const child = start("bin/keten.js", [...args, ...times, ...life, ...through]);
    this.spans.push(span);
    this.#span = span;
    this.#child = child;
    void child.ended.then(() => {
      if (Number.isFinite(span.until)) return;
      span.until = Date.now();
      this.#lastWords = child.said();
    });
  }

  /** Waits until the process launched last answers. */
  async ready(): Promise<KeychainClient> {
    const { url = "", apiKey = "" } = JSON.parse((await this.#child?.ready) ?? "{}");
    this.url = url;
    this.apiKey = apiKey;
    this.#port = new URL(url).port;
    return httpClient({ url, apiKey: new Secret(apiKey), timeoutMs: 10_000 });
  }

  /** @throws Error if a process ended by itself */
  check(): void {
    if (this.#lastWords !== undefined) throw new Error(`Keten ended by itself: ${this.#lastWords}`);
  }

  async kill(): Promise<void> {
    this.check();
    this.#close();
    if (this.#child) await kill(this.#child);
  }

  /** Ends it in good order: what was sent is finished. */
  async end(): Promise<void> {
    this.check();
    if (this.#child) await end(this.#child);
    this.#close();
  }

  #close(): void {
    if (this.#span) this.#span.until = Math.min(this.#span.until, Date.now());
  }
}
