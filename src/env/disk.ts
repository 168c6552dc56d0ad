/**
 * The little that the journal needs of a file system, as a seam: a simulated disk can tear writes, refuse space and
 * forget what was not synced.
 *
 * 1. Writes and syncs are synchronous on purpose. The runtime's file threads are four, shared with name look-ups: four
 *    names that do not resolve would keep every answer off the disk for seconds, which is just the span in which a
 *    crash costs a chain. A write and its sync into preallocated space took 0.2 ms where it was measured, through
 *    the threads 0.3 ms.
 * 2. Reading may take its time: it happens at start and in recovery.
 */

import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

export interface DiskFile {
  /** Writes all bytes at a position, or throws with some of them written. */
  write(bytes: Uint8Array, position: number): void;
  /** Returns when all that was written, and the length of the file, is durable. */
  sync(): void;
  close(): void;
}

export interface Disk {
  /** Makes a directory for its owner only, with its parents, names durable; leaves an existing one as it is. */
  makeDirectory(path: string): void;
  /** The names in a directory, sorted. */
  list(directory: string): readonly string[];
  /** Creates a file for its owner only, its name durable. Throws if it exists. */
  create(path: string): DiskFile;
  /** The bytes of a file; undefined if there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Removes a file; nothing happens if there is none. */
  remove(path: string): void;
}

export const systemDisk: Disk = {
  makeDirectory,
  list: (directory) => readdirSync(directory).sort(),
  create: (path) => {
    const descriptor = openSync(path, "wx", 0o600);
    try {
      syncDirectory(dirname(path));
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return openFile(descriptor);
  },
  read: async (path) => {
    try {
      return await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  },
  remove: (path) => rmSync(path, { force: true }),
};

function openFile(descriptor: number): DiskFile {
  return {
    write: (bytes, position) => {
      let written = 0;
      while (written < bytes.length) {
        written += writeSync(
          descriptor,
          bytes,
          written,
          bytes.length - written,
          position + written,
        );
      }
    },
    sync: () => fdatasyncSync(descriptor),
    close: () => closeSync(descriptor),
  };
}

/** Makes a directory for its owner only, with its parents, and the names of all that are new durable. */
export function makeDirectory(path: string): void {
  const topmost = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (topmost === undefined) return;
  for (let made = resolve(path); ; made = dirname(made)) {
    syncDirectory(dirname(made));
    if (made === resolve(topmost) || made === dirname(made)) return;
  }
}

/** Makes the names in a directory durable: a new file whose name is not could vanish with a loss of power. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
