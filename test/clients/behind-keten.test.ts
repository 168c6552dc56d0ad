/**
 * The same client libraries with Keten's token URL, client id, secret and refresh token in place of the provider's, and
 * nothing else changed: what breaks them at the provider does not reach them.
 */

import { strict as assert } from "node:assert";
import { type TestContext, test } from "node:test";
import { untilCalm } from "../../sim/clients/activity.ts";
import { type Keten, startKeten } from "../../sim/clients/behind-keten.ts";
import { startUpstream, type Upstream } from "../../sim/clients/upstream.ts";
import { Secret } from "../../src/env/secret.ts";
import type { ConnectionAnswer } from "../../src/http/api-wire.ts";
import { MINUTE, SECOND } from "../../src/kernel/time.ts";
import { wordsOf } from "./application.ts";
import { type ClientSettings, memoryRow, nameOf, type Worker } from "./client-program.ts";
import { PROGRAMS } from "./programs.ts";
import { type SkippingClock, skippingClock } from "./skipping-clock.ts";

interface Bench {
  readonly clock: SkippingClock;
  readonly upstream: Upstream;
  readonly keten: Keten;
  pass(milliseconds: number): Promise<void>;
  faults(rates: Readonly<Record<string, number>>): Promise<void>;
}

interface Account {
  readonly name: string;
  /** The provider's own, which only Keten gets. */
  readonly provider: ClientSettings;
  readonly workers: readonly [Worker, Worker];
}

async function bench(t: TestContext, preset: string): Promise<Bench> {
  // Libraries write here what they also throw.
  t.mock.method(console, "warn", () => {});
  const clock = skippingClock();
  t.after(() => clock.restore());
  const upstream = await startUpstream({ preset, seed: "clients", clock, faults: {} });
  t.after(() => upstream.close());
  const keten = await startKeten(clock);
  t.after(() => keten.stop());
  const isHolding = (): boolean =>
    keten.inside.underWay === 0 && keten.upstream.underWay === upstream.held();
  return {
    ...{ clock, upstream, keten },
    pass: (milliseconds) => clock.pass(milliseconds, () => untilCalm(isHolding)),
    async faults(rates) {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify(rates);
      const url = `${upstream.sandbox.url}/sandbox/faults`;
      assert.equal((await fetch(url, { method: "POST", headers, body })).status, 200);
    },
  };
}

/** Every program with two workers and an account of its own, each account a connection with one consumer. */
async function accounts({ upstream, keten }: Bench, preset: string): Promise<readonly Account[]> {
  const made = PROGRAMS.map(async (program, index): Promise<Account> => {
    const name = `account-${index}`;
    const provider = await upstream.account();
    await keten.client.connect({
      ...{ name, provider: preset, token_endpoint: provider.tokenUrl },
      ...{ client_id: provider.clientId, client_secret: provider.clientSecret },
      refresh_token: provider.refreshToken,
    });
    const added = await keten.client.addConsumer({ connection: name });
    const settings = {
      ...{ tokenUrl: added.token_endpoint, clientId: added.client_id },
      ...{ clientSecret: added.client_secret, refreshToken: added.refresh_token ?? "" },
    };
    const row = memoryRow();
    const start = () => program.start(settings, row);
    return { name, provider, workers: [start(), start()] };
  });
  return await Promise.all(made);
}

/**
 * Both workers of every account ask at the same moment; what each account got. A token near its end is waited out first:
 * there a refresh is right.
 */
async function round(all: readonly Account[], b: Bench): Promise<readonly string[]> {
  const got: string[] = [];
  for (const [index, { name, workers }] of all.entries()) {
    const who = nameOf(PROGRAMS[index]!);
    const show = () => b.keten.client.show(name);
    while (!hasTimeLeft(await show(), b.clock)) await b.pass(MINUTE);
    const { generation } = await show();
    const [one = "", other] = await Promise.all(workers.map((worker) => worker.token()));
    assert.equal((await show()).generation, generation, `${who}: asking together made a refresh`);
    assert.equal(one, other, `${who}: two workers got different tokens`);
    assert.ok(await b.upstream.accepts(one), `${who}: the API refused the token`);
    got.push(one);
  }
  return got;
}

const hasTimeLeft = ({ status, access_ends_at }: ConnectionAnswer, clock: SkippingClock): boolean =>
  status === "fresh" && (access_ends_at ?? 0) * SECOND > clock.now() + 2 * MINUTE;

test("[G01] every library, by configuration only, goes on over rotations and lost answers upstream", async (t) => {
  const b = await bench(t, "handshake");
  const all = await accounts(b, "handshake");
  const seen = new Map<string, number>();
  for (const answersAreLost of [false, true, false, true, false]) {
    if (answersAreLost) {
      await b.faults({ "lost-answer": 1 });
      await b.pass(12 * MINUTE);
      await b.faults({ "lost-answer": 0 });
    }
    await b.pass(30 * MINUTE);
    for (const token of await round(all, b)) seen.set(token, (seen.get(token) ?? 0) + 1);
  }
  assert.equal(seen.size, 5 * PROGRAMS.length, "a token was given twice");
  for (const { name, provider } of all) {
    const { generation, status } = await b.keten.client.show(name);
    assert.ok(generation >= 10, `${name}: only ${generation} refreshes`);
    assert.equal(status, "fresh");
    assert.ok((await b.upstream.answersLost(provider.refreshToken)) >= 2, `${name}: none was lost`);
  }
});

test("[G01] a chain that nobody could keep is no library's end: reconnected by its owner, each goes on as it runs", async (t) => {
  const b = await bench(t, "strict");
  const all = await accounts(b, "strict");
  await round(all, b);
  await b.faults({ "lost-answer": 1 });
  await b.pass(30 * MINUTE);
  await b.faults({ "lost-answer": 0 });
  // The refusal that proves the loss has to come through.
  await b.pass(30 * MINUTE);
  for (const [index, { workers, name }] of all.entries()) {
    const who = nameOf(PROGRAMS[index]!);
    for (const worker of workers) {
      await assert.rejects(worker.token(), (error) => !wordsOf(error).includes("invalid_grant"));
    }
    assert.equal((await b.keten.client.show(name)).status, "lost", who);
    const anew = await b.upstream.account();
    await b.keten.client.reconnect(name, new Secret(anew.refreshToken));
  }
  await round(all, b);
});
