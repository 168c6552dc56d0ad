/**
 * The network between a keychain process and its provider: one POST at a time, each with the fate that is drawn for it.
 *
 * A request is *sent* in the event in which its first byte leaves, right after the code has looked at its lease. From
 * then on it goes its way, whatever becomes of its process; an answer goes to that process and to nobody else.
 */

import type { Progress } from "../../src/env/exchange.ts";
import type { Post, PostOutcome, PostRequest } from "../../src/env/http-post.ts";
import type { WireAnswer } from "../../src/http/dialect.ts";
import { type Duration, HOUR, SECOND } from "../../src/kernel/time.ts";
import type { Faults } from "./faults.ts";
import type { Arrival, Delivery, Holder, Kept, Ledger, Sent } from "./ledger.ts";
import type { SimProvider } from "./provider.ts";
import type { Stream } from "./random-stream.ts";
import type { Trace } from "./trace.ts";
import type { World } from "./world.ts";

export interface NetworkParts {
  readonly world: World;
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly faults: Faults;
  readonly stream: Stream;
  readonly provider: SimProvider;
  /** The longest of the usual ways, one way; milliseconds. */
  readonly wayMs: number;
  readonly deadlineMs: number;
  readonly requestLifeMs: number;
  /** The longest back-off that a keychain should have. */
  readonly backoffMs: number;
  /** Called when a request is under way: a crash or a pause may be meant for just that. */
  readonly onSent: (host: Holder, request: Sent) => void;
  /** Called when a connection is being made, before the first byte. */
  readonly onConnecting: (host: Holder) => void;
}

/** What the exchange says of the request it is about to post. */
export interface Posted {
  attempt: string;
}

const HTML = "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>";
const page = (status: number, headers = {}): WireAnswer => ({
  status,
  headers: { "content-type": "text/html; charset=utf-8", ...headers },
  body: HTML,
});

/** The way of one posting, as its process sees it. */
interface Line {
  readonly host: Holder;
  readonly request: Sent;
  readonly body: string;
  readonly authorization: string | undefined;
  progress: Progress;
  readonly settle: (outcome: PostOutcome) => void;
}

/** A time in which the provider answers nothing but errors, whatever it did. */
interface Outage {
  readonly from: number;
  readonly until: number;
  /** A server that fails, or one that turns everybody away. */
  readonly status: 503 | 429;
  /** What it asks for in its errors; seconds. */
  readonly retryAfter: string | null;
  /** The share of its errors that come after the issuer has decided. */
  readonly granted: number;
  /** Requests of each connection in it. */
  readonly requests: Map<Kept, number>;
  readonly stormed: Set<Kept>;
}

const errorOf = ({ status, retryAfter }: Outage): WireAnswer =>
  page(status, retryAfter === null ? {} : { "retry-after": retryAfter });

/** The longest pause that a provider in trouble asks for. */
export const RETRY_AFTER_MOST: Duration = HOUR;

/**
 * Nobody needs more requests to get through an outage, beside two in each longest back-off of it: tries grow apart, and
 * few processes die within one.
 */
const REQUESTS_MOST = 20;

