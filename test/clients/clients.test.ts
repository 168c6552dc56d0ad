/**
 * Client libraries nobody here wrote, used as their manuals say: they work at the stand-in, and they break where a provider's
 * rules and the network leave them no way. What they do behind Keten is compared with this.
 */

import { strict as assert } from "node:assert";
import { type TestContext, test } from "node:test";
import { startUpstream, type Upstream } from "../../sim/clients/upstream.ts";
import { MINUTE } from "../../src/kernel/time.ts";
import { seededRandom } from "../../src/sandbox/seeded-random.ts";
import { type Outcome, runApplications, wordsOf } from "./application.ts";
import { type ClientProgram, memoryRow, nameOf, type Worker } from "./client-program.ts";
import { googleKeptProgram } from "./google-auth-library-programs.ts";
import { PROGRAMS } from "./programs.ts";
import { simpleOauth2Program } from "./simple-oauth2-program.ts";
import { type SkippingClock, skippingClock } from "./skipping-clock.ts";

const APART_MS = 65 * MINUTE;

/** google-auth-library sends again in real time, as often as an answer is lost. */
const SENT_ONCE = PROGRAMS.filter(({ library }) => library !== "google-auth-library");

interface Bench {
  readonly clock: SkippingClock;
  readonly upstream: Upstream;
  faults(rates: Readonly<Record<string, number>>): Promise<void>;
}

async function bench(t: TestContext, preset: string): Promise<Bench> {
  // Libraries write here what they also throw.
  t.mock.method(console, "warn", () => {});
  const clock = skippingClock();
  t.after(() => clock.restore());
  const upstream = await startUpstream({ preset, seed: "clients", clock, faults: {} });
  t.after(() => upstream.close());
  const faults: Bench["faults"] = async (rates) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(rates);
    const url = `${upstream.sandbox.url}/sandbox/faults`;
    assert.equal((await fetch(url, { method: "POST", headers, body })).status, 200);
  };
  return { clock, upstream, faults };
}

async function startWorker(program: ClientProgram, { upstream }: Bench): Promise<Worker> {
  return program.start(await upstream.account(), memoryRow());
}

/** Jobs so far apart that each needs a new token; what each got, or logged. */
async function jobs(worker: Worker, count: number, { clock, upstream }: Bench): Promise<string[]> {
  const seen: string[] = [];
  for (let i = 0; i < count; i += 1) {
    await clock.pass(APART_MS);
    try {
      const token = await worker.token();
      seen.push((await upstream.accepts(token)) ? token : "refused by the API");
    } catch (error) {
      seen.push(wordsOf(error));
    }
  }
  return seen;
}

const isToken = (text: string): boolean => !/[ :]/.test(text);

for (const preset of ["strict", "exact-online", "handshake", "relay"]) {
  test(`[E14] set up by configuration only, every library goes on over rotations at "${preset}" while nothing goes wrong`, async (t) => {
    const b = await bench(t, preset);
    for (const program of PROGRAMS) {
      if (preset === "strict" && program === googleKeptProgram) continue;
      const seen = await jobs(await startWorker(program, b), 6, b);
      assert.deepEqual(seen.filter(isToken), seen, nameOf(program));
      assert.equal(new Set(seen).size, 6, `${nameOf(program)}: a token was given twice`);
    }
  });
}

test("[E14] at a strict provider one lost answer ends every library's integration for good", async (t) => {
  const b = await bench(t, "strict");
  for (const program of PROGRAMS) {
    const worker = await startWorker(program, b);
    const [first = ""] = await jobs(worker, 1, b);
    assert.ok(isToken(first), `${nameOf(program)}: ${first}`);
    await b.faults({ "lost-answer": 1 });
    await jobs(worker, 1, b);
    await b.faults({ "lost-answer": 0 });
    const after = await jobs(worker, 5, b);
    assert.deepEqual(after.filter(isToken), [], nameOf(program));
  }
});

