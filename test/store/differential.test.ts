/**
 * The store in memory against the store in SQLite: the same random calls by concurrent callers, equal answers, and
 * equal contents at the end of every step. The run ends only when each operation has succeeded at least once.
 *
 * Not compared: how callers were grouped into commits, which is each engine's own affair.
 */

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Retention } from "../../src/store/engine.ts";
import { MemoryDatabase, openMemoryStore } from "../../src/store/memory.ts";
import type { Kind, Records } from "../../src/store/records.ts";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import {
  type Decision,
  type Key,
  keyOf,
  type Rows,
  type Store,
  type Where,
} from "../../src/store/store.ts";
import { manualClock } from "../support/manual-clock.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { chain, client, connection, deployment } from "./sample-records.ts";

const STEPS_MIN = 60;
const STEPS_MAX = 2000;
const CALLERS_MAX = 40;
const PAGE_SIZE = 3;
const RETENTION: Retention = { ageMs: 5000, count: 60 };

const KINDS = ["chain", "client", "connection", "deployment"] as const;
const IDS = ["a", "b", "B", "é", "\uFFFD", "\u{1F600}", "a b", "10", "9", "0"];
const WHERES = ["owner", "dueBefore", "all"] as const;

const OPERATIONS = [
  "update: result only",
  "update: writes",
  "update: delete",
  "update: events",
  "update: need",
  "update: throw",
  "update: four keys",
  "read",
  "read: nothing there",
  ...WHERES.map((where) => `list: ${where}`),
  "list: next page",
  "events",
  "events: trimmed",
  "size",
  "close",
] as const;

type Operation = (typeof OPERATIONS)[number];

/** One call, which both stores get; what it answers is compared. */
interface Call {
  readonly operations: readonly Operation[];
  readonly run: (store: Store) => Promise<unknown>;
}

type Draw = (below: number) => number;

const pick = <T>(draw: Draw, from: readonly T[]): T => from[draw(from.length)] as T;

function recordOf(kind: Kind, draw: Draw): Records[Kind] {
  const n = draw(4);
  switch (kind) {
    case "chain":
      return chain(`client${n}`);
    case "client":
      return client(`realm${n}`, "x".repeat(n));
    case "connection":
      return connection("c", pick(draw, [-5, 0, 2.5, 2.5, 1000, Number.POSITIVE_INFINITY]));
    default:
      return deployment("v".repeat(n));
  }
}

const keysOf = (draw: Draw, count: number): readonly Key[] => {
  const keys = new Map<string, Key>();
  while (keys.size < count) {
    const key = keyOf(pick(draw, KINDS), pick(draw, IDS));
    keys.set(`${key.kind}:${key.id}`, key);
  }
  return [...keys.values()];
};

function updateCall(draw: Draw): Call {
  const keys = keysOf(draw, 1 + draw(4));
  const form = draw(10);
  const writes = keys.map((key) => pick(draw, [undefined, null, recordOf(key.kind, draw)]));
  const events = Array.from({ length: draw(3) }, (_, i) => ({
    type: "chain.rotated" as const,
    about: `about ${i}`,
    data: { number: draw(100), end: Number.POSITIVE_INFINITY, none: null },
  }));
  const also = keysOf(draw, Math.min(4, keys.length + 1));
  const alsoWritten = also.map((key) => recordOf(key.kind, draw));
  const decide = (rows: Rows<readonly Key[]>, now: number): Decision<readonly Key[], unknown> => {
    if (form === 0) return { result: [rows, now] };
    if (form === 1) throw new Error(`refused at ${now} over ${JSON.stringify(rows)}`);
    return { result: [rows, now], writes, events };
  };
  if (form === 2) {
    // Asks once: for one row more or for other rows, as many as four.
    const run = (store: Store): Promise<unknown> => {
      let asked = false;
      return store.update(keys, (rows, now) => {
        if (asked) return { result: [rows, now], writes: alsoWritten };
        asked = true;
        return { need: also };
      });
    };
    return { operations: ["update: need"], run };
  }
  const operations: Operation[] = form === 0 ? ["update: result only"] : [];
  if (form === 1) operations.push("update: throw");
  if (form > 2 && writes.some((write) => write)) operations.push("update: writes");
  if (form > 2 && writes.includes(null)) operations.push("update: delete");
  if (form > 2 && events.length > 0) operations.push("update: events");
  if (keys.length === 4) operations.push("update: four keys");
  return { operations, run: (store) => store.update(keys, decide) };
}

