/** A holding, played by hand: requests of one process, and what comes of them. */

import type { Knowledge } from "../../src/kernel/doubt.ts";
import { type Holding, importHolding, type Settings } from "../../src/kernel/holding.ts";
import { intend } from "../../src/kernel/intend.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { type Result, settleAttempt } from "../../src/kernel/settle.ts";
import { HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

export const settings: Settings = {
  lead: 30 * SECOND,
  margin: 5 * SECOND,
  leastLeft: 5 * SECOND,
  backoff: { first: SECOND, most: 5 * MINUTE },
  hold: 10 * MINUTE,
};

export const LIFE = 60 * SECOND;
export const NOW = 1_800_000_000_000;

export const imported = (): Holding =>
  importHolding({ chainId: "chain", sealed: "t0", print: "t0", now: NOW - MINUTE });

/** A request of a process for the token that the plan names, or for the current one. */
export function sent(h: Holding, at: number, owner = "a", token = h.current): Holding {
  const lease = { owner, boot: "boot", until: at + 30 * SECOND };
  const boot = { id: "boot", at: at - NOW + LIFE };
  const id = `${h.epoch + 1}-x`;
  return intend(h, { id, token, why: "due", lease, now: at, deadAt: at + LIFE, boot });
}

export const answer = (token: string): Result => ({
  class: "answered",
  refresh: { sealed: token, print: token },
  access: { sealed: `access with ${token}` },
  expiresIn: HOUR,
  tokenType: "Bearer",
  scope: null,
});

export const unanswered = (why: "unanswered" | "overdue"): Result => ({
  class: "inDoubt",
  why,
  status: null,
  retryAfter: null,
});

export const failed = (retryAfter: number | null = null, status = 503): Result => ({
  class: "inDoubt",
  why: "serverError",
  status,
  retryAfter,
});

export const refusal = (about: "token" | "rate", retryAfter: number | null = null): Result => ({
  class: "refusedUnspent",
  about,
  error: "e",
  status: 400,
  retryAfter,
  found: null,
});

/** Settles an attempt; `at` is when the answer came, if that was earlier. */
export function told(
  h: Holding,
  knowledge: Knowledge,
  attemptId: string,
  result: Result,
  now: number,
  at = now,
) {
  const report = { chainId: h.chainId, attemptId, epoch: Number.parseInt(attemptId, 10), result };
  const rest = { attempt: null, at, now, jitter: 0.5 };
  return settleAttempt(h, knowledge, settings, { ...report, ...rest });
}

/** The holding that settling leaves. */
export const settledTo = (...of: Parameters<typeof told>): Holding => told(...of).holding;

/** A holder that knows its provider as one of the presets. */
export const only = (name: string): Knowledge => [PRESETS[name] as Policy];
