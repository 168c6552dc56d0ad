/**
 * One process's view of the store that all share: it fails as files do that others use, and answers nobody whose process
 * was killed.
 *
 * 1. Looking for what is due, which every process does every second, is answered from what was listed last as long as
 *    nobody has begun to write since. That is what the file would say.
 */

import { KetenError } from "../../src/env/error.ts";
import { type Instant, MINUTE, SECOND } from "../../src/kernel/time.ts";
import type { ConnectionRecord } from "../../src/store/connection-record.ts";
import type { Page, Store } from "../../src/store/store.ts";
import type { Cluster } from "./cluster.ts";
import { never } from "./never.ts";

/** As long as the SQLite engine waits for a lock. */
const BUSY_TIMEOUT_MS = 5 * SECOND;

interface Listed {
  readonly at: number;
  readonly page: Page<ConnectionRecord>;
}

export interface ProcessOfStore {
  readonly isKilled: boolean;
  /** Told after each commit of its own. */
  committed(): void;
  /** Told when it has found nothing due, without asking the file, and before when that will stay so. */
  foundNothing(until: () => Instant): void;
}

export function sharedStore(store: Store, cluster: Cluster, process: ProcessOfStore): Store {
  let listed: Listed | undefined;
  const isListed = (): boolean => listed?.at === cluster.updates && cluster.updating === 0;
  const dueAt = (): Instant =>
    listed && isListed()
      ? Math.min(...listed.page.records.map(({ record }) => record.due))
      : Number.NEGATIVE_INFINITY;
  const answer = async <T>(work: () => Promise<T>): Promise<T> => {
    if (process.isKilled) return await never;
    if (troubleOf(cluster) === "broken") throw unavailable("the disk fails");
    try {
      const result = await cluster.clock.traffic.during(work);
      if (process.isKilled) return await never;
      return result;
    } catch (error) {
      if (process.isKilled) return await never;
      throw error;
    }
  };
  const list: Store["list"] = async (kind, where, after) => {
    if (kind !== "connection" || !("dueBefore" in where) || after !== undefined) {
      return await answer(() => store.list(kind, where, after));
    }
    if (process.isKilled) return await never;
    if (troubleOf(cluster) === "broken") throw unavailable("the disk fails");
    const isKnown = isListed();
    let page = listed?.page;
    if (!page || !isKnown) {
      const { updates, updating } = cluster;
      page = await answer(() => store.list("connection", {}));
      listed = updating === 0 && cluster.updates === updates ? { at: updates, page } : undefined;
    }
    const records = page.records.filter(({ record }) => record.due < where.dueBefore);
    if (isKnown && records.length === 0) process.foundNothing(dueAt);
    return { records, next: undefined } as unknown as Page<never>;
  };
  return {
    async update(keys, decide) {
      if (process.isKilled) return await never;
      await lockFree(cluster);
      const isUnknown = troubleOf(cluster) === "unknown" && cluster.stream.chance(0.7);
      if (isUnknown && cluster.stream.chance(0.5)) throw unknown();
      const result = await answer(async () => {
        cluster.updates += 1;
        cluster.updating += 1;
        try {
          return await store.update(keys, decide);
        } finally {
          cluster.updating -= 1;
        }
      });
      if (isUnknown) throw unknown();
      process.committed();
      if (process.isKilled) return await never;
      return result;
    },
    read: (key) => answer(() => store.read(key)),
    list,
    events: (after, limit) => answer(() => store.events(after, limit)),
    size: () => answer(() => store.size()),
    close: () => cluster.clock.traffic.during(() => store.close()),
  };
}

const troubleOf = ({ store, clock }: Cluster) =>
  store && clock.now() < store.until ? store.trouble : undefined;

/** Waits for the lock as the engine does, and fails as it does. */
async function lockFree(cluster: Cluster): Promise<void> {
  const { clock, store } = cluster;
  if (!store || troubleOf(cluster) !== "locked") return;
  const left = Math.min(store.until - clock.now(), MINUTE);
  await clock.sleep(Math.min(left, BUSY_TIMEOUT_MS));
  if (left > BUSY_TIMEOUT_MS) throw unavailable("database is locked");
}

const unavailable = (what: string): KetenError =>
  new KetenError("store_unavailable", `the store is unavailable: ${what}`, { retryable: true });

const unknown = (): KetenError =>
  new KetenError("commit_unknown", "a commit was not answered", { retryable: true });
