/**
 * Power cuts: every state that a disk may be in is opened with the code that opens it in life, and must hold all that
 * was promised before the cut.
 *
 * 1. Promised are: records whose update the store had acknowledged (the same, or a later one that was decided for), as
 *    many events as were acknowledged, and every answer that the journal had taken.
 * 2. The database must open without damage, and hold nothing that was never decided.
 * 3. Opening writes, as it does in life; each state has a directory of its own.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openDeployment } from "../../src/cli/deployment.ts";
import { systemDisk } from "../../src/env/disk.ts";
import { systemClock, systemRandom } from "../../src/env/system.ts";
import { openJournal } from "../../src/keychain/journal.ts";
import { openKeyFile } from "../../src/keychain/key-file.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { seededRandom } from "../../src/sandbox/seeded-random.ts";
import { decodeRecord } from "../../src/store/codec.ts";
import { openDatabase } from "../../src/store/sqlite/open.ts";
import { keyOf } from "../../src/store/store.ts";
import { type DiskState, type Mode, PowerDisk } from "./power-disk.ts";
import type { Trace } from "./power-trace.ts";
import { type Mark, versionOf } from "./power-workload.ts";

/** Where the data directory lies in a recording. */
const DATA = "data";
/** States that are kept in memory are written and opened many times faster than on a disk. */
const FAST = "/dev/shm";

/** What was promised by a moment of the recording. */
class Promised {
  /** The versions decided for each connection, in order, and how many of them are certain. */
  readonly versions = new Map<string, { readonly decided: string[]; certain: number }>();
  readonly journaled = new Set<string>();
  events = 0;

  note(mark: Mark): void {
    switch (mark.mark) {
      case "decided":
        this.#of(mark.name).decided.push(mark.version);
        break;
      case "acknowledged": {
        const known = this.#of(mark.name);
        known.certain = Math.max(known.certain, known.decided.lastIndexOf(mark.version) + 1);
        break;
      }
      case "events":
        this.events = Math.max(this.events, mark.count);
        break;
      case "journaled":
        this.journaled.add(mark.attempt);
    }
  }

  #of(name: string): { readonly decided: string[]; certain: number } {
    const known = this.versions.get(name) ?? { decided: [], certain: 0 };
    this.versions.set(name, known);
    return known;
  }

  get isEmpty(): boolean {
    return this.versions.size === 0 && this.journaled.size === 0;
  }
}

export interface Verdict {
  readonly states: number;
  /** States of which no other had the same place and choices. */
  readonly distinct: number;
  readonly cuts: number;
  /** States in which something acknowledged was missing. */
  readonly lost: number;
  readonly damaged: number;
  /** Unopenable although nothing was promised yet: a nuisance, and no loss. */
  readonly stillborn: number;
  /** The first few, in words. */
  readonly told: readonly string[];
}

export interface Sampling {
  readonly seed: string;
  /** States of chance at each cut, beside the one with nothing unsynced and the one with everything. */
  readonly chances: number;
  /** About so many states; cuts are left out evenly to come near it. */
  readonly states?: number;
  readonly onProgress?: (states: number) => void;
  /** Looks for the first few losses only. */
  readonly untilLost?: number;
}

const TOLD_MAX = 10;

