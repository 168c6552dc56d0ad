/** What the holder does with successors of which it has several, or does not know whether there is another. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { advise, type Knowledge } from "../../src/kernel/doubt.ts";
import type { Holding } from "../../src/kernel/holding.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { contestedUntil, isUsable, plan } from "../../src/kernel/plan.ts";
import type { Result } from "../../src/kernel/settle.ts";
import { HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import {
  answer,
  failed,
  imported,
  LIFE,
  NOW,
  refusal,
  sent,
  settings,
  settledTo,
  unanswered,
} from "./holding-play.ts";

/** A superseded token stays open for ten minutes and brings another successor each time, which displaces the last. */
const RENEWING: Knowledge = [
  policyOf({ overlap: { atLeast: "10 min" }, retry: { answer: "new" } }),
];
/** The use of an access token closes what its refresh token superseded. */
const OBSERVED: Knowledge = [
  policyOf({ overlap: { untilUsed: true }, firstUse: "refreshOrAccess" }),
];
const BRANCHING: Knowledge = [
  policyOf({
    ...{ overlap: { atLeast: "10 min" }, retry: { answer: "new" } },
    siblings: { branches: 3 },
  }),
];

const SILENT = unanswered("overdue");

/** Asked twice; the first request is not heard of, the second brought a successor. */
function askedTwice(knowledge: Knowledge, secondAt: number): Holding {
  const doubted = settledTo(sent(imported(), NOW), knowledge, "1-x", SILENT, NOW + 30 * SECOND);
  return settledTo(sent(doubted, secondAt), knowledge, "2-x", answer("t1"), secondAt + SECOND);
}

test("[PRO-07] an access token whose use would close the predecessor is not handed out while an earlier request may still present that", () => {
  const at = NOW + 31 * SECOND;
  const refreshed = askedTwice(OBSERVED, at);
  const soon = at + 2 * SECOND;
  assert.equal(isUsable(refreshed, OBSERVED, settings, soon), false);
  const rests = { do: "wait", until: NOW + LIFE, why: "quiet" };
  assert.deepEqual(plan(refreshed, OBSERVED, settings, soon), rests);
  assert.deepEqual(plan(refreshed, OBSERVED, settings, NOW + LIFE), { do: "handOut" });
  const unobserved: Knowledge = [{ ...OBSERVED[0], firstUse: "refresh" }];
  assert.deepEqual(plan(refreshed, unobserved, settings, soon), { do: "handOut" });
});

test("[PRO-07] where the predecessor stays open however its successor is used, nobody waits", () => {
  const atLeast = LIFE;
  const open: Knowledge = [{ ...OBSERVED[0], overlap: { ...OBSERVED[0].overlap, atLeast } }];
  const refreshed = askedTwice(open, NOW + 31 * SECOND);
  assert.deepEqual(plan(refreshed, open, settings, NOW + 33 * SECOND), { do: "handOut" });
});

test("[PRO-07] once its access token may have been used, a predecessor is taken for closed", () => {
  const refreshed = settledTo(sent(imported(), NOW), OBSERVED, "1-x", answer("t1"), NOW + SECOND);
  const forked = settledTo(refreshed, OBSERVED, "0-other", answer("t2"), NOW + 2 * SECOND);
  const next = plan(forked, OBSERVED, settings, NOW + HOUR);
  assert.equal(next.do === "send" && next.token.print, "t1");
});

test("[PRO-09] an answer is contested by a later request for the same token until that is heard of, or the predecessor tells", () => {
  const doubted = settledTo(sent(imported(), NOW), RENEWING, "1-x", SILENT, NOW + 30 * SECOND);
  const again = sent(doubted, NOW + LIFE);
  const late = settledTo(again, RENEWING, "1-x", answer("t1"), NOW + LIFE + SECOND);
  assert.deepEqual([late.current.print, late.contested], ["t1", ["2-x"]]);
  const dead = NOW + 2 * LIFE;
  assert.equal(contestedUntil(late, RENEWING, settings), dead);
  assert.deepEqual(plan(late, RENEWING, settings, dead - SECOND), { do: "handOut" });
  const next = plan(late, RENEWING, settings, dead);
  assert.equal(next.do === "send" && next.token.print, "t0");

  const cut: Result = { class: "inDoubt", why: "cut", status: 200, retryAfter: null };
  assert.deepEqual(
    settledTo(late, RENEWING, "2-x", cut, dead).contested,
    ["2-x"],
    "it may have counted",
  );
  const free = settledTo(late, RENEWING, "2-x", { class: "notSent" }, dead);
  assert.deepEqual(plan(free, RENEWING, settings, dead), { do: "handOut" });

  const asked = sent(late, dead, "a", late.predecessor ?? late.current);
  const cured = settledTo(asked, RENEWING, "3-x", answer("t3"), dead + SECOND);
  assert.deepEqual([cured.current.print, cured.contested], ["t3", []]);
});

