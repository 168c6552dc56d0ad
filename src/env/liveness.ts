/**
 * Which owners of this data directory are alive: each holds a lock of the operating system on a file of its own, its
 * beacon, until it dies. Process numbers would not do: they are reused, and mean something else in each container.
 *
 * 1. The lock is an exclusive transaction of SQLite on an empty database, because the runtime has no file lock of its
 *    own. It ends with the process, however that ends, and a stopped process keeps it.
 * 2. Asking reads, with a shared lock that disturbs neither the owner nor others who ask.
 * 3. A beacon appears under its name with its lock already taken (made under a draft's name, locked, renamed), so
 *    "there and not locked" always means dead.
 * 4. No beacon means *unknown*, not dead: the owner may use another data directory, on this machine or elsewhere.
 * 5. A dead owner's beacon stays until `forget`. Whoever forgets makes sure first that nothing names the owner.
 * 6. An owner may have couriers: processes that send for it and may outlive it (`courierIdOf`). Each holds a beacon of its
 *    own before it sends anything. So an owner is *dead* only when all of its family are; while its own beacon is dark and
 *    a courier's is not, it is *harvesting*: it begins nothing any more, and may still journal an answer.
 * 7. Nothing in this process may open a beacon otherwise than through SQLite: POSIX drops a process's locks on a file
 *    when any descriptor of it is closed.
 */

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { KetenError } from "./error.ts";
import type { Random } from "./random.ts";

export type OwnerState = "alive" | "harvesting" | "dead" | "unknown";

export interface Liveness {
  /** This process's owner id: new with every registration, never used again. */
  readonly ownerId: string;
  /** @throws KetenError `store_unavailable` if it cannot be told, never guessing. */
  stateOf(ownerId: string): OwnerState;
  /** Every owner with a beacon here, this one included, sorted. */
  owners(): readonly string[];
  /** Removes a dead owner's beacon; false if the owner is not dead. */
  forget(ownerId: string): boolean;
  /** Ends this owner's life as far as others can tell, and removes its beacon. */
  close(): void;
}

export interface LivenessOptions {
  /** Such as `<data>/owners`; on a local file system. */
  readonly directory: string;
  readonly random: Random;
  /** An id that was never used before, for a courier; drawn unless given. */
  readonly ownerId?: string;
}

/** The owner id of an owner's courier, counted from 1. */
export const courierIdOf = (ownerId: string, number: number): string => `${ownerId}-c${number}`;

const OWNER_ID = /^[A-Za-z0-9_-]{1,64}$/;
const DRAFT_SUFFIX = ".draft";
const ATTEMPTS_MAX = 5;

/** SQLite's primary result codes; the extended ones have them in their low byte. */
const SQLITE_BUSY = 5;
const SQLITE_CANTOPEN = 14;

/** Held for the process's life: a beacon that is collected as garbage would let its lock go. */
const beacons = new Set<DatabaseSync>();

/** Registers this process. @throws KetenError `store_unavailable` if the directory cannot be used. */
export function registerOwner(options: LivenessOptions): Liveness {
  const { directory } = options;
  const pathOf = (ownerId: string): string => {
    assert.match(ownerId, OWNER_ID);
    return join(directory, ownerId);
  };
  const { ownerId, beacon } = light(options);
  beacons.add(beacon);
  removeDrafts(directory);

  const isAlight = (id: string): boolean => probe(pathOf(id)) === "alive";
  const stateOf = (id: string): OwnerState => {
    if (id === ownerId && beacons.has(beacon)) return "alive";
    const own = probe(pathOf(id));
    // Its own beacon first: from a dead owner no courier comes any more.
    if (own === "alive" || !couriersOf(directory, id).some(isAlight)) return own;
    return "harvesting";
  };
  return {
    ownerId,
    stateOf,
    owners: () =>
      readdirSync(directory)
        .filter((name) => OWNER_ID.test(name))
        .sort(),
    forget: (id) => {
      if (stateOf(id) !== "dead") return false;
      rmSync(pathOf(id), { force: true });
      return true;
    },
    close: () => {
      if (!beacons.delete(beacon)) return;
      // Removed before it is let go: at no moment is there a beacon that says "dead".
      rmSync(pathOf(ownerId), { force: true });
      beacon.close();
    },
  };
}

/** The ids of an owner's couriers that have a beacon. */
function couriersOf(directory: string, ownerId: string): readonly string[] {
  const begin = courierIdOf(ownerId, 0).slice(0, -1);
  return readdirSync(directory).filter(
    (name) => name.startsWith(begin) && /^\d+$/.test(name.slice(begin.length)),
  );
}

/** Makes and locks a beacon under a new id. */
function light({ directory, random, ownerId: given }: LivenessOptions): {
  readonly ownerId: string;
  readonly beacon: DatabaseSync;
} {
  let failure: unknown;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const ownerId = given ?? Buffer.from(random.bytes(16)).toString("hex");
    const path = join(directory, ownerId);
    let beacon: DatabaseSync | undefined;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      beacon = new DatabaseSync(`${path}${DRAFT_SUFFIX}`);
      beacon.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      renameSync(`${path}${DRAFT_SUFFIX}`, path);
      return { ownerId, beacon };
    } catch (error) {
      // Somebody may have taken the draft for a dead owner's, between its making and its locking.
      failure = error;
      beacon?.close();
      rmSync(`${path}${DRAFT_SUFFIX}`, { force: true });
    }
  }
  throw new KetenError("store_unavailable", `no owner can be registered in "${directory}"`, {
    cause: failure,
    retryable: true,
  });
}

/** Drafts that a dead process left. A living one that loses its draft makes another. */
function removeDrafts(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (name.endsWith(DRAFT_SUFFIX) && probe(path) === "dead") rmSync(path, { force: true });
  }
}

function probe(path: string): OwnerState {
  let reader: DatabaseSync | undefined;
  try {
    reader = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    reader.prepare("SELECT count(*) FROM sqlite_schema").get();
    return "dead";
  } catch (error) {
    const code = Number((error as { errcode?: unknown }).errcode) & 0xff;
    if (code === SQLITE_BUSY) return "alive";
    if (code === SQLITE_CANTOPEN && !existsSync(path)) return "unknown";
    throw new KetenError("store_unavailable", "whether an owner is alive cannot be told", {
      cause: error,
      retryable: true,
    });
  } finally {
    reader?.close();
  }
}
