/**
 * A disk in memory that forgets and fails, drawn by seed.
 *
 * 1. What was written and not synced survives the death of its process and may be lost at a loss of power: whole, or
 *    from a byte on (torn). Each file keeps what its un-synced writes wrote over, and takes it back then.
 * 2. After a failed sync the writes before it look fine and are never made durable, as on real kernels: a later sync
 *    that succeeds says nothing about them.
 * 3. A failing write may have written a part.
 * 4. A dead process writes nothing more, whatever its code still tries.
 */

import type { Disk, DiskFile } from "../../src/env/disk.ts";
import type { Faults } from "./faults.ts";
import type { Stream } from "./random-stream.ts";
import type { Actor } from "./world.ts";

interface Write {
  readonly position: number;
  /** What stood there before. */
  readonly before: Buffer;
}

interface StoredFile {
  bytes: Buffer;
  length: number;
  /** Not durable yet, oldest first. */
  unsynced: Write[];
  /** Never to be durable: their sync failed. */
  forgotten: Write[];
}

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** The platters: what outlives processes. */
export class Platters {
  readonly files = new Map<string, StoredFile>();
  readonly #stream: Stream;
  readonly #faults: Faults;

  constructor(stream: Stream, faults: Faults) {
    this.#stream = stream;
    this.#faults = faults;
  }

  /** Un-synced writes are lost or torn. */
  losePower(): void {
    for (const file of this.files.values()) {
      const pending = [...file.forgotten, ...file.unsynced];
      file.forgotten = [];
      file.unsynced = [];
      for (const { position, before } of pending.reverse()) {
        const kept = this.#stream.chance(0.3);
        const torn =
          !kept && this.#stream.chance(0.4) ? this.#faults.rateOf("tornWrite") > 0 : false;
        if (kept) continue;
        // The kernel writes pages in any order; here a torn write keeps its beginning.
        const from = torn ? this.#stream.whole(0, before.length) : 0;
        if (torn) this.#faults.count("tornWrite");
        before.copy(file.bytes, position + from, from);
      }
    }
  }
}

export interface DiskOptions {
  readonly platters: Platters;
  readonly host: Actor;
  readonly faults: Faults;
  readonly stream: Stream;
  /** Reading takes a turn. */
  readonly turn: () => Promise<void>;
  /** A fault of the disk, for whoever judges. */
  readonly onFault: (what: string) => void;
}

/** The disk as one process sees it. */
export function simDisk(options: DiskOptions): Disk {
  const { platters, host, faults, stream, turn, onFault } = options;
  const { files } = platters;
  const refuseDead = (): void => {
    if (host.isDead) throw failure("EDEAD");
    if (faults.strike("crashAtDisk")) {
      host.die();
      throw failure("EDEAD");
    }
  };
  const fail = (code: string): never => {
    onFault(code);
    throw failure(code);
  };
  const put = (file: StoredFile, bytes: Uint8Array, position: number): void => {
    const end = position + bytes.length;
    if (end > file.bytes.length) {
      const larger = Buffer.alloc(Math.max(end, 2 * file.bytes.length, 8192));
      file.bytes.copy(larger, 0, 0, file.length);
      file.bytes = larger;
    }
    const before = Buffer.from(file.bytes.subarray(position, end));
    file.unsynced.push({ position, before });
    file.bytes.set(bytes, position);
    file.length = Math.max(file.length, end);
  };
  const open = (file: StoredFile): DiskFile => ({
    write: (bytes, position) => {
      refuseDead();
      const isFull = position + bytes.length > file.length && faults.strike("diskFull");
      if (isFull || faults.strike("diskWriteFailed")) {
        put(file, bytes.subarray(0, stream.whole(0, bytes.length)), position);
        fail(isFull ? "ENOSPC" : "EIO");
      }
      put(file, bytes, position);
      refuseDead();
    },
    sync: () => {
      refuseDead();
      if (faults.strike("diskSyncFailed")) {
        file.forgotten.push(...file.unsynced);
        file.unsynced = [];
        fail("EIO");
      }
      file.unsynced = [];
      refuseDead();
    },
    close: () => {},
  });
  return {
    makeDirectory: () => {},
    list: () => [...files.keys()].sort(),
    create: (path) => {
      refuseDead();
      if (faults.strike("diskCreateFailed")) fail("ENOSPC");
      const name = path.slice(path.lastIndexOf("/") + 1);
      if (files.has(name)) throw failure("EEXIST");
      const file = { bytes: Buffer.alloc(0), length: 0, unsynced: [], forgotten: [] };
      files.set(name, file);
      return open(file);
    },
    read: async (path) => {
      await turn();
      if (faults.strike("diskReadFailed")) fail("EIO");
      const file = files.get(path.slice(path.lastIndexOf("/") + 1));
      return file && Buffer.from(file.bytes.subarray(0, file.length));
    },
    remove: (path) => {
      if (!host.isDead) files.delete(path.slice(path.lastIndexOf("/") + 1));
    },
  };
}
