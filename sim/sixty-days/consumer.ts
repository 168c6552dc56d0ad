/**
 * A consumer of the connection: a product that knows a token URL, a client id, a secret and a refresh token, and asks over
 * HTTP when its access token runs out. It asks the process next to it, and another if that one is gone.
 *
 * 1. It comes again after 503, 429 and broken connections. Any other error is a break: old products throw their token
 *    away then, and so does this one.
 * 2. Each access token it gets is tried at the provider: one that is dead, or ends before the answer says, is a break.
 * 3. Without a token for more than a quarter of an hour is a break, counted from when its last one ended or from when
 *    trouble that is no fault of Keten's was over.
 */

import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { RELAY_PATHS } from "../../src/http/relay-paths.ts";
import { type Duration, type Instant, MINUTE, SECOND } from "../../src/kernel/time.ts";
import type { Stream } from "../run/random-stream.ts";
import type { Cluster } from "./cluster.ts";
import type { KetenProcess } from "./keten-process.ts";

/** When a product asks. */
export interface Habit {
  /** It asks so long before the end of its token. */
  readonly leadMs: Duration;
  /** It does so not when it knows, but in the next of its jobs; 0 for at once. */
  readonly everyMs: Duration;
  /** Whether it waits as long as it is told; else it comes again every three quarters of a minute. */
  readonly heedsRetryAfter: boolean;
}

export interface Settings {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Null for one that asks with `client_credentials`. */
  readonly refreshToken: string | null;
  readonly home: number;
  readonly habit: Habit;
}

/** Whether and until when the provider takes an access token; null for not at all. */
export type Inspect = (accessToken: string) => Promise<Instant | null>;

export interface Break {
  readonly at: Instant;
  readonly consumer: string;
  readonly what: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: Duration;
}

const WITHOUT_MAX: Duration = 15 * MINUTE;
const IMPATIENT_MS: Duration = 45 * SECOND;
/** All processes are down. */
const NOBODY_MS: Duration = 2 * SECOND;
/** A worker gets through its queue in no less. */
const LEAST_PAUSE_MS: Duration = 5 * SECOND;
/** Whole seconds are told, and a hand-out takes a moment. */
const TOLERATED_MS: Duration = SECOND;

const agent = new Agent({ keepAlive: true });

export class Consumer {
  readonly settings: Settings;
  readonly breaks: Break[] = [];
  asked = 0;
  served = 0;
  invalidGrants = 0;
  /** The longest it was without a token, in all and beyond trouble. */
  longestWithoutMs = 0;
  longestBlamedMs = 0;
  readonly statuses = new Map<string, number>();
  readonly #cluster: Cluster;
  readonly #inspect: Inspect;
  readonly #stream: Stream;
  #tokenEndsAt: Instant;
  #hasEnded = false;
  #isTold = false;

  constructor(cluster: Cluster, settings: Settings, inspect: Inspect, stream: Stream) {
    this.#cluster = cluster;
    this.settings = settings;
    this.#inspect = inspect;
    this.#stream = stream;
    this.#tokenEndsAt = cluster.clock.now();
  }

