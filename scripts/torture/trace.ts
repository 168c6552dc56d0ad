/**
 * The trace of a torture: all that the judge looks at, as one value.
 *
 * 1. Instants are real ones, in milliseconds since the Unix epoch. The stand-in's lines keep their own (scaled) instants
 *    beside, for by these its rules are replayed.
 * 2. No token is in it: a token is a chain's serial, as the stand-in counts.
 */

import type { ChainKey, Serial } from "../../src/kernel/ids.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import type { Duration, Instant } from "../../src/kernel/time.ts";
import type { RequestLine } from "../../src/sandbox/request-log.ts";

/** A request as the stand-in logged it, and when that was in real time. */
export interface Seen {
  readonly line: RequestLine;
  readonly received: Instant;
  readonly decided: Instant | null;
  /** When its answer was written, or its connection was gone. */
  readonly answered: Instant | null;
}

/** A process that may send requests. */
export interface Life {
  readonly owner: string;
  readonly from: Instant;
  /** When it was killed or told to end; infinity while it lives. */
  readonly until: Instant;
  /** Until when a courier of its own journals answers for it; its own end unless given. */
  readonly harvestsUntil?: Instant;
  /** Whether what it journaled can be read by others: not if it is stopped, or on a machine out of reach. */
  readonly reachable: boolean;
}

/** A request as Keten recorded it before its first byte. */
export interface Recorded {
  readonly attempt: string;
  readonly owner: string;
  readonly sent: Instant;
  /** The token's serial as Keten counts. */
  readonly serial: number;
  readonly why: string;
  /** When an answer with a refresh token was first durable with us, in a journal or in the store. */
  readonly durable: Instant | null;
}

/** A token that Keten holds at the end, as the stand-in sees it. */
export interface HeldToken {
  readonly place: "current" | "predecessor" | "parked" | "journal";
  readonly serial: Serial | null;
  readonly accepted: boolean;
}

/** One connection with everything known of it. */
export interface Kept {
  readonly name: string;
  readonly chain: ChainKey;
  /** When its chain was granted, by the stand-in's clock. */
  readonly grantAt: Instant;
  /** As Keten calls it in the end. */
  readonly status: string;
  readonly cause: string | null;
  readonly lost: boolean;
  readonly attempts: readonly Recorded[];
  readonly held: readonly HeldToken[];
}

export interface Trace {
  /** The policy in force at the stand-in. */
  readonly policy: Policy;
  /** After so long, in real time, Keten takes a request for dead. */
  readonly requestLifeMs: Duration;
  readonly seen: readonly Seen[];
  readonly lives: readonly Life[];
  readonly connections: readonly Kept[];
}
