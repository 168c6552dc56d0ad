/**
 * Checks a policy: every bound is proven or refuted by a search to its end, each refutation with a shortest story.
 *
 * 1. A bound is *stated* if the caller names it, and that a well-behaved client always has a token is always stated: it
 *    holds up to an end that the policy itself declares.
 * 2. Everything else is found, not judged: what habits risk, what Keten risks, how long a thief goes unnoticed.
 * 3. A search that was cut off proves nothing: what it says then is what it saw, and it says so.
 */

import type { Policy } from "../kernel/policy.ts";
import type { Duration } from "../kernel/time.ts";
import {
  type LiveTokens,
  liveTokens,
  type Recovery,
  recovery,
  type WellBehaved,
  wellBehaved,
} from "./bounds.ts";
import { type HabitRisk, habitRisks, type KeeperRisk, keeperRisk } from "./habit-risks.ts";
import { type ThiefFate, thiefFates } from "./thief.ts";

export interface Bounds {
  /** At most so many live tokens. */
  readonly live?: number | undefined;
  /** So long after it lost an answer a client has a token again at the latest, if it asks as soon as it may. */
  readonly recoverMs?: Duration | undefined;
}

/** `unstated` where the caller named no bound; `unproven` where the search was cut off. */
export type Verdict = "holds" | "refuted" | "unproven" | "unstated";

export interface Check {
  readonly live: LiveTokens & { readonly verdict: Verdict };
  readonly recovery: Recovery & { readonly verdict: Verdict };
  readonly wellBehaved: WellBehaved;
  readonly habits: readonly HabitRisk[];
  readonly keeper: KeeperRisk;
  readonly thief: readonly ThiefFate[];
  /** Whether every stated bound holds. */
  readonly holds: boolean;
}

/** Checks a policy. `onPart` hears what is searched next. */
export function checkPolicy(
  policy: Policy,
  bounds: Bounds = {},
  onPart: (what: string) => void = () => {},
): Check {
  onPart("live tokens");
  const found = liveTokens(policy);
  const live = { ...found, verdict: liveVerdict(found, bounds.live) };
  onPart("a lost answer");
  const again = recovery(policy);
  const recovered = { ...again, verdict: recoveryVerdict(again, bounds.recoverMs) };
  onPart("a well-behaved client");
  const honest = wellBehaved(policy);
  onPart("a thief");
  const thief = thiefFates(policy);
  onPart("habits");
  const habits = habitRisks(policy);
  onPart("Keten as the keeper");
  const keeper = keeperRisk(policy);
  const verdicts = [live.verdict, recovered.verdict, honest.verdict];
  const holds = verdicts.every((verdict) => verdict !== "refuted" && verdict !== "unproven");
  return { live, recovery: recovered, wellBehaved: honest, habits, keeper, thief, holds };
}

function liveVerdict({ most, isComplete }: LiveTokens, bound: number | undefined): Verdict {
  if (bound === undefined) return "unstated";
  if (most > bound) return "refuted";
  return isComplete ? "holds" : "unproven";
}

function recoveryVerdict({ from }: Recovery, bound: Duration | undefined): Verdict {
  if (bound === undefined) return "unstated";
  return from <= bound ? "holds" : "refuted";
}
