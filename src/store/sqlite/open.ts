/** Opens a database file so that what is written to it can be trusted, or refuses to. */

import { DatabaseSync } from "node:sqlite";
import { confirmDurability, demandDurability, prepareFile, refuseUnfixed } from "./safety.ts";
import { migrate } from "./schema.ts";

/** Pages kept in memory, in KiB: the upper levels of the trees of a million chains. */
const CACHE_KIB = 65_536;

/** How long SQLite itself waits for a lock: it asks after 1 ms and after 2 more. The worker asks it again. */
const ASK_MS = 3;

/** Runs something again while another process holds the lock it needs. */
export type WhenFree = <T>(run: () => T) => T;

export const connect = (path: string): DatabaseSync => new DatabaseSync(path, { timeout: ASK_MS });

/**
 * Opens the file, and with the connection's first transaction proves that it keeps what it is told.
 *
 * @throws KetenError `store_unsafe` where the library, the file or the connection cannot be trusted
 */
export function openDatabase(
  path: string,
  whenFree: WhenFree,
  connectTo: (path: string) => DatabaseSync = connect,
): DatabaseSync {
  prepareFile(path);
  const db = connectTo(path);
  try {
    // Preparing any statement reads the schema, and so may meet a lock.
    const library = whenFree(() => db.prepare("SELECT sqlite_version() AS version").get());
    refuseUnfixed(String(library?.version));
    whenFree(() => demandDurability(db));
    whenFree(() => db.exec(`PRAGMA cache_size=-${CACHE_KIB}; PRAGMA trusted_schema=OFF`));
    whenFree(() => db.exec("BEGIN IMMEDIATE"));
    migrate(db);
    whenFree(() => db.exec("COMMIT"));
    whenFree(() => confirmDurability(db));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
