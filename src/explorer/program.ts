/**
 * A keeper of one chain, as the model runs it: what a process decides from the store, and what it writes there.
 *
 * 1. A program is values in, values out. The model owns time, the network, the processes, the store and the journals.
 * 2. `S` is what the store holds. Every function that returns a store value is one transaction.
 */

import type { Result } from "../kernel/settle.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { Token } from "./remote.ts";

/** A request that a program wants to send. */
export interface Sending {
  readonly id: string;
  readonly token: Token;
  /** For a reader of the trace. */
  readonly why: string;
  /** Whether an earlier request for the same token is on record as one in doubt: then it is no double spend. */
  readonly isRecorded?: boolean;
  /** What the process remembers of it. */
  readonly note: unknown;
  /** After so long the process waits no longer for the answer. */
  readonly deadline: Duration;
  /** Since boot; from then on the right to send is over. Infinity where the program knows none. */
  readonly leaseUntil: Instant;
}

/** An answer as a journal keeps it. */
export interface Kept {
  readonly machine: string;
  readonly attemptId: string;
  /** By our wall clock. */
  readonly at: Instant;
  readonly result: Result;
  readonly settled: boolean;
}

/** Who looks, when, and what it can see besides the store. */
export interface Sight {
  /** Name of the process, never used twice. */
  readonly owner: string;
  /** The wall clock of our machines. */
  readonly now: Instant;
  /** Time since boot, which no jump of the wall clock moves. */
  readonly boot: { readonly id: string; readonly at: Duration };
  /** Owners that are certainly dead. */
  readonly dead: ReadonlySet<string>;
  /** Requests of this process that are on their way, whose answers it would hear, or has; oldest first. */
  readonly inFlight: readonly Sending[];
  /** The journals of this machine, oldest first. */
  readonly journals: readonly Kept[];
  /** What this process has seen before: a number that only grows. */
  readonly seen: number;
}

export type Look<S> =
  | { readonly do: "send"; readonly sending: Sending; readonly store: S }
  /** Looks again at an instant of the wall clock. */
  | {
      readonly do: "rest";
      readonly until: Instant;
      readonly why: string;
      readonly store: S;
      /** Looks again as soon as the store changes or a process dies. */
      readonly watches: boolean;
      /** The refresh token whose access token it hands out; undefined where it has none to hand out. */
      readonly handsOut?: Token;
    }
  /** Nothing will be done any more. */
  | { readonly do: "stop"; readonly why: string; readonly store: S };

export interface Program<S> {
  readonly name: string;
  /** Whether answers are journaled before they are committed. */
  readonly journals: boolean;
  /** Whether a process keeps an answer that the store does not take, and tries again. */
  readonly keepsUncommitted: boolean;
  /** What must be left of the lease at the first byte. */
  readonly leaseMargin: Duration;
  /** The store with a token that was granted elsewhere. */
  begin(first: Token, now: Instant): S;
  look(store: S, sight: Sight): Look<S>;
  /** What came of a request, in one transaction. */
  settle(store: S, sending: Sending, result: Result, sight: Sight): S;
  /** The lease of a request that is on its way, renewed; the same value where there is none to renew. */
  renew(store: S, attemptId: string, sight: Sight): S;
  /** All tokens that the store holds, the one to be presented next first. */
  tokens(store: S): readonly Token[];
  /** When somebody should look at the store again, by our wall clock. */
  due(store: S): Instant;
  /** Refreshes that succeeded. */
  rounds(store: S): number;
  /** Journaled answers that a transaction on this store value takes in: they count as settled afterwards. */
  settles(store: S, sight: Sight): readonly string[];
  /** Whether the store names no process and no request: then it does not matter who did what. */
  isQuiet(store: S): boolean;
  /** What a process remembers of the store value it has seen. */
  seen(store: S): number;
}

/** What a program has that keeps no journal, no lease and no memory of what it has seen. */
export const UNRECORDED = {
  journals: false,
  keepsUncommitted: false,
  leaseMargin: 0,
  renew: <S>(store: S): S => store,
  settles: (): readonly string[] => [],
  seen: (): number => 0,
} as const;
