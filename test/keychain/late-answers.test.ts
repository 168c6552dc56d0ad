/** What a process has and the record does not say: a late answer, a token in memory, an answer the store refused. */

import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { KetenError } from "../../src/env/error.ts";
import type { PostOutcome } from "../../src/env/http-post.ts";
import type { Store } from "../../src/store/store.ts";
import { keyOf } from "../../src/store/store.ts";
import { connect, machine, silence, start, tokens, until, untilInTime } from "./harness.ts";

/** A strict connection whose request is past its deadline; its caller was told to come again. */
async function overdue(t: TestContext) {
  const on = machine(t);
  const late = Promise.withResolvers<PostOutcome>();
  const started = await start(on, { wire: () => late.promise });
  const { keychain, sent } = started;
  await connect(started, ["strict"]);
  const waiting = assert.rejects(keychain.token("acme", "worker"), {
    code: "connection_unavailable",
  });
  await until(() => sent.length === 1);
  on.clock.advance(20_000);
  await waiting;
  return { keychain, sent, late };
}

test("[PRO-04] an answer that comes after its deadline is settled though nobody asks", async (t) => {
  const { keychain, sent, late } = await overdue(t);
  // From here on nobody looks at the journal but who listens for the answer.
  late.resolve(tokens(1));
  await until(async () => (await keychain.show("acme")).status === "fresh");
  assert.equal((await keychain.token("acme", "worker")).accessToken.reveal(), "access-1");
  assert.equal(sent.length, 1);
});

test("[PRO-14, PRO-04] draining waits for a request past its deadline, whose caller was told to come again", async (t) => {
  const { keychain, late } = await overdue(t);
  let isDrained = false;
  const drained = keychain.drain().then(() => {
    isDrained = true;
  });
  for (let turn = 0; turn < 200; turn += 1) await setImmediate();
  assert.equal(isDrained, false, "a request is on its way");
  late.resolve(tokens(1));
  await drained;
});

test("[E18] a token is given out from memory up to its end, and no longer", async (t) => {
  const on = machine(t);
  let n = 0;
  // It ends when the provider allows the next refresh, and not before that is due.
  const started = await start(on, { wire: () => tokens(++n, { expires_in: 570 }) });
  await connect(started, ["exact-online"]);
  const take = async () => (await started.keychain.token("acme", "worker")).generation;
  assert.equal(await take(), 1);
  on.clock.advance(569_500);
  assert.deepEqual([await take(), await take()], [1, 1]);
  // Within the second in which nobody looks at the record.
  on.clock.advance(600);
  assert.equal(await take(), 2);
});

/** All of a store but its transactions. */
const readsOf = (store: Store): Omit<Store, "update"> => ({
  read: (key) => store.read(key),
  list: (kind, where, after) => store.list(kind, where, after),
  events: (after, limit) => store.events(after, limit),
  size: () => store.size(),
  close: () => store.close(),
});

/** A store of which single transactions can be made to fail: before they are taken, or after, without a word. */
function failing() {
  let fails: "before" | "after" | null = null;
  const wrapStore = (store: Store): Store => ({
    ...readsOf(store),
    async update(keys, decide) {
      const now = fails;
      fails = null;
      if (now === "before") throw new KetenError("store_unavailable", "down", { retryable: true });
      const done = await store.update(keys, decide);
      if (now === "after") throw new KetenError("commit_unknown", "?", { retryable: true });
      return done;
    },
  });
  return {
    wrapStore,
    next(what: "before" | "after") {
      fails = what;
    },
  };
}

test("[PRO-01, PRO-03] a request on record that was never sent is in no doubt: its process knows", async (t) => {
  for (const what of ["after", "before"] as const) {
    const on = machine(t);
    const { wrapStore, next } = failing();
    const started = await start(on, { wrapStore, wire: () => tokens(1) });
    const { keychain, sent } = started;
    await connect(started, ["strict"]);
    next(what);
    const code = what === "after" ? "commit_unknown" : "store_unavailable";
    await assert.rejects(keychain.token("acme", "worker"), { code });
    assert.equal(sent.length, 0);
    const asked = keychain.token("acme", "worker");
    await until(async () => (await keychain.show("acme")).status !== "redeeming");
    // Nothing is waited for but the pause after a request that was not sent.
    on.clock.advance(1000);
    assert.equal((await asked).accessToken.reveal(), "access-1");
    assert.equal(sent.length, 1);
  }
});