test("[PRO-09, E18] a contested answer's access token is handed out as long as the provider allows no other request", () => {
  const minInterval = 9 * MINUTE;
  const slow: Knowledge = [
    { ...RENEWING[0], minInterval, overlap: { ...RENEWING[0].overlap, atLeast: HOUR } },
  ];
  const doubted = settledTo(sent(imported(), NOW), slow, "1-x", SILENT, NOW + 30 * SECOND);
  const late = NOW + minInterval + MINUTE;
  const again = settledTo(sent(doubted, late), slow, "1-x", answer("t1"), late + SECOND);
  assert.deepEqual(again.contested, ["2-x"]);
  const dead = late + LIFE;
  assert.deepEqual(plan(again, slow, settings, dead + SECOND), { do: "handOut" });
  const next = plan(again, slow, settings, late + SECOND + minInterval);
  assert.equal(next.do === "send" && next.token.print, "t0");
});

test("[PRO-09] nothing contests an answer where the same successor is given again, or the other request was dead before", () => {
  const current: Knowledge = [
    { ...RENEWING[0], retry: { ...RENEWING[0].retry, answer: "current" } },
  ];
  assert.deepEqual(askedTwice(current, NOW + 31 * SECOND).contested, []);
  assert.deepEqual(askedTwice(RENEWING, NOW + LIFE).contested, []);
});

test("[PRO-09] a predecessor that is with the provider already is not asked a second time", () => {
  const refusing: Knowledge = [
    { ...RENEWING[0], replay: { action: "refuse", accessTokens: "keep", sparing: 0 } },
  ];
  const doubted = settledTo(sent(imported(), NOW), refusing, "1-x", SILENT, NOW + 30 * SECOND);
  const again = sent(doubted, NOW + LIFE);
  const late = settledTo(again, refusing, "1-x", answer("t1"), NOW + LIFE + SECOND);
  const used = sent(late, NOW + LIFE + 2 * SECOND);
  const refused = settledTo(used, refusing, "3-x", refusal("token"), NOW + LIFE + 3 * SECOND);
  assert.equal(refused.status, "refused", "the loss is not believed");
  const next = plan(refused, refusing, settings, NOW + LIFE + 4 * SECOND);
  assert.deepEqual(next, { do: "wait", until: NOW + 2 * LIFE, why: "quiet" });
});

test("[PRO-07, PRO-18] where successors live beside each other, the others are kept for a day on which the newest is lost", () => {
  const first = settledTo(sent(imported(), NOW), BRANCHING, "1-x", answer("t1"), NOW + SECOND);
  const both = settledTo(first, BRANCHING, "0-other", answer("t2"), NOW + 2 * SECOND);
  assert.equal(both.status, "fresh", "no fork: both live");
  const due = sent(both, NOW + HOUR);
  const next = settledTo(due, BRANCHING, "2-x", answer("t3"), NOW + HOUR + SECOND);
  assert.deepEqual(
    next.parked.map(({ print }) => print),
    ["t2"],
  );
  const lost = settledTo(
    sent(next, NOW + 2 * HOUR),
    BRANCHING,
    "3-x",
    SILENT,
    NOW + 2 * HOUR + SECOND,
  );
  const last = plan(lost, BRANCHING, settings, NOW + 3 * HOUR);
  assert.deepEqual(last.do === "send" && [last.why, last.token.print], ["candidate", "t2"]);
});

test("[PRO-07] a predecessor in doubt is asked again while it is open, though the first question may still arrive", () => {
  const open = { sentAt: NOW, deadAt: NOW + LIFE, heardUntil: NOW + settings.hold, streak: 0 };
  const ask = (openUntil: number) => advise(RENEWING, { ...open, tries: 1, openUntil }, 0);
  assert.equal(ask(NOW + HOUR).notBefore, NOW + LIFE, "there is time");
  assert.equal(ask(NOW + 20 * SECOND).notBefore, NOW, "there is little");
  assert.equal(ask(NOW - SECOND).notBefore, NOW + LIFE, "there is none: no hurry either");
});

