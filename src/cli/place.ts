/**
 * Where a data directory's files lie, so that a copy is told from the original. Two keepers of one chain break it.
 *
 * 1. The directory remembers which files its identity and its store are, by inode and time of birth. Moving or renaming
 *    keeps both; copying and restoring from a backup change them.
 * 2. Data that lies elsewhere than it remembers is not opened: a copy may be behind the original, or beside it. Whoever
 *    knows that the other one will not run again says so with `keten adopt`.
 * 3. An image of a whole disk has the same files: that copy is not told. Nor is one of a file system without inodes.
 */

import { type BigIntStats, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { syncDirectory, systemDisk } from "../env/disk.ts";
import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { readText } from "./deployment.ts";

/** A file, however it is called: its inode, and when that was born, where the file system tells. */
interface Mark {
  readonly inode: string;
  readonly bornAt: string | null;
}

interface Place {
  readonly deployment: Mark;
  /** Null for a store that is no file. */
  readonly store: Mark | null;
}

export interface PlaceOptions {
  readonly dataDir: string;
  /** The store's file; null for a store that is none. */
  readonly storePath: string | null;
  readonly random: Random;
}

const placePath = (dataDir: string): string => join(dataDir, "place.json");

/** @throws KetenError `place_changed` if the data lies elsewhere than it remembers; `config_invalid` */
export function checkPlace({ dataDir, storePath }: PlaceOptions): void {
  const remembered = read(dataDir);
  if (!remembered) return;
  const deployment = markOf(join(dataDir, "deployment.json"));
  if (!isSame(remembered.deployment, deployment)) {
    throw changed(`"${dataDir}" is a copy, or was restored from one`);
  }
  if (storePath === null || remembered.store === null) return;
  const store = markOf(storePath);
  if (store === null) throw changed(`the store "${storePath}" is gone`);
  if (!isSame(remembered.store, store)) {
    throw changed(`the store "${storePath}" is a copy, or was restored from one`);
  }
}

/** Remembers what is not remembered yet, once the store's file exists. @throws KetenError `config_invalid` */
export function rememberPlace(options: PlaceOptions): void {
  const remembered = read(options.dataDir);
  const isWhole = remembered && (remembered.store !== null || options.storePath === null);
  if (!isWhole) adoptPlace(options);
}

/** Takes the data as it lies now for the original. @throws KetenError `config_invalid` */
export function adoptPlace({ dataDir, storePath, random }: PlaceOptions): void {
  const store = storePath === null ? null : markOf(storePath);
  const place = { deployment: markOf(join(dataDir, "deployment.json")), store };
  const path = placePath(dataDir);
  const draft = `${path}.${Buffer.from(random.bytes(8)).toString("hex")}`;
  try {
    const file = systemDisk.create(draft);
    try {
      file.write(Buffer.from(`${JSON.stringify(place)}\n`), 0);
      file.sync();
    } finally {
      file.close();
    }
    renameSync(draft, path);
    syncDirectory(dataDir);
  } catch (error) {
    rmSync(draft, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    throw new KetenError("config_invalid", `"${path}" cannot be written (${code})`, {
      cause: error,
    });
  }
}

function read(dataDir: string): Place | undefined {
  const path = placePath(dataDir);
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    const { deployment, store } = JSON.parse(text) as Record<string, unknown>;
    if (isMark(deployment) && (store === null || isMark(store))) return { deployment, store };
  } catch {
    // Damaged, like what is no place at all.
  }
  throw new KetenError(
    "config_invalid",
    `"${path}" is damaged; expected the file that was made with this data`,
  );
}

function isMark(value: unknown): value is Mark {
  const { inode, bornAt } = (value ?? {}) as Record<string, unknown>;
  return typeof inode === "string" && (bornAt === null || typeof bornAt === "string");
}

function markOf(path: string): Mark | null {
  let stat: BigIntStats | undefined;
  try {
    stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new KetenError("config_invalid", `"${path}" cannot be read (${code})`, { cause: error });
  }
  if (!stat) return null;
  const { ino, birthtimeNs, ctimeNs } = stat;
  // Where the system tells no birth it repeats the last change, or zero.
  const isTold = birthtimeNs > 0n && birthtimeNs !== ctimeNs;
  return { inode: String(ino), bornAt: isTold ? String(birthtimeNs) : null };
}

const isSame = (one: Mark, other: Mark | null): boolean =>
  other !== null &&
  one.inode === other.inode &&
  (one.bornAt === null || other.bornAt === null || one.bornAt === other.bornAt);

function changed(what: string): KetenError {
  return new KetenError(
    "place_changed",
    `${what}; two keepers of one chain break it, so nothing was opened`,
  );
}
