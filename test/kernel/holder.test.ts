/**
 * The holder's rules one by one, where a whole history would hide which of them kept the chain: what may be asked
 * again, for how long nothing is, and what an answer of an earlier request does.
 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { advise, type Knowledge } from "../../src/kernel/doubt.ts";
import {
  accessEndsAt,
  dueAt,
  type Holding,
  heardUntil,
  type OwnerDoubt,
} from "../../src/kernel/holding.ts";
import { abandon, followClock, recall } from "../../src/kernel/intend.ts";
import { plan } from "../../src/kernel/plan.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { type Result, settleAttempt } from "../../src/kernel/settle.ts";
import { FOREVER, HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import {
  answer,
  imported,
  LIFE,
  NOW,
  only,
  refusal,
  sent,
  settings,
  settledTo,
  told,
  unanswered,
} from "./holding-play.ts";

const STRICT = only("strict");
const HANDSHAKE = only("handshake");
/** A superseded token stays open for a minute; after that its presentation revokes. */
const GRACE: Knowledge = [
  {
    ...(PRESETS.strict as Policy),
    overlap: { ...(PRESETS.strict as Policy).overlap, atLeast: MINUTE },
  },
];

test("[PRO-07] a token is asked again inside its overlap; after it, only when nobody can hear of its successor", () => {
  const doubted = settledTo(
    sent(imported(), NOW),
    GRACE,
    "1-x",
    unanswered("overdue"),
    NOW + 30_000,
  );
  const within = plan(doubted, GRACE, settings, NOW + MINUTE - settings.margin - 1);
  assert.equal(within.do === "send" && within.why, "resend");
  const after = plan(doubted, GRACE, settings, NOW + MINUTE - settings.margin);
  assert.deepEqual(after, { do: "wait", until: NOW + settings.hold, why: "uncertain" });
  const last = plan(doubted, GRACE, settings, NOW + settings.hold);
  assert.equal(last.do === "send" && last.why, "lastResort");
});

const OPEN = { sentAt: NOW, deadAt: NOW + LIFE, openUntil: FOREVER };

test("[PRO-07] one retried generation too many in a row is not cured by asking again", () => {
  const open = { ...OPEN, heardUntil: NOW + settings.hold, tries: 1 };
  const { streak } = (PRESETS.handshake as Policy).retry;
  assert.equal(advise(HANDSHAKE, { ...open, streak: streak - 1 }, 0).do, "resend");
  assert.deepEqual(advise(HANDSHAKE, { ...open, streak }, 0), {
    do: "lastResort",
    notBefore: NOW + settings.hold,
  });
});

test("[PRO-07] a token whose retries are counted is asked again so often and no more", () => {
  const handshake = PRESETS.handshake as Policy;
  const counting: Knowledge = [{ ...handshake, retry: { ...handshake.retry, limit: 2 } }];
  const open = { ...OPEN, heardUntil: NOW + settings.hold, streak: 0 };
  const advised = [1, 2, 3].map((tries) => advise(counting, { ...open, tries }, 0).do);
  assert.deepEqual(advised, ["resend", "resend", "lastResort"]);
  assert.equal(advise(HANDSHAKE, { ...open, tries: 99 }, 0).do, "resend");
});

test("[PRO-07] where retries are counted, each successor at hand tells of one", () => {
  const handshake = PRESETS.handshake as Policy;
  const of = (limit: number): Knowledge => [{ ...handshake, retry: { ...handshake.retry, limit } }];
  const refreshed = settledTo(sent(imported(), NOW), HANDSHAKE, "1-x", answer("t1"), NOW + SECOND);
  const forked = settledTo(refreshed, HANDSHAKE, "0-other", answer("t2"), NOW + 2 * SECOND);
  assert.equal(forked.status, "forked");
  const sends = (knowledge: Knowledge): string | undefined => {
    const next = plan(forked, knowledge, settings, NOW + LIFE);
    return next.do === "send" ? next.token.print : undefined;
  };
  const presented = refreshed.predecessor?.print;
  assert.equal(sends(HANDSHAKE), presented, "the predecessor tells which successor lives");
  assert.equal(sends(of(2)), presented);
  assert.equal(sends(of(1)), undefined, "two successors say that it was presented twice");
});

