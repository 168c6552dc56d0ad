/** Faults: what each does to a request, that the commit is as it says, and that a seed repeats them. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createFaults, FAULTS, type FaultName, parseFault } from "../../src/sandbox/faults.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { seededRandom } from "../../src/sandbox/seeded-random.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { type Stand, stand } from "../issuer/stand.ts";
import { manualClock } from "../support/manual-clock.ts";

interface Line {
  readonly number: number;
  readonly decision: string;
  readonly presented: number | null;
  readonly written: string;
  readonly fault: string | null;
  readonly holdMs: number;
  readonly duplicateOf: number | null;
}

async function lines(s: Stand): Promise<readonly Line[]> {
  const response = await fetch(`${s.sandbox.url}/sandbox/log`);
  return ((await response.json()) as { requests: Line[] }).requests;
}

/** The lines once the first request was answered or given up. */
async function settledLines(s: Stand): Promise<readonly Line[]> {
  let seen = await lines(s);
  while (seen.some(({ written }) => written === "pending")) seen = await lines(s);
  return seen;
}

/** What a client sees: a status with a body, or a broken connection. */
async function attempt(s: Stand): Promise<{ status: number; text: string } | "broken"> {
  try {
    const { status, text } = await s.refresh(s.sandbox.refreshToken);
    return { status, text };
  } catch {
    return "broken";
  }
}

/** Lets real time pass for holds until a promise settles. */
async function through<T>(s: Stand, promise: Promise<T>): Promise<T> {
  let settled = false;
  const watched = promise.finally(() => {
    settled = true;
  });
  while (!settled) {
    await lines(s);
    s.clock.advance(s.clock.pending() > 0 ? 100 : 0);
  }
  return watched;
}

/** Forgetting needs the sandbox's own store: `forgetting.test.ts`. */
const EXPECTED: Readonly<
  Record<
    Exclude<FaultName, "forgotten-commits">,
    { decision: string; written: string; seen: RegExp }
  >
