/**
 * What a holder may do after a request whose outcome it does not know.
 *
 * The holder knows its provider as a set of policies, one of which is in force (`Knowledge`), and does only what is
 * right under every one of them.
 *
 * 1. If the request was processed, the presented token was superseded at some instant between its sending and the
 *    moment it must be dead. Where the policy keeps a superseded token open, presenting it again inside that window
 *    brings the successor: that is the cure, and there is no hurry beyond the window's end.
 * 2. Where the policy refuses a superseded token and does nothing else, presenting it again is harmless: it brings
 *    the successor if the first request never arrived, and tells of the loss if it did.
 * 3. Where replay revokes, presenting it again would end a chain whose successor somebody may still have. So it is
 *    the last resort: after every place that may hold the successor was looked at, after the first request must be
 *    dead, and after nobody can hear its answer any more. What it then ends was lost already.
 * 4. A request that may still be on its way is a danger of its own: arriving after ours it could displace our
 *    successor. Where that can happen we wait until it must be dead, or as long as the window leaves room. And a
 *    successor is not *used*, nor its access token where that counts, while an earlier request of its chain may still
 *    arrive and count as replay (`plan.ts`).
 */

import { branchesOf, type Policy } from "./policy.ts";
import { type Duration, FOREVER, type Instant } from "./time.ts";

/** The policies that may be in force at the provider; never empty. */
export type Knowledge = readonly [Policy, ...Policy[]];

/** A request that was sent and not answered. */
export interface OpenRequest {
  /** No byte left before this. */
  readonly sentAt: Instant;
  /** From now on it cannot be processed any more. */
  readonly deadAt: Instant;
  /** From now on nobody will hear its answer. */
  readonly heardUntil: Instant;
  /** Generations in a row that needed a retry before this one. */
  readonly streak: number;
  /** How often the token was presented by now. */
  readonly tries: number;
  /** Its token is open until then at most, superseded as it was before; FOREVER where it was not. */
  readonly openUntil: Instant;
}

export type Advice =
  /** Present the same token again inside the window: it brings the successor, or is harmless. */
  | {
      readonly do: "resend";
      readonly notBefore: Instant;
      /** Until then it helps under every policy; FOREVER where none has a window. */
      readonly notAfter: Instant;
      /** Until then it harms under none; FOREVER where none revokes. */
      readonly harmlessUntil: Instant;
    }
  /** Present it once all who may hold the successor have been asked; it may end what is left of the chain. */
  | { readonly do: "lastResort"; readonly notBefore: Instant };

/** For how long after it was superseded a token is certainly open, if nobody uses its successor. */
export function overlapOf(policy: Policy): Duration {
  const { atLeast, untilUsed, atMost } = policy.overlap;
  return Math.min(Math.max(atLeast, untilUsed ? atMost : 0), policy.usedFor);
}

/** Whether a late duplicate of our own request would displace the successor that a second one brought. */
export function duplicateDisplaces(policy: Policy): boolean {
  return (
    policy.rotate !== "never" &&
    policy.retry.answer !== "current" &&
    overlapOf(policy) > 0 &&
    branchesOf(policy) === 1
  );
}

/** How many successors live beside the newest one under every policy; 0 where a new one displaces the others. */
export function siblingsOf(knowledge: Knowledge): number {
  const rotating = knowledge.filter(({ rotate }) => rotate !== "never");
  return rotating.length === 0 ? 0 : Math.min(...rotating.map(branchesOf)) - 1;
}

/** Whether a superseded token, presented outside its overlap, does no harm. */
const refusesOnly = (policy: Policy): boolean => policy.replay.action === "refuse";

/** What is kept clear of a window's edges: a part of one that is hardly wider than that. */
const clearOf = (window: Duration, margin: Duration): Duration => Math.min(margin, window / 5);

/**
 * The time in which all must be done about a request in doubt, from its sending: while its token is certainly open.
 * FOREVER where none presses: without a window under some policy there is no cure that could come too late.
 */
function windowOf(knowledge: Knowledge): Duration {
  const rotating = knowledge.filter(({ rotate }) => rotate !== "never");
  if (rotating.some((policy) => overlapOf(policy) === 0 && !refusesOnly(policy))) return FOREVER;
  const pressing = rotating.filter(({ minInterval }) => minInterval === 0);
  return Math.min(FOREVER, ...pressing.map(overlapOf).filter((overlap) => overlap > 0));
}

/** After so long a request counts as unanswered at the latest: three more fit into its window. */
export const deadlineWithin = (knowledge: Knowledge): Duration => windowOf(knowledge) / 4;