  /** Works until it is told to end, or gives up. */
  async run(): Promise<void> {
    const { clock } = this.#cluster;
    const { habit } = this.settings;
    await clock.sleep(this.#stream.between(0, MINUTE));
    while (!this.#hasEnded) {
      const waitMs = await this.#askOnce();
      this.#measure();
      if (waitMs !== null) {
        await clock.sleep(waitMs);
        continue;
      }
      const inMs = this.#tokenEndsAt - habit.leadMs - clock.now();
      const jobs = Math.max(1, Math.ceil(inMs / habit.everyMs));
      await clock.sleep(habit.everyMs > 0 ? jobs * habit.everyMs : Math.max(inMs, LEAST_PAUSE_MS));
    }
  }

  /** Whether it has a token that lives. */
  get isServed(): boolean {
    const slack = NOBODY_MS + IMPATIENT_MS;
    return !this.#hasEnded && this.#tokenEndsAt + slack > this.#cluster.clock.now();
  }

  end(): void {
    if (!this.#hasEnded) this.#measure();
    this.#hasEnded = true;
  }

  /** Asks once; answers how long to wait before the next try, null with a token in hand. */
  async #askOnce(): Promise<Duration | null> {
    const { places } = this.#cluster;
    this.asked += 1;
    for (let i = 0; i < places.length; i += 1) {
      const process = places[(this.settings.home + i) % places.length];
      const answer = process && (await this.ask(process));
      if (answer) return await this.#take(answer);
    }
    this.#cluster.count("nobody there");
    return NOBODY_MS;
  }

  async #take({ status, body, retryAfterMs }: Answer): Promise<Duration | null> {
    const { clock } = this.#cluster;
    const word = [status, body.error, body.reason].filter((part) => part !== undefined).join(" ");
    this.statuses.set(word, (this.statuses.get(word) ?? 0) + 1);
    if (this.#hasEnded) return null;
    if (status === 200) return await this.#keep(body);
    const { error } = body;
    if (error === "invalid_grant" || error === "unauthorized_client") this.invalidGrants += 1;
    if ((status !== 503 && status !== 429) || error === "connection_lost") {
      this.#break(`${word}: ${String(body.error_description)}`);
      this.#hasEnded = true;
    }
    if (clock.now() >= this.#tokenEndsAt) this.#cluster.count("without a token, told to wait");
    return this.settings.habit.heedsRetryAfter ? retryAfterMs : IMPATIENT_MS;
  }

  async #keep(body: Answer["body"]): Promise<null> {
    const { clock } = this.#cluster;
    this.#measure();
    this.served += 1;
    const { access_token: token, expires_in: expiresIn, refresh_token: refreshToken } = body;
    const endsAt = clock.now() + Number(expiresIn) * SECOND;
    const known = await clock.traffic.during(() => this.#inspect(String(token)));
    if (known === null) this.#break("an access token that the provider refuses");
    else if (endsAt > known + TOLERATED_MS)
      this.#break("an access token ends before it is said to");
    if (this.settings.refreshToken !== null && refreshToken !== this.settings.refreshToken) {
      this.#break("the refresh token changed");
    }
    this.#tokenEndsAt = endsAt;
    this.#isTold = false;
    return null;
  }

  /** How long it has been without a token until now. */
  #measure(): void {
    const { clock, troubleEndedAt } = this.#cluster;
    const without = Math.max(0, clock.now() - this.#tokenEndsAt);
    const blamed = Math.min(without, clock.now() - troubleEndedAt);
    this.longestWithoutMs = Math.max(this.longestWithoutMs, without);
    this.longestBlamedMs = Math.max(this.longestBlamedMs, blamed);
    if (blamed <= WITHOUT_MAX || this.#isTold) return;
    this.#isTold = true;
    this.#break(`without a token for ${Math.round(blamed / SECOND)} s outside of any trouble`);
  }

  #break(what: string): void {
    this.breaks.push({ at: this.#cluster.clock.now(), consumer: this.settings.clientId, what });
  }

  /** One token request; undefined if the connection broke. */
  async ask(process: KetenProcess): Promise<Answer | undefined> {
    const { clientId, clientSecret, refreshToken } = this.settings;
    const form = new URLSearchParams(
      refreshToken === null
        ? { grant_type: "client_credentials" }
        : { grant_type: "refresh_token", refresh_token: refreshToken },
    );
    const ask = this.#cluster.beginAsk(process);
    try {
      return await post(new URL(RELAY_PATHS.token, process.url), form.toString(), {
        "x-ask": ask.id,
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`,
      });
    } catch {
      this.#cluster.count("connection to a process broke");
      return undefined;
    } finally {
      this.#cluster.endAsk(ask);
    }
  }
}

function post(url: URL, form: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const message = httpRequest(url, {
    ...{ agent, method: "POST" },
    headers: {
      ...headers,
      "content-type": "application/x-www-form-urlencoded",
      "content-length": Buffer.byteLength(form),
    },
  });
  message.on("error", reject);
  message.on("response", (response: IncomingMessage) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", reject);
    response.on("end", () => {
      const retryAfter = Number(response.headers["retry-after"] ?? 1);
      resolve({
        status: response.statusCode ?? 0,
        body: JSON.parse(Buffer.concat(chunks).toString()),
        retryAfterMs: retryAfter * SECOND,
      });
    });
  });
  message.end(form);
  return promise;
}

/** Closes the connections that are kept. */
export const closeConnections = (): void => agent.destroy();