function whereOf(draw: Draw): readonly [(typeof WHERES)[number], Where] {
  const form = pick(draw, WHERES);
  if (form === "owner") return [form, { owner: pick(draw, ["realm1", "main/client1", "realm2"]) }];
  if (form === "dueBefore") return [form, { dueBefore: pick(draw, [0, 2.5, 3, 1e6, 1 / 0]) }];
  return [form, {}];
}

/** A question: asked only while no update is under way, for its answer depends on what is committed. */
async function question(draw: Draw, store: Store): Promise<Call> {
  switch (draw(4)) {
    case 0: {
      const [key] = keysOf(draw, 1) as [Key];
      const found = (await store.read(key)) !== undefined;
      return { operations: [found ? "read" : "read: nothing there"], run: (at) => at.read(key) };
    }
    case 1: {
      const kind = pick(draw, KINDS);
      const [form, where] = whereOf(draw);
      const { next } = await store.list(kind, where);
      const run = async (at: Store) => [
        await at.list(kind, where),
        next && (await at.list(kind, where, next)),
      ];
      const paged: Operation[] = next === undefined ? [] : ["list: next page"];
      return { operations: [`list: ${form}`, ...paged], run };
    }
    case 2: {
      const after = draw(200);
      const limit = 1 + draw(20);
      return { operations: ["events"], run: (at) => at.events(after, limit) };
    }
    default:
      return { operations: ["size"], run: (at) => at.size() };
  }
}

/** All that a store holds. */
async function contents(store: Store): Promise<unknown> {
  const records: unknown[] = [];
  for (const kind of KINDS) {
    let after: string | undefined;
    do {
      const page = await store.list(kind, {}, after);
      records.push(...page.records.map((row) => ({ kind, ...row })));
      after = page.next;
    } while (after !== undefined);
  }
  return { records, events: await store.events(0, 1000), size: await store.size() };
}

/** Answers and refusals alike, as values. */
async function answers(calls: readonly Call[], store: Store): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(calls.map(({ run }) => run(store)));
  return settled.map((result) =>
    result.status === "fulfilled"
      ? { answer: result.value }
      : { error: `${result.reason?.name}: ${result.reason?.message}` },
  );
}

test("[G13] the store in memory and the store in SQLite answer alike", async (t) => {
  const seed = process.env.KETEN_SEED ?? String(randomInt(2 ** 40));
  console.log(`KETEN_SEED=${seed}`);
  const random = seededRandom(seed);
  const draw: Draw = (below) => Math.floor(random.fraction() * below);
  const clock = manualClock();
  const database = new MemoryDatabase();
  const path = join(temporaryDirectory(t), "keten.db");
  const options = { clock, retention: RETENTION, pageSize: PAGE_SIZE };
  const open = (): Promise<[Store, Store]> =>
    Promise.all([
      openMemoryStore({ ...options, database, turn: () => setImmediate() }),
      openSqliteStore({ ...options, path }),
    ]);
  let [memory, sqlite] = await open();
  const missing = new Set<Operation>(OPERATIONS);

  for (let step = 1; step <= STEPS_MIN || missing.size > 0; step += 1) {
    const where = `step ${step}, KETEN_SEED=${seed}`;
    assert.ok(step <= STEPS_MAX, `${where}: never succeeded: ${[...missing].join(", ")}`);
    clock.advance(draw(800));
    const calls = Array.from({ length: 1 + draw(CALLERS_MAX) }, () => updateCall(draw));
    assert.deepEqual(await answers(calls, sqlite), await answers(calls, memory), where);
    const asked = await question(draw, memory);
    assert.deepEqual(await answers([asked], sqlite), await answers([asked], memory), where);
    if (draw(15) === 0) {
      await Promise.all([memory.close(), sqlite.close()]);
      [memory, sqlite] = await open();
      missing.delete("close");
    }
    assert.deepEqual(await contents(sqlite), await contents(memory), where);
    for (const { operations } of [...calls, asked]) {
      for (const operation of operations) missing.delete(operation);
    }
    const [oldest] = await memory.events(0, 1);
    if ((oldest?.number ?? 0) > 1) missing.delete("events: trimmed");
  }
  await Promise.all([memory.close(), sqlite.close()]);
});
