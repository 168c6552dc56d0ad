/**
 * What must be true of SQLite, the connection and the file before anything is trusted to them. All of it is asked,
 * none assumed, and each refusal is `store_unsafe`: better no store than one that forgets.
 *
 * 1. The library has the fix of the WAL-reset bug, by which two connections could lose a committed transaction.
 * 2. The file is in WAL mode, which needs shared memory and so a local file system; file systems of the network are
 *    refused by name where they can be told.
 * 3. Every commit is synced: `synchronous=FULL`, read back after the connection's first transaction, because a
 *    library may be built to lower it when it first meets a WAL file.
 * 4. Nobody else on the machine may read the file; a directory made for it is nobody else's either.
 */

import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statfsSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { KetenError } from "../../env/error.ts";

/** `PRAGMA synchronous` as SQLite numbers it. */
const FULL = 2;

/** Releases that contain the fix: from 3.51.3 on all, and these two branches from the given release on. */
const FIXED_FROM = [3, 51, 3] as const;
const BACKPORTS = [
  [3, 44, 6],
  [3, 50, 7],
] as const;

/**
 * Whether a SQLite release has the fix of the WAL-reset bug.
 *
 * @see https://sqlite.org/wal.html#walresetbug
 */
export function hasWalResetFix(version: string): boolean {
  const match = /^(\d+)\.(\d+)\.(\d+)$/.exec(version);
  if (!match) return false;
  const [major, minor, patch] = match.slice(1).map(Number) as [number, number, number];
  const backported = BACKPORTS.some(([x, y, z]) => major === x && minor === y && patch >= z);
  if (backported) return true;
  const [x, y, z] = FIXED_FROM;
  return major > x || (major === x && (minor > y || (minor === y && patch >= z)));
}

/** @throws KetenError `store_unsafe` for a library without the fix */
export function refuseUnfixed(version: string): void {
  if (hasWalResetFix(version)) return;
  throw unsafe(
    `SQLite ${version} can lose committed data (WAL-reset bug): expected 3.51.3 or newer, 3.50.7 or 3.44.6`,
    { version },
  );
}

/** Puts a connection into WAL mode with full sync. */
export function demandDurability(db: DatabaseSync): void {
  const mode = pragma(db, "journal_mode=WAL");
  if (mode !== "wal") {
    throw unsafe(`the database is in journal mode "${mode}": expected "wal", on a local file`, {
      journalMode: String(mode),
    });
  }
  db.exec(`PRAGMA synchronous=${FULL}`);
}

/** Reads back, after the connection's first transaction, what it was told before. */
export function confirmDurability(db: DatabaseSync): void {
  const mode = pragma(db, "journal_mode");
  const synchronous = pragma(db, "synchronous");
  if (mode === "wal" && typeof synchronous === "number" && synchronous >= FULL) return;
  throw unsafe(
    `the connection has journal_mode=${mode}, synchronous=${synchronous}: expected wal and ${FULL} (FULL)`,
    { journalMode: String(mode), synchronous: Number(synchronous) },
  );
}

function pragma(db: DatabaseSync, text: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${text}`).get() ?? {})[0];
}

/** Linux's magic numbers of file systems whose shared memory or locks do not reach other machines' processes. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x01021997, "9P"],
  [0x5346414f, "AFS"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
]);

/** The name of a network file system by its number; undefined for any other. */
export function networkFileSystem(type: number): string | undefined {
  return NETWORK_FILE_SYSTEMS.get(type >>> 0);
}

/** Makes the file and its directory if there are none, for this user alone, and refuses a place on the network. */
export function prepareFile(path: string): void {
  const directory = dirname(resolve(path));
  if (!existsSync(directory)) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    syncDirectory(dirname(directory));
  }
  const network =
    process.platform === "linux" ? networkFileSystem(statfsSync(directory).type) : undefined;
  if (network !== undefined) {
    throw unsafe(`"${directory}" is on ${network}: expected a local file system`, { network });
  }
  const isNew = !existsSync(path);
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600));
  chmodSync(path, 0o600);
  if (isNew) syncDirectory(directory);
}

/** A new name is durable once its directory is. Windows has no such call and needs none. */
function syncDirectory(directory: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function unsafe(message: string, evidence: KetenError["evidence"]): KetenError {
  return new KetenError("store_unsafe", message, { evidence });
}
