/**
 * Writes that stop in the middle: the process may write no file beyond a size, so the write that crosses it is done in
 * part, and the next one fails. By `prlimit`, which like strace is a tool for proofs alone.
 *
 * 1. The process makes one refresh first. Its journal has its space then, and only the WAL grows.
 * 2. The size is that of the WAL and so many bytes of room: each room stops another write, or the same one elsewhere.
 */

import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Interrupted, interrupt } from "./interrupt.ts";
import type { Stand } from "./stand.ts";

export interface ShortTried extends Interrupted {
  readonly room: number;
}

/** A refresh writes no more than this to the WAL. */
export const ROOM_MAX = 32 * 1024;

/** Why no process can be limited here; null where one can. */
export function prlimitFault(): string | null {
  const tried = spawnSync("prlimit", ["--version"], { encoding: "utf8" });
  return tried.error ? "prlimit is not installed" : null;
}

function limit(pid: number, bytes: number | "unlimited"): void {
  const args = ["--pid", String(pid), `--fsize=${bytes}:unlimited`];
  const { status, stderr } = spawnSync("prlimit", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`prlimit failed: ${stderr}`);
}

/** Lets a refresh write so many bytes more to the WAL. */
export async function tryShortWrite(stand: Stand, room: number): Promise<ShortTried> {
  const tried = await interrupt(stand, {
    kills: false,
    arm: async (victim, dataDir) => {
      await victim.command({ do: "refresh" });
      const wal = join(dataDir, "keten.db-wal");
      const begun = existsSync(wal) ? statSync(wal).size : 0;
      const size = begun + room;
      limit(victim.pid, size);
      let reached = 0;
      return {
        disarm: async () => {
          // A store that fails is closed, and closing takes the WAL away; opened again, it begins a shorter one.
          reached = existsSync(wal) ? statSync(wal).size : size;
          limit(victim.pid, "unlimited");
        },
        wasHit: () => reached === size || reached < begun,
      };
    },
  });
  return { ...tried, room };
}
