import assert from "node:assert/strict";
import test from "node:test";
import { KetenError } from "../../src/env/error.ts";
import { MINUTE } from "../../src/kernel/time.ts";
import { keyOf, type Store } from "../../src/store/store.ts";
import {
  answer,
  connect,
  invalidGrant,
  machine,
  silence,
  start,
  tokens,
  until,
  untilInTime,
} from "./harness.ts";

const key = keyOf("connection", "acme");

async function holdingOf(store: Store) {
  const record = await store.read(key);
  assert(record);
  return record.holding;
}

test("[E05] a thousand callers cause one token request and get the same token", async (t) => {
  const started = await start(machine(t), { wire: () => tokens(1) });
  await connect(started);
  const callers = Array.from({ length: 1000 }, () => started.keychain.token("acme", "worker"));
  const handOuts = await Promise.all(callers);
  assert.equal(started.sent.length, 1);
  const values = new Set(
    handOuts.map(({ accessToken, generation }) => `${accessToken.reveal()} ${generation}`),
  );
  assert.deepEqual([...values], ["access-1 1"]);
});

test("[E05] 64 connections with 1,000 readers each: one token request per connection and expiry", async (t) => {
  const on = machine(t);
  let n = 0;
  const started = await start(on, { wire: () => tokens(++n) });
  const names = Array.from({ length: 64 }, (_, index) => `c${index}`);
  for (const name of names) await connect(started, ["handshake"], name);
  const readAll = async () => {
    const reads = names.flatMap((name) =>
      Array.from({ length: 1000 }, () => started.keychain.token(name, "reader")),
    );
    await Promise.all(reads);
  };
  for (const expiry of [1, 2]) {
    await readAll();
    assert.equal(started.sent.length, 64 * expiry);
    on.clock.advance(600_000);
  }
});

test("[PRO-01] the intent is durable before the first byte", async (t) => {
  const on = machine(t);
  const seen: unknown[] = [];
  const started = await start(on, {
    wire: async () => {
      const { status, attempts, lease } = await holdingOf(started.store);
      seen.push([status, attempts.length, lease?.owner]);
      return tokens(1);
    },
  });
  await connect(started);
  await started.keychain.token("acme", "worker");
  assert.deepEqual(seen, [["redeeming", 1, started.owner]]);
});

test("[PRO-03, G07] an answer that the store refuses stays in the journal and is taken in later", async (t) => {
  const on = machine(t);
  let down = false;
  const wrapStore = (store: Store): Store => ({
    ...store,
    read: (wanted) => store.read(wanted),
    list: (...of) => store.list(...of),
    events: (...of) => store.events(...of),
    size: () => store.size(),
    close: () => store.close(),
    update: (keys, decide) => {
      if (down)
        return Promise.reject(new KetenError("store_unavailable", "down", { retryable: true }));
      return store.update(keys, decide);
    },
  });
  const started = await start(on, {
    wrapStore,
    wire: () => {
      down = true;
      return tokens(1);
    },
  });
  await connect(started);
  await assert.rejects(started.keychain.token("acme", "worker"), { code: "store_unavailable" });
  down = false;
  const handOut = await started.keychain.token("acme", "worker");
  assert.equal(handOut.accessToken.reveal(), "access-1");
  assert.equal(started.sent.length, 1, "the answer came from the journal");
});

test("[E07, G07] killed after the answer was journaled: the next process takes it in", async (t) => {
  const on = machine(t);
  let refuse = false;
  const first = await start(on, {
    wrapStore: (store) =>
      ({
        ...store,
        read: (wanted) => store.read(wanted),
        close: () => store.close(),
        update: (keys, decide) =>
          refuse ? new Promise<never>(() => {}) : store.update(keys, decide),
      }) as Store,
    wire: () => {
      refuse = true;
      return tokens(1);
    },
  });
  await connect(first, ["strict"]);
  const abandoned = first.keychain.token("acme", "worker");
  abandoned.catch(() => {});
  await until(() => first.sent.length === 1 && refuse);
  await until(async () => (await first.keychain.show("acme")).openAttempts === 1);
  const second = await start(on, { wire: () => assert.fail("nothing is to be sent") });
  // The answer is journaled within a few turns of its arrival; only then does the process die.
  await until(async () => {
    first.kill();
    const view = await second.keychain.token("acme", "worker").catch(() => undefined);
    return view?.accessToken.reveal() === "access-1";
  });
});

