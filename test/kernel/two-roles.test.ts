/**
 * One kernel, two roles, played against each other: a real issuer's chain and a real holder, with a network between
 * them that loses, delays and duplicates, and a holder that dies in mid-exchange. The holder may lose a chain only
 * when no token at hand was accepted any more, before it sent the request that told it so.
 */

import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  type Authorization,
  newAuthorization,
  openCode,
  present,
  redeem,
} from "../../src/kernel/authorization.ts";
import { type Chain, isAccepted, type Presented } from "../../src/kernel/chain.ts";
import type { Knowledge } from "../../src/kernel/doubt.ts";
import { dueAt, type Holding, importHolding, type Settings } from "../../src/kernel/holding.ts";
import { abandon, intend } from "../../src/kernel/intend.ts";
import { isUsable, plan } from "../../src/kernel/plan.ts";
import type { Policy, Revision } from "../../src/kernel/policy.ts";
import { type Result, settleAttempt } from "../../src/kernel/settle.ts";
import { DAY, FOREVER, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

const settings: Settings = {
  lead: 30 * SECOND,
  margin: 5 * SECOND,
  leastLeft: 0,
  backoff: { first: SECOND, most: 5 * MINUTE },
  hold: 10 * MINUTE,
};

type Fault =
  | "none"
  | "requestLost"
  | "answerLost"
  | "answerLate"
  | "requestLate"
  | "serverErrorBefore"
  | "serverErrorAfter"
  | "crashBeforeSend"
  | "crashAfterSend"
  | "crashAfterJournal"
  | "notSent";

const FAULTS: readonly Fault[] = [
  "none",
  "none",
  "none",
  "requestLost",
  "answerLost",
  "answerLate",
  "requestLate",
  "serverErrorBefore",
  "serverErrorAfter",
  "crashBeforeSend",
  "crashAfterSend",
  "crashAfterJournal",
  "notSent",
];

/** The issuer's side: one chain of one client. */
class Issuer {
  readonly revisions: readonly Revision[];
  authorization: Authorization;
  chain: Chain;
  first: Presented;

  constructor(policy: Policy, now: number) {
    this.revisions = [{ revision: 1, policy, at: 0, revive: false }];
    this.authorization = openCode(newAuthorization("a"));
    const redeemed = redeem({
      scopes: { authorization: this.authorization },
      code: { ordinal: 1, openedAt: now },
      chain: undefined,
      revisions: this.revisions,
      now,
      attempt: "grant",
    });
    assert(redeemed.granted && redeemed.after.chain && redeemed.answer.refresh);
    this.chain = redeemed.after.chain;
    this.authorization = redeemed.after.authorization ?? this.authorization;
    this.first = redeemed.answer.refresh;
  }

  get policy(): Policy {
    return (this.revisions[0] as Revision).policy;
  }

  accepts(token: string, now: number): boolean {
    return isAccepted(this.chain, this.policy, read(token), now);
  }

  refresh(token: string, now: number): Result {
    const decision = present({
      scopes: { authorization: this.authorization },
      ordinal: 1,
      chain: this.chain,
      token: read(token),
      revisions: this.revisions,
      now,
      attempt: "r",
    });
    this.chain = decision.after.chain ?? this.chain;
    this.authorization = decision.after.authorization ?? this.authorization;
    if (decision.granted) {
      const { refresh, access } = decision.answer;
      return {
        class: "answered",
        refresh: refresh && { sealed: write(refresh), print: write(refresh) },
        access: { sealed: `access ${access.number}` },
        expiresIn: access.expiresAt - access.issuedAt,
        tokenType: "Bearer",
        scope: null,
      };
    }
    const { reason } = decision.refusal;
    return {
      class: "refusedUnspent",
      about: reason === "tooEarly" ? "tooEarly" : reason === "quotaExceeded" ? "rate" : "token",
      error: reason,
      status: 400,
      retryAfter: null,
      found: null,
    };
  }
}

/** After so long a request cannot be processed any more. */
const REQUEST_LIFE = 60 * SECOND;

/** From sending to arrival. */
const TRAVEL = 200;

const write = ({ serial, issuedAt }: Presented): string => `${serial}@${issuedAt}`;
const read = (token: string): Presented => {
  const [serial, issuedAt] = token.split("@").map(Number);
  return { serial: serial as number, issuedAt: issuedAt as number };
};

interface Late {
  readonly at: number;
  readonly run: (now: number) => void;
}

/**
 * Plays one history: each request meets the next fault, then faults cease. Returns how it ended and the log that
 * explains it. `known` is what the holder believes of the provider, if not the truth alone.
 */
function play(policy: Policy, faults: readonly Fault[], steps: number, known?: Knowledge) {
  let now = 1_800_000_000_000;
  const knowledge: Knowledge = known ?? [policy];
  const issuer = new Issuer(policy, now);
  const token = write(issuer.first);
  let holding: Holding = importHolding({ chainId: "c", sealed: token, print: token, now });
  let owner = 1;
  let refreshes = 0;
  let sends = 0;
  const late: Late[] = [];
  const log: string[] = [];
  const journal: { attemptId: string; result: Result }[] = [];
  const settle = (attemptId: string, result: Result) => {
    const report = {
      chainId: "c",
      attemptId,
      epoch: 0,
      attempt: null,
      result,
      at: now,
      now,
      jitter: 0.5,
    };
    const { holding: next, settled } = settleAttempt(holding, knowledge, settings, report);
    log.push(
      `${now} ${attemptId} ${result.class} -> ${settled}, ${next.status} ${next.cause ?? ""}`,
    );
    if (next.generation > holding.generation) refreshes += 1;
    holding = next;
  };
  const tokensAtHand = () =>
    [holding.current, holding.predecessor, ...holding.parked].flatMap((held) => held?.print ?? []);

  for (let step = 0; step < steps && holding.status !== "lost"; step += 1) {
    for (const event of late.toSorted((a, b) => a.at - b.at)) {
      if (event.at > now) continue;
      late.splice(late.indexOf(event), 1);
      event.run(now);
    }
    holding = abandon(
      holding,
      knowledge,
      settings,
      (attempt) => (attempt.owner === `owner ${owner}` ? null : "ownerGone"),
      now,
    );
    const next = plan(holding, knowledge, settings, now);
    if (next.do === "stop") break;
    if (next.do === "handOut") {
      assert(isUsable(holding, knowledge, settings, now));
      now = Math.max(now + 1, dueAt(holding, knowledge, settings));
      continue;
    }
    if (next.do === "wait") {
      assert(next.until > now, `waits for the past: ${JSON.stringify(next)}`);
      assert(next.until < now + 40 * DAY, `waits for ever: ${JSON.stringify(next)}`);
      const arrivals = late.map(({ at }) => at).filter((at) => at > now);
      now = Math.min(next.until, ...arrivals);
      continue;
    }
    // Eight lossy generations in a row look like a thief in step: that bound is the policy's, and tested apart.
    const fault = holding.streak >= 6 ? "none" : (faults[sends] ?? "none");
    sends += 1;
    const id = `attempt ${step}`;
    const before = tokensAtHand().filter((held) => issuer.accepts(held, now + TRAVEL));
    holding = intend(holding, {
      id,
      token: next.token,
      why: next.why,
      lease: { owner: `owner ${owner}`, boot: "b", until: 0 },
      now,
      deadAt: now + REQUEST_LIFE,
      boot: { id: "b", at: 0 },
    });
    log.push(`${now} ${id} sends ${next.token.print} (${next.why}), ${fault}; accepted: ${before}`);
    const presented = next.token.sealed;
    const sentAt = now;
    const unanswered: Result = {
      class: "inDoubt",
      why: "unanswered",
      status: null,
      retryAfter: null,
    };
    now += TRAVEL;
    switch (fault) {
      case "none":
        settle(id, issuer.refresh(presented, now));
        break;
      case "notSent":
        settle(id, { class: "notSent" });
        break;
      case "requestLost":
        settle(id, unanswered);
        break;
      case "answerLost":
        issuer.refresh(presented, now);
        settle(id, unanswered);
        break;
      case "answerLate": {
        const result = issuer.refresh(presented, now);
        late.push({ at: sentAt + 45 * SECOND, run: () => settle(id, result) });
        settle(id, unanswered);
        break;
      }
      case "requestLate":
        late.push({ at: sentAt + 50 * SECOND, run: (at) => void issuer.refresh(presented, at) });
        settle(id, unanswered);
        break;
      case "serverErrorBefore":
      case "serverErrorAfter":
        if (fault === "serverErrorAfter") issuer.refresh(presented, now);
        settle(id, { class: "inDoubt", why: "serverError", status: 503, retryAfter: null });
        break;
      case "crashAfterSend":
        issuer.refresh(presented, now);
        owner += 1;
        break;
      case "crashBeforeSend":
        owner += 1;
        break;
      case "crashAfterJournal": {
        journal.push({ attemptId: id, result: issuer.refresh(presented, now) });
        owner += 1;
        now += SECOND;
        for (const entry of journal.splice(0)) settle(entry.attemptId, entry.result);
        break;
      }
    }
    if (holding.status === "lost") {
      return { lost: true, avoidable: before, log, refreshes };
    }
  }
  return { lost: false, avoidable: [] as string[], log, refreshes };
}

/** The presets, without caps: here is one chain only. */
const ONE_CHAIN = Object.entries(PRESETS).map(
  ([name, policy]) => [name, { ...policy, caps: [] }] as const,
);

for (const [name, policy] of ONE_CHAIN) {
  test(`[PRO-07, E08] ${name}: a chain is lost only when no token at hand is accepted`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...FAULTS), { minLength: 1, maxLength: 40 }),
        (faults) => {
          const { lost, avoidable, log } = play(policy, faults, 120);
          if (lost) assert.deepEqual(avoidable, [], log.join("\n"));
        },
      ),
      { numRuns: 300 },
    );
  });
}