/** As `GRACE`, but each retry brings another successor, which displaces the one before. */
const RENEWING: Knowledge = [{ ...GRACE[0], retry: { ...GRACE[0].retry, answer: "new" } }];

test("[PRO-09] where a later request displaces what an earlier one brought, its answer goes before, whichever comes first", () => {
  const first = settledTo(
    sent(imported(), NOW),
    RENEWING,
    "1-x",
    unanswered("overdue"),
    NOW + SECOND,
  );
  const both = sent(first, NOW + 24 * SECOND);
  const late = settledTo(both, RENEWING, "1-x", answer("t1"), NOW + 59 * SECOND);
  assert.equal(late.current.print, "t1");
  const forked = settledTo(late, RENEWING, "2-x", answer("t2"), NOW + 60 * SECOND);
  assert.equal(forked.current.print, "t2");
  assert.deepEqual(
    forked.parked.map(({ print }) => print),
    ["t1"],
  );
});

test("[PRO-07] a window counts from when a token was first superseded, also when it was presented again", () => {
  const refreshed = settledTo(sent(imported(), NOW), RENEWING, "1-x", answer("t1"), NOW + SECOND);
  const supersededAt = refreshed.predecessor?.supersededAt;
  const forked = settledTo(refreshed, RENEWING, "0-other", answer("t2"), NOW + 2 * SECOND);
  const predecessor = forked.predecessor as NonNullable<typeof forked.predecessor>;
  const asked = sent(forked, NOW + 20 * SECOND, "a", predecessor);
  const cured = settledTo(asked, RENEWING, "2-x", answer("t3"), NOW + 21 * SECOND);
  assert.equal(cured.current.print, "t3");
  assert.equal(cured.predecessor?.supersededAt, supersededAt);
  const doubted = settledTo(asked, RENEWING, "2-x", unanswered("unanswered"), NOW + 50 * SECOND);
  assert.equal(doubted.notAfter, NOW + MINUTE - settings.margin);
});

test("[PRO-07] a policy that only refuses keeps nobody from asking a predecessor that is open under the others", () => {
  const refreshed = settledTo(sent(imported(), NOW), RENEWING, "1-x", answer("t1"), NOW + SECOND);
  const forked = settledTo(refreshed, RENEWING, "0-other", answer("t2"), NOW + 2 * SECOND);
  const inDoubt: Knowledge = [...RENEWING, PRESETS["openam-13"] as Policy];
  for (const knowledge of [RENEWING, inDoubt]) {
    const next = plan(forked, knowledge, settings, NOW + 3 * SECOND);
    assert.equal(next.do === "send" && next.token.print, refreshed.predecessor?.print);
  }
});

test("[PRO-08] a short life under one policy ends no wait for an answer that another policy needs", () => {
  const refusing: Policy = {
    ...(PRESETS.strict as Policy),
    replay: { action: "refuse", accessTokens: "keep", sparing: 0 },
    expiry: { ...(PRESETS.strict as Policy).expiry, lifetime: [{ from: 0, value: 10 * MINUTE }] },
  };
  const inDoubt: Knowledge = [...STRICT, refusing];
  const open = settledTo(sent(imported(), NOW), inDoubt, "1-x", unanswered("overdue"), NOW + LIFE);
  const next = plan(open, inDoubt, settings, NOW + 2 * LIFE);
  assert.deepEqual(next, { do: "wait", until: NOW + settings.hold, why: "uncertain" });
});

test("[PRO-07] a token is asked again only when a duplicate of the first request can displace nothing", () => {
  const strict = PRESETS.strict as Policy;
  const overlap = { ...strict.overlap, atLeast: 10 * MINUTE };
  const renewing: Policy = { ...strict, overlap, retry: { ...strict.retry, answer: "new" } };
  const open = { ...OPEN, heardUntil: NOW + LIFE, streak: 0, tries: 1 };
  assert.equal(advise([renewing], open, 0).notBefore, NOW + LIFE);
  assert.equal(advise([{ ...strict, overlap }], open, 0).notBefore, NOW);
});

