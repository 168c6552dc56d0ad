/**
 * What the stand-in accepted at every instant of a chain: its log, replayed through the rules it decided by.
 *
 * 1. A granted request is accepted again, a replay punished again; what changed nothing is passed over.
 * 2. The log tells when a decision was durable, which is a little after the instant it was made for. Where that makes a
 *    difference, the instant of receipt is tried.
 * 3. A step whose outcome differs from the log is marked: what follows from it is no evidence.
 */

import { type Chain, isAccepted } from "../../src/kernel/chain.ts";
import type { Serial } from "../../src/kernel/ids.ts";
import { holdsEverySerialOpen, type Policy } from "../../src/kernel/policy.ts";
import { accept, begin, judge, punish } from "../../src/kernel/present.ts";
import type { EndedBy } from "../../src/kernel/refusal.ts";
import type { Instant } from "../../src/kernel/time.ts";
import type { Seen } from "./trace.ts";

/** A decided request with what was accepted right before it. */
export interface Step {
  readonly seen: Seen;
  readonly accepted: readonly Serial[];
  /** Whether the chain had been revoked before, as far as the log explains. */
  readonly revoked: boolean;
  /** The limit that had ended the presented token, if that is why it was refused. */
  readonly endedBy: EndedBy | null;
  /** Whether the rules decide as the log says. */
  readonly faithful: boolean;
}

export interface Replayed {
  readonly steps: readonly Step[];
  readonly chain: Chain;
}

/** Replays the requests of one chain, in the order in which they were decided. */
export function replay(policy: Policy, grantAt: Instant, seen: readonly Seen[]): Replayed {
  const decided = seen
    .filter(({ line }) => line.decidedAt !== null && line.presented !== null)
    .sort((a, b) => (a.decided ?? 0) - (b.decided ?? 0) || a.line.number - b.line.number);
  let { chain } = begin(policy, 1, grantAt, "");
  const steps: Step[] = [];
  for (const one of decided) {
    const at = one.line.decidedAt ?? 0;
    const accepted = acceptedSerials(chain, policy, at);
    const revoked = chain.revoked !== null;
    const next = [at, one.line.receivedAt]
      .map((now) => decide(chain, policy, one, now))
      .find(({ faithful }) => faithful) ?? { chain, faithful: false, endedBy: null };
    chain = next.chain;
    steps.push({
      seen: one,
      accepted,
      revoked,
      endedBy: next.endedBy,
      faithful: next.faithful,
    });
  }
  return { steps, chain };
}

function decide(
  chain: Chain,
  policy: Policy,
  { line }: Seen,
  now: Instant,
): { readonly chain: Chain; readonly faithful: boolean; readonly endedBy: EndedBy | null } {
  const serial = line.presented ?? 0;
  const entry = chain.entries.find((one) => one.serial === serial);
  const judged = judge(chain, policy, { serial, issuedAt: entry?.issuedAt ?? 0 }, now);
  if (line.decision === "granted") {
    if (!("entry" in judged)) return { chain, faithful: false, endedBy: null };
    const { chain: next, answer } = accept(chain, policy, judged.entry, now, "");
    const faithful = answer.access.serial === line.answered;
    return { chain: next, faithful, endedBy: null };
  }
  // Limits of rate are not the chain's: such a refusal changes nothing here.
  if (!("refusal" in judged)) {
    return { chain, faithful: RATE_REASONS.has(line.reason ?? ""), endedBy: null };
  }
  const { refusal, replay: isReplay } = judged;
  const faithful = refusal.reason === line.reason || RATE_REASONS.has(line.reason ?? "");
  const endedBy = refusal.reason === "tokenExpired" ? refusal.by : null;
  return {
    chain: isReplay && line.reason === "replayed" ? punish(chain, policy, now, "") : chain,
    faithful,
    endedBy,
  };
}

/** Refusals for a reason that says nothing of the token. */
const RATE_REASONS: ReadonlySet<string> = new Set(["tooEarly", "quotaExceeded"]);

function acceptedSerials(chain: Chain, policy: Policy, now: Instant): readonly Serial[] {
  const known = chain.entries.filter((entry) => isAccepted(chain, policy, entry, now));
  const serials = new Set(known.map(({ serial }) => serial));
  if (!chain.revoked && holdsEverySerialOpen(policy)) {
    const entries = new Set(chain.entries.map(({ serial }) => serial));
    for (let serial = chain.floor; serial <= chain.last; serial += 1) {
      if (!entries.has(serial)) serials.add(serial);
    }
  }
  return [...serials].sort((a, b) => a - b);
}