test("[PRO-09] a later request contests an answer also where its own came without a token", () => {
  const doubted = settledTo(sent(imported(), NOW), RENEWING, "1-x", SILENT, NOW + 30 * SECOND);
  const again = settledTo(
    sent(doubted, NOW + LIFE),
    RENEWING,
    "2-x",
    failed(null, 502),
    NOW + LIFE + SECOND,
  );
  const late = settledTo(again, RENEWING, "1-x", answer("t1"), NOW + LIFE + 2 * SECOND);
  assert.deepEqual(late.contested, ["2-x"]);
});

test("[PRO-08] a token that had ended under one policy before it was sent ends no wait that another needs", () => {
  const strict = policyOf({});
  const short: Knowledge = [strict, policyOf({ expiry: { idle: "10 min" } })];
  const first = settledTo(sent(imported(), NOW), short, "1-x", answer("t1"), NOW + SECOND);
  const doubted = settledTo(
    sent(first, NOW + HOUR),
    short,
    "2-x",
    SILENT,
    NOW + HOUR + 30 * SECOND,
  );
  const next = plan(doubted, short, settings, NOW + HOUR + LIFE);
  assert.deepEqual(next, { do: "wait", until: NOW + HOUR + settings.hold, why: "uncertain" });
});

test("[PRO-09] where tokens rotate now and then, the answer of an earlier request may bring the successor that a later one did not", () => {
  const rarely: Knowledge = [policyOf({ rotate: { every: "1 h" }, overlap: { atLeast: "60 s" } })];
  const doubted = settledTo(sent(imported(), NOW), rarely, "1-x", SILENT, NOW + 5 * SECOND);
  const at = NOW + 6 * SECOND;
  const unrotated = settledTo(sent(doubted, at), rarely, "2-x", answer("t0"), at + SECOND);
  assert.deepEqual([unrotated.predecessor, unrotated.contested], [null, ["1-x"]]);
  const rotated = settledTo(unrotated, rarely, "1-x", answer("t1"), at + 30 * SECOND);
  assert.deepEqual([rotated.current.print, rotated.predecessor?.print], ["t1", "t0"]);
  assert.deepEqual([rotated.status, rotated.parked], ["fresh", []]);
});

test("[PRO-09] what came later than an answer that has lain in a journal stays parked when that is committed", () => {
  const doubted = settledTo(sent(imported(), NOW), RENEWING, "1-x", SILENT, NOW + 30 * SECOND);
  const both = sent(doubted, NOW + LIFE);
  const second = NOW + LIFE + 20 * SECOND;
  const late = settledTo(both, RENEWING, "1-x", answer("t2"), second);
  const asked = sent(late, second + SECOND, "a", late.predecessor ?? late.current);
  const parked = settledTo(asked, RENEWING, "0-x", answer("t3"), second + 3 * SECOND);
  const settled = settledTo(parked, RENEWING, "3-x", answer("t4"), NOW + HOUR, second + 2 * SECOND);
  assert.deepEqual([settled.status, settled.current.print], ["forked", "t4"]);
  assert.deepEqual(
    settled.parked.map(({ print }) => print),
    ["t3"],
  );
});

test("[PRO-09] what came since a question was sent may have been granted after it: it is asked once more", () => {
  const first = settledTo(sent(imported(), NOW), RENEWING, "1-x", SILENT, NOW + 30 * SECOND);
  const both = sent(first, NOW + LIFE);
  const newest = settledTo(both, RENEWING, "2-x", answer("t2"), NOW + LIFE + SECOND);
  const forked = settledTo(newest, RENEWING, "0-x", answer("t3"), NOW + LIFE + 2 * SECOND);
  const t0 = forked.predecessor ?? forked.current;
  const asked = sent(forked, NOW + LIFE + 3 * SECOND, "a", t0);
  const late = settledTo(asked, RENEWING, "1-x", answer("t4"), NOW + LIFE + 4 * SECOND);
  const settled = settledTo(late, RENEWING, "3-x", answer("t5"), NOW + LIFE + 5 * SECOND);
  assert.deepEqual([settled.status, settled.current.print], ["forked", "t5"]);
  assert.deepEqual(
    settled.parked.map(({ print }) => print),
    ["t4"],
    "t3 had come before, and is displaced",
  );
  const again = plan(settled, RENEWING, settings, NOW + LIFE + 6 * SECOND);
  assert.equal(again.do === "send" && again.token.print, "t0");
});