test("[PRO-04] a late answer that the store refuses is settled a second later, though nobody asks", async (t) => {
  const on = machine(t);
  const { wrapStore, next } = failing();
  const late = Promise.withResolvers<PostOutcome>();
  const started = await start(on, { wrapStore, wire: () => late.promise });
  const { keychain, sent, log } = started;
  await connect(started, ["strict"]);
  await keychain.start();
  const waiting = assert.rejects(keychain.token("acme", "worker"), {
    code: "connection_unavailable",
  });
  await until(() => sent.length === 1);
  on.clock.advance(20_000);
  await waiting;
  next("before");
  late.resolve(tokens(1));
  await until(() => log.lines.some(({ event }) => event === "harvest"));
  on.clock.advance(1000);
  await until(async () => (await keychain.show("acme")).status === "fresh");
  assert.equal(sent.length, 1);
  await keychain.drain();
});

test("[E18] a name that nobody connected leaves no timer behind", async (t) => {
  const on = machine(t);
  const started = await start(on, { wire: () => tokens(1) });
  const { keychain } = started;
  await keychain.start();
  const before = on.clock.pending();
  for (const name of ["nobody", "none"]) {
    await assert.rejects(keychain.token(name, "worker"), { code: "connection_unknown" });
  }
  assert.equal(on.clock.pending(), before);
  await keychain.drain();
});

test("[PRO-03, STO-04] an answer that the store refuses is kept by its process, should its journal be lost too", async (t) => {
  const on = machine(t);
  let isDown = false;
  const wrapStore = (store: Store): Store => ({
    ...readsOf(store),
    update: (keys, decide) =>
      isDown
        ? Promise.reject(new KetenError("store_unavailable", "down", { retryable: true }))
        : store.update(keys, decide),
  });
  const wire = () => {
    isDown = true;
    return tokens(1);
  };
  const started = await start(on, { wrapStore, wire });
  await connect(started, ["strict"]);
  const asked = started.keychain.token("acme", "worker");
  await assert.rejects(asked, { code: "store_unavailable" });
  for (const name of readdirSync(join(on.directory, "journal"))) {
    rmSync(join(on.directory, "journal", name));
  }
  isDown = false;
  const { accessToken } = await started.keychain.token("acme", "worker");
  assert.equal(accessToken.reveal(), "access-1");
  assert.equal(started.sent.length, 1);
});

test("[PRO-07, E18] an access token whose use would make an earlier request count as replay is handed out when that is dead", async (t) => {
  const on = machine(t);
  const first = Promise.withResolvers<PostOutcome>();
  let asked = 0;
  const wire = () => (++asked === 1 ? first.promise : tokens(1));
  const started = await start(on, { wire, patienceMs: 5000 });
  const { keychain, store, sent } = started;
  await connect(started, ["airlock"]);
  await keychain.start();
  /** What a worker is told, be it after a while. */
  const ask = async () => {
    let told: string | undefined;
    keychain.token("acme", "worker").then(
      () => {
        told = "served";
      },
      ({ code }: KetenError) => {
        told = code;
      },
    );
    await untilInTime(on, () => told !== undefined, 20);
    return told;
  };
  assert.equal(await ask(), "connection_unavailable");
  await untilInTime(on, () => sent.length === 2, 500);
  await until(async () => (await keychain.show("acme")).status === "fresh");
  assert.equal(await ask(), "connection_unavailable", "the first request may still arrive");
  await untilInTime(on, async () => (await ask()) === "served", 1000);
  const record = await store.read(keyOf("connection", "acme"));
  assert.ok((record?.due ?? 0) > on.clock.now(), "nothing rings until it is due");
  first.resolve(silence);
  await keychain.drain();
});