test("[E07, E08] killed while the answer was on its way: a handshake provider is asked again at once", async (t) => {
  const on = machine(t);
  const first = await start(on, { wire: () => new Promise<never>(() => {}) });
  await connect(first);
  first.keychain.token("acme", "worker").catch(() => {});
  await until(() => first.sent.length === 1);
  first.kill();
  const second = await start(on, { wire: () => tokens(1) });
  const handOut = await second.keychain.token("acme", "worker");
  assert.equal(handOut.generation, 1);
  assert.equal(second.sent[0]?.get("refresh_token"), "refresh-0");
});

test("[E08, PRO-07] exact-online: after a lost answer it asks again when that is allowed, not before", async (t) => {
  const on = machine(t);
  let sends = 0;
  const started = await start(on, {
    mode: "proactive",
    wire: () => {
      sends += 1;
      return sends === 1 ? silence : tokens(1);
    },
  });
  await connect(started, ["exact-online", "exact-online-10min"]);
  await assert.rejects(started.keychain.token("acme", "worker"), {
    code: "connection_unavailable",
  });
  const view = await started.keychain.show("acme");
  assert.equal(view.status, "uncertain");
  const sentAt = on.clock.now();
  assert.equal(view.nextAt, sentAt + 575_000);
  assert.equal(view.curableUntil, sentAt + 595_000);
  const askedAgain = () => sends === 2;
  await untilInTime(on, () => on.clock.now() - sentAt >= 574_000, 500);
  assert(!askedAgain());
  await untilInTime(on, askedAgain, 1);
  const after = on.clock.now() - sentAt;
  assert(after >= 575_000 && after < 595_000, `asked again after ${after} ms`);
  await until(async () => (await started.keychain.show("acme")).status === "fresh");
});

test("[PRO-18, G20] invalid_grant is believed only when nothing else is left, and the loss has one cause", async (t) => {
  const on = machine(t);
  const script = [tokens(1), invalidGrant(), invalidGrant()];
  const started = await start(on, {
    wire: () => script.shift() ?? assert.fail("one request too many"),
  });
  await connect(started, ["exact-online"]);
  await started.keychain.token("acme", "worker");
  on.clock.advance(600_000);
  await assert.rejects(started.keychain.token("acme", "worker"), { code: "connection_lost" });
  assert.deepEqual(
    started.sent.map((form) => form.get("refresh_token")),
    ["refresh-0", "refresh-1", "refresh-0"],
    "the predecessor was tried before the refusal was believed",
  );
  const view = await started.keychain.show("acme");
  assert.equal(view.status, "lost");
  assert.equal(view.cause, "usedElsewhere");
  assert.match(view.explanation?.nl ?? "", /ingetrokken/);
});

test("[PRO-16] the predecessor is kept until its successor was accepted once, and no longer", async (t) => {
  for (const preset of ["handshake", "exact-online", "strict"]) {
    const on = machine(t);
    let n = 0;
    const started = await start(on, { wire: () => tokens(++n) });
    await connect(started, [preset]);
    const first = (await holdingOf(started.store)).current.print;
    await started.keychain.token("acme", "worker");
    const once = await holdingOf(started.store);
    assert.equal(once.predecessor?.print, first, preset);
    on.clock.advance(10 * MINUTE);
    await started.keychain.token("acme", "worker");
    const twice = await holdingOf(started.store);
    assert.equal(twice.predecessor?.print, once.current.print, preset);
    assert(!JSON.stringify(twice).includes(first), preset);
  }
});