/** After so long a request whose sender is not heard of may be repeated by another, whatever the sender does. */
export const silenceWithin = (knowledge: Knowledge): Duration => windowOf(knowledge) * 0.4;

/** What to do about one open request, right under every policy that may be in force. */
export function advise(knowledge: Knowledge, open: OpenRequest, margin: Duration): Advice {
  let notBefore = open.sentAt;
  let notAfter = open.openUntil;
  let harmlessUntil = replayRevokes(knowledge) ? open.openUntil : FOREVER;
  let lastResort = false;
  for (const policy of knowledge) {
    if (policy.minInterval > 0) {
      notBefore = Math.max(notBefore, open.sentAt + policy.minInterval + margin);
    }
    if (policy.rotate === "never") continue;
    const isSpent = open.streak >= policy.retry.streak || open.tries > policy.retry.limit;
    const overlap = isSpent ? 0 : overlapOf(policy);
    if (overlap === 0) {
      if (!refusesOnly(policy)) lastResort = true;
      continue;
    }
    const end = open.sentAt + overlap - clearOf(overlap, margin);
    notAfter = Math.min(notAfter, end);
    // Past its window a policy that only refuses does no harm, but brings nothing: aim for the window.
    if (!refusesOnly(policy)) harmlessUntil = Math.min(harmlessUntil, end);
  }
  if (lastResort) return { do: "lastResort", notBefore: Math.max(notBefore, open.heardUntil) };
  const arrived = Math.min(open.deadAt, open.sentAt + silenceWithin(knowledge));
  const patient = Math.max(notBefore, arrived);
  const wait = knowledge.some(duplicateDisplaces) && minIntervalOf(knowledge) === 0;
  // Past its window there is no hurry either.
  const hurries = notBefore < notAfter && patient >= notAfter;
  return {
    do: "resend",
    notBefore: wait && !hurries ? patient : notBefore,
    notAfter,
    harmlessUntil,
  };
}

/**
 * The last instant at which a token superseded at `at`, after so many presentations, is open under every policy that
 * revokes on replay; `at` if under some not at all. Those that only refuse have a say where none revokes, and then only
 * if they have a window: presenting it there does nothing.
 */
export function predecessorOpenUntil(
  knowledge: Knowledge,
  at: Instant,
  tries: number,
  margin: Duration,
): Instant {
  const rotating = knowledge.filter(({ rotate }) => rotate !== "never");
  const revoking = rotating.filter((policy) => !refusesOnly(policy));
  const heeded =
    revoking.length > 0 ? revoking : rotating.filter((policy) => overlapOf(policy) > 0);
  const overlaps = heeded.map((policy) => (tries > policy.retry.limit ? 0 : overlapOf(policy)));
  return Math.min(FOREVER, ...overlaps.map((overlap) => at + overlap - clearOf(overlap, margin)));
}

/** Whether a refusal of one token can end the whole chain under some policy. */
export function replayRevokes(knowledge: Knowledge): boolean {
  return knowledge.some((policy) => policy.rotate !== "never" && !refusesOnly(policy));
}

/**
 * For how long after it was superseded a token is open although somebody uses an access token of its successor; after
 * that, the use may close it, and presenting it then ends the chain. FOREVER where use makes no difference.
 */
export function openThoughUsed(knowledge: Knowledge): Duration {
  const noting = knowledge.filter(
    (policy) =>
      policy.rotate !== "never" &&
      policy.firstUse === "refreshOrAccess" &&
      policy.overlap.untilUsed &&
      !refusesOnly(policy),
  );
  return Math.min(FOREVER, ...noting.map(({ overlap }) => overlap.atLeast));
}

/** The least interval between grants that every policy allows. */
export function minIntervalOf(knowledge: Knowledge): Duration {
  return Math.max(...knowledge.map(({ minInterval }) => minInterval));
}

/** Whether our next refresh may end the access token that workers hold. */
export function refreshEndsAccess(knowledge: Knowledge): boolean {
  return knowledge.some((policy) => policy.rotate !== "never" && policy.access.ends !== "own");
}

/** How long access tokens live where an answer does not say: the shortest reading. */
export function accessLifetimeOf(knowledge: Knowledge): Duration {
  return Math.min(...knowledge.map(({ access }) => access.lifetime));
}

/** How long a refresh token lives unused where a refresh brings another: the shortest reading. */
export function refreshLifetimeOf(knowledge: readonly Policy[]): Duration {
  const rotating = knowledge.filter(({ rotate }) => rotate !== "never");
  const lives = rotating.flatMap(({ expiry }) =>
    [...expiry.lifetime, ...expiry.idle].map(({ value }) => value),
  );
  return Math.min(FOREVER, ...lives);
}
