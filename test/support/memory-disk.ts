/**
 * A disk in memory that forgets at a loss of power what was not synced, can be full, and can fail. What it does not
 * model: a file system's own damage, and sectors torn in the middle.
 */

import { basename, dirname } from "node:path";
import type { Disk, DiskFile } from "../../src/env/disk.ts";

interface Stored {
  /** As programs see it. */
  bytes: Buffer;
  /** As it would be after a loss of power. */
  durable: Buffer;
}

export interface MemoryDisk extends Disk {
  /** How many bytes files may have in all; infinite at first. */
  capacity: number;
  /** Called before each write and sync; throws to make it fail. */
  fault: (verb: "write" | "sync" | "create", path: string) => void;
  /** The write and sync calls so far, in order. */
  readonly calls: readonly string[];
  /** All that was not synced is gone. */
  losePower(): void;
}

export function memoryDisk(): MemoryDisk {
  const files = new Map<string, Stored>();
  const calls: string[] = [];
  const total = (): number => [...files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  const disk: MemoryDisk = {
    capacity: Number.POSITIVE_INFINITY,
    fault: () => {},
    calls,
    makeDirectory: () => {},
    list: (directory) =>
      [...files.keys()]
        .filter((path) => dirname(path) === directory)
        .map((path) => basename(path))
        .sort(),
    create: (path) => {
      disk.fault("create", path);
      if (files.has(path)) throw Object.assign(new Error("EEXIST"), { code: "EEXIST" });
      const stored = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0) };
      files.set(path, stored);
      return openFile(path, stored);
    },
    read: async (path) => {
      const stored = files.get(path);
      return stored && Buffer.from(stored.bytes);
    },
    remove: (path) => {
      files.delete(path);
    },
    losePower: () => {
      for (const stored of files.values()) stored.bytes = Buffer.from(stored.durable);
    },
  };
  const openFile = (path: string, stored: Stored): DiskFile => ({
    write: (bytes, position) => {
      calls.push(`write ${bytes.length}`);
      disk.fault("write", path);
      const end = position + bytes.length;
      const growth = Math.max(0, end - stored.bytes.length);
      if (growth > 0 && total() + growth > disk.capacity) {
        throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
      }
      stored.bytes = Buffer.concat([stored.bytes, Buffer.alloc(growth)]);
      stored.bytes.set(bytes, position);
    },
    sync: () => {
      calls.push("sync");
      disk.fault("sync", path);
      stored.durable = Buffer.from(stored.bytes);
    },
    close: () => {},
  });
  return disk;
}
