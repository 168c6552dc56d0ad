/**
 * The tables, as numbered migrations that are only ever added to. `PRAGMA user_version` holds the number of the last.
 *
 * 1. A migration and its number are one transaction, and the number is read inside it: of several processes that open
 *    a new file at once, one migrates and the others find it done.
 * 2. A file with a higher number than we know was written by a newer Keten and is refused.
 * 3. Tables begin with an underscore and our name: they are private. What may be relied on is the store's contract.
 */

import type { DatabaseSync } from "node:sqlite";
import { KetenError } from "../../env/error.ts";

/*
 * Measured with 200,000 chains of 650 bytes, batches of 64 at random: a table with row ids and an index does 38,000
 * updates/s and one WITHOUT ROWID 32,000, as rows this long leave little room in the upper pages of its tree.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE _keten_records (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    owner TEXT,
    due REAL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT;
  CREATE INDEX _keten_records_by_owner ON _keten_records (kind, owner, id) WHERE owner IS NOT NULL;
  CREATE INDEX _keten_records_by_due ON _keten_records (kind, due, id) WHERE due IS NOT NULL;

  CREATE TABLE _keten_events (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    type TEXT NOT NULL,
    about TEXT NOT NULL,
    data TEXT NOT NULL
  ) STRICT;

  -- One row. Every connection's first transaction counts itself here.
  CREATE TABLE _keten_openings (count INTEGER NOT NULL) STRICT;
  INSERT INTO _keten_openings VALUES (0);
  `,
];

/**
 * Brings the tables up to date and counts this opening, in the open transaction. The count is a real write: once it
 * is committed, what an earlier connection may have left unfinished in the WAL is overwritten and stays undone.
 *
 * @throws KetenError `store_unsafe` if the file is of a newer version
 */
export function migrate(db: DatabaseSync): void {
  const found = Number(db.prepare("PRAGMA user_version").get()?.user_version);
  if (found > MIGRATIONS.length) {
    throw new KetenError(
      "store_unsafe",
      `the database has schema ${found}, written by a newer version: expected at most ${MIGRATIONS.length}`,
      { evidence: { found, known: MIGRATIONS.length } },
    );
  }
  for (const migration of MIGRATIONS.slice(found)) db.exec(migration);
  if (found < MIGRATIONS.length) db.exec(`PRAGMA user_version=${MIGRATIONS.length}`);
  db.exec("UPDATE _keten_openings SET count = count + 1");
}