const NEVER_LOST = ONE_CHAIN.filter(
  ([, { rotate, overlap, usedFor, expiry, access }]) =>
    expiry.lifetime[0]?.value === FOREVER &&
    usedFor === FOREVER &&
    (rotate === "never" || (overlap.untilUsed && overlap.atMost === FOREVER)) &&
    // Where a token lasts longer than the play, nothing is refreshed in it.
    access.lifetime < DAY,
);

for (const [name, policy] of NEVER_LOST) {
  test(`[PRO-07, E08] ${name}: no single or repeated fault loses the chain, and it goes on`, () => {
    const mixed = fc.array(fc.constantFrom(...FAULTS), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(mixed, (faults) => {
        const { lost, log, refreshes } = play(policy, faults, 300);
        assert.equal(lost, false, log.join("\n"));
        assert(refreshes > 0, log.join("\n"));
      }),
      { numRuns: 300 },
    );
  });
}

const unknown: Knowledge = [
  PRESETS.strict as Policy,
  { ...(PRESETS.strict as Policy), firstUse: "refreshOrAccess" },
];

for (const [name, policy] of ONE_CHAIN) {
  test(`[PRO-07] ${name}: a holder that knows nothing of the provider loses nothing it need not`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...FAULTS), { minLength: 1, maxLength: 40 }),
        (faults) => {
          const { lost, avoidable, log } = play(policy, faults, 120, unknown);
          if (lost) assert.deepEqual(avoidable, [], log.join("\n"));
        },
      ),
      { numRuns: 100 },
    );
  });
}

test("[PRO-07, E08] a holder that must satisfy two readings of the activation chain keeps it under both", () => {
  const both = ["exact-online", "exact-online-10min"].map((name) => PRESETS[name] as Policy);
  for (const policy of both) {
    const single: Fault[] = ["answerLost", "crashAfterSend", "serverErrorAfter", "answerLate"];
    for (const fault of single) {
      const { lost, log, refreshes } = play(
        policy,
        ["none", fault],
        60,
        both as unknown as Knowledge,
      );
      assert.equal(lost, false, log.join("\n"));
      assert(refreshes > 2, log.join("\n"));
    }
  }
});