> = {
  hold: { decision: "granted", written: "whole", seen: /^200 \{"access_token/ },
  "error-before": { decision: "none", written: "none", seen: /^503 <!doctype/ },
  reset: { decision: "none", written: "none", seen: /^broken$/ },
  maintenance: { decision: "none", written: "none", seen: /^503 <!doctype/ },
  "chain-incident": { decision: "none", written: "none", seen: /^400 \{"error":"invalid_grant"/ },
  duplicate: { decision: "granted", written: "whole", seen: /^200 \{"access_token/ },
  "lost-answer": { decision: "granted", written: "none", seen: /^broken$/ },
  "answer-late": { decision: "granted", written: "whole", seen: /^200 \{"access_token/ },
  "error-after": { decision: "granted", written: "none", seen: /^500 <!doctype/ },
  slow: { decision: "granted", written: "whole", seen: /^200 \{"access_token/ },
  "reset-after": { decision: "granted", written: "part", seen: /^broken$/ },
  truncated: { decision: "granted", written: "part", seen: /^broken$/ },
  html: { decision: "granted", written: "none", seen: /^200 <!doctype/ },
  empty: { decision: "granted", written: "none", seen: /^200 $/ },
};

test("[A27] each fault does what it says, and the log knows what was committed and what was written", async (t) => {
  for (const [name, expected] of Object.entries(EXPECTED)) {
    const s = await stand(t, { preset: "strict", faults: { [name]: 1 } });
    const answer = await through(s, attempt(s));
    const seen = answer === "broken" ? answer : `${answer.status} ${answer.text}`;
    assert.match(seen, expected.seen, name);
    const [line] = await settledLines(s);
    const { decision, presented, written, fault } = line!;
    const { seen: _, ...told } = expected;
    assert.deepEqual(
      { decision, written, presented, fault },
      { ...told, presented: 0, fault: name },
    );
    await s.control("faults", { [name]: 0 });
    s.clock.advance(1000);
    const consumed = (await s.refresh(s.sandbox.refreshToken)).status !== 200;
    assert.equal(consumed, decision === "granted", name);
  }
  const names = [...Object.keys(EXPECTED), "forgotten-commits"];
  assert.deepEqual(names.sort(), Object.keys(FAULTS).sort());
});

test("[house] a duplicate is decided twice, and its second answer goes nowhere", async (t) => {
  const s = await stand(t, { preset: "handshake", faults: { duplicate: 1 } });
  const { status, json } = await s.refresh(s.sandbox.refreshToken);
  assert.equal(status, 200);
  const [first, second] = await settledLines(s);
  assert.deepEqual(
    [second?.duplicateOf, second?.decision, second?.written],
    [first?.number, "granted", "none"],
  );
  await s.control("faults", { duplicate: 0 });
  await s.next(json.refresh_token as string);
});

test("[house] holds last as long as they are set to, in real time", async (t) => {
  const s = await stand(t, { faults: { "answer-late": { rate: 1, minMs: 200, maxMs: 200 } } });
  let answered = false;
  const refreshing = attempt(s).then((answer) => {
    answered = true;
    return answer;
  });
  while (s.clock.pending() === 0) await lines(s);
  s.clock.advance(199);
  await lines(s);
  assert.equal(answered, false);
  assert.equal((await lines(s))[0]?.decision, "granted", "the answer is held after the commit");
  s.clock.advance(1);
  assert.notEqual(await refreshing, "broken");
  assert.equal((await lines(s))[0]?.holdMs, 200);
});

test("[house] closing ends what is held, and nothing is held after it", async () => {
  for (const name of ["hold", "slow"]) {
    const clock = manualClock();
    const provider = PROVIDERS.strict!;
    const sandbox = await startSandbox({ provider, clock, faults: { [name]: 1 } });
    const body = new URLSearchParams({ grant_type: "refresh_token" });
    const held = fetch(sandbox.tokenEndpoint, { method: "POST", body })
      .then((response) => response.text())
      .catch(() => "broken");
    while (clock.pending() === 0) await fetch(`${sandbox.url}/sandbox/faults`);
    await sandbox.close();
    await held;
    assert.equal(clock.pending(), 0, name);
  }
});

test("[house] the same seed and requests meet the same faults, whatever the other rates are", () => {
  const drawn = (seed: string, inputs: Record<string, number>): readonly (string | undefined)[] => {
    const random = (purpose: string) => seededRandom(seed, purpose);
    const faults = createFaults({ random, now: () => 0 }, inputs);
    return Array.from({ length: 500 }, () => faults.draw()?.name);
  };
  const rates = { "lost-answer": 0.05, html: 0.1 };
  assert.deepEqual(drawn("a", rates), drawn("a", rates));
  assert.notDeepEqual(drawn("a", rates), drawn("b", rates));
  const lost = (names: readonly (string | undefined)[]) =>
    names.map((name) => name === "lost-answer");
  assert.deepEqual(lost(drawn("a", rates)), lost(drawn("a", { "lost-answer": 0.05 })));
  const hits = drawn("a", rates).filter((name) => name === "html").length;
  assert.ok(hits > 25 && hits < 80, `${hits} of 500 at a rate of 0.1`);
});

test("[house] a fault is written NAME=RATE, or NAME=RATE:MIN-MAX, and anything else is refused by name", () => {
  assert.deepEqual(parseFault("lost-answer=0.05"), { "lost-answer": { rate: 0.05 } });
  assert.deepEqual(parseFault("hold=1:10-20"), { hold: { rate: 1, minMs: 10, maxMs: 20 } });
  const cases: readonly [string, RegExp][] = [
    ["lost-answer", /expected NAME=RATE/],
    ["lost-answer=", /expected NAME=RATE/],
    ["lost-answer=x", /rate from 0 to 1, or one such as "3\/week", got "x"/],
    ["lost-answer=1.5", /rate from 0 to 1, .* got 1.5/],
    ["lost-answer=0.5.5", /rate from 0 to 1/],
    ["lost=0.5", /unknown fault "lost": expected one of maintenance, .*error-before/],
    ["constructor=0.5", /unknown fault "constructor"/],
    ["hold=0.5:20-10", /whole milliseconds/],
    ["hold=0.5:0-9999999", /whole milliseconds/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseFault(text), { code: "config_invalid", message }, text);
  }
});

test("[house] a sandbox does not start with a fault that is none", async () => {
  const provider = PROVIDERS.strict!;
  await assert.rejects(startSandbox({ provider, faults: { "answer-lost": 0.5 } }), {
    code: "config_invalid",
    message: /unknown fault "answer-lost": expected one of .*answer-late/,
  });
});
