/**
 * A refresh is interrupted at every one of its system calls: the process dies on it, or the call fails.
 *
 * 1. The calls of one refresh are recorded first. Each that opens, writes, syncs, names, connects, sends, receives or
 *    closes becomes a case of its own; so do locks, which can fail but write nothing.
 * 2. SIGKILL comes at the entry of a call, which then does not happen. As every call is a case, the moment after each is
 *    the moment before the next.
 * 3. After a failed call the same process is asked again, and only then is it ended; after both, a fresh process opens
 *    the directory, without faults, and must refresh once more or name the loss.
 * 4. What Node does with its own event descriptors and threads is left alone: no disk and no network fails there.
 */

import { basename, join } from "node:path";
import { type Interrupted, inPreparedHome, interrupt } from "./interrupt.ts";
import { Victim } from "./process.ts";
import type { Stand } from "./stand.ts";
import {
  type Call,
  hitOf,
  type Injection,
  inject,
  type Role,
  readCalls,
  record,
  threadsOf,
} from "./strace.ts";

const DISK_CALLS = [
  ...["openat", "write", "writev", "pwrite64", "pwritev", "pread64", "read", "close"],
  ...["fsync", "fdatasync", "ftruncate", "fallocate", "fcntl"],
  ...["mkdir", "rename", "renameat2", "link", "unlink", "unlinkat"],
];
const NETWORK_CALLS = ["socket", "connect", "sendto", "sendmsg", "recvfrom", "recvmsg", "shutdown"];
export const CALLS: readonly string[] = [...DISK_CALLS, ...NETWORK_CALLS];

/** Calls that need space on the disk, and so can fail for want of it. */
const NEEDS_SPACE = new Set([
  ...["openat", "write", "writev", "pwrite64", "pwritev", "fsync", "fdatasync"],
  ...["ftruncate", "fallocate", "mkdir", "rename", "renameat2", "link"],
]);

/** A place in a refresh where something can happen. */
export interface Place extends Pick<Call, "name" | "nth"> {
  readonly role: Role;
  /** `socket`, or the file without what differs from run to run. */
  readonly target: string;
}

export interface Case extends Place {
  readonly injection: Injection;
}

export interface Tried extends Case, Interrupted {}

/** The places of one refresh, in the order in which they were seen. */
export function placesOfRefresh(stand: Stand): Promise<readonly Place[]> {
  return inPreparedHome(stand, async (dataDir) => {
    const victim = await Victim.start(dataDir);
    try {
      const threads = threadsOf(victim.pid);
      const output = join(dataDir, "..", "calls");
      const tracing = await record(victim.pid, CALLS, output);
      const answer = await victim.command({ do: "refresh" });
      await tracing.end();
      if (answer?.answer?.code !== null) throw new Error(`no refresh: ${JSON.stringify(answer)}`);
      const roles = new Map(threads.map(({ id, role }) => [id, role]));
      return readCalls(output).flatMap((call): Place[] => {
        const target = placeNameOf(call);
        const role = roles.get(call.thread) ?? "other";
        return target === undefined || role === "other"
          ? []
          : [{ role, name: call.name, nth: call.nth, target }];
      });
    } finally {
      await victim.end();
    }
  });
}

/** A name that is the same in every run; undefined for what is no disk and no network. */
function placeNameOf({ name, target, descriptor, text }: Call): string | undefined {
  // Standard input and output are the tool's own.
  if (descriptor !== null && descriptor <= 2) return undefined;
  if (name === "socket" || target.startsWith("socket:")) return "socket";
  if (target.startsWith("anon_inode:") || target.startsWith("pipe:")) return undefined;
  // Letting a lock go cannot fail on a local file.
  if (name === "fcntl" && !/F_(?:RD|WR)LCK/.test(text)) return undefined;
  if (target.startsWith("/proc/")) return target;
  if (target.endsWith(".journal")) return "journal file";
  return target === "" ? undefined : basename(target);
}

/** Every case of a list of places. */
export function casesOf(places: readonly Place[]): readonly Case[] {
  return places.flatMap((place) => {
    const isLock = place.name === "fcntl";
    // A close that fails ends Node itself: its own code takes that for a mistake of its caller.
    if (place.name === "close") return [{ ...place, injection: "SIGKILL" as const }];
    const needsSpace = place.target !== "socket" && NEEDS_SPACE.has(place.name);
    const injections: readonly Injection[] = [
      ...(isLock ? [] : ["SIGKILL" as const]),
      "EIO",
      ...(needsSpace && !place.target.startsWith("/proc/") ? ["ENOSPC" as const] : []),
    ];
    return injections.map((injection) => ({ ...place, injection }));
  });
}

/** How far Node's own calls may move the count of those we aim at. */
const AIMS = [0, 1, -1, 2, -2, 3];

/** Tries one case, again with another count where something else was hit. */
export async function tryAimed(stand: Stand, one: Case): Promise<Tried> {
  let tried: Tried | undefined;
  for (const aim of AIMS) {
    tried = await tryCase(stand, { ...one, nth: Math.max(1, one.nth + aim) });
    if (tried.hit || tried.faults.length > 0) break;
  }
  return tried ?? tryCase(stand, one);
}

/** Tries one case on a chain of its own. */
async function tryCase(stand: Stand, one: Case): Promise<Tried> {
  const tried = await interrupt(stand, {
    kills: one.injection === "SIGKILL",
    // SQLite takes a read that fails for damage.
    alsoClear: one.name === "pread64" ? ["store_unsafe"] : [],
    arm: async ({ pid }, dataDir) => {
      const output = join(dataDir, "..", "hits");
      const thread = threadsOf(pid).find(({ role }) => role === one.role)?.id ?? pid;
      const tracing = await inject(thread, one, one.injection, output);
      let met: Call | undefined;
      return {
        disarm: async () => {
          await tracing.end();
          met = hitOf(output);
        },
        wasHit: () => met !== undefined && placeNameOf(met) === one.target,
      };
    },
  });
  return { ...one, ...tried };
}