test("[E14] a provider that forgives, and one that refused before it decided, break none of them", async (t) => {
  const cases = [
    { preset: "handshake", fault: "lost-answer" },
    { preset: "exact-online", fault: "lost-answer" },
    { preset: "relay", fault: "lost-answer" },
    { preset: "handshake", fault: "error-before" },
    { preset: "relay", fault: "reset" },
  ];
  for (const { preset, fault } of cases) {
    await t.test(`${preset}, ${fault}`, async (inner) => {
      const b = await bench(inner, preset);
      for (const program of SENT_ONCE) {
        const worker = await startWorker(program, b);
        await jobs(worker, 1, b);
        await b.faults({ [fault]: 1 });
        const [during = ""] = await jobs(worker, 1, b);
        assert.ok(!isToken(during), `${nameOf(program)}: served through ${fault}`);
        await b.faults({ [fault]: 0 });
        const after = await jobs(worker, 3, b);
        assert.deepEqual(after.filter(isToken), after, nameOf(program));
      }
    });
  }
});

test("[E14] what a library loses by itself: the old token put back, the token that was not repeated", async (t) => {
  const strict = await bench(t, "strict");
  const kept = await jobs(await startWorker(googleKeptProgram, strict), 3, strict);
  assert.deepEqual(kept.map(isToken), [true, false, false]);
  assert.match(kept[2] ?? "", /invalid_grant/);
  strict.clock.restore();
  const stable = await bench(t, "google-50");
  const lost = await jobs(await startWorker(simpleOauth2Program, stable), 3, stable);
  assert.deepEqual(lost.map(isToken), [true, false, false]);
});

async function twoHours(t: TestContext, preset: string): Promise<readonly Outcome[]> {
  const b = await bench(t, preset);
  await b.faults({ "lost-answer": 0.8 });
  const accounts = SENT_ONCE.map(async (program) => ({
    program,
    settings: await b.upstream.account(),
  }));
  return await runApplications(await Promise.all(accounts), {
    clock: b.clock,
    hours: 2,
    fraction: seededRandom("clients", "jobs").fraction,
    accepts: b.upstream.accepts,
    calm: () => b.faults({ "lost-answer": 0 }),
    stuck: (onTheirWay) => b.upstream.held() === onTheirWay,
  });
}

test("[E14] two workers, hours, lost answers: broken at a strict provider, kept with a stable token", async (t) => {
  await t.test("strict", async (inner) => {
    const outcomes = await twoHours(inner, "strict");
    assert.deepEqual(
      outcomes.map(({ verdict }) => verdict),
      SENT_ONCE.map(() => "broken"),
    );
    for (const { words } of outcomes) assert.ok(words?.[1], "an error was logged");
  });
  await t.test("stable and repeated", async (inner) => {
    const outcomes = await twoHours(inner, "relay");
    assert.deepEqual(
      outcomes.map(({ verdict }) => verdict),
      SENT_ONCE.map(() => "kept"),
    );
    assert.ok(
      outcomes.some(({ failed }) => failed > 0),
      "no answer was lost",
    );
  });
});

test("[house] skipping runs what falls due in its order, each at its own instant, and Date agrees", async (t) => {
  const clock = skippingClock();
  t.after(() => clock.restore());
  const begunAt = clock.now();
  const ran: [string, number][] = [];
  const note = (name: string) => (): void =>
    void ran.push([name, Math.round((Date.now() - begunAt) / 1000)]);
  clock.after(20_000, note("second"));
  clock.afterReal(10_000, note("first"));
  clock.after(60_000, note("later"));
  clock.after(15_000, note("cancelled")).cancel();
  let quiets = 0;
  await clock.pass(30_000, async () => {
    quiets += 1;
  });
  assert.deepEqual(ran, [
    ["first", 10],
    ["second", 20],
  ]);
  assert.equal(quiets, 2);
  assert.equal(clock.waiting(), 1);
  const made = new Date();
  assert.ok(made instanceof Date);
  assert.ok(Math.abs(Number(made) - begunAt - 30_000) < 1000);
  assert.ok(clock.boot().at >= 30_000);
  assert.equal(new Date(0).toISOString(), "1970-01-01T00:00:00.000Z");
});