test("[PRO-16, E07] a provider that has forgotten its last rotation gets the predecessor, once the newest is refused", async (t) => {
  for (const preset of ["strict", "exact-online"]) {
    const on = machine(t);
    let n = 0;
    let isForgetful = false;
    const presented: (string | null)[] = [];
    const started = await start(on, {
      wire: (form) => {
        presented.push(form.get("refresh_token"));
        const isKnown = !isForgetful || form.get("refresh_token") === "refresh-0";
        isForgetful &&= !isKnown;
        return isKnown ? tokens(++n) : invalidGrant();
      },
    });
    await connect(started, [preset]);
    await started.keychain.token("acme", "worker");
    isForgetful = true;
    on.clock.advance(10 * MINUTE);
    await started.keychain.token("acme", "worker");
    assert.deepEqual(presented, ["refresh-0", "refresh-1", "refresh-0"], preset);
    const { status, generation } = await started.keychain.show("acme");
    assert.deepEqual([status, generation], ["fresh", 2], preset);
  }
});

test("[PRO-18] a provider that answers each refusal with another token is not stormed, and all is bounded", async (t) => {
  const on = machine(t);
  let n = 0;
  const started = await start(on, {
    mode: "proactive",
    wire: () => answer(400, { error: "invalid_grant", refresh_token: `another-${++n}` }),
  });
  await connect(started, ["exact-online"]);
  await untilInTime(on, () => on.clock.boot().at >= 600_000, 100);
  assert(n >= 4 && n <= 20, `${n} requests in ten minutes`);
  assert((await holdingOf(started.store)).parked.length <= 8);
});

test("[G10] a report of a generation that was never handed out is refused", async (t) => {
  const started = await start(machine(t), { wire: () => tokens(1) });
  await connect(started);
  for (const generation of [1, -1, 0.5, Number.NaN]) {
    const report = started.keychain.failed("acme", generation, "worker");
    await assert.rejects(report, { code: "request_invalid" });
  }
  assert.equal(started.sent.length, 0);
});

test("[E18] a lazy keychain lets what is due wait until somebody asks, and leaves it due for a proactive one", async (t) => {
  const on = machine(t);
  let n = 0;
  const lazy = await start(on, { wire: () => tokens(++n) });
  await connect(lazy);
  await lazy.keychain.start();
  await untilInTime(on, () => on.clock.boot().at >= 5_000);
  assert.equal(n, 0);
  await start(on, { mode: "proactive", wire: () => tokens(++n) });
  await untilInTime(on, () => n === 1);
});

test("[G20] a refused import is no loss, and says what to do", async (t) => {
  const started = await start(machine(t), { wire: invalidGrant });
  await connect(started, ["strict"]);
  await assert.rejects(started.keychain.token("acme", "worker"), { code: "connection_lost" });
  const view = await started.keychain.show("acme");
  assert.equal(view.status, "refused");
  assert.equal(view.cause, "importRefused");
});

test("[G20, PRO-18] a wrong client secret blocks, spends nothing, and heals by itself when corrected", async (t) => {
  const on = machine(t);
  const script = [answer(401, { error: "invalid_client" }), tokens(1)];
  const started = await start(on, { wire: () => script.shift() as ReturnType<typeof tokens> });
  await connect(started);
  const patient = started.keychain.token("acme", "worker");
  await until(() => started.sent.length === 1);
  await until(async () => (await started.keychain.show("acme")).status === "blocked");
  assert.equal((await started.keychain.show("acme")).cause, "clientRefused");
  await untilInTime(on, () => started.sent.length === 2);
  assert.equal((await patient).generation, 1);
});

test("[PRO-13] with too little left of the lease, or clocks that disagree, nothing is sent", async (t) => {
  for (const disturb of [
    (on: ReturnType<typeof machine>) => on.clock.advance(26_000),
    (on: ReturnType<typeof machine>) => on.clock.jumpWall(5_000),
  ]) {
    const on = machine(t);
    let disturbed = false;
    const started = await start(on, {
      patienceMs: 0,
      wire: () => tokens(1),
      atFirstByte: () => {
        if (!disturbed) disturb(on);
        disturbed = true;
      },
    });
    await connect(started);
    await assert.rejects(started.keychain.token("acme", "worker"));
    await until(() => started.log.lines.some(({ fields }) => fields.outcome === "notSent"));
    assert.equal(started.sent.length, 0);
    await until(async () => (await holdingOf(started.store)).attempts.length === 0);
  }
});

