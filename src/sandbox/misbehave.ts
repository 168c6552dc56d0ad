/**
 * Stands between a token request and its answer, and lets happen what its faults say: before the commit, after it, or
 * to the answer on its way.
 */

import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import type { Clock } from "../env/clock.ts";
import { type Dialect, spellRefusal, type WireAnswer } from "../http/dialect.ts";
import { type AnsweredExchange, send, type TokenExchange } from "../http/oauth.ts";
import type { Realms } from "../issuer/realms.ts";
import type { Fault, FaultName, Faults } from "./faults.ts";
import { decisionOf, type RequestLine, type RequestLog } from "./request-log.ts";

export interface Misbehaviour {
  intercept(exchange: TokenExchange, reply: FastifyReply): Promise<void>;
  /** Ends every hold at once. */
  release(): void;
}

export interface MisbehaviourOptions {
  readonly realms: Pick<Realms, "inspectToken">;
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly log: RequestLog;
  /** Lets the provider fall back by so many commits, and says by how many it did. */
  readonly forget: (commits: number) => Promise<number>;
}

/** In how many pieces a slow body arrives. */
const PIECES = 10;

const PAGE = "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>";
const html = (status: number, body: string): WireAnswer => ({
  status,
  headers: { "content-type": "text/html; charset=utf-8" },
  body,
});

export function misbehaviour(options: MisbehaviourOptions): Misbehaviour {
  const { clock, faults, log } = options;
  const { hold, release } = holdsOf(clock);
  const decide = async (number: number, exchange: TokenExchange): Promise<AnsweredExchange> => {
    const answered = await exchange.answer();
    log.note(number, decisionOf(answered, clock.now()));
    return answered;
  };
  return {
    release,
    async intercept(exchange, reply) {
      const { parameters } = exchange;
      const grantType = single(parameters.grant_type);
      const client = single(parameters.client_id);
      const fault = faults.draw((name) => canMeet(name, grantType));
      const number = log.begin({ grantType, client }, fault);
      const way: OnItsWay = { raw: reply.raw, written: "none", hold };
      reply.raw.once("close", () => {
        log.note(number, { written: way.written, answeredAt: clock.now() });
      });
      if (fault?.name === "hold") await hold(fault.holdMs);
      if (fault?.name === "forgotten-commits") {
        log.note(number, { forgotten: await options.forget(fault.commits) });
      }
      const instead = undecided(fault, options);
      if (instead) {
        log.note(number, await presentedBy(exchange, options));
        if (instead === "reset") reset(reply.hijack().raw);
        else send(reply, instead);
        return;
      }
      const { wire } = await decide(number, exchange);
      if (fault?.name === "duplicate") {
        const line = { grantType, client, duplicateOf: number, written: "none" } as const;
        await decide(log.begin(line, undefined), exchange);
      }
      await deliver(reply, wire, fault, way);
    },
  };
}

/** Only a presented token can be called unknown. */
const canMeet = (name: FaultName, grantType: string | null): boolean =>
  name !== "chain-incident" || grantType === "refresh_token";

const single = (value: string | readonly string[] | undefined): string | null =>
  typeof value === "string" ? value : null;

// --- before the commit ----------------------------------------------------------------------------------

/** What answers in place of the issuer, which then never sees the request. */
function undecided(
  fault: Fault | undefined,
  { dialect, clock }: MisbehaviourOptions,
): WireAnswer | "reset" | undefined {
  switch (fault?.name) {
    case "maintenance":
    case "error-before":
      return html(503, PAGE);
    case "chain-incident": {
      const unknown = { reason: "tokenUnknown", parameter: "refresh_token" } as const;
      return spellRefusal(dialect, unknown, clock.now());
    }
    case "reset":
      return "reset";
    default:
      return undefined;
  }
}

/** What is known of a request that the issuer never saw. */
async function presentedBy(
  { parameters }: TokenExchange,
  { realms }: MisbehaviourOptions,
): Promise<Partial<RequestLine>> {
  const token = single(parameters.refresh_token);
  const inspected = token === null ? undefined : await realms.inspectToken(token);
  const { chain = null, serial: presented = null } = inspected ?? {};
  return { decision: "none", chain, presented };
}

// --- after the commit -----------------------------------------------------------------------------------

/** An answer on its way. */
interface OnItsWay {
  readonly raw: ServerResponse;
  /** How much of the issuer's answer was handed to the network. */
  written: RequestLine["written"];
  readonly hold: (milliseconds: number) => Promise<void>;
}

async function deliver(
  reply: FastifyReply,
  wire: WireAnswer,
  fault: Fault | undefined,
  way: OnItsWay,
): Promise<void> {
  const whole = (): void => {
    way.raw.once("finish", () => {
      way.written = "whole";
    });
  };
  switch (fault?.name) {
    case "lost-answer":
      return void reply.hijack().raw.destroy();
    case "error-after":
      return void send(reply, html(500, PAGE));
    case "html":
      return void send(reply, html(200, PAGE));
    case "empty":
      return void send(reply, { ...wire, status: 200, body: "" });
    case "truncated":
      reply.hijack();
      return cut(wire, way, Buffer.byteLength(wire.body) >> 1, (raw) => raw.destroy());
    case "reset-after":
      reply.hijack();
      return cut(wire, way, fault.bytes ?? 0, reset);
    case "slow":
      reply.hijack();
      whole();
      return await drip(wire, way, fault.holdMs);
    case "answer-late":
      await way.hold(fault.holdMs);
      break;
    default:
  }
  whole();
  send(reply, wire);
}

const reset = (raw: ServerResponse): void => void raw.socket?.resetAndDestroy();

/** Announces the whole answer, and ends after so many bytes of its body. */
function cut(
  wire: WireAnswer,
  way: OnItsWay,
  bytes: number,
  end: (raw: ServerResponse) => void,
): void {
  const body = announce(wire, way.raw);
  way.written = bytes < body.length ? "part" : "whole";
  way.raw.write(body.subarray(0, bytes), () => end(way.raw));
}

/** Hands the body over piece by piece, while there is somebody who takes it. */
async function drip(wire: WireAnswer, way: OnItsWay, milliseconds: number): Promise<void> {
  const { raw } = way;
  const body = announce(wire, raw);
  const size = Math.ceil(body.length / PIECES);
  way.written = "part";
  for (let at = 0; at < body.length && !raw.destroyed; at += size) {
    await way.hold(milliseconds / PIECES);
    raw.write(body.subarray(at, at + size));
  }
  raw.end();
}

function announce({ status, headers, body }: WireAnswer, raw: ServerResponse): Buffer {
  const bytes = Buffer.from(body);
  raw.writeHead(status, { ...headers, "content-length": bytes.length });
  raw.flushHeaders();
  return bytes;
}

// --- holding --------------------------------------------------------------------------------------------

function holdsOf(clock: Clock) {
  const held = new Set<() => void>();
  let isOver = false;
  const hold = (milliseconds: number): Promise<void> => {
    if (isOver) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.afterReal(milliseconds, () => release());
    const release = (): void => {
      timer.cancel();
      held.delete(release);
      resolve();
    };
    held.add(release);
    return promise;
  };
  const releaseAll = (): void => {
    isOver = true;
    for (const release of [...held]) release();
  };
  return { hold, release: releaseAll };
}
