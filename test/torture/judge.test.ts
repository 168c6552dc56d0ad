/** The judge on hand-made traces: each class once, and what counts as a double spend. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeTrace, type LossClass } from "../../scripts/torture/judge.ts";
import { attempt, granted, life, refused, type Story, traceOf } from "./traces.ts";

const HOUR = 3_600_000;

/** The class of the one loss in a story, and that nothing else is wrong with it. */
function judged(story: Story): { readonly class: LossClass; readonly why: string } {
  const verdict = judgeTrace(traceOf(story));
  assert.deepEqual(verdict.doubleSpends, []);
  assert.deepEqual(verdict.contradictions, []);
  assert.equal(verdict.losses.length, 1);
  const { name, ...rest } = verdict.losses[0]!;
  assert.equal(name, "acme");
  assert.equal(verdict.lost[rest.class], 1);
  return rest;
}

/** The provider rotated, and the holder was killed while the answer was on its way. */
const killedOnTheWay: Story = {
  seen: [
    granted(1, 0, 0, 1, { answeredAfter: 300, written: "none" }),
    refused(2, 5000, 0, "replayed"),
  ],
  attempts: [attempt("1-a", "first", -5, 0, null), attempt("2-b", "second", 4995, 0, null)],
  lives: [life("first", -1000, 100), life("second", 1000, Number.POSITIVE_INFINITY)],
  held: [{ place: "current", serial: 0, accepted: false }],
};

test("[E07] judge: killed between the provider's commit and our journal is unavoidable where nothing else is accepted", () => {
  const { class: found, why } = judged(killedOnTheWay);
  assert.equal(found, "unavoidable");
  assert.match(why, /serial 1 .*never delivered/);
});

test("[E07] judge: an answer that came whole to a process that died at once is unavoidable", () => {
  const seen = [granted(1, 0, 0, 1), refused(2, 5000, 0, "replayed")];
  assert.equal(judged({ ...killedOnTheWay, seen }).class, "unavoidable");
});

test("[E07] judge: a successor that was journaled before the predecessor was sent again makes the loss avoidable", () => {
  const attempts = [attempt("1-a", "first", -5, 0, 60), attempt("2-b", "second", 4995, 0, null)];
  const { class: found, why } = judged({ ...killedOnTheWay, attempts });
  assert.equal(found, "avoidable");
  assert.match(why, /serial 1 .*durable with us/);
});

test("[E07] judge: a token at hand that the provider still accepts makes any loss avoidable", () => {
  const held = [{ place: "journal", serial: 1, accepted: true }] as const;
  assert.equal(judged({ ...killedOnTheWay, held }).class, "avoidable");
});

test("[E07] judge: an answer in a live process of ours makes the loss avoidable", () => {
  const lives = [life("first", -1000, HOUR), life("second", 1000, HOUR)];
  const seen = [granted(1, 0, 0, 1), refused(2, 5000, 0, "replayed")];
  assert.equal(judged({ ...killedOnTheWay, seen, lives }).class, "avoidable");
});

test("[E07] judge: an answer that its holder had time to journal and did not is not explained by its death", () => {
  const lives = [life("first", -1000, 2000), life("second", 3000, HOUR)];
  const seen = [granted(1, 0, 0, 1), refused(2, 5000, 0, "replayed")];
  assert.equal(judged({ ...killedOnTheWay, seen, lives }).class, "unexplained");
});

/** A request of a dead process that the network holds until later generations are in use. */
const staleArrival: Story = {
  seen: [
    refused(1, 0, 0, "replayed", { decidedAfter: 6000 }),
    granted(2, 300, 0, 1),
    granted(3, 400, 1, 2),
    refused(4, 9000, 2, "chainRevoked"),
  ],
  attempts: [
    attempt("1-a", "first", -5, 0, null),
    attempt("2-b", "second", 295, 0, 330),
    attempt("3-c", "second", 395, 1, 430),
    attempt("4-d", "second", 8995, 2, null),
  ],
  lives: [life("first", -1000, 100), life("second", 200, HOUR)],
  held: [{ place: "current", serial: 2, accepted: false }],
};

test("[E07] judge: a request that arrives after the time by which it is taken for dead is a matter of timing", () => {
  const { class: found, why } = judged(staleArrival);
  assert.equal(found, "timing");
  assert.match(why, /request 1 was decided 60\d\d ms after it was sent/);
});

test("[E07] judge: a request that arrives within that time, after its successor was used, is an avoidable loss", () => {
  const { class: found, why } = judged({ ...staleArrival, requestLifeMs: 8000 });
  assert.equal(found, "avoidable");
  assert.match(why, /serial 2 .*durable with us/);
});

test("[E07] judge: a successor with a holder whom nobody can reach is held", () => {
  const lives = [life("first", -1000, HOUR, false), life("second", 1000, HOUR)];
  const seen = [granted(1, 0, 0, 1), refused(2, 5000, 0, "replayed")];
  assert.equal(judged({ ...killedOnTheWay, seen, lives }).class, "held");
});

