/** What a policy promises, as far as the checks ask: whether a preset must pass follows from these and nothing else. */

import { holdsEverySerialOpen, type Policy } from "../../src/kernel/policy.ts";
import { SECOND } from "../../src/kernel/time.ts";

/** Whether a token that was superseded so long ago, and whose successor nobody used, is still answered. */
export function isOpenAfter({ overlap, retry }: Policy, age: number): boolean {
  const { atLeast, untilUsed, atMost } = overlap;
  return retry.limit > 0 && (age < atLeast || (untilUsed && age < atMost));
}

const rotatesAtOnce = ({ rotate, minInterval }: Policy): boolean =>
  rotate === "always" && minInterval === 0;

/** A token spent 2.5 s ago is replay, and replay ends everything. */
export function isStrict(policy: Policy): boolean {
  const { action, accessTokens, sparing } = policy.replay;
  const bites = action !== "refuse" && accessTokens === "revoke" && sparing <= 2.5 * SECOND;
  return rotatesAtOnce(policy) && bites && !isOpenAfter(policy, 2.5 * SECOND);
}

/** Whoever lost the answer gets the same successor half a minute later. */
export function isHandshake(policy: Policy): boolean {
  const { answer } = policy.retry;
  const repeats = answer === "current" || (answer !== "new" && answer.currentFor > 30 * SECOND);
  return rotatesAtOnce(policy) && repeats && isOpenAfter(policy, 30 * SECOND);
}

/**
 * How many of the successors that a race was answered with are accepted afterwards. None where a race is taken for theft;
 * all where the policy holds every token open that it ever gave; else one, or as many as may live beside each other.
 */
export function lineagesLeft(policy: Policy): "none" | "one" | "several" {
  const { rotate, minInterval, replay, retry, siblings } = policy;
  if (rotate !== "always" || minInterval > 0) return "one";
  if (!isOpenAfter(policy, 0)) {
    return replay.sparing === 0 && replay.action !== "refuse" ? "none" : "one";
  }
  if (retry.answer !== "new") return "one";
  return siblings === "displace" && !holdsEverySerialOpen(policy) ? "one" : "several";
}
