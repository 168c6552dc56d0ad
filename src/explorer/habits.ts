/**
 * How clients keep a chain when nobody has thought about it: habits, as programs of the model.
 *
 * 1. A habit is honest work and not stupid: it reads the store again before it gives up, waits when it is told to, and
 *    writes what it gets. It has no journal, no lease and no intent, and knows nothing of its provider's policy.
 * 2. After a request without an answer it presents the same token again: at once, or after a while.
 */

import type { Policy } from "../kernel/policy.ts";
import type { Result } from "../kernel/settle.ts";
import { type Duration, type Instant, MINUTE, SECOND } from "../kernel/time.ts";
import type { Fault } from "./faults.ts";
import { type Look, type Program, type Sending, type Sight, UNRECORDED } from "./program.ts";
import type { Token } from "./remote.ts";
import { DEADLINE } from "./world.ts";

/** What a client with a habit has stored. */
export interface Stored {
  readonly token: Token;
  readonly rounds: number;
  /** When the next request is due, by its wall clock; Infinity once it has given up. */
  readonly due: Instant;
  /** When the access token ends. */
  readonly freshUntil: Instant;
}

export interface Habit {
  readonly name: "retryAtOnce" | "retryLater" | "twoWorkers" | "restore";
  readonly says: string;
  readonly retryAfter: Duration;
  readonly workers: number;
  /** Refreshes after which a kept chain has shown that it lives. */
  readonly rounds: number;
  /** What may go wrong, at most one of it. */
  readonly faults: readonly Fault[];
}

export const RETRY_LATER: Duration = 10 * MINUTE;

/** An answer that does not come: one of these is behind it, and the client cannot tell which. */
export const UNANSWERED: readonly Fault[] = [
  "requestLost",
  "answerLost",
  "answerLate",
  "serverErrorAfter",
  "crashAfterSend",
];

/** A process that stands still between reading the store and sending, or between hearing an answer and writing it. */
export const SLOW: readonly Fault[] = ["pauseBeforeSend", "pauseBeforeJournal"];

export const HABITS: readonly Habit[] = [
  {
    name: "retryAtOnce",
    says: "one worker that asks again at once when no answer comes",
    retryAfter: 0,
    workers: 1,
    rounds: 3,
    faults: UNANSWERED,
  },
  {
    name: "retryLater",
    says: "one worker that asks again after 10 min when no answer comes",
    retryAfter: RETRY_LATER,
    workers: 1,
    rounds: 3,
    faults: UNANSWERED,
  },
  {
    name: "twoWorkers",
    says: "two workers without a lock, of which one may be slow",
    retryAfter: 0,
    workers: 2,
    rounds: 2,
    faults: SLOW,
  },
  {
    name: "restore",
    says: "one worker whose store is restored from a backup one generation old",
    retryAfter: 0,
    workers: 1,
    rounds: 3,
    faults: ["storeRestored"],
  },
];

/** A client with a habit. What it does when told "too early" or "too many" is to wait, as any client would. */
export function habitProgram({ name, retryAfter }: Habit, policy: Policy): Program<Stored> {
  const pause = Math.max(policy.minInterval, SECOND);
  return {
    name,
    ...UNRECORDED,
    begin: (token, now) => ({ token, rounds: 0, due: now, freshUntil: now }),
    look,
    settle: (stored, sending, result, sight) =>
      settled(stored, sending, result, sight, retryAfter, pause),
    tokens: ({ token }) => [token],
    due: ({ due }) => due,
    rounds: ({ rounds }) => rounds,
    isQuiet: () => true,
  };
}

function look(stored: Stored, { now, owner, boot }: Sight): Look<Stored> {
  const { due, token } = stored;
  if (due === Number.POSITIVE_INFINITY) return { do: "stop", why: "it gives up", store: stored };
  if (now < due) {
    return { do: "rest", until: due, why: "fresh", store: stored, watches: true };
  }
  const id = `${owner}.${boot.at}`;
  const never = Number.POSITIVE_INFINITY;
  const sending = { id, token, why: "due", note: null, deadline: DEADLINE, leaseUntil: never };
  return { do: "send", sending, store: stored };
}

function settled(
  stored: Stored,
  { token }: Sending,
  result: Result,
  { now }: Sight,
  retryAfter: Duration,
  pause: Duration,
): Stored {
  const again = (after: Duration): Stored => ({ ...stored, due: now + after });
  switch (result.class) {
    case "answered": {
      const due = now + (result.expiresIn ?? 0);
      // Who comes second in a race writes too, but has not brought the chain any further.
      const rounds = stored.rounds + (now < stored.freshUntil ? 0 : 1);
      return { token: result.refresh?.print ?? token, rounds, due, freshUntil: due };
    }
    case "notSent":
      return again(retryAfter);
    case "inDoubt":
      // Somebody else has written meanwhile: there is nothing to retry.
      return stored.token === token ? again(retryAfter) : stored;
    case "refusedUnspent":
      if (stored.token !== token) return stored;
      return result.about === "token" ? again(Number.POSITIVE_INFINITY) : again(pause);
    default:
      return again(pause);
  }
}
