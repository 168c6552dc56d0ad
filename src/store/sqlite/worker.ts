/**
 * The thread that owns the database. SQLite waits for the disk; here it keeps nobody else waiting.
 *
 * 1. Questions are answered one by one, in order, each within one turn. So nothing uncommitted is ever visible to
 *    `read`: a transaction's writes and its commit are one question.
 * 2. A question that fails leaves no transaction open behind it. The engine then closes this connection for good.
 * 3. Several processes may share the file. Whoever finds it locked asks again every millisecond or two, up to the
 *    configured time: SQLite's own waiting grows to 100 ms, and then whoever commits back to back locks others out.
 */

import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { KetenError } from "../../env/error.ts";
import { type Position, trimmedBy } from "../engine.ts";
import type { EventType, StoredEvent } from "../events.ts";
import {
  type Answer,
  type Changes,
  type Events,
  failureOf,
  isLocked,
  type Keys,
  type Packed,
  pack,
  type Question,
  unpack,
  type WorkerOptions,
} from "./messages.ts";
import { openDatabase } from "./open.ts";
import { prepareStatements, START, type Statements } from "./statements.ts";

const { path, retention, busyTimeoutMs } = workerData as WorkerOptions;

/** Runs a statement again and again while another process holds the lock it needs. */
function whenFree<T>(run: () => T): T {
  const until = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (!isLocked(error) || performance.now() >= until) throw error;
    }
  }
}

const port = parentPort;
if (!port) throw new TypeError("the worker of the SQLite store runs in a worker thread only");

let opened: { readonly db: DatabaseSync; readonly sql: Statements } | undefined;
try {
  const db = openDatabase(path, whenFree);
  opened = { db, sql: whenFree(() => prepareStatements(db)) };
  reply({ done: true });
} catch (error) {
  reply({ failed: failureOf(error, "store_unavailable") });
}

port.on("message", (question: Question) => {
  try {
    if (!opened) throw closed();
    reply(answer(opened, question));
  } catch (error) {
    rollBack();
    reply({ failed: failureOf(error, "store_unavailable") });
  }
});

function reply(message: Answer): void {
  const packed = "found" in message ? message.found : "listed" in message ? message.listed : null;
  port?.postMessage(message, packed ? [packed.bytes.buffer] : []);
}

function answer({ db, sql }: NonNullable<typeof opened>, question: Question): Answer {
  switch (question.ask) {
    case "begin":
      whenFree(() => sql.begin.run());
      return { found: find(sql, question.keys) };
    case "more":
    case "read":
      return { found: find(sql, question.keys) };
    case "commit":
      write(sql, question.changes);
      append(sql, question.events);
      return commit(sql);
    case "rollback":
      sql.rollback.run();
      return { done: true };
    case "list":
      return { listed: list(sql, question) };
    case "events":
      return { events: events(sql, question.after, question.limit) };
    case "size": {
      const [records, bytes] = whenFree(() => sql.size.get()) as unknown as [number, number];
      return { size: { records, bytes } };
    }
    case "close":
      opened = undefined;
      db.close();
      return { done: true };
  }
}

function closed(): KetenError {
  return new KetenError("store_unavailable", "the database is closed", { retryable: true });
}

function rollBack(): void {
  try {
    if (opened?.db.isTransaction) opened.sql.rollback.run();
  } catch {
    // The engine closes this connection next, which rolls back what is left.
  }
}

function find(sql: Statements, { kinds, ids }: Keys): Packed {
  return pack(
    ids.map((id, i) => {
      const row = whenFree(() => sql.find.get(kinds[i] ?? "", id)) as unknown as
        | [Uint8Array]
        | undefined;
      return row?.[0];
    }),
  );
}

function write(sql: Statements, changes: Changes): void {
  const rows = unpack(changes);
  for (const [i, id] of changes.ids.entries()) {
    const kind = changes.kinds[i] ?? "";
    const bytes = rows[i];
    if (!bytes) sql.remove.run(kind, id);
    else {
      const row = [bytes, kind, id, changes.owners[i] ?? null, changes.dues[i] ?? null] as const;
      if (sql.replace.run(...row).changes === 0) sql.put.run(...row);
    }
  }
}

function append(sql: Statements, { ats, types, abouts, datas }: Events): void {
  if (ats.length === 0) return;
  let newest = 0;
  for (const [i, at] of ats.entries()) {
    const row = sql.append.run(at, types[i] ?? "", abouts[i] ?? "", datas[i] ?? "");
    newest = Number(row.lastInsertRowid);
  }
  const newestAt = ats.at(-1) ?? 0;
  sql.trim.run(trimmedBy(ats.length), newest, newest - retention.count, newestAt - retention.ageMs);
}

/** The one statement of which nobody knows, if it fails, what it did: the disk may have it all the same. */
function commit(sql: Statements): Answer {
  try {
    sql.commit.run();
    return { done: true };
  } catch (error) {
    rollBack();
    return { failed: failureOf(error, "commit_unknown") };
  }
}

function list(
  sql: Statements,
  { kind, where, after, limit }: Extract<Question, { readonly ask: "list" }>,
): Packed & { readonly positions: readonly Position[] } {
  const { id, due } = after ?? START;
  const rows = whenFree(() =>
    "owner" in where
      ? sql.listOwned.all(kind, where.owner, id, limit)
      : "dueBefore" in where
        ? sql.listDue.all(kind, where.dueBefore, due, id, limit)
        : sql.listAll.all(kind, id, limit),
  ) as unknown as readonly [string, number | null, Uint8Array][];
  return {
    ...pack(rows.map(([, , bytes]) => bytes)),
    positions: rows.map(([rowId, rowDue]) => ({ id: rowId, due: rowDue })),
  };
}

function events(sql: Statements, after: number, limit: number): readonly StoredEvent[] {
  const rows = whenFree(() => sql.events.all(after, limit)) as unknown as readonly [
    number,
    number,
    EventType,
    string,
    string,
  ][];
  return rows.map(([number, at, type, about, data]) => ({
    number,
    at,
    type,
    about,
    data: JSON.parse(data),
  }));
}
