/**
 * What a keychain and its courier say to each other, over a channel that only the two of them have.
 *
 *     keychain                               courier
 *       begin (key, directories, clock) ->
 *                                         <- ready
 *       send (one request, secrets inside) ->
 *                                         <- mayI (the connection is up, nothing is written)
 *       leave, or refuse ->
 *                                         <- ended (what came of it; an answer is durable by then)
 *                                         <- late (an answer after its deadline; durable by then)
 *
 * 1. Secrets go through this channel and nowhere else: not on a command line, not in an environment, not in a file.
 * 2. Without leave nothing is sent. So whoever gave none knows that nothing was, whatever became of the courier.
 * 3. Leave is dated by both clocks when it is given and is good for a second. A process that was stopped on either side
 *    in between comes back with a leave that has run out.
 * 4. The end of the channel is the keychain's death: nothing new is sent, what was sent is harvested.
 */

import { KetenError } from "../env/error.ts";
import type { ExchangeResult, RawAnswer } from "../env/exchange.ts";
import type { LogFields, LogLevel } from "../env/log.ts";
import { Secret } from "../env/secret.ts";
import { type Duration, type Instant, SECOND } from "../kernel/time.ts";

/** Changes with any of the messages: an upgrade in place may start a courier of another version. */
export const PROTOCOL = 1;

/** For so long, unscaled, leave to send is good. The lease has several times as much left when it is given. */
export const LEAVE_MS: Duration = SECOND;

/** When leave was given, by the clocks of a machine that both processes share. */
export interface Leave {
  readonly boot: { readonly id: string; readonly at: Duration };
  readonly now: Instant;
}

export interface Begin {
  readonly kind: "begin";
  readonly protocol: number;
  /** The courier's own owner id: its beacon's and its journal's. */
  readonly owner: string;
  readonly owners: string;
  readonly journal: string;
  readonly deploymentId: string;
  /** The data key, base64. */
  readonly key: string;
  readonly scale: number;
  readonly origin: Instant | undefined;
}

/** A request as it goes to the courier. */
export interface WrittenRequest {
  readonly chainId: string;
  readonly attemptId: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly deadlineMs: Duration;
}

export type ToCourier =
  | Begin
  | { readonly kind: "send"; readonly id: number; readonly request: WrittenRequest }
  | { readonly kind: "leave"; readonly id: number; readonly leave: Leave }
  | { readonly kind: "refuse"; readonly id: number; readonly error: string }
  | { readonly kind: "settle"; readonly attemptIds: readonly string[] }
  | { readonly kind: "sweep"; readonly id: number }
  | { readonly kind: "drain" };

export type FromCourier =
  | { readonly kind: "ready"; readonly protocol: number }
  /** It cannot do its work: its journal or its beacon cannot be had. It ends by itself. */
  | { readonly kind: "unfit"; readonly error: string }
  | { readonly kind: "mayI"; readonly id: number }
  | { readonly kind: "ended"; readonly id: number; readonly result: WrittenResult }
  | { readonly kind: "late"; readonly id: number; readonly answer: WrittenAnswer }
  | { readonly kind: "swept"; readonly id: number; readonly names: readonly string[] }
  | { readonly kind: "drained" }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly event: string;
      readonly fields: LogFields;
    };

type WrittenAnswer = Omit<RawAnswer, "body"> & { readonly body: string };

type WrittenResult =
  | { readonly kind: "answered"; readonly answer: WrittenAnswer }
  | Exclude<ExchangeResult, { kind: "answered" }>
  /** The exchange threw, which it does only before anything was sent. */
  | {
      readonly kind: "thrown";
      readonly code: KetenError["code"] | null;
      readonly message: string;
      readonly retryable: boolean;
    };

/** A body is written out here, on its way to the other end of the channel, and nowhere else. */
export const writeAnswer = (answer: RawAnswer): WrittenAnswer => ({
  ...answer,
  body: answer.body.reveal(),
});

export const readAnswer = (written: WrittenAnswer): RawAnswer => ({
  ...written,
  body: new Secret(written.body),
});

export const writeResult = (result: ExchangeResult): WrittenResult =>
  result.kind === "answered" ? { kind: "answered", answer: writeAnswer(result.answer) } : result;

export function writeThrown(error: unknown): WrittenResult {
  const isOurs = error instanceof KetenError;
  const message = error instanceof Error ? error.message : "unexpected";
  return {
    kind: "thrown",
    code: isOurs ? error.code : null,
    message,
    retryable: isOurs && error.retryable,
  };
}

/** @throws what the exchange threw on the other side */
export function readResult(written: WrittenResult): ExchangeResult {
  switch (written.kind) {
    case "answered":
      return { kind: "answered", answer: readAnswer(written.answer) };
    case "thrown": {
      const { code, message, retryable } = written;
      throw code === null ? new Error(message) : new KetenError(code, message, { retryable });
    }
    default:
      return written;
  }
}

/** How far a leave is from now by both clocks; undefined if it is of another boot. */
export function leaveAgeMs(leave: Leave, clock: LeaveClock): Duration | undefined {
  const boot = clock.boot();
  if (boot.id !== leave.boot.id) return undefined;
  const byBoot = Math.abs(boot.at - leave.boot.at);
  const byWall = Math.abs(clock.now() - leave.now) / clock.scale;
  return Math.max(byBoot, byWall);
}

interface LeaveClock {
  readonly scale: number;
  now(): Instant;
  boot(): { readonly id: string; readonly at: Duration };
}