test("[E18, PRO-07] an access token ends with our next refresh where that ends it, and no refresh comes too early", () => {
  const refreshed = settledTo(sent(imported(), NOW), STRICT, "1-x", answer("t1"), NOW + SECOND);
  const ends = (knowledge: Knowledge) => accessEndsAt(refreshed, knowledge, settings);
  assert.equal(ends(STRICT), dueAt(refreshed, STRICT, settings));
  assert.equal(ends(HANDSHAKE), NOW + HOUR);
  const slow: Knowledge = [{ ...(PRESETS.handshake as Policy), minInterval: 2 * HOUR }];
  const allowed = NOW + SECOND + 2 * HOUR;
  assert.equal(dueAt(refreshed, slow, settings), allowed);
  // Somebody has seen the access token fail: that is no reason to be refused.
  const early = plan(refreshed, slow, settings, allowed - 1, true);
  assert.deepEqual(early, { do: "wait", until: allowed, why: "notYet" });
});

test("[PRO-10] nothing is sent while the process that sent may still report, not even what would do no harm", () => {
  const open = sent(imported(), NOW);
  for (const knowledge of [STRICT, HANDSHAKE]) {
    const next = plan(open, knowledge, settings, NOW + 40 * SECOND, true);
    assert.deepEqual(next, { do: "wait", until: NOW + LIFE, why: "held" });
  }
});

test("[PRO-10] a process that is not known to be dead is waited for beyond the life of its request", () => {
  const open = sent(imported(), NOW);
  const after = (doubt: OwnerDoubt) => abandon(open, STRICT, settings, () => doubt, NOW + LIFE);
  const until = (h: Holding) => {
    const next = plan(h, STRICT, settings, NOW + LIFE);
    return next.do === "wait" ? next.until : next.do;
  };
  assert.equal(until(after("ownerSilent")), NOW + settings.hold);
  assert.equal(after("ownerSilent").status, "held");
  assert.equal(until(after("ownerGone")), "send");
  const [attempt] = after("ownerSilent").attempts;
  assert.ok(attempt && heardUntil(attempt, settings) === NOW + settings.hold);
});

test("[PRO-07] a successor is not used while an earlier request of its chain may still count as replay", () => {
  const doubted = settledTo(sent(imported(), NOW), HANDSHAKE, "1-x", unanswered("unanswered"), NOW);
  const cured = settledTo(sent(doubted, NOW + 2000), HANDSHAKE, "2-x", answer("t1"), NOW + 3000);
  assert.equal(cured.current.print, "t1");
  // Somebody has seen the new access token fail: only this rule holds back the next refresh.
  const early = plan(cured, HANDSHAKE, settings, NOW + LIFE - 1, true);
  assert.deepEqual(early, { do: "wait", until: NOW + LIFE, why: "quiet" });
  assert.equal(plan(cured, HANDSHAKE, settings, NOW + LIFE, true).do, "send");
});

test("[PRO-09] a late answer of an earlier request is parked beside what a later one brought", () => {
  const doubted = settledTo(sent(imported(), NOW), HANDSHAKE, "1-x", unanswered("overdue"), NOW);
  const cured = settledTo(sent(doubted, NOW + 2000), HANDSHAKE, "2-x", answer("t1"), NOW + 3000);
  const { holding, settled } = told(cured, HANDSHAKE, "1-x", answer("t2"), NOW + 40_000);
  const prints = holding.parked.map(({ print }) => print);
  assert.deepEqual([settled, holding.current.print, prints], ["parked", "t1", ["t2"]]);
});

test("[PRO-09] an open request that is neither the newest nor of the current token commits nothing", () => {
  const candidate = { sealed: "p", print: "p", by: "0-x", serial: 1 };
  const forked = { ...imported(), parked: [{ ...candidate, at: NOW }], serials: 2 };
  const first = sent(forked, NOW, "a", candidate);
  const both = sent(settledTo(first, STRICT, "1-x", unanswered("overdue"), NOW), NOW + 2000);
  const { holding, settled } = told(both, STRICT, "1-x", answer("late"), NOW + 3000);
  const prints = holding.parked.map(({ print }) => print);
  assert.deepEqual([settled, holding.current.print, prints], ["parked", "t0", ["p", "late"]]);
});

