/** What habits risk, and what Keten does under the same faults. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type HabitRisk, habitRisks, keeperRisk } from "../../src/explorer/habit-risks.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { PRESETS } from "../../src/vendors/presets.ts";

function risks(name: string): Readonly<Record<string, HabitRisk>> {
  const found = habitRisks(PRESETS[name] as Policy);
  assert.ok(
    found.every(({ isComplete }) => isComplete),
    `${name}: every way was looked at`,
  );
  return Object.fromEntries(found.map((risk) => [risk.habit, risk]));
}

test("[G05] handshake keeps a client from every habit", () => {
  for (const risk of Object.values(risks("handshake"))) {
    assert.deepEqual([risk.verdict, risk.lostBy, risk.story], ["kept", [], []], risk.habit);
  }
});

test("[G05] strict forgives no habit, and each loss has its story", () => {
  const { retryAtOnce, retryLater, twoWorkers, restore } = risks("strict");
  assert.ok(retryAtOnce?.lostBy.includes("answerLost"));
  assert.ok(retryAtOnce?.lostBy.includes("answerLate"), "the answer was only late");
  assert.ok(!retryAtOnce?.lostBy.includes("requestLost"), "what never arrived may be asked again");
  assert.ok(retryLater && !retryLater.lostBy.includes("answerLate"), "who waits gets it");
  assert.ok(twoWorkers?.lostBy.includes("pauseBeforeSend"));
  assert.deepEqual(restore?.lostBy, ["storeRestored"]);
  assert.deepEqual(retryAtOnce?.story, [
    "worker a sends its request",
    "the remote gets worker a's request with token 1 and grants token 2",
    "the answer is lost on its way",
    "no token that is left is accepted",
  ]);
  assert.match(
    twoWorkers?.story.at(-2) ?? "",
    /worker b's request with token 1 and refuses: replayed/,
  );
});

test("[G05] a token that lapses ten minutes after its first use: even asking again at once comes too late", () => {
  const { retryAtOnce, twoWorkers } = risks("exact-online-10min");
  assert.deepEqual(retryAtOnce?.lostBy, ["answerLost"]);
  assert.equal(twoWorkers?.verdict, "kept");
  for (const risk of Object.values(risks("exact-online"))) assert.equal(risk.verdict, "kept");
});

test("[G05] with rotation a lost answer and an old backup are fatal, without it neither is", () => {
  const [on, off] = [risks("openam-13"), risks("openam-13-reuse")];
  for (const habit of ["retryAtOnce", "retryLater", "restore"]) {
    assert.deepEqual([on[habit]?.verdict, off[habit]?.verdict], ["lost", "kept"], habit);
  }
});

test("[G05] Keten loses nothing avoidably under the same faults; strict leaves it what nobody could keep", () => {
  for (const name of [
    "strict",
    "handshake",
    "exact-online-10min",
    "openam-13",
    "openam-13-reuse",
    "google-50",
  ]) {
    const { avoidable, remaining, isComplete, story } = keeperRisk(PRESETS[name] as Policy);
    assert.ok(isComplete, name);
    assert.deepEqual([avoidable, story], [0, []], name);
    const unavoidable = remaining.filter((risk) => risk.class === "unavoidable");
    const expected = ["strict", "openam-13"].includes(name)
      ? ["answerLost", "serverErrorAfter", "crashAfterSend"]
      : [];
    assert.deepEqual(unavoidable.map(({ fault }) => fault).sort(), expected.sort(), name);
  }
});
