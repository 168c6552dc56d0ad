/**
 * What the stand-in saw and did, request by request: the judge's evidence. Serials, never tokens.
 *
 * 1. A request has its line from the moment it is received, so one that is never answered is seen too.
 * 2. `decision` is what was committed; `written` is what of the answer left this process. A fault sets them apart.
 * 3. The newest `LINES_MAX` lines are kept; `dropped` tells how many are gone.
 */

import type { AnsweredExchange } from "../http/oauth.ts";
import type { Answer } from "../kernel/chain.ts";
import type { ChainKey, Serial } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Fault } from "./faults.ts";

/** Instants are of the stand-in's clock. */
export interface RequestLine {
  readonly number: number;
  readonly receivedAt: Instant;
  /** When the decision was durable; null if there is none. */
  readonly decidedAt: Instant | null;
  /** When the answer was written or given up. */
  readonly answeredAt: Instant | null;
  readonly grantType: string | null;
  readonly client: string | null;
  readonly chain: ChainKey | null;
  readonly presented: Serial | null;
  /** `failed`: the issuer threw. `none`: the request never reached it. */
  readonly decision: "pending" | "granted" | "refused" | "failed" | "none";
  readonly reason: string | null;
  readonly kind: Answer["kind"] | null;
  /** The serial of the answer's tokens. */
  readonly answered: Serial | null;
  /** The status that was decided, whether it was written or not. */
  readonly status: number | null;
  /** How much of the issuer's answer was handed to the network. */
  readonly written: "pending" | "whole" | "part" | "none";
  readonly fault: string | null;
  readonly holdMs: number;
  /** After so many bytes of its body the answer was cut by a reset; null for other faults. */
  readonly resetAfterBytes: number | null;
  /** How many commits the provider forgot before it decided. */
  readonly forgotten: number;
  /** The number of the request that this one is a second delivery of. */
  readonly duplicateOf: number | null;
}

export interface RequestLog {
  begin(line: Partial<RequestLine>, fault: Fault | undefined): number;
  note(number: number, change: Partial<RequestLine>): void;
  after(number: number): readonly RequestLine[];
  /** So many of the newest, oldest first. */
  newest(count: number): readonly RequestLine[];
  readonly dropped: number;
}

const LINES_MAX = 100_000;

export function createRequestLog(now: () => Instant): RequestLog {
  const lines = new Map<number, RequestLine>();
  let last = 0;
  return {
    begin(line, fault) {
      last += 1;
      lines.set(last, {
        number: last,
        receivedAt: now(),
        decidedAt: null,
        answeredAt: null,
        grantType: null,
        client: null,
        chain: null,
        presented: null,
        decision: "pending",
        reason: null,
        kind: null,
        answered: null,
        status: null,
        written: "pending",
        fault: fault?.name ?? null,
        holdMs: fault?.holdMs ?? 0,
        resetAfterBytes: fault?.bytes ?? null,
        forgotten: 0,
        duplicateOf: null,
        ...line,
      });
      lines.delete(last - LINES_MAX);
      return last;
    },
    note(number, change) {
      const line = lines.get(number);
      if (line) lines.set(number, { ...line, ...change });
    },
    newest: (count) =>
      Array.from({ length: count }, (_, i) => lines.get(last - count + 1 + i)).filter(
        (line) => line !== undefined,
      ),
    after: (number) => [...lines.values()].filter((line) => line.number > number),
    get dropped() {
      return last - lines.size;
    },
  };
}

/** What a line says of an answered request. */
export function decisionOf({ wire, outcome }: AnsweredExchange, at: Instant): Partial<RequestLine> {
  const { status } = wire;
  if (!outcome) return { decision: "failed", status, decidedAt: at };
  const { clientId, chain, presented, answered, kind } = outcome.trace;
  return {
    decision: outcome.granted ? "granted" : "refused",
    reason: outcome.granted ? null : outcome.refusal.reason,
    client: clientId,
    chain,
    presented,
    answered,
    kind,
    status,
    decidedAt: at,
  };
}
