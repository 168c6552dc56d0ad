/**
 * A change of policy tried on one chain before it is made: which tokens it would end, end sooner, or bring back.
 *
 * 1. It asks the same `settle` and `isAccepted` that decide, so it cannot disagree with them.
 * 2. Whether a cap, or a revocation of the whole authorization, ends the chain is not its question.
 */

import { type Chain, isAccepted, type Presented } from "./chain.ts";
import { sameLimits } from "./diff.ts";
import type { Serial } from "./ids.ts";
import { holdsEverySerialOpen, newest, type Policy, type Revision } from "./policy.ts";
import { settle } from "./policy-change.ts";
import { FOREVER, type Instant } from "./time.ts";

/** Serials without a record of their own: any of them may be concerned, as its own age decides. */
export interface SerialRange {
  readonly from: Serial;
  readonly through: Serial;
}

export interface DryRun {
  /** Accepted now, refused once the change is made. */
  readonly ended: readonly Serial[];
  /** Refused now, accepted once the change is made: empty unless it says `revive`. */
  readonly revived: readonly Serial[];
  /** Accepted now and then, but not as long; Infinity for no end. Each if nobody presents anything. */
  readonly sooner: readonly {
    readonly serial: Serial;
    readonly before: Instant;
    readonly after: Instant;
  }[];
  readonly unrecorded: { readonly ended: SerialRange | null; readonly revived: SerialRange | null };
}

/** Tries a change of policy on one chain, as if it were made now. Changes nothing. */
export function dryRun(
  chain: Chain,
  revisions: readonly Revision[],
  change: Pick<Revision, "policy" | "revive">,
  now: Instant,
): DryRun {
  const { revision, policy } = newest(revisions);
  const before = settle(chain, revisions);
  const next: Revision = { ...change, revision: revision + 1, at: now };
  const after = settle(before, [...revisions, next]);
  const fates = before.entries.map((entry) => ({
    serial: entry.serial,
    before: acceptedUntil(before, policy, entry, now),
    after: acceptedUntil(after, change.policy, entry, now),
  }));
  return {
    ended: fates
      .filter((fate) => fate.before > now && fate.after <= now)
      .map(({ serial }) => serial),
    revived: fates
      .filter((fate) => fate.before <= now && fate.after > now)
      .map(({ serial }) => serial),
    sooner: fates.filter((fate) => fate.after > now && fate.after < fate.before),
    unrecorded: {
      ended: unrecordedOnly(before, policy, after, change.policy),
      revived: unrecordedOnly(after, change.policy, before, policy),
    },
  };
}

/**
 * When a token is first refused if nobody presents anything: `now` if it is already, Infinity if never. Time alone only
 * ever ends a token, so the instant is found by halving; the rules are not told twice.
 */
function acceptedUntil(chain: Chain, policy: Policy, token: Presented, now: Instant): Instant {
  if (!isAccepted(chain, policy, token, now)) return now;
  let low = now;
  let high = Number.MAX_SAFE_INTEGER;
  if (isAccepted(chain, policy, token, high)) return FOREVER;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (isAccepted(chain, policy, token, middle)) low = middle;
    else high = middle;
  }
  return high;
}

/** Serials that may be accepted without a record in the first chain, but perhaps not in the second. */
function unrecordedOnly(
  first: Chain,
  firstPolicy: Policy,
  second: Chain,
  secondPolicy: Policy,
): SerialRange | null {
  const a = unrecordedFloor(first, firstPolicy);
  const b = sameLimits(firstPolicy, secondPolicy)
    ? unrecordedFloor(second, secondPolicy)
    : Number.POSITIVE_INFINITY;
  const recorded = new Set([...first.entries, ...second.entries].map(({ serial }) => serial));
  let from = a;
  let through = Math.min(first.last, b - 1);
  while (from <= through && recorded.has(from)) from += 1;
  while (from <= through && recorded.has(through)) through -= 1;
  return from <= through ? { from, through } : null;
}

/** From which serial on a token needs no record; Infinity if all do. */
function unrecordedFloor(chain: Chain, policy: Policy): Serial {
  if (chain.revoked || !holdsEverySerialOpen(policy)) return Number.POSITIVE_INFINITY;
  return chain.floor;
}
