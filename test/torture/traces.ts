/** Hand-made traces: a chain's story request by request, at the pace of one instant each. */

import type { HeldToken, Kept, Life, Recorded, Seen, Trace } from "../../scripts/torture/trace.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import type { RequestLine } from "../../src/sandbox/request-log.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

export const CHAIN = "chain.1";
/** Long after the grant, so that no least interval is in the way. */
export const BEGIN = 1_000_000_000;

export interface Story {
  readonly preset?: string;
  readonly seen: readonly Seen[];
  readonly attempts: readonly Recorded[];
  readonly lives: readonly Life[];
  readonly held?: readonly HeldToken[];
  readonly lost?: boolean;
  readonly requestLifeMs?: number;
}

export function traceOf(story: Story): Trace {
  const {
    preset = "strict",
    seen,
    attempts,
    lives,
    held = [],
    lost = true,
    requestLifeMs = 1500,
  } = story;
  const kept: Kept = {
    name: "acme",
    chain: CHAIN,
    grantAt: BEGIN - 3_600_000,
    status: lost ? "lost" : "fresh",
    cause: lost ? "lostAnswer" : null,
    lost,
    attempts,
    held,
  };
  const policy = PRESETS[preset] as Policy;
  return { policy, requestLifeMs, seen, lives, connections: [kept] };
}

/** A process that sent requests from `from` to `until`. */
export const life = (owner: string, from: number, until: number, reachable = true): Life => ({
  owner,
  from: BEGIN + from,
  until: BEGIN + until,
  reachable,
});

export const attempt = (
  id: string,
  owner: string,
  sent: number,
  serial: number,
  durable: number | null,
): Recorded => ({
  attempt: id,
  owner,
  sent: BEGIN + sent,
  serial,
  why: "due",
  durable: durable === null ? null : BEGIN + durable,
});

/** A request that was received at an instant and decided 10 ms later, unless told otherwise. */
export function request(
  number: number,
  at: number,
  what: Partial<RequestLine> & { readonly decidedAfter?: number; readonly answeredAfter?: number },
): Seen {
  const { decidedAfter = 10, answeredAfter = decidedAfter + 10, ...line } = what;
  const received = BEGIN + at;
  const decided = received + decidedAfter;
  const answered = received + answeredAfter;
  return {
    line: {
      number,
      receivedAt: received,
      decidedAt: decided,
      answeredAt: answered,
      grantType: "refresh_token",
      client: "client",
      chain: CHAIN,
      presented: null,
      decision: "granted",
      reason: null,
      kind: null,
      answered: null,
      status: 200,
      written: "whole",
      fault: null,
      holdMs: 0,
      resetAfterBytes: null,
      forgotten: 0,
      duplicateOf: null,
      ...line,
    },
    received,
    decided,
    answered,
  };
}

export const granted = (
  number: number,
  at: number,
  presented: number,
  answered: number,
  more: Parameters<typeof request>[2] = {},
): Seen => request(number, at, { presented, answered, kind: "rotated", ...more });

export const refused = (
  number: number,
  at: number,
  presented: number,
  reason: string,
  more: Parameters<typeof request>[2] = {},
): Seen => request(number, at, { presented, decision: "refused", reason, status: 400, ...more });
