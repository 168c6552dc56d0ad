/** A provider in trouble for a while: how often it is asked, and what is still safe to ask it. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { Knowledge } from "../../src/kernel/doubt.ts";
import { ATTEMPTS_MAX, type Holding } from "../../src/kernel/holding.ts";
import { type Plan, plan } from "../../src/kernel/plan.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import type { Result } from "../../src/kernel/settle.ts";
import { HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import {
  answer,
  failed,
  imported,
  NOW,
  only,
  refusal,
  sent,
  settings,
  settledTo,
  unanswered,
} from "./holding-play.ts";

const WINDOW = 30 * SECOND;
const ROUND_TRIP = 200;
const TROUBLE = 20 * MINUTE;

/** A superseded token is open for so long; past that it is refused, or its presentation ends the chain. */
function windowed(
  action: "refuse" | "revokeChain",
  answer: "current" | "new",
  window = WINDOW,
): Policy {
  const strict = PRESETS.strict as Policy;
  return {
    ...strict,
    overlap: { ...strict.overlap, atLeast: window },
    replay: { ...strict.replay, action },
    retry: { ...strict.retry, answer },
  };
}

interface Sent {
  readonly at: number;
  readonly why: string;
}

/** The requests to a provider that answers each of them with the same error, for so long. */
function inTrouble(
  knowledge: Knowledge,
  result: Result,
  from: Holding = imported(),
  trouble = TROUBLE,
): Sent[] {
  const requests: Sent[] = [];
  let h = from;
  let now = NOW;
  for (;;) {
    const next: Plan = plan(h, knowledge, settings, now);
    if (next.do === "wait") now = next.until;
    if (now > NOW + trouble) return requests;
    if (next.do === "wait") continue;
    assert.equal(next.do, "send");
    if (next.do !== "send") return requests;
    requests.push({ at: now - NOW, why: next.why });
    assert.ok(requests.length < 100, "a storm");
    h = sent(h, now, "a", next.token);
    now += ROUND_TRIP;
    h = settledTo(h, knowledge, `${h.epoch}-x`, result, now);
  }
}

for (const action of ["refuse", "revokeChain"] as const) {
  for (const answer of ["current", "new"] as const) {
    const knowledge: Knowledge = [windowed(action, answer)];
    const name = `replay ${action}, a retry brings the ${answer} one`;

    test(`[PRO-19] ${name}: a server in trouble is asked ever more rarely, the window being over too`, () => {
      const requests = inTrouble(knowledge, failed());
      assert.ok(requests.length > ATTEMPTS_MAX, "more than are remembered");
      assert.ok(requests.length < 20, `${requests.length} requests`);
      const late = requests.filter(({ at }) => at > TROUBLE / 2);
      assert.ok(late.length < 4, `${late.length} requests in the second half`);
    });

    test(`[PRO-07, PRO-19] ${name}: however long a server says to wait, its window is not slept through`, () => {
      const inWindow = inTrouble(knowledge, failed(10 * MINUTE)).filter(({ at }) => at < WINDOW);
      assert.ok(inWindow.length > 3, `${inWindow.length} requests within the window`);
      assert.ok(inWindow.length < 10, `${inWindow.length} requests within the window`);
    });
  }
}

test("[PRO-07] the window counts from the first request, however many were made since", () => {
  const window = HOUR;
  const knowledge: Knowledge = [windowed("revokeChain", "current", window)];
  const requests = inTrouble(knowledge, failed(), imported(), 2 * window);
  const resent = requests.filter(({ why }) => why === "resend");
  assert.ok(resent.length > 2 * ATTEMPTS_MAX, "many more than are remembered");
  const past = resent.filter(({ at }) => at >= window - settings.margin);
  assert.deepEqual(past, []);
});

test("[PRO-07, PRO-08] a last resort waits for the first request, however many were made since", () => {
  const knowledge: Knowledge = [windowed("revokeChain", "current")];
  const first = settledTo(
    sent(imported(), NOW),
    knowledge,
    "1-x",
    unanswered("overdue"),
    NOW + SECOND,
  );
  const requests = inTrouble(knowledge, failed(), first);
  const last = requests.find(({ why }) => why === "lastResort");
  assert.equal(last?.at, settings.hold);
});

