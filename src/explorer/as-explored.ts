/**
 * What the model can tell of a policy: what it cannot is set to one value, so that policies which differ in nothing else are
 * one policy to it, and need one search.
 *
 * 1. There is one chain, of one client and one owner, and its code was redeemed at once: no cap is reached, no code is
 *    late, replayed or overtaken.
 * 2. An access token is used as soon as it is handed out, which matters where that counts as first use. Only the holder
 *    asks when it ends, and of that no more than whether a refresh ends it (`kernel/doubt.ts`).
 * 3. No decision reads the register.
 * 4. A world is given up after its horizon, and counts as lost by our fault. What ends a token at more than twice that ends
 *    none, and has no holder make haste, which it does at half of a token's life (`kernel/holding.ts`).
 * 5. Three rounds and two faults come to fewer than ten grants: they reach no quota of ten.
 * 6. In pairs no fault moves a clock. What takes longest is then a machine that is off for a day, next an answer that is
 *    waited for. Where a policy names no time between these two, an access token that ends between them says only how long
 *    everybody rests: an hour stands for it.
 */

import { DEFAULT_POLICY, type Policy } from "../kernel/policy.ts";
import { DAY, type Dated, type Duration, FOREVER, HOUR, MINUTE } from "../kernel/time.ts";

/** Nobody waits longer than this for a chain to show that it lives, but for its access tokens to end. */
const PATIENCE: Duration = 3 * DAY;
const QUOTA_REACHED = 10;
/** Nothing is waited for that long but an end, and a machine that is off. */
const WAITED_FOR: Duration = 12 * MINUTE;

/** How long a world goes on, so many refreshes being waited for. */
export const horizonOf = ({ access }: Policy, rounds: number): Duration =>
  PATIENCE + rounds * access.lifetime;

/** The policy with everything that makes no difference in a search of so many rounds set to one value. */
export function asExplored(policy: Policy, rounds: number): Policy {
  const { access, replay, quota, overlap, usedFor } = policy;
  const { caps, code, register } = DEFAULT_POLICY;
  const isUseNoted = overlap.untilUsed || usedFor < FOREVER;
  return {
    ...policy,
    caps,
    code,
    firstUse: isUseNoted ? policy.firstUse : DEFAULT_POLICY.firstUse,
    register,
    quota: quota.filter(({ max }) => max < QUOTA_REACHED),
    replay: { ...replay, accessTokens: "revoke" },
    access: {
      lifetime: access.lifetime,
      form: "opaque",
      ends: access.ends === "own" ? "own" : "superseded",
      max: Number.POSITIVE_INFINITY,
    },
    expiry: endsWithin(policy, 2 * horizonOf(policy, rounds)),
  };
}

/** The same for pairs of faults. */
export function asExploredInPairs(policy: Policy, rounds: number): Policy {
  const explored = asExplored(policy, rounds);
  const { access } = explored;
  const isBetween = (time: Duration): boolean =>
    time > WAITED_FOR && time <= 2 * (PATIENCE + rounds * DAY);
  const says = timesOf(explored).some(isBetween);
  if (says || access.lifetime <= WAITED_FOR || access.lifetime >= DAY) return explored;
  return { ...explored, access: { ...access, lifetime: HOUR } };
}

const never: Dated<Duration> = [{ from: Number.NEGATIVE_INFINITY, value: FOREVER }];

/** The limits without those that come later; but a part of a lifetime needs one. */
function endsWithin({ expiry, rotate }: Policy, end: Duration): Policy["expiry"] {
  const within = (limit: Dated<Duration>): Dated<Duration> =>
    limit.every(({ value }) => value > end) ? never : limit;
  const { lifetime, idle, authorization } = expiry;
  const isMeasured = typeof rotate === "object" && "fromFraction" in rotate;
  return {
    lifetime: isMeasured ? lifetime : within(lifetime),
    idle: within(idle),
    authorization: within(authorization),
  };
}

/** Every time that a policy names. */
function timesOf(policy: Policy): readonly Duration[] {
  const { rotate, overlap, retry, usedFor, replay, expiry, minInterval, quota } = policy;
  return [
    ...(typeof rotate === "object" && "every" in rotate ? [rotate.every] : []),
    ...[overlap.atLeast, overlap.atMost, usedFor, replay.sparing, minInterval],
    ...(typeof retry.answer === "object" ? [retry.answer.currentFor] : []),
    ...quota.map(({ window }) => ("sliding" in window ? window.sliding : DAY)),
    ...Object.values(expiry).flatMap((limit) => limit.map(({ value }) => value)),
  ].filter((time) => time !== FOREVER);
}
