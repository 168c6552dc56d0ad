/** The SQLite engine keeps the contract on a real file, and refuses what it cannot trust. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { openSqliteStore, SqliteEngine } from "../../src/store/sqlite/engine.ts";
import { connect, openDatabase } from "../../src/store/sqlite/open.ts";
import { hasWalResetFix, networkFileSystem } from "../../src/store/sqlite/safety.ts";
import { keyOf } from "../../src/store/store.ts";
import { manualClock } from "../support/manual-clock.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { keepsContract } from "./contract.ts";
import { deployment } from "./sample-records.ts";

const fileIn = (t: TestContext): string => join(temporaryDirectory(t), "keten.db");

/** Nobody else has the file of these tests. */
const atOnce = <T>(run: () => T): T => run();

const UNSAFE = { name: "KetenError", code: "store_unsafe", retryable: false };

const key = keyOf("deployment", "a");

test("[G13, STO-05] the store in SQLite keeps the contract", (t) =>
  keepsContract(t, (t, retention) => {
    const path = fileIn(t);
    return () => SqliteEngine.open({ path, retention, busyTimeoutMs: 5000 });
  }));

test("[STO-01] every connection syncs each commit", (t) => {
  const path = fileIn(t);
  for (let opening = 0; opening < 2; opening += 1) {
    const db = openDatabase(path, atOnce);
    assert.equal(db.prepare("PRAGMA synchronous").get()?.synchronous, 2);
    assert.equal(db.prepare("PRAGMA journal_mode").get()?.journal_mode, "wal");
    db.close();
  }
});

/** A library that was built to lower what it is told once it meets a WAL file. */
class Forgetful extends DatabaseSync {
  override exec(sql: string): void {
    super.exec(sql);
    if (sql === "COMMIT") super.exec("PRAGMA synchronous=NORMAL");
  }
}

test("[STO-01] a connection that syncs less after its first transaction is refused", (t) => {
  const path = fileIn(t);
  assert.throws(() => openDatabase(path, atOnce, (path) => new Forgetful(path)), {
    ...UNSAFE,
    evidence: { journalMode: "wal", synchronous: 1 },
  });
  openDatabase(path, atOnce).close();
});

test("[STO-02] SQLite without the fix of the WAL-reset bug is refused", (t) => {
  const fixed = ["3.51.3", "3.51.10", "3.52.0", "4.0.0", "3.50.7", "3.50.8", "3.44.6"];
  const broken = [
    "3.51.2",
    "3.51.0",
    "3.50.6",
    "3.49.9",
    "3.45.7",
    "3.44.5",
    "2.99.99",
    "3.51",
    "x",
  ];
  for (const version of fixed) assert.equal(hasWalResetFix(version), true, version);
  for (const version of broken) assert.equal(hasWalResetFix(version), false, version);
  class Old extends DatabaseSync {
    override prepare(sql: string) {
      return super.prepare(sql.replace("sqlite_version()", "'3.51.2'"));
    }
  }
  assert.throws(() => openDatabase(fileIn(t), atOnce, (path) => new Old(path)), {
    ...UNSAFE,
    evidence: { version: "3.51.2" },
  });
});

test("[STO-03] a database that cannot be in WAL mode, or lies on a network, is refused", (t) => {
  assert.throws(() => openDatabase(fileIn(t), atOnce, () => new DatabaseSync(":memory:")), {
    ...UNSAFE,
    evidence: { journalMode: "memory" },
  });
  assert.equal(networkFileSystem(0x6969), "NFS");
  assert.equal(
    networkFileSystem(0xff534d42 | 0),
    "CIFS",
    "also where the number came out negative",
  );
  assert.equal(networkFileSystem(0xef53), undefined, "ext4");
});

test("[STO-03] the files are for their owner alone", async (t) => {
  const directory = join(temporaryDirectory(t), "new", "deeper");
  const path = join(directory, "keten.db");
  const store = await openSqliteStore({ path, clock: manualClock() });
  await store.update([key], () => ({ result: 0, writes: [deployment(1)] }));
  const mode = (name: string): number => statSync(name).mode & 0o777;
  assert.equal(mode(directory), 0o700);
  for (const name of [path, `${path}-wal`, `${path}-shm`]) assert.equal(mode(name), 0o600, name);
  await store.close();
  chmodSync(path, 0o644);
  await (await openSqliteStore({ path, clock: manualClock() })).close();
  assert.equal(mode(path), 0o600, "a copy made carelessly is closed to others again");
});

