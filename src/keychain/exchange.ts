/**
 * The exchange inside this process: a POST and a journal joined, so that an answer is durable before anybody sees it.
 *
 * 1. The journal gives a place before anything is sent: no place, no request.
 * 2. An answer is journaled in the turn of the event loop in which it ends, and only then decoded and handed on.
 * 3. The deadline ends the waiting, not the request: a later answer is journaled all the same and told to `onLate`.
 * 4. If the journal fails after all, with the answer in hand, the answer is handed on: the store is a second durable
 *    place, and to drop a token because one of two places is broken would be the loss that the journal is there to
 *    prevent. It is logged as an error.
 */

import type { Clock } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Exchange, ExchangeRequest, ExchangeResult, RawAnswer } from "../env/exchange.ts";
import type { Post, Posting, PostOutcome } from "../env/http-post.ts";
import type { Log } from "../env/log.ts";
import type { Journal, Place } from "./journal.ts";
import { rawAnswerOf } from "./raw-answer.ts";

export interface ExchangeParts {
  readonly post: Post;
  readonly journal: Pick<Journal, "reserve">;
  readonly clock: Clock;
  readonly log: Log;
}

export function inProcessExchange(parts: ExchangeParts): Exchange {
  const sent = new Set<Promise<unknown>>();
  let isDraining = false;
  const refuseIfDraining = (): void => {
    if (isDraining) throw new KetenError("draining", "no request is begun while draining");
  };
  return {
    send: async (request, onLate) => {
      refuseIfDraining();
      const place = parts.journal.reserve();
      let isOver = false;
      const beforeFirstByte = (): void => {
        refuseIfDraining();
        if (isOver) throw new KetenError("connection_unavailable", "the deadline is over");
        request.beforeFirstByte();
      };
      const posting = begin(parts, place, { ...request, beforeFirstByte });
      const result = posting.outcome.then((outcome) => keep(parts, place, request, outcome));
      track(sent, result);
      return new Promise((resolve, reject) => {
        const deadline = parts.clock.afterReal(request.deadlineMs, () => {
          isOver = true;
          // What is not sent yet will not be: the posting says so itself.
          if (isSent(posting)) resolve(overdue(posting));
        });
        result.then((settled) => {
          deadline.cancel();
          if (!(isOver && settled.kind === "answered")) return resolve(settled);
          resolve(overdue(posting));
          tell(parts, settled.answer, onLate);
        }, reject);
      });
    },
    drain: async () => {
      isDraining = true;
      while (sent.size > 0) await Promise.allSettled(sent);
    },
  };
}

/** Starts the request; gives the place back if it cannot even begin. */
function begin(parts: ExchangeParts, place: Place, request: ExchangeRequest): Posting {
  try {
    return parts.post({ ...request, connectMs: request.deadlineMs });
  } catch (error) {
    place.release();
    throw error;
  }
}

function track(all: Set<Promise<unknown>>, one: Promise<unknown>): void {
  all.add(one);
  const forget = (): void => {
    all.delete(one);
  };
  one.then(forget, forget);
}

/** Makes an answer durable; says what an outcome means to the caller. */
function keep(
  { log }: ExchangeParts,
  place: Place,
  { chainId, attemptId }: ExchangeRequest,
  outcome: PostOutcome,
): ExchangeResult {
  if (outcome.kind !== "answered") {
    place.release();
    return outcome.kind === "notSent" ? outcome : { ...outcome, harvesting: false };
  }
  const ids = { chainId, attemptId };
  try {
    place.append(ids, outcome.answer);
  } catch (error) {
    const reason = error instanceof KetenError ? error.message : String(error);
    log.error("journal_append_failed", { chainId, attemptId, reason });
  }
  const answer = rawAnswerOf(ids, outcome.answer);
  outcome.answer.body.fill(0);
  return { kind: "answered", answer };
}

function isSent(posting: Posting): boolean {
  const progress = posting.progress();
  return progress === "sent" || progress === "answered";
}

function overdue(posting: Posting): ExchangeResult {
  const error = "no whole answer before the deadline";
  return { kind: "unanswered", progress: posting.progress(), error, harvesting: true };
}

function tell(
  { log }: ExchangeParts,
  answer: RawAnswer,
  onLate: (answer: RawAnswer) => void,
): void {
  try {
    onLate(answer);
  } catch (error) {
    const { chainId, attemptId } = answer;
    const reason = error instanceof KetenError ? error.message : "unexpected";
    log.error("late_answer_not_taken", { chainId, attemptId, reason });
  }
}