const limited: Result = refusal("rate", HOUR);
const unsent: Result = { class: "notSent" };

for (const [name, result] of Object.entries({ "turned away": limited, "not connected": unsent })) {
  test(`[PRO-07, PRO-19] in doubt and then ${name}, a holder does not sleep through its window`, () => {
    const knowledge: Knowledge = [windowed("revokeChain", "current")];
    const doubted = settledTo(sent(imported(), NOW), knowledge, "1-x", failed(), NOW + ROUND_TRIP);
    const requests = inTrouble(knowledge, result, doubted);
    const inWindow = requests.filter(({ at }) => at < WINDOW - settings.margin);
    assert.ok(inWindow.length > 3, `${inWindow.length} requests within the window`);
    assert.ok(requests.length < 20, `${requests.length} requests`);
    assert.ok(inWindow.every(({ why }) => why === "resend"));
    assert.ok((inWindow.at(-1)?.at ?? 0) > WINDOW / 2, "also towards its end");
  });
}

test("[PRO-19] a server that asks for a pause longer than the token lives is asked again while that lives", () => {
  const strict = PRESETS.strict as Policy;
  const lifetime = [{ from: 0, value: 10 * MINUTE }];
  const knowledge: Knowledge = [{ ...strict, expiry: { ...strict.expiry, lifetime } }];
  const fresh = settledTo(sent(imported(), NOW), knowledge, "1-x", answer("t1"), NOW);
  const times = inTrouble(knowledge, limited, { ...fresh, access: null }).map(({ at }) => at);
  const alive = times.filter((at) => at < 10 * MINUTE);
  assert.ok(alive.length > 2 && alive.length < 12, `${alive.length} requests`);
  assert.ok((alive.at(-1) ?? 0) > 9 * MINUTE, "also towards its end");
  assert.deepEqual(inTrouble(only("strict"), limited, { ...fresh, access: null }).slice(1), []);
});

// In doubt between two policies: one revokes past its window, the other has a shorter one and only refuses.

const REVOKES = windowed("revokeChain", "current");
const REFUSES: Policy = {
  ...windowed("refuse", "current"),
  overlap: { ...REVOKES.overlap, atLeast: 10 * SECOND },
};

test("[PRO-07] a policy that only refuses ends no window of another that revokes", () => {
  const knowledge: Knowledge = [REVOKES, REFUSES];
  const first = settledTo(
    sent(imported(), NOW),
    knowledge,
    "1-x",
    unanswered("overdue"),
    NOW + SECOND,
  );
  assert.equal(first.notAfter, NOW + 8 * SECOND, "helps under both");
  const late = plan(first, knowledge, settings, NOW + WINDOW - settings.margin - 1);
  assert.equal(late.do === "send" && late.why, "resend");
  const over = plan(first, knowledge, settings, NOW + WINDOW - settings.margin);
  assert.equal(over.do, "wait");
});

test("[PRO-07] a predecessor is asked which successor lives as long as that harms under no policy", () => {
  const knowledge: Knowledge = [
    { ...REVOKES, retry: { ...REVOKES.retry, answer: "new" } },
    { ...REFUSES, retry: { ...REFUSES.retry, answer: "new" } },
  ];
  const one = settledTo(sent(imported(), NOW), knowledge, "1-x", answer("t1"), NOW + SECOND);
  const two = settledTo(one, knowledge, "0-other", answer("t2"), NOW + 2 * SECOND);
  const asks = (at: number): string | false => {
    const next = plan(two, knowledge, settings, at);
    return next.do === "send" && next.token.print;
  };
  assert.equal(asks(NOW + WINDOW - settings.margin - 1), "t0");
  assert.notEqual(asks(NOW + WINDOW - settings.margin), "t0");
});

test("[PRO-07] asked again where that harms nobody, a token never has to be the last resort", () => {
  const knowledge: Knowledge = [windowed("refuse", "current")];
  const requests = inTrouble(knowledge, failed());
  assert.deepEqual([...new Set(requests.map(({ why }) => why))], ["due", "resend"]);
});
