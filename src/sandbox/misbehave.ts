/**
 * Stands between a token request and its answer, and lets happen what its faults say: before the commit, after it, or
 * to the answer on its way.
 */

import type { FastifyReply } from "fastify";
import type { Clock } from "../env/clock.ts";
import type { WireAnswer } from "../http/dialect.ts";
import { type AnsweredExchange, send, type TokenExchange } from "../http/oauth.ts";
import type { Issuer } from "../issuer/issuer.ts";
import type { Faults } from "./faults.ts";
import { decisionOf, type RequestLine, type RequestLog } from "./request-log.ts";

export interface Misbehaviour {
  intercept(exchange: TokenExchange, reply: FastifyReply): Promise<void>;
  /** Ends every hold at once. */
  release(): void;
}

const PAGE = "<!doctype html><title>Maintenance</title><p>We will be back soon.</p>";
const html = (status: number, body: string): WireAnswer => ({
  status,
  headers: { "content-type": "text/html; charset=utf-8" },
  body,
});

export function misbehaviour(options: {
  readonly issuer: Issuer;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly log: RequestLog;
}): Misbehaviour {
  const { issuer, clock, faults, log } = options;
  const held = new Set<() => void>();
  const hold = (milliseconds: number): Promise<void> => {
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
  const decide = async (number: number, exchange: TokenExchange): Promise<AnsweredExchange> => {
    const answered = await exchange.answer();
    log.note(number, decisionOf(answered, clock.now()));
    return answered;
  };
  /** Notes what was presented by a request that the issuer never saw. */
  const noteUndecided = async (number: number, { parameters }: TokenExchange): Promise<void> => {
    const { refresh_token: token } = parameters;
    const inspected = typeof token === "string" ? await issuer.inspectToken(token) : undefined;
    const { chain = null, serial: presented = null } = inspected ?? {};
    log.note(number, { decision: "none", chain, presented });
  };
  return {
    release: () => {
      for (const release of [...held]) release();
    },
    async intercept(exchange, reply) {
      const fault = faults.draw();
      const grantType = first(exchange.parameters.grant_type);
      const client = first(exchange.parameters.client_id);
      const number = log.begin({ grantType, client }, fault);
      let written: RequestLine["written"] = "none";
      reply.raw.once("close", () => log.note(number, { written, answeredAt: clock.now() }));
      if (fault?.name === "hold") await hold(fault.holdMs);
      if (fault?.name === "error-before") {
        await noteUndecided(number, exchange);
        return void send(reply, html(503, PAGE));
      }
      if (fault?.name === "reset") {
        await noteUndecided(number, exchange);
        return void reply.hijack().raw.socket?.resetAndDestroy();
      }
      const { wire } = await decide(number, exchange);
      switch (fault?.name) {
        case "duplicate": {
          const line = { grantType, client, duplicateOf: number, written: "none" } as const;
          await decide(log.begin(line, undefined), exchange);
          break;
        }
        case "answer-late":
          await hold(fault.holdMs);
          break;
        case "lost-answer":
          return void reply.hijack().raw.destroy();
        case "error-after":
          return void send(reply, html(500, PAGE));
        case "truncated":
          written = "part";
          return cut(reply, wire);
        case "html":
          return void send(reply, html(200, PAGE));
        case "empty":
          return void send(reply, { ...wire, status: 200, body: "" });
        default:
      }
      reply.raw.once("finish", () => {
        written = "whole";
      });
      send(reply, wire);
    },
  };
}

const first = (value: string | readonly string[] | undefined): string | null =>
  typeof value === "string" ? value : null;

/** Announces the whole answer and ends in the middle of it. */
function cut(reply: FastifyReply, { status, headers, body }: WireAnswer): void {
  const { raw } = reply.hijack();
  const bytes = Buffer.from(body);
  raw.writeHead(status, { ...headers, "content-length": bytes.length });
  raw.write(bytes.subarray(0, bytes.length >> 1), () => raw.destroy());
}
