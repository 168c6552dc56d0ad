/**
 * What every store must do, whatever engine is under it. `memory.test.ts` and `sqlite.test.ts` run it.
 *
 * Each case gets an opener of its own: every engine it opens works on the same data, as a process does that opens
 * the same database again.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { KetenError } from "../../src/env/error.ts";
import type { ConnectionRecord } from "../../src/store/connection-record.ts";
import type { Engine, Retention } from "../../src/store/engine.ts";
import type { KetenEvent } from "../../src/store/events.ts";
import { openGroupCommit } from "../../src/store/group-commit.ts";
import type { ClientRecord } from "../../src/store/records.ts";
import { type Key, keyOf, type Store } from "../../src/store/store.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { chain, client, connection, deployment } from "./sample-records.ts";
import { gate, type Hooks, watch } from "./watched-engine.ts";

/** Makes an opener of engines over fresh data. */
export type MakeOpener = (t: TestContext, retention: Retention) => () => Promise<Engine>;

interface Bench {
  readonly store: Store;
  readonly clock: ManualClock;
  /** Opens another store over the same data. */
  readonly again: () => Promise<Store>;
}

interface BenchOptions extends Hooks {
  readonly retention?: Retention;
  readonly pageSize?: number;
}

const EVERYTHING: Retention = { ageMs: Number.POSITIVE_INFINITY, count: Number.MAX_SAFE_INTEGER };

const event = (about: string): KetenEvent => ({
  type: "chain.rotated",
  about,
  data: { serial: 1, cause: null, isLate: false, until: Number.POSITIVE_INFINITY },
});

const counter = keyOf("deployment", "counter");

const put = (store: Store, id: string, value: string | number): Promise<string> =>
  store.update([keyOf("deployment", id)], () => ({ result: id, writes: [deployment(value)] }));

const increment = (store: Store, key: Key<"deployment"> = counter): Promise<number> =>
  store.update([key], ([row]) => {
    const value = Number(row?.value ?? 0) + 1;
    return { result: value, writes: [deployment(value)] };
  });

const storedValue = async (store: Store, id: string): Promise<string | undefined> =>
  (await store.read(keyOf("deployment", id)))?.value;

const CASES: Readonly<
  Record<string, (bench: (options?: BenchOptions) => Promise<Bench>) => Promise<void>>
