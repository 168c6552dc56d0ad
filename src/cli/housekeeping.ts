/**
 * What dead processes left in a data directory, and nobody needs any more.
 *
 * 1. Journal files go when the journal says so: all settled, and kept for the retention time.
 * 2. A dead owner's beacon goes when neither a journal file nor a connection names that owner. The dead are told first and
 *    the names read afterwards: a dead owner writes itself nowhere any more.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { everyRecord } from "../store/every.ts";
import type { Home } from "./compose.ts";

/** Removes them; says how many. */
export async function sweep(home: Home): Promise<{ journals: number; owners: number }> {
  const { liveness, journal, dataDir } = home;
  // Whoever writes to a journal here has a beacon here: without one it has ended in order.
  const isAlive = (owner: string): boolean => liveness.stateOf(owner) === "alive";
  const dead = liveness.owners().filter((owner) => liveness.stateOf(owner) === "dead");
  const journals = await journal.sweep(isAlive);
  if (dead.length === 0) return { journals: journals.length, owners: 0 };
  const named = await ownersNamed(home);
  const files = readdirSync(join(dataDir, "journal"));
  const forgotten = dead.filter(
    (owner) =>
      !named.has(owner) &&
      !files.some((file) => file.startsWith(`${owner}-`)) &&
      liveness.forget(owner),
  );
  return { journals: journals.length, owners: forgotten.length };
}

async function ownersNamed({ store }: Home): Promise<ReadonlySet<string>> {
  const named = new Set<string>();
  for await (const { record } of everyRecord(store, "connection")) {
    const { lease, attempts } = record.holding;
    if (lease) named.add(lease.owner);
    for (const { owner } of attempts) named.add(owner);
  }
  return named;
}
