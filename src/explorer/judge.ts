/**
 * Whether a step has lost the chain, and whose loss it is.
 *
 * 1. A chain is lost when the remote accepts no token that is durable with us, in a live process, or on its way to one.
 * 2. A loss is *avoidable* if, at the loss or at the send that caused it, such a token was there besides: a program
 *    that drops what it has, that sends while another of its kind has the same token on its way, or that presents one
 *    token to the harm of another at hand.
 * 3. *Timing*: an assumption on time was broken. *Held*: the token was on a machine that was off for longer than we wait.
 *    *Operator*: people did it. *Unavoidable*: all others.
 */

import { overlapOf } from "../kernel/doubt.ts";
import { DEFAULT_TIMING } from "../keychain/defaults.ts";
import { ELSEWHERE } from "./fault-moves.ts";
import { FALLBACK, type Fault, OPERATOR, TIMING } from "./faults.ts";
import { type Move, newerAtHand } from "./moves.ts";
import { acceptedAtHand, type Setting, type World } from "./world.ts";

export type LossClass = "avoidable" | "unavoidable" | "timing" | "held" | "operator";

/** Gravest first. */
export const LOSS_CLASSES: readonly LossClass[] = [
  "avoidable",
  "timing",
  "held",
  "operator",
  "unavoidable",
];

export interface Loss {
  readonly class: LossClass;
  readonly why: string;
}

const DROPPING = new Set(["storeDown", "commitUnknown", "journalFails"]);

/** The loss that a step made from a world; null if a token at hand is still accepted. */
export function judge<S>(move: Move<S>, from: World<S>, setting: Setting<S>): Loss | null {
  const { to, cause } = move;
  const { faults } = to;
  if (acceptedAtHand(to, setting).length > 0) return null;
  const broken = to.faults.some((fault) => TIMING.has(fault));
  const otherwise = broken ? "timing" : "avoidable";
  switch (cause.by) {
    case "program":
      if (isForgotten(from, setting)) return { class: "unavoidable", why: "the remote forgot" };
      return (
        (to.remote !== from.remote && byOthers(faults, setting)) || {
          class: otherwise,
          why: "a token at hand was dropped",
        }
      );
    case "time":
      return lostInTime(to, setting, otherwise);
    case "fault": {
      const { fault } = cause;
      if (OPERATOR.has(fault)) return { class: "operator", why: fault };
      if (DROPPING.has(fault)) return { class: otherwise, why: `the answer was dropped: ${fault}` };
      return { class: "unavoidable", why: fault };
    }
    case "remote": {
      const { owner, copy, evidence, sending } = cause.message;
      const isOld = to.faults.some((fault) => FALLBACK.has(fault));
      if (owner === ELSEWHERE) return { class: "operator", why: "used elsewhere" };
      if (copy) return { class: broken ? "timing" : "unavoidable", why: "a copy by the network" };
      // Whoever repeats it in time and whoever waits for it lose, each in the other case.
      const isSlow = isNarrow(setting) && faults.includes("requestDelayed");
      if (evidence.inReach && isSlow) return { class: "timing", why: "slower than its window" };
      if (evidence.inReach && faults.includes("remoteForgets") && isWindow(setting)) {
        return { class: "unavoidable", why: "the remote forgot, and whose window is open with it" };
      }
      if (evidence.inReach) return { class: otherwise, why: "a newer token was at hand" };
      if (isOld) return { class: "operator", why: "the store was older than what was sent" };
      if (evidence.double) return { class: otherwise, why: "two requests for one token" };
      if (newerAtHand(from, sending.token, setting)) {
        return { class: isSlow ? "timing" : otherwise, why: "used while a request was on its way" };
      }
      if (evidence.newer) return { class: "held", why: "the newer token was out of reach" };
      return { class: "unavoidable", why: "nobody is there for the answer" };
    }
  }
}

/** Whether the only token that the remote accepts is one that it had displaced, until it forgot that. */
function isForgotten<S>(world: World<S>, setting: Setting<S>): boolean {
  if (!world.faults.includes("remoteForgets")) return false;
  const journals = world.journals.filter(({ settled }) => !settled);
  return acceptedAtHand({ ...world, journals }, setting).length === 0;
}

/** Whether a superseded token is open for a time. */
function isWindow<S>({ policy }: Setting<S>): boolean {
  const width = overlapOf(policy);
  return width > 0 && Number.isFinite(width);
}

/** Whether a window is no wider than a request may be on its way. */
function isNarrow<S>({ policy }: Setting<S>): boolean {
  const width = overlapOf(policy) - policy.minInterval;
  return width > 0 && width <= DEFAULT_TIMING.requestLifeMs;
}

function lostInTime<S>(
  { faults }: World<S>,
  setting: Setting<S>,
  otherwise: "timing" | "avoidable",
): Loss {
  const { policy } = setting;
  const isFixed = policy.rotate === "never";
  if (isFixed) return { class: "unavoidable", why: "the policy's own end, which nothing moves" };
  if (faults.includes("machineOff")) return { class: "unavoidable", why: "we were off too long" };
  const others = byOthers(faults, setting);
  if (others) return others;
  // Where the cure must come within less than a request may be on its way, a second fault leaves no time for it.
  if (isNarrow(setting) && faults.length > 1)
    return { class: "timing", why: "a window closed, too narrow" };
  return { class: otherwise, why: "a window closed" };
}

/** Whether the end of a window may be others' doing, of which nobody tells us. */
function byOthers<S>(faults: readonly Fault[], { policy }: Setting<S>): Loss | undefined {
  // What another does with our token begins no window that we could know of.
  if (faults.includes("usedElsewhere")) return { class: "operator", why: "used elsewhere" };
  // Nor does the remote tell what it forgot, and with that whose window is open again.
  if (faults.includes("remoteForgets")) return { class: "unavoidable", why: "the remote forgot" };
  // A copy begins a window of its own where it gets a successor of its own, or rotates what its original did not.
  const isCopied = faults.includes("requestDoubled") || faults.includes("requestDoubledLate");
  return isCopied && (policy.retry.answer !== "current" || policy.rotate !== "always")
    ? { class: "unavoidable", why: "a copy by the network" }
    : undefined;
}

/** Where nothing more will happen and the chain was not shown to live. */
export function stuck<S>(world: World<S>, setting: Setting<S>): Loss {
  const left = acceptedAtHand(world, setting);
  const people = world.faults.some((fault) => OPERATOR.has(fault));
  const why = `it is given up although ${left.join(" and ")} would be accepted`;
  return { class: people ? "operator" : "avoidable", why };
}