test("[PRO-04] a request past its deadline is not abandoned: its answer is harvested", async (t) => {
  const on = machine(t);
  let arrive: (outcome: ReturnType<typeof tokens>) => void = () => {};
  const started = await start(on, {
    patienceMs: 25_000,
    wire: () => new Promise((resolve) => (arrive = resolve)),
  });
  await connect(started, ["strict"]);
  const waiting = started.keychain.token("acme", "worker");
  waiting.catch(() => {});
  await until(() => started.sent.length === 1);
  on.clock.advance(20_000);
  await until(async () => (await started.keychain.show("acme")).status === "uncertain");
  arrive(tokens(1));
  await until(async () => (await started.keychain.show("acme")).status === "fresh");
  assert.equal((await started.keychain.token("acme", "worker")).accessToken.reveal(), "access-1");
  assert.equal(started.sent.length, 1);
});

test("[PRO-09] an answer to another than the newest attempt is parked, not dropped", async (t) => {
  const on = machine(t);
  const arrivals: ((outcome: ReturnType<typeof tokens>) => void)[] = [];
  const started = await start(on, {
    mode: "lazy",
    patienceMs: 100_000,
    wire: () => new Promise((resolve) => arrivals.push(resolve)),
  });
  await connect(started, ["exact-online"]);
  started.keychain.token("acme", "worker").catch(() => {});
  await until(() => arrivals.length === 1);
  on.clock.advance(20_000);
  await until(async () => (await started.keychain.show("acme")).status === "uncertain");
  on.clock.advance(560_000);
  started.keychain.token("acme", "worker").catch(() => {});
  await untilInTime(on, () => arrivals.length === 2, 1);
  arrivals[1]?.(tokens(2));
  await until(async () => (await started.keychain.show("acme")).status === "fresh");
  arrivals[0]?.(tokens(1));
  await until(async () => (await started.keychain.show("acme")).parked === 1);
  const holding = await holdingOf(started.store);
  assert.equal(holding.status, "forked");
  assert.equal((await started.keychain.token("acme", "worker")).accessToken.reveal(), "access-2");
});

test("[PRO-14] draining starts nothing new and finishes what was sent", async (t) => {
  const on = machine(t);
  let arrive: (outcome: ReturnType<typeof tokens>) => void = () => {};
  const started = await start(on, { wire: () => new Promise((resolve) => (arrive = resolve)) });
  await connect(started, ["strict"]);
  const waiting = started.keychain.token("acme", "worker");
  await until(() => started.sent.length === 1);
  const drained = started.keychain.drain();
  await connect(started, ["strict"], "other");
  await assert.rejects(started.keychain.token("other", "worker"), { code: "draining" });
  arrive(tokens(1));
  await drained;
  assert.equal((await waiting).generation, 1);
  assert.equal((await started.keychain.show("acme")).status, "fresh");
  assert.equal(started.sent.length, 1);
});

test("[E18] proactive: a token is there before anybody asks, and no hand-out has ended", async (t) => {
  const on = machine(t);
  let n = 0;
  const started = await start(on, { mode: "proactive", wire: () => tokens(++n) });
  await connect(started, ["exact-online"]);
  await untilInTime(on, () => n === 1);
  const began = on.clock.now();
  await untilInTime(
    on,
    async () => {
      const { endsAt } = await started.keychain.token("acme", "worker");
      assert(endsAt > on.clock.now());
      return on.clock.now() - began >= 3_600_000;
    },
    2_000,
  );
  assert(n >= 6 && n <= 7, `${n} refreshes in an hour`);
});

test("[G10] a report that a generation failed fetches a newer one once, however many report", async (t) => {
  const on = machine(t);
  let n = 0;
  const started = await start(on, { wire: () => tokens(++n) });
  await connect(started, ["handshake"]);
  await started.keychain.token("acme", "worker");
  const reports = Array.from({ length: 100 }, () => started.keychain.failed("acme", 1, "worker"));
  const generations = new Set((await Promise.all(reports)).map(({ generation }) => generation));
  assert.deepEqual([...generations], [2]);
  assert.equal((await started.keychain.failed("acme", 1, "worker")).generation, 2, "an old report");
  assert.equal(n, 2);
});