> = {
  "[STO-05] an update's writes, deletions and events count together, and last": async (bench) => {
    const { store, again } = await bench();
    const keys = [
      keyOf("authorization", "a"),
      keyOf("chain", "a.1"),
      keyOf("client", "main/c"),
      keyOf("deployment", "d"),
    ] as const;
    const authorization = { id: "a", opened: 1, revoked: null, live: [], counters: {} };
    await put(store, "d", "old");
    const seen = await store.update(keys, (rows) => ({
      result: rows,
      writes: [authorization, chain("c"), client("main", "c"), null],
      events: [event("a.1"), event("a")],
    }));
    assert.deepEqual(seen, [undefined, undefined, undefined, { value: "old" }]);
    await store.close();
    const reopened = await again();
    assert.deepEqual(await reopened.read(keys[0]), authorization);
    assert.deepEqual(await reopened.read(keys[1]), chain("c"));
    assert.deepEqual(await reopened.read(keys[2]), client("main", "c"));
    assert.equal(await reopened.read(keys[3]), undefined);
    assert.deepEqual(
      (await reopened.events(0, 10)).map(({ about }) => about),
      ["a.1", "a"],
    );
    await reopened.close();
  },

  "[STO-05] a decision that throws fails alone and leaves no trace": async (bench) => {
    const { store } = await bench();
    const boom = new Error("boom");
    const failing = (id: string) =>
      store.update([keyOf("deployment", id)], () => {
        throw boom;
      });
    const results = await Promise.allSettled([
      increment(store),
      failing("counter"),
      increment(store),
      store.update([counter], () => ({
        result: 0,
        writes: [deployment("lost")],
        events: [{ ...event("x"), data: { bad: Number.NaN } }],
      })),
      increment(store),
    ]);
    assert.deepEqual(
      results.map((result) => (result.status === "fulfilled" ? result.value : "failed")),
      [1, "failed", 2, "failed", 3],
    );
    assert.equal(results[1]?.status === "rejected" && results[1].reason, boom);
    assert.equal(await storedValue(store, "counter"), "3");
    assert.deepEqual(await store.events(0, 10), []);
    await store.close();
  },

  "[STO-10] callers share commits, in order of arrival, and each sees the ones before": async (
    bench,
  ) => {
    const commits: number[] = [];
    const { store } = await bench({
      before: (verb, args) => {
        if (verb === "commit") commits.push((args[1] as unknown[]).length);
      },
    });
    const order: number[] = [];
    const results = await Promise.all(
      Array.from({ length: 700 }, (_, i) =>
        store.update([counter], ([row]) => {
          order.push(i);
          const value = Number(row?.value ?? 0) + 1;
          return { result: value, writes: [deployment(value)], events: [event(String(i))] };
        }),
      ),
    );
    assert.deepEqual(
      results,
      Array.from({ length: 700 }, (_, i) => i + 1),
    );
    assert.deepEqual(
      order,
      Array.from({ length: 700 }, (_, i) => i),
    );
    assert.deepEqual(commits, [1, 256, 256, 187]);
    assert.deepEqual(
      (await store.events(0, 1000)).map(({ about }) => Number(about)),
      order,
    );
    await store.close();
  },

  "[STO-10] a decision that needs other rows gets them in the same transaction": async (bench) => {
    const { store } = await bench();
    await put(store, "pointer", "target");
    await put(store, "target", "treasure");
    const rounds: string[][] = [];
    const follow = store.update(
      [keyOf("deployment", "pointer")] as readonly Key<"deployment">[],
      (rows) => {
        rounds.push(rows.map((row) => row?.value ?? "none"));
        const [pointer, target] = rows;
        if (rows.length === 1) {
          return {
            need: [keyOf("deployment", "pointer"), keyOf("deployment", String(pointer?.value))],
          };
        }
        return { result: target?.value, writes: [null, deployment("taken")] };
      },
    );
    // Comes later in the same batch, so it sees what the first one wrote to a row it asked for late.
    const late = store.update([keyOf("deployment", "target")], ([row]) => ({ result: row?.value }));
    assert.deepEqual(await Promise.all([follow, late]), ["treasure", "taken"]);
    assert.deepEqual(rounds, [["target"], ["target", "treasure"]]);
    assert.equal(await storedValue(store, "pointer"), undefined);
    await store.close();
  },

  "[STO-05] reads see what is committed and nothing else": async (bench) => {
    const knocked = gate();
    const held = gate();
    const { store } = await bench({
      before: (verb) => {
        if (verb !== "commit") return;
        knocked.open();
        return held.passed;
      },
    });
    const writing = put(store, "row", "after");
    await knocked.passed;
    assert.equal(await storedValue(store, "row"), undefined);
    assert.deepEqual((await store.list("deployment", {})).records, []);
    assert.equal((await store.size()).records, 0);
    held.open();
    await writing;
    assert.equal(await storedValue(store, "row"), "after");
    await store.close();
  },

  "[STO-05] nobody is answered before the commit": async (bench) => {
    const held = gate();
    const { store } = await bench({
      before: (verb) => (verb === "commit" ? held.passed : undefined),
    });
    const answered: string[] = [];
    const all = Promise.allSettled([
      put(store, "first, in a batch of its own", 0),
      put(store, "a", 1).then(() => answered.push("written")),
      store
        .update([keyOf("deployment", "a")], ([row]) => {
          throw new Error(`read ${row?.value}`);
        })
        .catch(() => answered.push("refused")),
    ]);
    await storedValue(store, "a");
    await storedValue(store, "a");
    assert.deepEqual(answered, []);
    held.open();
    await all;
    assert.deepEqual(answered, ["written", "refused"]);
    await store.close();
  },

  "[STO-05] what is handed out and what was handed in is shared with nobody": async (bench) => {
    const { store } = await bench();
    const mine = { value: "pure" };
    const [, theirs] = await Promise.all([
      store.update([counter], () => ({ result: 0, writes: [mine] })),
      store.update([counter], ([row]) => {
        mine.value = "spoiled by the writer";
        return { result: row };
      }),
    ]);
    assert.deepEqual(theirs, { value: "pure" });
    (theirs as { value: string }).value = "spoiled by a reader";
    const read = await store.read(counter);
    assert.deepEqual(read, { value: "pure" });
    (read as { value: string }).value = "spoiled by another";
    assert.deepEqual(await store.read(counter), { value: "pure" });
    await store.close();
  },

  "[STO-18] lists by owner, by due and all, page by page, in order": async (bench) => {
    const { store } = await bench({ pageSize: 3 });
    const ids = ["b", "a", "\u{1F600}", "\uFFFD", "A", "é", "c d", "10", "9"];
    for (const id of ids) {
      await store.update([keyOf("client", id)], () => ({
        result: 0,
        writes: [client(id > "b" ? "r" : "s", id)],
      }));
    }
    const dues = [5, 1, Number.POSITIVE_INFINITY, 5, -3, 2.5, 7];
    for (const [i, due] of dues.entries()) {
      await store.update([keyOf("connection", `c${9 - i}`)], () => ({
        result: 0,
        writes: [connection(`c${9 - i}`, due)],
      }));
    }
    const all = await pages(store, "client", {});
    assert.deepEqual(all, ["10", "9", "A", "a", "b", "c d", "é", "\uFFFD", "\u{1F600}"]);
    const owned = await pages(store, "client", { owner: "r" });
    assert.deepEqual(owned, ["c d", "é", "\uFFFD", "\u{1F600}"]);
    assert.deepEqual(await pages(store, "client", { owner: "nobody" }), []);
    assert.deepEqual(await pages(store, "connection", { dueBefore: 7 }), [
      "c5",
      "c8",
      "c4",
      "c6",
      "c9",
    ]);
    assert.deepEqual(await pages(store, "connection", { dueBefore: -3 }), []);
    // A changed column moves its row; a deleted row is gone.
    await store.update([keyOf("connection", "c5")], () => ({
      result: 0,
      writes: [connection("c5", 6)],
    }));
    await store.update([keyOf("connection", "c8")], () => ({ result: 0, writes: [null] }));
    const moved = await pages(store, "connection", { dueBefore: Number.POSITIVE_INFINITY });
    assert.deepEqual(moved, ["c4", "c6", "c9", "c5", "c3"]);
    await store.close();
  },

  "[STO-18] events are numbered in order, dated and kept by age and count": async (bench) => {
    const { store, clock, again } = await bench({ retention: { ageMs: 1000, count: 5 } });
    const log = (...abouts: string[]) =>
      store.update([counter], () => ({ result: 0, events: abouts.map(event) }));
    const start = clock.now();
    await log("a", "b");
    clock.advance(400);
    await log("c");
    assert.deepEqual(
      (await store.events(0, 10)).map(({ about, at }) => [about, at - start]),
      [
        ["a", 0],
        ["b", 0],
        ["c", 400],
      ],
    );
    const [first, second] = await store.events(0, 2);
    assert.deepEqual({ ...second, number: 0, at: 0 }, { number: 0, at: 0, ...event("b") });
    assert.deepEqual(
      (await store.events(first?.number ?? 0, 1)).map(({ about }) => about),
      ["b"],
    );
    clock.advance(700);
    await log("d");
    assert.equal(await aboutsOf(store), "cd", "a and b are older than the age allowed");
    await log("e", "f");
    await log("g");
    await log("h");
    assert.equal(await aboutsOf(store), "defgh", "five at most");
    clock.advance(5000);
    await log("i", "j", "k");
    assert.equal(await aboutsOf(store), "ijk");
    const newest = (await store.events(0, 10)).at(-1)?.number ?? 0;
    clock.advance(5000);
    await store.close();
    const reopened = await again();
    await reopened.update([counter], () => ({ result: 0, events: [event("l")] }));
    assert.equal(await aboutsOf(reopened), "kl", "one event written, two of the oldest removed");
    assert.ok(
      ((await reopened.events(0, 10)).at(-1)?.number ?? 0) > newest,
      "numbers go on rising",
    );
    await reopened.close();
  },

  "[STO-18] the newest event stays under any retention, so that numbers go on rising": async (
    bench,
  ) => {
    const { store } = await bench({ retention: { ageMs: 0, count: 0 } });
    const numbers: number[] = [];
    for (const about of ["a", "b", "c"]) {
      await store.update([counter], () => ({ result: 0, events: [event(about)] }));
      const [only, ...others] = await store.events(0, 10);
      assert.equal(only?.about, about);
      assert.deepEqual(others, []);
      numbers.push(only.number);
    }
    assert.deepEqual(numbers, [1, 2, 3]);
    await store.close();
  },

  "[G04] the size counts records alone": async (bench) => {
    const { store } = await bench();
    assert.deepEqual(await store.size(), { records: 0, bytes: 0 });
    await put(store, "a", "x");
    const one = await store.size();
    assert.equal(one.records, 1);
    await put(store, "é", "xx");
    const two = await store.size();
    assert.deepEqual(
      two,
      { records: 2, bytes: 2 * one.bytes + 2 },
      "UTF-8 bytes of ids and values",
    );
    await store.update([counter], () => ({ result: 0, events: [event("a"), event("b")] }));
    assert.deepEqual(await store.size(), two);
    await store.update([keyOf("deployment", "a")], () => ({ result: 0, writes: [null] }));
    assert.deepEqual(await store.size(), { records: 1, bytes: one.bytes + 2 });
    await store.close();
  },

  "[PRO-24] close finishes what was accepted and refuses the rest": async (bench) => {
    const { store, again } = await bench();
    const accepted = [increment(store), increment(store), increment(store)];
    const closing = store.close();
    const closed = { name: "KetenError", code: "store_closed" };
    await assert.rejects(increment(store), closed);
    await assert.rejects(store.read(counter), closed);
    await assert.rejects(store.list("client", {}), closed);
    await assert.rejects(store.events(0, 1), closed);
    await assert.rejects(store.size(), closed);
    assert.deepEqual(await Promise.all(accepted), [1, 2, 3]);
    await Promise.all([closing, store.close()]);
    const reopened = await again();
    assert.equal(await storedValue(reopened, "counter"), "3");
    await reopened.close();
  },

  "[STO-03] two stores over the same data lose no update": async (bench) => {
    const { store, again } = await bench();
    const other = await again();
    const both = Array.from({ length: 200 }, (_, i) => increment(i % 2 === 0 ? store : other));
    const results = (await Promise.all(both)).sort((a, b) => a - b);
    assert.deepEqual(
      results,
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    assert.equal(await storedValue(store, "counter"), "200");
    await Promise.all([store.close(), other.close()]);
  },

  "[STO-05] after a failed commit nothing of it is there, and the store goes on": async (bench) => {
    let failing = true;
    const { store } = await bench({
      before: (verb) => {
        if (verb !== "commit" || !failing) return;
        failing = false;
        throw new KetenError("store_unavailable", "the disk is full", { retryable: true });
      },
    });
    await assert.rejects(put(store, "a", 1), { code: "store_unavailable", retryable: true });
    assert.equal(await storedValue(store, "a"), undefined);
    assert.equal(await put(store, "a", 2), "a");
    assert.equal(await storedValue(store, "a"), "2");
    await store.close();
  },
};

async function pages(
  store: Store,
  kind: "client" | "connection",
  where: Parameters<Store["list"]>[1],
): Promise<readonly string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(kind, where, after);
    assert.ok(page.records.length <= 3, "no page is longer than asked for");
    assert.ok(page.next === undefined || page.records.length === 3, "only the last page is short");
    for (const { id, record } of page.records) {
      const name =
        kind === "client" ? (record as ClientRecord).clientId : (record as ConnectionRecord).name;
      assert.equal(name, id, "each record comes with its id");
      ids.push(id);
    }
    assert.ok(page.records.length > 0 || after === undefined, "no page is empty but an only one");
    after = page.next;
  } while (after !== undefined);
  return ids;
}

async function aboutsOf(store: Store): Promise<string> {
  return (await store.events(0, 100)).map(({ about }) => about).join("");
}

/** Runs every case over engines of its own. */
export async function keepsContract(t: TestContext, make: MakeOpener): Promise<void> {
  for (const [title, run] of Object.entries(CASES)) {
    await t.test(title, async (t) => {
      await run(async ({ retention = EVERYTHING, pageSize, ...hooks } = {}) => {
        const clock = manualClock();
        const open = make(t, retention);
        const again = () =>
          openGroupCommit({
            clock,
            open: async () => watch(await open(), hooks),
            ...(pageSize === undefined ? {} : { pageSize }),
          });
        return { store: await again(), clock, again };
      });
    });
  }
}
