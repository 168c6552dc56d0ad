/** Every SQL statement of the store, prepared once per connection. */

import type { DatabaseSync, StatementSync } from "node:sqlite";

export interface Statements {
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly rollback: StatementSync;
  readonly find: StatementSync;
  readonly replace: StatementSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
  readonly listAll: StatementSync;
  readonly listOwned: StatementSync;
  readonly listDue: StatementSync;
  readonly append: StatementSync;
  readonly trim: StatementSync;
  readonly events: StatementSync;
  readonly size: StatementSync;
  readonly version: StatementSync;
}

/** A list goes on behind a position; behind this one is everything, since no id is empty. */
export const START = { id: "", due: Number.NEGATIVE_INFINITY } as const;

export function prepareStatements(db: DatabaseSync): Statements {
  const prepare = (sql: string): StatementSync => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  return {
    // Takes the write lock at once: two readers that both want to write later would have to refuse one.
    begin: prepare("BEGIN IMMEDIATE"),
    commit: prepare("COMMIT"),
    rollback: prepare("ROLLBACK"),
    find: prepare("SELECT bytes FROM _keten_records WHERE kind = ? AND id = ?"),
    // The row whose columns stay as they are, which is nearly every write. An upsert rewrites the entries of both
    // indexes too, and was measured at half the speed (17,000 against 38,000 updates/s over 200,000 chains).
    replace: prepare(
      "UPDATE _keten_records SET bytes = ? WHERE kind = ? AND id = ? AND owner IS ? AND due IS ?",
    ),
    put: prepare(
      `INSERT INTO _keten_records (bytes, kind, id, owner, due) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET bytes = excluded.bytes, owner = excluded.owner, due = excluded.due`,
    ),
    remove: prepare("DELETE FROM _keten_records WHERE kind = ? AND id = ?"),
    listAll: prepare(
      `SELECT id, due, bytes FROM _keten_records
       WHERE kind = ? AND id > ? ORDER BY id LIMIT ?`,
    ),
    listOwned: prepare(
      `SELECT id, due, bytes FROM _keten_records
       WHERE kind = ? AND owner = ? AND id > ? ORDER BY id LIMIT ?`,
    ),
    listDue: prepare(
      `SELECT id, due, bytes FROM _keten_records
       WHERE kind = ? AND due < ? AND (due, id) > (?, ?) ORDER BY due, id LIMIT ?`,
    ),
    append: prepare("INSERT INTO _keten_events (at, type, about, data) VALUES (?, ?, ?, ?)"),
    // The oldest few that are beyond a limit; never the newest of all, from which the next number is counted.
    trim: prepare(
      `DELETE FROM _keten_events
       WHERE number IN (SELECT number FROM _keten_events ORDER BY number LIMIT ?)
         AND number < ? AND (number <= ? OR at < ?)`,
    ),
    events: prepare(
      `SELECT number, at, type, about, data FROM _keten_events
       WHERE number > ? ORDER BY number LIMIT ?`,
    ),
    size: prepare(
      `SELECT count(*), coalesce(sum(octet_length(id) + coalesce(octet_length(owner), 0) + length(bytes)), 0)
       FROM _keten_records`,
    ),
    // Changes when another connection has committed.
    version: prepare("PRAGMA data_version"),
  };
}
