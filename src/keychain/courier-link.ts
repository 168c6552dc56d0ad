/**
 * The keychain's end of one courier: the process, the channel, and the requests it was given.
 *
 * 1. It stands in a session of its own, so that no terminal's signal reaches it, and with an environment of its own:
 *    what the network needs, and nothing of the application's.
 * 2. A request has leave or has none. Without leave it was not sent, whatever happens to the courier; with leave, the
 *    courier's word counts, and without a word it is in doubt.
 * 3. The channel's end is the courier's: what it said before that is heard first.
 * 4. A courier that says nothing of a request for a second beyond its deadline is stopped or stuck. It gets no more to do
 *    and is let go of, not killed: an answer may be waiting at its sockets.
 * 5. The channel keeps this process for as long as a request is under way.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { getDefaultResultOrder } from "node:dns";
import { getDefaultAutoSelectFamily } from "node:net";
import { fileURLToPath } from "node:url";
import type { Clock, Timer } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { ExchangeRequest, ExchangeResult, RawAnswer } from "../env/exchange.ts";
import type { Log } from "../env/log.ts";
import { MINUTE, SECOND } from "../kernel/time.ts";
import {
  type Begin,
  type FromCourier,
  PROTOCOL,
  readAnswer,
  readResult,
  type ToCourier,
} from "./courier-protocol.ts";

/** Node starts in a few hundredths of a second; a machine that is this slow has other troubles. */
const START_MS = 5 * SECOND;
const GRACE_MS = SECOND;
/** Longer than any harvest: no later answer comes. */
const LATE_MS = 11 * MINUTE;
const SWEEP_MS = MINUTE;
/** It has nothing left to do then but to close its files. */
const END_MS = 5 * SECOND;

/** What a program needs to run, to look up names and to judge certificates. */
const ENVIRONMENT =
  /^(?:LD_|DYLD_|SSL_CERT_|OPENSSL_|NODE_EXTRA_CA_CERTS$|NODE_USE_SYSTEM_CA$|RES_OPTIONS$|LOCALDOMAIN$|HOSTALIASES$|TZ$|PATH$|SystemRoot$)/i;
/** Options of this process's Node that decide whom it trusts. */
const TRUST =
  /^--(?:use-(?:system|openssl|bundled)-ca|openssl-[\w-]+|force-fips|enable-fips)(?:=|$)/;

export interface LinkOptions {
  readonly begin: Omit<Begin, "kind" | "protocol">;
  readonly clock: Clock;
  readonly log: Log;
  /** Told once, when this courier takes no more requests. */
  readonly onGone: (gone: Gone) => void;
  /** The program; the file beside this one unless given. */
  readonly program?: string;
}

export interface Gone {
  /** It was told to drain. */
  readonly isExpected: boolean;
  /** It had taken up its work. */
  readonly wasReady: boolean;
  readonly reason: string;
}

/** A request that the courier was given. */
interface Given {
  readonly request: ExchangeRequest;
  readonly onLate: (answer: RawAnswer) => void;
  readonly resolve: (result: ExchangeResult) => void;
  readonly reject: (error: unknown) => void;
  readonly limit: Timer;
  hasLeave: boolean;
}

export class CourierLink {
  /** Resolves when it takes requests. Rejects if it never will; nothing was sent then. */
  readonly ready: Promise<void>;
  readonly pid: number | undefined;
  readonly #options: LinkOptions;
  readonly #child: ChildProcess;
  readonly #given = new Map<number, Given>();
  /** Those who wait for a request past its deadline. */
  readonly #late = new Map<number, (answer: RawAnswer) => void>();
  readonly #sweeps = new Map<number, (names: readonly string[]) => void>();
  readonly #drained = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<void>();
  #count = 0;
  #isReady = false;
  #isGone = false;
  #isDraining = false;