test("[E07] judge: a chain revoked on request, or spent by a copy, is the operator's", () => {
  const revoked: Story = {
    seen: [granted(1, 0, 0, 1), refused(2, 5000, 1, "chainRevoked")],
    attempts: [attempt("1-a", "first", -5, 0, 30), attempt("2-b", "first", 4995, 1, null)],
    lives: [life("first", -1000, HOUR)],
    held: [{ place: "current", serial: 1, accepted: false }],
  };
  assert.equal(judged(revoked).class, "operator");
  // A copy of the data directory presents the predecessor; what we hold is refused after that.
  const seen = [
    granted(1, 0, 0, 1),
    refused(2, 3000, 0, "replayed"),
    refused(3, 5000, 1, "chainRevoked"),
  ];
  const attempts = [attempt("1-a", "first", -5, 0, 30), attempt("2-b", "first", 4995, 1, null)];
  const verdict = judgeTrace(traceOf({ ...revoked, seen, attempts }));
  assert.equal(verdict.losses[0]?.class, "operator");
  assert.match(verdict.doubleSpends[0] ?? "", /request 2 for serial 0 has no attempt/);
});

test("[E07] judge: a loss that the provider's log does not bear out is unexplained", () => {
  const seen = [granted(1, 0, 0, 1)];
  const attempts = [attempt("1-a", "first", -5, 0, null)];
  assert.equal(judged({ ...killedOnTheWay, seen, attempts }).class, "unexplained");
});

test("[E07] judge: where the policy keeps the predecessor open, losing it is avoidable however the answer was lost", () => {
  const seen = [
    granted(1, 0, 0, 1, { answeredAfter: 300, written: "none" }),
    refused(2, 5000, 9, "serialAhead"),
  ];
  const { class: found, why } = judged({ ...killedOnTheWay, preset: "handshake", seen });
  assert.equal(found, "avoidable");
  assert.match(why, /serial 0, the imported token/);
});

test("[E07] judge: two live holders with one token are a double spend; a dead one and its successor are none", () => {
  const story: Story = {
    preset: "handshake",
    lost: false,
    seen: [
      granted(1, 0, 0, 1, { answeredAfter: 400 }),
      granted(2, 200, 0, 1, { answeredAfter: 400, kind: "retried" }),
    ],
    attempts: [attempt("1-a", "first", -5, 0, null), attempt("2-b", "second", 195, 0, 700)],
    lives: [life("first", -1000, 100), life("second", 150, HOUR)],
  };
  assert.deepEqual(judgeTrace(traceOf(story)).doubleSpends, []);
  const alive = [life("first", -1000, HOUR), life("second", 150, HOUR)];
  const [spend = ""] = judgeTrace(traceOf({ ...story, lives: alive })).doubleSpends;
  assert.match(spend, /requests 1 and 2 for serial 0 from two live holders/);
});

test("[E07] judge: a request without an attempt of its own recorded before it is a double spend", () => {
  const story: Story = {
    preset: "handshake",
    lost: false,
    seen: [granted(1, 0, 0, 1), granted(2, 1000, 0, 1, { kind: "retried" })],
    attempts: [attempt("1-a", "first", -5, 0, 30), attempt("2-b", "first", 2000, 0, null)],
    lives: [life("first", -1000, HOUR)],
  };
  const [spend = ""] = judgeTrace(traceOf(story)).doubleSpends;
  assert.match(spend, /request 2 for serial 0 has no attempt of its own/);
});

test("[E07] judge: a second delivery by the network is nobody's double spend", () => {
  const story: Story = {
    preset: "handshake",
    lost: false,
    seen: [
      granted(1, 0, 0, 1),
      granted(2, 5, 0, 1, { kind: "retried", duplicateOf: 1, written: "none" }),
    ],
    attempts: [attempt("1-a", "first", -5, 0, 30)],
    lives: [life("first", -1000, HOUR)],
  };
  assert.deepEqual(judgeTrace(traceOf(story)).doubleSpends, []);
});

test("[E07] judge: a token with two serials is a contradiction, unless it was counted anew as a candidate", () => {
  const story: Story = {
    preset: "handshake",
    lost: false,
    seen: [granted(1, 0, 0, 1), granted(2, 1000, 0, 1, { kind: "retried" })],
    attempts: [attempt("1-a", "first", -5, 0, 30), attempt("2-b", "first", 995, 7, 1030)],
    lives: [life("first", -1000, HOUR)],
  };
  const [found = ""] = judgeTrace(traceOf(story)).contradictions;
  assert.match(found, /serial 0 at the stand-in is 0 and 7 with Keten/);
  const attempts = [story.attempts[0]!, { ...story.attempts[1]!, why: "candidate" }];
  assert.deepEqual(judgeTrace(traceOf({ ...story, attempts })).contradictions, []);
});
