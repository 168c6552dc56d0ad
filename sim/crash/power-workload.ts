/**
 * The process whose writes are recorded for the power cuts: a keychain that is opened, used, closed and opened again.
 *
 * 1. What it was promised is written to a file of marks, which the recording sees in line with everything else: a
 *    decision before its commit, the same once the store has acknowledged it, an answer once the journal has.
 * 2. Store and journal are those of every deployment; only their callers are listened to.
 * 3. In between, the WAL is moved into the database and begun anew, as happens by itself after a thousand pages.
 */

import { createHash } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Home, openHome } from "../../src/cli/compose.ts";
import { type ConnectOptions, openKeychain } from "../../src/cli/library.ts";
import { silentLog } from "../../src/env/log.ts";
import { TIME_SCALE } from "./stand.ts";

export interface WorkloadOptions {
  readonly dataDir: string;
  readonly marks: string;
  readonly connections: readonly ConnectOptions[];
  /** How often the directory is opened, and how many refreshes each connection makes meanwhile. */
  readonly openings: number;
  readonly rounds: number;
}

/** A line in the file of marks. Names are those of connections. */
export type Mark =
  | { readonly mark: "decided" | "acknowledged"; readonly name: string; readonly version: string }
  | { readonly mark: "events"; readonly count: number }
  | { readonly mark: "journaled"; readonly attempt: string };

/** Identifies a record as it was written. */
export const versionOf = (record: unknown): string =>
  createHash("sha256").update(JSON.stringify(record)).digest("base64url").slice(0, 16);

type Decided = {
  readonly writes?: readonly ({ readonly name?: string } | null | undefined)[];
  readonly events?: readonly unknown[];
};
type AnyUpdate = (keys: unknown, decide: (...input: unknown[]) => Decided) => Promise<unknown>;

function listen(home: Home, tell: (mark: Mark) => void): void {
  let events = 0;
  const store = home.store as unknown as { update: AnyUpdate };
  const update = store.update.bind(store);
  store.update = async (keys, decide) => {
    let decided: Decided = {};
    const named = (mark: "decided" | "acknowledged"): void => {
      for (const record of decided.writes ?? []) {
        if (record?.name !== undefined)
          tell({ mark, name: record.name, version: versionOf(record) });
      }
    };
    const result = await update(keys, (...input) => {
      decided = decide(...input);
      named("decided");
      return decided;
    });
    named("acknowledged");
    const added = decided.events?.length ?? 0;
    if (added > 0) {
      events += added;
      tell({ mark: "events", count: events });
    }
    return result;
  };
  const { journal } = home;
  const reserve = journal.reserve.bind(journal);
  journal.reserve = () => {
    const place = reserve();
    return {
      release: place.release,
      append: (ids, answer) => {
        place.append(ids, answer);
        tell({ mark: "journaled", attempt: ids.attemptId });
      },
    };
  };
}

/** Moves all of the WAL into the database; the next write begins it anew. */
function checkpoint(dataDir: string): void {
  const db = new DatabaseSync(join(dataDir, "keten.db"));
  db.exec("PRAGMA synchronous=FULL; PRAGMA wal_checkpoint(RESTART)");
  db.close();
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? "{}") as WorkloadOptions;
  const { dataDir, connections, openings, rounds } = options;
  const marks = openSync(options.marks, "a");
  const tell = (mark: Mark): void => {
    writeSync(marks, `${JSON.stringify(mark)}\n`);
  };
  const open = () => openHome({ dataDir, mode: "lazy", timeScale: TIME_SCALE, log: silentLog });
  for (let opening = 0; opening < openings; opening += 1) {
    if (opening === 0) {
      // As a library's user begins: the library makes the connections, whose records are read back below.
      const keychain = await openKeychain({
        ...{ dataDir, lazy: true, timeScale: TIME_SCALE, courier: false },
      });
      for (const connection of connections) await keychain.connect(connection);
      await keychain.close();
    }
    const home = await open();
    for (const view of await home.keychain.list()) {
      const record = await home.store.read({ kind: "connection", id: view.name } as never);
      const version = versionOf(record);
      tell({ mark: "decided", name: view.name, version });
      tell({ mark: "acknowledged", name: view.name, version });
    }
    listen(home, tell);
    for (let round = 0; round < rounds; round += 1) {
      const refreshed = connections.map(async ({ name }) => {
        const { generation } = await home.keychain.show(name);
        await home.keychain.failed(name, generation, "workload");
      });
      await Promise.all(refreshed);
      if (round === rounds >> 1) checkpoint(dataDir);
    }
    // The last one ends as a process that is killed.
    if (opening < openings - 1) await home.close();
  }
  process.kill(process.pid, "SIGKILL");
}

if (import.meta.main) await main();