export class Network {
  readonly #parts: NetworkParts;
  #outage: Outage | null = null;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** The `post` of one process. `posted` names the attempt of the posting that begins. */
  postOf(host: Holder, posted: Posted): Post {
    return (request) => {
      const { attempt } = posted;
      const { promise, resolve } = Promise.withResolvers<PostOutcome>();
      let line: Line | undefined;
      let progress: Progress = "begun";
      const connected = (): void => {
        progress = "connected";
        line = this.#firstByte(host, attempt, request, resolve);
      };
      this.#connect(host, connected, (reached) => {
        progress = reached;
        resolve({ kind: "notSent", progress, error: "ECONNREFUSED" });
      });
      return { outcome: promise, progress: () => line?.progress ?? progress };
    };
  }

  #way(): number {
    return this.#parts.stream.between(0.1, this.#parts.wayMs);
  }

  #connect(host: Holder, connected: () => void, failed: (reached: Progress) => void): void {
    const { world, faults, stream, ledger, onConnecting } = this.#parts;
    onConnecting(host);
    if (faults.strike("connectFailed")) {
      const reached = stream.pick<Progress>(["begun", "resolved"]);
      world.after(this.#way(), host, () => {
        ledger.fault();
        failed(reached);
      });
    } else {
      world.after(this.#way(), host, connected);
    }
  }

  #firstByte(
    host: Holder,
    attempt: string,
    { beforeFirstByte, body, headers }: PostRequest,
    settle: (outcome: PostOutcome) => void,
  ): Line | undefined {
    const { ledger, trace } = this.#parts;
    try {
      beforeFirstByte();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      trace.note(`${host.name} sends nothing for attempt ${attempt}: ${text}`);
      settle({ kind: "notSent", progress: "connected", error: text });
      return undefined;
    }
    const text = body.reveal();
    const token = new URLSearchParams(text).get("refresh_token") ?? "";
    const request = ledger.send(host, attempt, token);
    if (!request) throw new Error("a token was presented that the provider never issued");
    const line: Line = {
      ...{ host, request, settle, body: text, authorization: headers.authorization },
      progress: "sent",
    };
    this.#leave(line);
    this.#parts.onSent(host, request);
    return line;
  }

  /** The request's way to the provider. */
  #leave(line: Line): void {
    const { world, faults, stream, trace, requestLifeMs, deadlineMs } = this.#parts;
    const { request } = line;
    if (faults.strike("requestLost")) {
      trace.note(`request ${request.id} is lost on its way`);
      this.#silence(line);
      return;
    }
    let way = this.#way();
    if (faults.strike("requestDelayed")) {
      way = stream.between(way, Math.min(0.9 * requestLifeMs, 2 * deadlineMs));
      this.#touched(line);
    } else if (faults.strike("requestStale")) {
      way = requestLifeMs * stream.between(1.05, 3);
      this.#touched(line);
      trace.note(`request ${request.id} is held up for longer than a request lives`);
    }
    world.after(way, null, () => this.#arrive(line, false));
    if (faults.strike("requestDuplicated")) {
      const later = way + stream.skewed(1, 2 * requestLifeMs);
      world.after(later, null, () => this.#arrive(line, true));
    }
  }

  #touched({ request }: Line): void {
    this.#parts.ledger.fault(request.of);
  }

  /** The request is at the provider, or at what stands before it. */
  #arrive(line: Line, isDuplicate: boolean): void {
    const { ledger, trace } = this.#parts;
    const { request } = line;
    const arrival: Arrival = {
      ...{ request, isDuplicate, arrived: ledger.mark() },
      ...{ granted: false, isComing: false, reason: null, answered: null },
    };
    request.of.arrivals.push(arrival);
    if (isDuplicate) trace.note(`request ${request.id} arrives a second time`);
    const outage = isDuplicate ? null : this.#outageFor(request);
    const refused = isDuplicate ? undefined : this.#atTheDoor(outage);
    if (refused) {
      this.#touched(line);
      trace.note(`request ${request.id} is answered at the door: ${refused.status}`);
      this.#carryBack(line, arrival, refused, null);
      return;
    }
    void this.#decide(line, arrival, outage);
  }

  /** The outage that a request falls into; counts how often it is asked in vain. */
  #outageFor({ of, id }: Sent): Outage | null {
    const { faults, stream, world, trace, requestLifeMs } = this.#parts;
    if (this.#outage && (world.now >= this.#outage.until || !faults.isOn)) this.#outage = null;
    if (!this.#outage && faults.strike("outage")) {
      const ms = stream.skewed(10, 20 * requestLifeMs);
      const retryAfter = stream.pick([null, null, "1", "60", `${RETRY_AFTER_MOST / SECOND}`]);
      const status = stream.pick<Outage["status"]>([503, 503, 503, 429]);
      // Who is turned away was not granted anything.
      const granted = status === 429 ? 0 : stream.pick([0, 0.3, 0.8]);
      this.#outage = {
        from: world.now,
        until: world.now + ms,
        status,
        retryAfter,
        granted,
        requests: new Map(),
        stormed: new Set(),
      };
      trace.note(`an outage begins with request ${id}, for ${Math.round(ms)} ms`);
    }
    if (!this.#outage) return null;
    this.#count(of, this.#outage);
    return this.#outage;
  }

  async #decide(line: Line, arrival: Arrival, outage: Outage | null): Promise<void> {
    const { provider, faults, trace } = this.#parts;
    const { request } = line;
    const { wire, carries } = await provider.answer(line.body, line.authorization, arrival);
    // The network delivers a duplicate's answer to nobody.
    if (arrival.isDuplicate) return;
    const failed = outage !== null || (arrival.granted && faults.strike("errorAfter"));
    if (!failed) return this.#carryBack(line, arrival, wire, carries);
    this.#touched(line);
    trace.note(
      `the gateway gives up on request ${request.id}, which was ${arrival.granted ? "granted" : "refused"}`,
    );
    this.#carryBack(line, arrival, outage ? errorOf(outage) : page(502), null);
  }

  #count(of: Kept, { from, requests, stormed }: Outage): void {
    const { world, ledger, backoffMs } = this.#parts;
    const count = (requests.get(of) ?? 0) + 1;
    requests.set(of, count);
    const lastedMs = world.now - from;
    if (stormed.has(of) || count <= REQUESTS_MOST + (2 * lastedMs) / backoffMs) return;
    stormed.add(of);
    ledger.storms.push(`${of.name}: ${count} requests in ${Math.round(lastedMs)} ms of an outage`);
  }

  /** What a gateway or the endpoint's own protection says before the issuer sees anything. */
  #atTheDoor(outage: Outage | null): WireAnswer | undefined {
    const { faults, stream } = this.#parts;
    if (outage) return stream.chance(outage.granted) ? undefined : errorOf(outage);
    if (faults.strike("errorBefore")) return page(stream.pick([500, 502, 503, 504]));
    if (faults.strike("rateLimited")) return page(429, { "retry-after": "2" });
    if (faults.strike("htmlPage")) return page(stream.pick([200, 403]));
    if (faults.strike("notFound")) return page(404);
    if (faults.strike("clientRefused")) {
      const headers = { "content-type": "application/json" };
      return { status: 401, headers, body: '{"error":"invalid_client"}' };
    }
    return undefined;
  }

  /** The answer's way back. */
  #carryBack(line: Line, arrival: Arrival, wire: WireAnswer, carries: string | null): void {
    const { world, faults, stream, trace, deadlineMs } = this.#parts;
    const { request, host } = line;
    if (faults.strike("answerLost")) {
      trace.note(`the answer to request ${request.id} is lost`);
      this.#silence(line);
      return;
    }
    let bytes = Buffer.from(wire.body);
    let complete = true;
    if (faults.strike("answerCut")) {
      complete = false;
      bytes = bytes.subarray(0, stream.whole(0, bytes.length));
      this.#touched(line);
      trace.note(`the answer to request ${request.id} is cut`);
    }
    let way = this.#way();
    if (faults.strike("answerLate")) {
      way = deadlineMs * stream.between(0.5, 3);
      this.#touched(line);
    }
    // A gateway's page brings no token.
    arrival.isComing = complete && carries !== null;
    world.after(way, host, () => {
      line.progress = "answered";
      const delivery = this.#delivered(line, arrival, carries, complete, bytes);
      trace.note(
        `${host.name} gets the answer to request ${request.id}: ${wire.status}${complete ? "" : ", cut"}${delivery ? `, serial ${delivery.serial}` : ""}`,
      );
      const { status, headers } = wire;
      line.settle({ kind: "answered", answer: { status, headers, body: bytes, complete } });
    });
  }

  #delivered(
    { host, request }: Line,
    arrival: Arrival,
    carries: string | null,
    complete: boolean,
    bytes: Buffer,
  ): Delivery | undefined {
    const { ledger } = this.#parts;
    const serial = carries === null ? undefined : ledger.tokens.get(carries)?.serial;
    if (carries === null || serial === undefined || serial === request.presented) return undefined;
    const isWhole = complete || bytes.toString("latin1").includes(`"${carries}"`);
    return isWhole ? ledger.deliver(arrival, host, serial) : undefined;
  }

  /** No answer will come: the connection breaks, sooner or later, or stays silent until the harvest ends. */
  #silence(line: Line): void {
    const { world, stream, deadlineMs } = this.#parts;
    this.#touched(line);
    const error = "ECONNRESET";
    world.after(stream.skewed(1, 3 * deadlineMs), line.host, () =>
      line.settle({ kind: "unanswered", progress: line.progress, error }),
    );
  }
}
