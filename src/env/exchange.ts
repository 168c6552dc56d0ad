/**
 * The exchange: steps 4 and 5 of a refresh as one seam. One POST leaves on a fresh connection, and the raw answer
 * is sealed and durable in the journal before anybody parses it.
 *
 * 1. Exactly one request: no redirect is followed, nothing is retried by the HTTP stack, no session is resumed early.
 * 2. It says how far it got, so that "not sent" is a proof and not a guess.
 * 3. It is never aborted because a caller left. After the attempt's deadline it reports `unanswered`, but the
 *    socket stays open: an answer that comes later is journaled all the same and told to `onLate`.
 * 4. A cut answer is an answer: what arrived is journaled with `complete: false`, for the token may be in it.
 */

import type { Secret } from "./secret.ts";

/** How far a request got. Each step implies the ones before it. */
export type Progress = "begun" | "resolved" | "connected" | "sent" | "answered";

export interface ExchangeRequest {
  readonly chainId: string;
  readonly attemptId: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The form body, secrets inside. */
  readonly body: Secret;
  /** Unscaled milliseconds until the attempt counts as unanswered. */
  readonly deadlineMs: number;
  /** Waits for leave when the connection is up and nothing is written; rejects to prove that nothing was sent. */
  readonly whenConnected?: () => Promise<void>;
  /** Runs right before the first byte: throws to prove that nothing was sent (the lease has too little left). */
  readonly beforeFirstByte: () => void;
}

/** The answer as it came, already durable. */
export interface RawAnswer {
  readonly chainId: string;
  readonly attemptId: string;
  readonly status: number;
  /** Lower-case names; only those a classification may read. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Secret;
  /** Whether the body came whole. */
  readonly complete: boolean;
}

export type ExchangeResult =
  | { readonly kind: "answered"; readonly answer: RawAnswer }
  /** Nothing of the request can have reached the server. */
  | { readonly kind: "notSent"; readonly progress: Progress; readonly error: string }
  /** It may have reached the server, and no answer came. `harvesting`: the socket is still open. */
  | {
      readonly kind: "unanswered";
      readonly progress: Progress;
      readonly error: string;
      readonly harvesting: boolean;
    };

export interface Exchange {
  /** @throws KetenError `journal_unavailable` before anything was sent, if the journal cannot take an answer. */
  send(request: ExchangeRequest, onLate: (answer: RawAnswer) => void): Promise<ExchangeResult>;
  /** Waits for every request that was sent; starts nothing new. */
  drain(): Promise<void>;
}