test("[PRO-09] an answer for another chain changes nothing", () => {
  const open = sent(imported(), NOW);
  const { holding, settled } = settleAttempt(open, STRICT, settings, {
    ...{ chainId: "another", attemptId: "1-x", epoch: 1, attempt: null },
    ...{ result: answer("foreign"), at: NOW, now: NOW, jitter: 0.5 },
  });
  assert.equal(settled, "foreign");
  assert.equal(holding, open);
});

test("[PRO-18] a refused token is not believed dead while somebody may still hear of its successor", () => {
  const overdue = settledTo(sent(imported(), NOW), STRICT, "1-x", unanswered("overdue"), NOW);
  const both = sent(overdue, NOW + 40_000);
  const refused = settledTo(both, STRICT, "2-x", refusal("token"), NOW + 41_000);
  assert.equal(refused.status, "uncertain");
  assert.equal(refused.notBefore, NOW + settings.hold);
  const heard = told(refused, STRICT, "1-x", answer("t1"), NOW + 50_000);
  assert.deepEqual([heard.settled, heard.holding.current.print], ["committed", "t1"]);
});

test("[PRO-18] a parked token that was not tried makes room for no other", () => {
  const parked = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"].map((print, serial) => ({
    ...{ sealed: print, print, by: "1-x", serial, at: NOW },
  }));
  const prints = (refused: readonly string[]) => {
    const full = { ...sent(imported(), NOW), parked, refused };
    const { holding } = told({ ...full, attempts: [] }, STRICT, "1-x", answer("new"), NOW);
    return holding.parked.map(({ print }) => print);
  };
  assert.equal(prints([]).length, 9);
  assert.deepEqual(prints(["p3"]), ["p0", "p1", "p2", "p4", "p5", "p6", "p7", "new"]);
});

test("[PRO-18] a server is given the time that it asks for", () => {
  const open = sent(imported(), NOW);
  const at = (result: Result) => settledTo(open, STRICT, "1-x", result, NOW).notBefore ?? 0;
  assert.equal(at(refusal("rate", 90 * SECOND)), NOW + 90 * SECOND);
  assert.ok(at(refusal("rate")) > NOW && at(refusal("rate")) <= NOW + SECOND);
});

test("[PRO-10] when the wall clock is set, what was noted of open requests is as far away as it was", () => {
  const doubted = settledTo(sent(imported(), NOW), HANDSHAKE, "1-x", unanswered("unanswered"), NOW);
  for (const jump of [HOUR, -HOUR]) {
    const boot = { id: "boot", at: 10 * SECOND };
    const now = NOW + jump + 10 * SECOND;
    const followed = followClock(doubted, boot, 1, SECOND, now);
    assert.equal(followed.attempts[0]?.sentAt, NOW + jump);
    assert.equal(followed.attempts[0]?.deadAt, NOW + LIFE + jump);
    assert.equal(followed.quietUntil, doubted.quietUntil + jump);
    assert.equal(followed.notBefore, doubted.notBefore && doubted.notBefore + jump);
  }
  const slewed = followClock(doubted, { id: "boot", at: 10 * SECOND }, 1, SECOND, NOW + 10_500);
  assert.equal(slewed, doubted);
  const rebooted = followClock(doubted, { id: "other", at: 0 }, 1, SECOND, NOW + HOUR);
  assert.equal(rebooted, doubted);
});

test("[PRO-10] what a process remembers of its requests outlives a store that fell back", () => {
  const before = imported();
  const open = sent(before, NOW);
  const recalled = recall(before, open.attempts);
  assert.deepEqual(
    [recalled.epoch, recalled.newest, recalled.attempts],
    [open.epoch, open.newest, open.attempts],
  );
  assert.equal(plan(recalled, STRICT, settings, NOW + 1).do, "wait");
  assert.equal(recall(open, open.attempts), open);
});
