/** A policy in one line, for a list of them: what a client notices first. `policy-sentences.ts` has all of it. */

import { spanOf } from "../explorer/chain-play.ts";
import { holdsEverySerialOpen, type Policy } from "../kernel/policy.ts";
import { type Dated, type Duration, FOREVER } from "../kernel/time.ts";
import { SCOPES } from "./policy-check-words.ts";

export function inOneLine(policy: Policy): string {
  return [...rotation(policy), ...ends(policy), ...limits(policy)].join("; ");
}

function rotation(policy: Policy): readonly string[] {
  const { rotate, unrotated, replay } = policy;
  if (rotate === "never") {
    return [`one refresh token for good, answers ${unrotated === "repeat" ? "repeat" : "omit"} it`];
  }
  const when =
    rotate === "always"
      ? "rotates"
      : "every" in rotate
        ? `rotates after ${spanOf(rotate.every)}`
        : `rotates after ${rotate.fromFraction} of its life`;
  const after = {
    refuse: "refused",
    revokeChain: "ends the chain",
    revokeClientAndSubject: "ends all of the user's",
  };
  return [when, `the old one ${old(policy)}`, `replay ${after[replay.action]}`];
}

function old(policy: Policy): string {
  const { atLeast, untilUsed } = policy.overlap;
  if (holdsEverySerialOpen(policy) || atLeast === FOREVER) return "stays open";
  const use = policy.firstUse === "refresh" ? "the new one" : "the new one, or its access token,";
  if (untilUsed) return `is open until ${use} is used`;
  return atLeast > 0 ? `is open for ${spanOf(atLeast)}` : "dies at once";
}

function ends({ expiry, usedFor }: Policy): readonly string[] {
  const [lifetime, idle, authorization] = [
    shortest(expiry.lifetime),
    shortest(expiry.idle),
    shortest(expiry.authorization),
  ];
  return [
    ...(lifetime === FOREVER ? [] : [`lives ${spanOf(lifetime)}`]),
    ...(idle === FOREVER ? [] : [`${spanOf(idle)} if unused`]),
    ...(usedFor === FOREVER ? [] : [`${spanOf(usedFor)} once used`]),
    ...(authorization === FOREVER ? [] : [`the grant lives ${spanOf(authorization)}`]),
  ];
}

const shortest = (steps: Dated<Duration>): Duration => Math.min(...steps.map(({ value }) => value));

function limits({ minInterval, caps, quota }: Policy): readonly string[] {
  return [
    ...(minInterval > 0 ? [`${spanOf(minInterval)} between refreshes`] : []),
    ...caps.map(({ per, max }) => `at most ${max} per ${SCOPES[per]}`),
    ...quota.map(
      ({ max, window }) =>
        `${max} token calls ${"day" in window ? "a day" : `in ${spanOf(window.sliding)}`}`,
    ),
  ];
}