/** Cuts the power all along a recording. */
export async function cutPower(trace: Trace, sampling: Sampling): Promise<Verdict> {
  const { seed, chances, states: wanted = Number.POSITIVE_INFINITY, untilLost } = sampling;
  const random = seededRandom(seed, "power");
  const base = mkdtempSync(join(existsSync(FAST) ? FAST : tmpdir(), "keten-cut-"));
  const disk = new PowerDisk();
  const promised = new Promised();
  const perCut = chances + 2;
  const share = Math.min(1, wanted / (perCut * trace.length));
  const found = { states: 0, cuts: 0, lost: 0, damaged: 0, stillborn: 0, told: [] as string[] };
  const choices = new Set<string>();
  try {
    for (const [index, op] of trace.entries()) {
      disk.take(op, index);
      if (op.op === "mark") promised.note(op.mark);
      if (random.fraction() >= share) continue;
      found.cuts += 1;
      const modes: readonly Mode[] = disk.isSettled
        ? ["none"]
        : ["none", "all", ...Array.from({ length: chances }, () => "some" as const)];
      for (const mode of modes) {
        const state = disk.state(mode, random);
        choices.add(`${index} ${state.choices}`);
        const directory = join(base, String(found.states));
        await judge(directory, state, promised, `cut ${index}, ${mode}`, found);
        found.states += 1;
        sampling.onProgress?.(found.states);
        rmSync(directory, { recursive: true, force: true });
      }
      if (untilLost !== undefined && found.lost >= untilLost) break;
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  return { ...found, distinct: choices.size };
}

type Found = { lost: number; damaged: number; stillborn: number; readonly told: string[] };

async function judge(
  directory: string,
  state: DiskState,
  promised: Promised,
  where: string,
  found: Found,
): Promise<void> {
  const tell = (what: string): void => {
    if (found.told.length < TOLD_MAX) found.told.push(`${where}: ${what}`);
  };
  writeState(directory, state);
  try {
    const missing = await missingIn(join(directory, DATA), promised);
    if (missing.length === 0) return;
    found.lost += 1;
    tell(missing.join("; "));
  } catch (error) {
    if (promised.isEmpty) found.stillborn += 1;
    else found.damaged += 1;
    tell(`it does not open: ${String(error)}`);
  }
}

function writeState(directory: string, { files, directories }: DiskState): void {
  for (const name of [...directories].sort()) {
    mkdirSync(join(directory, name), { recursive: true, mode: 0o700 });
  }
  for (const [name, bytes] of files) {
    mkdirSync(join(directory, dirname(name)), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, name), bytes, { mode: 0o600 });
  }
}

/** Opens a data directory as it is opened in life, and says what of the promises it does not keep. */
async function missingIn(dataDir: string, promised: Promised): Promise<readonly string[]> {
  mkdirSync(dataDir, { recursive: true });
  const random = systemRandom;
  const { id } = openDeployment({ dataDir, random, timeScale: undefined, now: Date.now });
  const keyPath = join(dataDir, "keten.key");
  const key = openKeyFile({ keyPath, checkPath: `${keyPath}-check`, random });
  const sealer = createSealer({ keys: [key], deploymentId: id, random });
  const stored = missingInStore(join(dataDir, "keten.db"), promised);
  const journal = openJournal({
    ...{ directory: join(dataDir, "journal"), owner: "judge", sealer },
    ...{ clock: systemClock(), disk: systemDisk },
  });
  const { entries } = await journal.entries();
  journal.close();
  const attempts = new Set(entries.map(({ answer }) => answer.attemptId));
  const gone = [...promised.journaled].filter((attempt) => !attempts.has(attempt));
  return [...stored, ...gone.map((attempt) => `the journal has forgotten attempt ${attempt}`)];
}

function missingInStore(path: string, { versions, events }: Promised): readonly string[] {
  const db = openDatabase(path, (run) => run());
  try {
    const check = Object.values(db.prepare("PRAGMA integrity_check").get() ?? {})[0];
    if (check !== "ok") throw new Error(`integrity_check: ${String(check)}`);
    const missing: string[] = [];
    const find = db.prepare("SELECT bytes FROM _keten_records WHERE kind = ? AND id = ?");
    for (const [name, { decided, certain }] of versions) {
      const bytes = find.get("connection", name)?.bytes as Uint8Array | undefined;
      const version = bytes && versionOf(decodeRecord(keyOf("connection", name), bytes));
      const at = version === undefined ? 0 : decided.lastIndexOf(version) + 1;
      if (version !== undefined && at === 0) missing.push(`"${name}" is as nobody decided`);
      else if (at < certain) missing.push(`"${name}" is at version ${at}; acknowledged ${certain}`);
    }
    const newest = Number(
      Object.values(db.prepare("SELECT max(number) FROM _keten_events").get() ?? {})[0],
    );
    if (newest < events) missing.push(`${newest} events; acknowledged ${events}`);
    return missing;
  } finally {
    db.close();
  }
}
