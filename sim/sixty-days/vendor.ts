/**
 * The provider's side: the stand-in for Exact Online over real HTTP, with its clock, its faults and its log of requests,
 * which is what a run is judged by.
 */

import type { Clock } from "../../src/env/clock.ts";
import { dayOf, HOUR, type Instant, SECOND } from "../../src/kernel/time.ts";
import type { FaultInputs } from "../../src/sandbox/faults.ts";
import type { RequestLine } from "../../src/sandbox/request-log.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import type { StandingClock } from "./standing-clock.ts";

export const PRESET = "exact-online";

/** By which the vendor's days are counted. */
const ZONE = "Europe/Amsterdam";
/** What counts against the error budget of an hour. */
const ERROR_STATUSES = new Set([400, 401, 403, 404]);

export interface Measured {
  /** Refreshes that the provider granted. */
  refreshes: number;
  /** Refused because they came too early. */
  tooEarly: number;
  /** Refused because the day's calls were used up. */
  overQuota: number;
  readonly tokenCallsPerDay: Map<string, number>;
  readonly errorsAt: Instant[];
  readonly refusals: Map<string, number>;
  readonly faults: Map<string, number>;
}

export class Vendor {
  readonly sandbox: Sandbox;
  readonly measured: Measured = {
    ...{ refreshes: 0, tooEarly: 0, overQuota: 0, tokenCallsPerDay: new Map(), errorsAt: [] },
    ...{ refusals: new Map(), faults: new Map() },
  };
  readonly #clock: StandingClock;
  #seen = 0;

  private constructor(sandbox: Sandbox, clock: StandingClock) {
    this.sandbox = sandbox;
    this.#clock = clock;
  }

  static async start(clock: StandingClock, seed: string): Promise<Vendor> {
    const { [PRESET]: provider } = PROVIDERS;
    if (!provider) throw new Error(`there is no preset "${PRESET}"`);
    const sandbox = await startSandbox({ provider, seed, clock: holdingClock(clock) });
    return new Vendor(sandbox, clock);
  }

  /** Changes what goes wrong; what is not named goes right. */
  async setFaults(faults: FaultInputs): Promise<void> {
    const calm = Object.fromEntries(FAULT_NAMES.map((name) => [name, 0]));
    await this.#control("POST", "faults", { ...calm, ...faults });
  }

  /** Until when an access token works; null if it does not. */
  async inspect(token: string): Promise<Instant | null> {
    const { issuer, resourceServer } = this.sandbox;
    const { clientId, clientSecret } = resourceServer;
    const outcome = await issuer.introspect({
      parameters: { token, client_id: clientId, client_secret: clientSecret },
      authorization: undefined,
      address: "127.0.0.1",
    });
    if (!outcome.granted) throw new Error(`introspection was refused: ${outcome.refusal.reason}`);
    return outcome.introspection.active ? outcome.introspection.expiresAt : null;
  }

  /** Takes in what the stand-in has logged since, all of it answered. */
  async measure(): Promise<void> {
    const { requests, dropped } = await this.#control("GET", `log?after=${this.#seen}`);
    if (dropped > 0) throw new Error("the stand-in's log was read too late");
    for (const line of requests) {
      // What is not decided yet is read again.
      if (line.decision === "pending") break;
      this.#seen = line.number;
      this.#take(line);
    }
  }

  #take({ receivedAt, decidedAt, decision, reason, status, fault, grantType }: RequestLine): void {
    const { measured } = this;
    const more = (counts: Map<string, number>, name: string): void =>
      void counts.set(name, (counts.get(name) ?? 0) + 1);
    more(measured.tokenCallsPerDay, dayOf(receivedAt, ZONE));
    if (fault !== null) more(measured.faults, fault);
    if (decision === "granted" && grantType === "refresh_token") measured.refreshes += 1;
    if (decision !== "refused") return;
    more(measured.refusals, reason ?? "unknown");
    if (reason === "tooEarly") measured.tooEarly += 1;
    if (reason === "quotaExceeded") measured.overQuota += 1;
    if (status !== null && ERROR_STATUSES.has(status)) {
      measured.errorsAt.push(decidedAt ?? receivedAt);
    }
  }

  /** The most token calls in one of the vendor's days. */
  get tokenCallsPerDayMax(): number {
    return Math.max(0, ...this.measured.tokenCallsPerDay.values());
  }

  /** The most errors within any hour. */
  get errorsPerHourMax(): number {
    const at = this.measured.errorsAt.toSorted((a, b) => a - b);
    const within = at.map((from, i) => at.slice(i).findIndex((one) => one >= from + HOUR));
    return Math.max(0, ...within.map((count, i) => (count < 0 ? at.length - i : count)));
  }

  async #control(method: string, path: string, body?: object) {
    return await this.#clock.traffic.during(async () => {
      const response = await fetch(`${this.sandbox.url}/sandbox/${path}`, {
        method,
        ...(body ? { body: JSON.stringify(body) } : {}),
        headers: body ? { "content-type": "application/json" } : {},
      });
      if (!response.ok) throw new Error(`/sandbox/${path}: ${await response.text()}`);
      return (await response.json()) as { requests: RequestLine[]; dropped: number };
    });
  }

  close(): Promise<void> {
    return this.sandbox.close();
  }
}

const FAULT_NAMES = [
  ...["hold", "error-before", "reset", "lost-answer", "answer-late", "error-after", "truncated"],
  ...["html", "empty"],
];

/** The stand-in waits for nothing but the end of a hold, and while it does, a request is not on its way. */
function holdingClock(clock: StandingClock): Clock {
  return {
    ...clock,
    afterReal(milliseconds, callback) {
      clock.traffic.leave();
      return clock.afterReal(milliseconds, () => {
        clock.traffic.enter();
        callback();
      });
    },
  };
}

/** How long the stand-in keeps a request at most. */
export const HOLD_MS_MAX = 480 * SECOND;
