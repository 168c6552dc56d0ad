/**
 * Requests in the record: written down before their first byte, and kept true to what is known of them since.
 *
 * 1. `intend` is the intent: lease, epoch and attempt in one value.
 * 2. A wall clock that is set, a store that falls back and a process that dies do not change what was sent. What they
 *    change in the record is put right before anything is decided: `followClock`, `recall`, `abandon`.
 */

import type { Knowledge } from "./doubt.ts";
import {
  ATTEMPTS_MAX,
  type Attempt,
  type BootInstant,
  type Held,
  type Holding,
  isListenedFor,
  type Lease,
  type OwnerDoubt,
  type Settings,
  type Why,
} from "./holding.ts";
import { doubtful } from "./plan.ts";
import type { Duration, Instant } from "./time.ts";

export interface Intent {
  readonly id: string;
  readonly token: Held;
  readonly why: Why;
  readonly lease: Lease;
  readonly now: Instant;
  /** By our clock, from then on the request cannot be processed any more. */
  readonly deadAt: Instant;
  readonly boot: BootInstant;
}

/** Records a request before its first byte: lease, epoch and attempt in one value. */
export function intend(h: Holding, intent: Intent): Holding {
  const { id, token, why, lease, now, deadAt, boot } = intent;
  const epoch = h.epoch + 1;
  const attempt: Attempt = {
    id,
    epoch,
    owner: lease.owner,
    print: token.print,
    why,
    sentAt: now,
    deadAt,
    boot,
    doubt: null,
  };
  return {
    ...h,
    status: "redeeming",
    since: now,
    epoch,
    lease,
    newest: id,
    attempts: atMost([...h.attempts, attempt]),
    notBefore: null,
    notAfter: null,
  };
}

/** Without the oldest that are too many, but for the first of each token: from that one its window counts. */
function atMost(attempts: readonly Attempt[]): readonly Attempt[] {
  if (attempts.length <= ATTEMPTS_MAX) return attempts;
  const isFirst = ({ print }: Attempt, i: number): boolean =>
    attempts.findIndex((other) => other.print === print) === i;
  const again = attempts.findIndex((attempt, i) => !isFirst(attempt, i));
  return atMost(attempts.toSpliced(Math.max(again, 0), 1));
}

/**
 * The holding by a wall clock that was set while a request was open: what was noted of requests is as far away as it
 * was. The boot's time tells by how much the clock was moved; `scale` is how much faster than life it runs.
 */
export function followClock(
  h: Holding,
  boot: BootInstant,
  scale: number,
  tolerance: Duration,
  now: Instant,
): Holding {
  const known = h.attempts.findLast((attempt) => attempt.boot.id === boot.id);
  if (!known) return h;
  const by = now + (known.boot.at - boot.at) * scale - known.deadAt;
  if (Math.abs(by) <= tolerance) return h;
  const moved = (at: Instant | null) => at && at + by;
  return {
    ...h,
    attempts: h.attempts.map((attempt) => ({
      ...attempt,
      sentAt: attempt.sentAt + by,
      deadAt: attempt.deadAt + by,
    })),
    quietUntil: h.quietUntil + by,
    notBefore: moved(h.notBefore),
    notAfter: moved(h.notAfter),
  };
}

/**
 * Adds requests that a process remembers and the record lacks: its store fell back, and they are as open as they were.
 */
export function recall(h: Holding, remembered: readonly Attempt[]): Holding {
  const forgotten = remembered.filter(({ epoch }) => epoch > h.epoch);
  const newest = forgotten.at(-1);
  if (!newest) return h;
  const attempts = atMost([...h.attempts, ...forgotten]);
  return { ...h, attempts, epoch: newest.epoch, newest: newest.id };
}

/**
 * Notes that open requests will not be reported on any more, or not in time: their outcome is in doubt. `ownerOf` says
 * what became of the process that sent one; null if it may still report.
 */
export function abandon(
  h: Holding,
  knowledge: Knowledge,
  settings: Settings,
  ownerOf: (attempt: Attempt) => OwnerDoubt | null,
  now: Instant,
): Holding {
  const doubts = h.attempts.map((attempt) => {
    const found = isListenedFor(attempt.doubt) ? ownerOf(attempt) : null;
    // Who has told that it still listens is silent for that reason.
    return found === "ownerGone" || attempt.doubt === null ? found : null;
  });
  if (doubts.every((doubt) => doubt === null)) return h;
  const attempts = h.attempts.map((attempt, i) => ({
    ...attempt,
    doubt: doubts[i] ?? attempt.doubt,
  }));
  return doubtful({ ...h, attempts, lease: null }, knowledge, settings, now);
}
