/**
 * What the processes of a cluster share, and what can strike them: one machine with a data directory, the store's file,
 * the knowledge of who is alive, and a trap that is set for the moment at which a process is hit.
 *
 * 1. A beacon is a row here: an owner that ended in order has none, one that was killed has a dark one. The operating
 *    system's own locks are put to the test elsewhere.
 * 2. Trouble that is no fault of Keten's is told here, so that nobody is blamed for waiting it out.
 */

import { type Disk, systemDisk } from "../../src/env/disk.ts";
import { KetenError } from "../../src/env/error.ts";
import { type Instant, SECOND } from "../../src/kernel/time.ts";
import { DataKey } from "../../src/keychain/data-key.ts";
import { MemoryDatabase } from "../../src/store/memory.ts";
import { memoryDisk } from "../../test/support/memory-disk.ts";
import type { Stream } from "../run/random-stream.ts";
import { KetenProcess } from "./keten-process.ts";
import type { StandingClock } from "./standing-clock.ts";

/** Moments of one refresh at which a process can be hit. */
export const POINTS = ["firstByte", "sent", "answered", "journaled", "committed"] as const;
export type Point = (typeof POINTS)[number];

/**
 * How the store misbehaves: somebody else holds its lock, so that who writes waits and then fails; every call fails; or a
 * commit is answered by an error, whether it was carried out or not.
 */
export const STORE_TROUBLES = ["locked", "broken", "unknown"] as const;
export type StoreTrouble = (typeof STORE_TROUBLES)[number];

export interface ClusterOptions {
  readonly clock: StandingClock;
  readonly directory: string;
  /** Keeps the store and the journals in memory instead of in files. */
  readonly isInMemory: boolean;
  readonly stream: Stream;
}

/** A token request of a consumer, between its writing and the end of its answer. */
export interface Ask {
  readonly id: string;
  readonly of: KetenProcess;
  /** On the wire: neither with the server nor done. */
  isOnWire: boolean;
}

export class Cluster {
  readonly clock: StandingClock;
  readonly directory: string;
  readonly stream: Stream;
  readonly key = new DataKey(Buffer.alloc(32, 7));
  /** Of the journals. */
  readonly disk: Disk;
  /** In place of the file, where the store is kept in memory. */
  readonly database: MemoryDatabase | undefined;
  readonly owners = new Map<string, "alive" | "dead">();
  /** The processes that run, by their place. */
  readonly places: (KetenProcess | undefined)[] = [];
  readonly asks = new Map<string, Ask>();
  store: { readonly trouble: StoreTrouble; readonly until: Instant } | undefined;
  trap: { readonly point: Point; readonly spring: (on: KetenProcess) => void } | undefined;
  /** When trouble that is no fault of ours ended last. */
  troubleEndedAt: Instant;
  readonly counts = new Map<string, number>();
  /** Updates that were begun and are not answered, and all that ever were: what was listed before is stale then. */
  updating = 0;
  updates = 0;
  #number = 0;

  constructor({ clock, directory, isInMemory, stream }: ClusterOptions) {
    this.clock = clock;
    this.directory = directory;
    this.stream = stream;
    this.disk = isInMemory ? memoryDisk() : systemDisk;
    this.database = isInMemory ? new MemoryDatabase() : undefined;
    this.troubleEndedAt = clock.now();
  }

  get alive(): readonly KetenProcess[] {
    return this.places.filter((one) => one !== undefined);
  }

  /** Starts a process at a place, however often that takes. */
  async startAt(place: number): Promise<void> {
    for (;;) {
      try {
        this.places[place] = await KetenProcess.start(this);
        return;
      } catch (error) {
        if (!(error instanceof KetenError && error.retryable)) throw error;
        this.count("a start failed");
        await this.clock.sleep(2 * SECOND);
      }
    }
  }

  nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  trouble(): void {
    this.troubleEndedAt = Math.max(this.troubleEndedAt, this.clock.now());
  }

  /** A process has come to a point: the trap that is set for it springs. */
  reached(point: Point, on: KetenProcess): void {
    const { trap } = this;
    if (trap?.point !== point) return;
    this.trap = undefined;
    trap.spring(on);
  }

  beginAsk(of: KetenProcess): Ask {
    const ask = { id: String(this.nextNumber()), of, isOnWire: false };
    this.asks.set(ask.id, ask);
    this.setOnWire(ask, true);
    return ask;
  }

  setOnWire(ask: Ask, isOnWire: boolean): void {
    if (ask.isOnWire === isOnWire) return;
    ask.isOnWire = isOnWire;
    if (isOnWire) this.clock.traffic.enter();
    else this.clock.traffic.leave();
  }

  endAsk(ask: Ask): void {
    this.setOnWire(ask, false);
    this.asks.delete(ask.id);
  }
}
