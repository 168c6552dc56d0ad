/** What the queue does when an engine fails, and what it refuses. Engines here are in memory and fail on purpose. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { KetenError } from "../../src/env/error.ts";
import { DEFAULT_RETENTION, type Engine } from "../../src/store/engine.ts";
import { openGroupCommit } from "../../src/store/group-commit.ts";
import { MemoryDatabase, MemoryEngine } from "../../src/store/memory.ts";
import { type Decision, type Key, keyOf, type Store } from "../../src/store/store.ts";
import { manualClock } from "../support/manual-clock.ts";
import { deployment } from "./sample-records.ts";
import { gate, type Hooks, type Verb, watch } from "./watched-engine.ts";

interface Bench {
  readonly store: Store;
  readonly log: string[];
}

/** A store whose every call of an engine is logged as its number and verb. */
async function bench(hooks: (opening: number) => Hooks = () => ({})): Promise<Bench> {
  const database = new MemoryDatabase();
  const log: string[] = [];
  let openings = 0;
  const open = async (): Promise<Engine> => {
    openings += 1;
    const opening = openings;
    const { before, after } = hooks(opening);
    const engine = new MemoryEngine(database, DEFAULT_RETENTION, () => setImmediate());
    return watch(engine, {
      before: (verb, args) => {
        log.push(`${opening} ${verb}`);
        return before?.(verb, args);
      },
      ...(after ? { after } : {}),
    });
  };
  return { store: await openGroupCommit({ clock: manualClock(), open }), log };
}

const put = (store: Store, id: string): Promise<string> =>
  store.update([keyOf("deployment", id)], () => ({ result: id, writes: [deployment(id)] }));

const has = async (store: Store, id: string): Promise<boolean> =>
  (await store.read(keyOf("deployment", id))) !== undefined;

/** Fails the first call of a verb on the first engine. */
function failing(verb: Verb, error: unknown, when: "before" | "after" = "before") {
  return (opening: number): Hooks => ({
    [when]: (called: Verb) => {
      if (opening === 1 && called === verb) throw error;
    },
  });
}

const diskFull = new KetenError("store_unavailable", "the disk is full", { retryable: true });
const cut = new KetenError("commit_unknown", "the connection was cut", { retryable: true });

test("[STO-05] after a failed commit the engine is replaced, and who waited behind it never notices", async () => {
  const { store, log } = await bench(failing("commit", diskFull));
  const results = await Promise.allSettled([put(store, "a"), put(store, "b"), put(store, "c")]);
  assert.deepEqual(
    results.map((result) => (result.status === "rejected" ? result.reason : result.value)),
    [diskFull, "b", "c"],
  );
  assert.equal(await has(store, "a"), false);
  assert.deepEqual(log, [
    ...["1 begin", "1 commit", "1 begin", "1 close"],
    ...["2 begin", "2 commit", "2 read"],
  ]);
  await store.close();
});

test("[STO-05] everybody in a failed batch fails alike", async () => {
  let commits = 0;
  const { store } = await bench(() => ({
    before: (verb) => {
      if (verb === "commit") commits += 1;
      if (verb === "commit" && commits === 2) throw diskFull;
    },
  }));
  const results = await Promise.allSettled([
    put(store, "alone"),
    put(store, "a"),
    store.update([keyOf("deployment", "a")], () => {
      throw new Error("rests on what was not written");
    }),
    store.update([keyOf("deployment", "a")], ([row]) => ({ result: row })),
  ]);
  assert.deepEqual(
    results.map((result) => (result.status === "rejected" ? result.reason : result.value)),
    ["alone", diskFull, diskFull, diskFull],
  );
  assert.equal(await has(store, "a"), false);
  await store.close();
});

test("[STO-09] a commit whose outcome is unknown says so, and reading back tells", async () => {
  for (const when of ["before", "after"] as const) {
    const { store } = await bench(failing("commit", cut, when));
    await assert.rejects(put(store, "a"), { code: "commit_unknown", retryable: true });
    assert.equal(await has(store, "a"), when === "after");
    await store.close();
  }
});

test("[STO-05] whatever verb fails, with whatever error, the next call works", async () => {
  const odd = new TypeError("a bug in the engine");
  const calls: Readonly<Partial<Record<Verb, (store: Store) => Promise<unknown>>>> = {
    begin: (store) => put(store, "a"),
    more: (store) =>
      store.update(
        [keyOf("deployment", "a")] as readonly Key[],
        (rows): Decision<readonly Key[], 0> =>
          rows.length === 1
            ? { need: [keyOf("deployment", "a"), keyOf("deployment", "b")] }
            : { result: 0 },
      ),
    commit: (store) => put(store, "a"),
    rollback: (store) => store.update([keyOf("deployment", "a")], () => ({ result: 0 })),
    read: (store) => store.read(keyOf("deployment", "a")),
    list: (store) => store.list("deployment", {}),
    events: (store) => store.events(0, 1),
    size: (store) => store.size(),
  };
  for (const [verb, call] of Object.entries(calls)) {
    const { store, log } = await bench(failing(verb as Verb, odd));
    await assert.rejects(
      call(store),
      { code: "store_unavailable", retryable: true, cause: odd },
      verb,
    );
    await call(store);
    assert.ok(log.includes("1 close") && log.includes(`2 ${verb}`), `${verb}: ${log}`);
    await store.close();
  }
});