  /** @throws if no process can be made at all */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.ready = this.#started.promise;
    this.ready.catch(() => {});
    this.#child = spawn(process.execPath, [...nodeOptions(), options.program ?? programPath()], {
      cwd: options.begin.journal,
      env: environment(),
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      detached: true,
      windowsHide: true,
    });
    this.pid = this.#child.pid;
    const starting = options.clock.afterReal(START_MS, () => {
      this.#child.kill("SIGKILL");
      this.#gone("it did not start in time");
    });
    this.ready.then(
      () => starting.cancel(),
      () => starting.cancel(),
    );
    this.#child.on("message", (message) => this.#hear(message as FromCourier));
    this.#child.on("error", (error) => this.#gone(error.message));
    this.#child.once("disconnect", () => this.#gone("it ended"));
    this.#child.once("exit", () => this.#ended.resolve());
    this.#say({ ...options.begin, kind: "begin", protocol: PROTOCOL });
    this.#child.unref();
  }

  /** Whether it takes requests, or will. */
  get isUsable(): boolean {
    return !this.#isGone && !this.#isDraining;
  }

  /** @throws KetenError `journal_unavailable`, `config_invalid`, `draining` before anything was sent */
  send(request: ExchangeRequest, onLate: (answer: RawAnswer) => void): Promise<ExchangeResult> {
    const { promise, resolve, reject } = Promise.withResolvers<ExchangeResult>();
    const { chainId, attemptId, url, headers, body, deadlineMs } = request;
    const id = this.#next();
    const limit = this.#options.clock.afterReal(deadlineMs + GRACE_MS, () => this.#silent());
    this.#given.set(id, { request, onLate, resolve, reject, limit, hasLeave: false });
    this.#child.channel?.ref();
    this.#say({
      kind: "send",
      id,
      request: { chainId, attemptId, url, headers, body: body.reveal(), deadlineMs },
    });
    if (this.#isGone) this.#giveUp(id, "it ended");
    return promise;
  }

  /** Notes a settlement in the courier's journal; false if nobody is there to do it. */
  settle(attemptIds: readonly string[]): boolean {
    if (!this.#isReady || this.#isGone) return false;
    this.#say({ kind: "settle", attemptIds });
    return true;
  }

  /** Removes the courier's own files that nobody needs; their names. */
  sweep(): Promise<readonly string[]> {
    if (!this.#isReady || this.#isGone) return Promise.resolve([]);
    const { promise, resolve } = Promise.withResolvers<readonly string[]>();
    const id = this.#next();
    const limit = this.#options.clock.afterReal(SWEEP_MS, () => resolve([]));
    this.#sweeps.set(id, resolve);
    this.#say({ kind: "sweep", id });
    return promise.finally(() => {
      limit.cancel();
      this.#sweeps.delete(id);
    });
  }

  /** Waits until every request that was sent is over; nothing new is begun. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.ready.catch(() => {});
    if (this.#isGone) return;
    this.#child.channel?.ref();
    this.#say({ kind: "drain" });
    const limit = this.#options.clock.afterReal(LATE_MS, () => this.#drained.resolve());
    await this.#drained.promise;
    limit.cancel();
  }

  /** Lets it go: it harvests what is left and ends. Resolves when it has, if it was drained. */
  async close(): Promise<void> {
    const isGone = this.#isGone || !this.#isDraining;
    this.#letGo();
    if (isGone) return;
    this.#child.ref();
    const limit = this.#options.clock.afterReal(END_MS, () => this.#ended.resolve());
    await this.#ended.promise;
    limit.cancel();
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }

  #say(message: ToCourier): void {
    // A channel that breaks is told by its end; until then nothing is concluded from it.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #hear(message: FromCourier): void {
    switch (message.kind) {
      case "ready":
        this.#isReady = message.protocol === PROTOCOL;
        if (this.#isReady) this.#started.resolve();
        else this.#gone("it is of another version");
        return;
      case "unfit":
        this.#gone(message.error);
        return;
      case "mayI":
        this.#answer(message.id);
        return;
      case "ended":
        this.#settled(message);
        return;
      case "late":
        this.#late.get(message.id)?.(readAnswer(message.answer));
        this.#late.delete(message.id);
        return;
      case "swept":
        this.#sweeps.get(message.id)?.(message.names);
        return;
      case "drained":
        this.#drained.resolve();
        return;
      case "log":
        this.#options.log[message.level](message.event, message.fields);
        return;
    }
  }

  /** The last check, right before the first byte; dated, so that it counts only while it is fresh. */
  #answer(id: number): void {
    const given = this.#given.get(id);
    try {
      if (!given || this.#isDraining) throw new KetenError("draining", "it is too late to send");
      given.request.beforeFirstByte();
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unexpected";
      this.#say({ kind: "refuse", id, error: reason });
      return;
    }
    const { clock } = this.#options;
    // The point of no return, seen from here: from now on only the courier knows whether it was sent.
    given.hasLeave = true;
    this.#say({ kind: "leave", id, leave: { boot: clock.boot(), now: clock.now() } });
  }

  #settled({ id, result: written }: Extract<FromCourier, { kind: "ended" }>): void {
    const given = this.#take(id);
    if (!given) return;
    try {
      const result = readResult(written);
      if (result.kind === "unanswered" && result.harvesting) {
        this.#late.set(id, given.onLate);
        this.#options.clock.afterReal(LATE_MS, () => this.#late.delete(id));
      }
      given.resolve(result);
    } catch (error) {
      given.reject(error);
    }
  }

  #take(id: number): Given | undefined {
    const given = this.#given.get(id);
    this.#given.delete(id);
    given?.limit.cancel();
    if (this.#given.size === 0) this.#child.channel?.unref();
    return given;
  }

  /** Stopped or stuck. What it still journals is found in its journal. */
  #silent(): void {
    this.#gone("it says nothing");
    this.#letGo();
  }

  /** What is known of a request whose courier says no more. */
  #giveUp(id: number, why: string): void {
    const given = this.#take(id);
    given?.resolve(
      given.hasLeave
        ? { kind: "unanswered", progress: "sent", error: why, harvesting: false }
        : { kind: "notSent", progress: "begun", error: why },
    );
  }

  #gone(reason: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#started.reject(new Error(reason));
    for (const id of [...this.#given.keys()]) this.#giveUp(id, `the courier is gone: ${reason}`);
    for (const resolve of this.#sweeps.values()) resolve([]);
    this.#drained.resolve();
    this.#options.onGone({ isExpected: this.#isDraining, wasReady: this.#isReady, reason });
  }

  #letGo(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name)));
}

/** The network has to look the same from the courier: whom it trusts, and in which order it tries addresses. */
function nodeOptions(): readonly string[] {
  const given = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
  return [
    ...given.filter((option) => TRUST.test(option)),
    `--dns-result-order=${getDefaultResultOrder()}`,
    ...(getDefaultAutoSelectFamily() ? [] : ["--no-network-family-autoselection"]),
  ];
}

/** The program beside this file, in the language this file is in: TypeScript in a checkout, JavaScript as published. */
function programPath(): string {
  const source = new URL("./courier-process.ts", import.meta.url);
  const isSource = import.meta.url.endsWith(".ts");
  return fileURLToPath(isSource ? source : source.href.replace(/\.ts$/, ".js"));
}