test("[STO-16] a file of a newer version is refused and left as it is", async (t) => {
  const path = fileIn(t);
  const db = openDatabase(path, atOnce);
  db.exec("PRAGMA user_version=99");
  db.close();
  await assert.rejects(openSqliteStore({ path, clock: manualClock() }), {
    ...UNSAFE,
    evidence: { found: 99, known: 1 },
  });
  const after = connect(path);
  assert.equal(after.prepare("SELECT count FROM _keten_openings").get()?.count, 1);
  after.close();
});

test("[STO-16] many connections that open a new file at once migrate it once", async (t) => {
  const path = fileIn(t);
  const stores = await Promise.all(
    Array.from({ length: 8 }, () => openSqliteStore({ path, clock: manualClock() })),
  );
  await Promise.all(stores.map((store) => store.close()));
  const db = connect(path);
  assert.equal(db.prepare("SELECT count FROM _keten_openings").get()?.count, 8);
  db.close();
});

test("[STO-05] what is no database is refused; what cannot be opened may be tried again", async (t) => {
  const path = fileIn(t);
  writeFileSync(path, "This is a letter to a friend, and no database.".repeat(50));
  await assert.rejects(openSqliteStore({ path, clock: manualClock() }), UNSAFE);
  const directory = join(temporaryDirectory(t), "directory.db");
  mkdirSync(directory);
  await assert.rejects(openSqliteStore({ path: directory, clock: manualClock() }), {
    code: "store_unavailable",
    retryable: true,
  });
});

test("[STO-03] a file that another process keeps locked is unavailable after the time allowed", async (t) => {
  const path = fileIn(t);
  const store = await openSqliteStore({ path, clock: manualClock(), busyTimeoutMs: 30 });
  const other = connect(path);
  other.exec("BEGIN IMMEDIATE");
  const write = () => store.update([key], () => ({ result: "written", writes: [deployment(1)] }));
  await assert.rejects(write(), { code: "store_unavailable", retryable: true });
  assert.equal(await store.read(key), undefined, "who only reads is not kept waiting");
  other.exec("ROLLBACK");
  assert.equal(await write(), "written");
  other.close();
  await store.close();
});

/** Runs something and catches the worker threads that are spoken to meanwhile. */
async function workersSpokenTo(run: () => Promise<unknown>): Promise<readonly Worker[]> {
  const workers = new Set<Worker>();
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (this: Worker, ...args) {
    workers.add(this);
    postMessage.apply(this, args);
  };
  try {
    await run();
  } finally {
    Worker.prototype.postMessage = postMessage;
  }
  return [...workers];
}

test("[STO-05] when its thread ends, callers learn what is known, and the next call opens another", async (t) => {
  const path = fileIn(t);
  const store = await openSqliteStore({ path, clock: manualClock() });
  const increment = () =>
    store.update([key], ([row]) => {
      const value = Number(row?.value ?? 0) + 1;
      return { result: value, writes: [deployment(value)] };
    });
  const [worker] = await workersSpokenTo(increment);
  assert.ok(worker);

  // The commit is sent in the turn in which the decision ran, to a thread that is told to end by then.
  const cut = store.update([key], () => {
    void worker.terminate();
    return { result: 0, writes: [deployment("perhaps")] };
  });
  const reading = store.read(key);
  await assert.rejects(cut, { code: "commit_unknown", retryable: true });
  await reading.catch(() => undefined);
  const now = (await store.read(key))?.value;
  assert.ok(now === "1" || now === "perhaps", `read ${now}`);

  const [second] = await workersSpokenTo(() => store.read(key));
  assert.ok(second && second !== worker);
  const begun = store.update([key], () => ({ result: "too late" }));
  await second.terminate();
  await assert.rejects(begun, { code: "store_unavailable", retryable: true });
  assert.equal(await store.update([key], () => ({ result: "again" })), "again");
  await store.close();
});