test("[STO-05] who only waited for another's lock keeps the engine", async () => {
  const evidence = { busy: true };
  const busy = new KetenError("store_unavailable", "locked", { retryable: true, evidence });
  const refused = new Set<Verb>();
  const { store, log } = await bench(() => ({
    before: (verb) => {
      if ((verb !== "begin" && verb !== "read") || refused.has(verb)) return;
      refused.add(verb);
      throw busy;
    },
  }));
  await assert.rejects(put(store, "a"), busy);
  await put(store, "a");
  await assert.rejects(has(store, "a"), busy);
  assert.equal(await has(store, "a"), true);
  assert.deepEqual(log, ["1 begin", "1 begin", "1 commit", "1 read", "1 read"]);
  await store.close();
});

test("[STO-05] an engine that cannot be opened again fails callers until it can", async () => {
  const unsafe = new KetenError("store_unsafe", "the file was swapped");
  const database = new MemoryDatabase();
  let openings = 0;
  const open = async (): Promise<Engine> => {
    openings += 1;
    if (openings === 1 || openings === 3) throw unsafe;
    const engine = new MemoryEngine(database, DEFAULT_RETENTION, () => setImmediate());
    return watch(engine, openings === 2 ? failing("commit", diskFull)(1) : {});
  };
  const clock = manualClock();
  await assert.rejects(openGroupCommit({ clock, open }), unsafe, "a start says so at once");
  const store = await openGroupCommit({ clock, open });
  await assert.rejects(put(store, "a"), diskFull);
  await assert.rejects(put(store, "a"), unsafe);
  assert.equal(await put(store, "a"), "a");
  await store.close();
});

test("[STO-10] a transaction is open for one batch at a time, and the next begins behind the commit", async () => {
  const held = gate();
  const { store, log } = await bench(() => ({
    before: (verb) => (verb === "commit" ? held.passed : undefined),
  }));
  const all = Promise.all(Array.from({ length: 300 }, (_, i) => put(store, String(i))));
  for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  assert.deepEqual(log, ["1 begin", "1 commit"], "nothing overtakes a commit");
  held.open();
  await all;
  assert.deepEqual(log.slice(2), ["1 begin", "1 commit", "1 begin", "1 commit"]);
  await store.close();
});

test("[STO-10] callers who ask again when answered share the next commit", async () => {
  const { store, log } = await bench();
  const caller = async (id: string) => {
    for (let i = 0; i < 10; i += 1) await put(store, id);
  };
  await Promise.all(Array.from({ length: 20 }, (_, i) => caller(String(i))));
  const commits = log.filter((line) => line === "1 commit").length;
  assert.ok(commits <= 12, `200 updates of 20 callers took ${commits} commits`);
  await store.close();
});

test("[house] an update's mistakes are its caller's alone", async () => {
  const { store, log } = await bench();
  const key = (id: string): Key => keyOf("deployment", id);
  const assertion = { name: "AssertionError" };
  const ids = ["a", "b", "c", "d", "e"];
  const update = (
    keys: readonly Key[],
    decide: (rows: readonly unknown[]) => unknown = () => ({ result: 0 }),
  ) => store.update(keys, decide as never);

  for (const keys of [
    [],
    ids.map(key),
    [key("a"), key("b"), key("a")],
    [key("")],
    [key("a\0")],
    [key("\uD800")],
  ]) {
    await assert.rejects(update(keys), assertion);
  }
  await assert.rejects(store.read(keyOf("deployment", "")), assertion);
  assert.deepEqual(log, [], "the engine never heard of them");

  const mistakes: readonly ((rows: readonly unknown[]) => unknown)[] = [
    async () => ({ result: 0 }),
    () => undefined,
    () => ({ writes: [] }),
    () => ({ result: 0, writes: [null, null] }),
    () => ({ result: 0, writes: [{ value: Number.NaN }] }),
    () => ({ result: 0, writes: [{ value: () => 1 }] }),
    () => ({ need: [] }),
    () => ({ need: ids.map(key) }),
    () => ({ need: [key("b"), key("b")] }),
    (rows) => ({ need: rows.length === 1 ? [key("a"), key("b")] : [key("a")] }),
  ];
  const results = await Promise.allSettled([
    ...mistakes.map((decide) => update([key("a")], decide)),
    put(store, "a"),
  ]);
  for (const [i, result] of results.entries()) {
    if (i === mistakes.length) assert.equal(result.status, "fulfilled");
    else
      assert.equal(
        result.status === "rejected" && result.reason.name,
        "AssertionError",
        `mistake ${i}`,
      );
  }
  await store.close();
});

test("[STO-10] a decision may ask for other rows four times, and no more", async () => {
  const { store } = await bench();
  const asking = (times: number) => {
    let runs = 0;
    return store.update(
      [keyOf("deployment", "0")] as readonly Key[],
      (): Decision<readonly Key[], number> => {
        runs += 1;
        return runs <= times ? { need: [keyOf("deployment", String(runs))] } : { result: runs };
      },
    );
  };
  assert.equal(await asking(4), 5);
  await assert.rejects(asking(5), { name: "AssertionError" });
  await store.close();
});
