/**
 * A refresh that is interrupted at its system calls, at a few of them for each policy; `npm run crashes -- syscalls`
 * does all. Without strace there is nothing to interrupt with, and the tests show no more than that this is said.
 */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { inParallel } from "../../sim/crash/in-parallel.ts";
import { prlimitFault, tryShortWrite } from "../../sim/crash/short-writes.ts";
import { fateOf, startStand } from "../../sim/crash/stand.ts";
import { hitOf, type Injection, readCalls, straceFault } from "../../sim/crash/strace.ts";
import {
  type Case,
  casesOf,
  type Place,
  placesOfRefresh,
  type Tried,
  tryAimed,
} from "../../sim/crash/syscalls.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** Whether strace can be used; says so where it cannot. */
function canTrace(t: TestContext): boolean {
  const fault = straceFault();
  if (fault === null) return true;
  t.diagnostic(`nothing is interrupted here: ${fault}`);
  assert.match(fault, /^strace (?:is not installed|is for Linux only|may not trace here)/);
  return false;
}

/** The n-th place of a kind, from the end if n is negative. */
function place(places: readonly Place[], name: string, target: string, n: number): Place {
  const found = places.filter((one) => one.name === name && one.target === target).at(n);
  assert.ok(found, `a refresh has a ${name} of ${target}`);
  return found;
}

async function tryAll(
  preset: string,
  choose: (places: readonly Place[]) => readonly (readonly [Place, Injection])[],
): Promise<readonly Tried[]> {
  const stand = await startStand(preset);
  try {
    const chosen = choose(await placesOfRefresh(stand));
    const cases = chosen.map(([one, injection]): Case => ({ ...one, injection }));
    return await inParallel(cases, 3, (one) => tryAimed(stand, one));
  } finally {
    await stand.close();
  }
}

/** Nothing was lost that could have been kept, and every fault was met where it was aimed at. */
function wellSettled(all: readonly Tried[]): void {
  for (const tried of all) {
    assert.deepEqual(tried.faults, [], JSON.stringify(tried));
    assert.ok(tried.hit, `missed: ${JSON.stringify(tried)}`);
  }
}

/** Before the intent is durable, before the first byte, with the answer in hand, once it is journaled, in the commit. */
const deaths = (places: readonly Place[]): readonly (readonly [Place, Injection])[] => [
  [place(places, "fsync", "keten.db-wal", 0), "SIGKILL"],
  [place(places, "writev", "socket", 0), "SIGKILL"],
  [place(places, "pwrite64", "journal file", 2), "SIGKILL"],
  [place(places, "fdatasync", "journal file", -1), "SIGKILL"],
  [place(places, "pwrite64", "keten.db-wal", 8), "SIGKILL"],
  [place(places, "fsync", "keten.db-wal", 1), "SIGKILL"],
  [place(places, "fsync", "keten.db-wal", 2), "SIGKILL"],
];

async function goesOn(t: TestContext, preset: string): Promise<void> {
  if (!canTrace(t)) return;
  const all = await tryAll(preset, deaths);
  wellSettled(all);
  assert.deepEqual(new Set(all.map(({ fate }) => fate)), new Set(["kept"]));
}

test("[E07, E09, G07] killed at a system call of a refresh, a handshake chain goes on", (t) =>
  goesOn(t, "handshake"));

test("[E07, E08, G07] killed at a system call of a refresh, a chain of Exact Online goes on", (t) =>
  goesOn(t, "exact-online"));

test("[E07, G07, PRO-03, PRO-23] killed at a system call of a refresh, a strict chain is lost by name, and only with the answer in hand", async (t) => {
  if (!canTrace(t)) return;
  const all = await tryAll("strict", deaths);
  wellSettled(all);
  const lost = all.filter(({ fate }) => fate !== "kept");
  assert.deepEqual(
    lost.map(({ name, target, fate }) => [name, target, fate]),
    [["pwrite64", "journal file", "unavoidable"]],
  );
});

test("[STO-04, STO-05, PRO-02] a disk that fails or is full at a system call of a refresh loses nothing and is told by code", async (t) => {
  if (!canTrace(t)) return;
  const all = await tryAll("strict", (places) => [
    [place(places, "fsync", "keten.db-wal", 0), "EIO"],
    [place(places, "pwrite64", "journal file", 0), "ENOSPC"],
    [place(places, "fdatasync", "journal file", 0), "EIO"],
    [place(places, "pwrite64", "journal file", 2), "ENOSPC"],
    [place(places, "fdatasync", "journal file", 2), "EIO"],
    [place(places, "pwrite64", "keten.db-wal", 8), "ENOSPC"],
    [place(places, "fsync", "keten.db-wal", 1), "EIO"],
    [place(places, "fsync", "keten.db-wal", 2), "EIO"],
  ]);
  wellSettled(all);
  assert.deepEqual(
    all.map(({ refresh, again, requests }) => [refresh, again, requests]),
    [
      ["commit_unknown", "ok", 0],
      ["journal_unavailable", "ok", 0],
      ["journal_unavailable", "ok", 0],
      ["ok", "ok", 1],
      ["ok", "ok", 1],
      ["commit_unknown", "ok", 1],
      ["commit_unknown", "ok", 1],
      ["commit_unknown", "ok", 1],
    ],
  );
  assert.deepEqual(new Set(all.map(({ fate }) => fate)), new Set(["kept"]));
});

test("[STO-04] a disk that is full in the middle of a write loses nothing and is told by code", async (t) => {
  const fault = prlimitFault();
  if (fault !== null) {
    t.diagnostic(`no write is stopped here: ${fault}`);
    assert.equal(fault, "prlimit is not installed");
    return;
  }
  const stand = await startStand("strict");
  t.after(() => stand.close());
  const rooms = [0, 10, 4200, 13_000, 20_000, 31_000];
  const all = await inParallel(rooms, 3, (room) => tryShortWrite(stand, room));
  for (const tried of all) assert.deepEqual(tried.faults, [], JSON.stringify(tried));
  assert.deepEqual(
    all.map(({ hit, refresh, requests }) => [hit, refresh, requests]),
    [
      [true, "commit_unknown", 0],
      [true, "commit_unknown", 0],
      [true, "commit_unknown", 0],
      [true, "commit_unknown", 1],
      [true, "commit_unknown", 1],
      [false, "ok", 1],
    ],
  );
  assert.deepEqual(new Set(all.map(({ fate }) => fate)), new Set(["kept"]));
});

test("[house] what strace writes is read: threads, counts, descriptors, paths and the call that was hit", (t) => {
  const output = join(temporaryDirectory(t), "calls");
  writeFileSync(
    output,
    [
      '7 pwrite64(27</data/keten.db-wal>, "a", 1, 0) = 1',
      '8 pwrite64(30</data/x.journal>, "b", 1, 0 <unfinished ...>',
      "7 fsync(27</data/keten.db-wal>) = 0",
      "8 <... pwrite64 resumed>)          = 1",
      '7 pwrite64(27</data/keten.db-wal>, "a", 1, 1) = -1 EIO (Input/output error) (INJECTED)',
      '8 openat(AT_FDCWD</work>, "/data/y", O_RDONLY) = 31</data/y>',
      "",
    ].join("\n"),
  );
  assert.deepEqual(
    readCalls(output).map(({ thread, name, nth, target, descriptor }) =>
      [thread, name, nth, target, descriptor].join(" "),
    ),
    [
      "7 pwrite64 1 /data/keten.db-wal 27",
      "8 pwrite64 1 /data/x.journal 30",
      "7 fsync 1 /data/keten.db-wal 27",
      "7 pwrite64 2 /data/keten.db-wal 27",
      "8 openat 1 /data/y ",
    ],
  );
  assert.equal(hitOf(output)?.nth, 2);
  writeFileSync(output, 'write(9<socket:[1]>, "x", 1) = ?\n+++ killed by SIGKILL +++\n');
  assert.equal(hitOf(output)?.target, "socket:[1]");
  writeFileSync(output, 'write(9<socket:[1]>, "x", 1) = 1\n');
  assert.equal(hitOf(output), undefined);
});

test("[PRO-23] what could have been kept and is lost is called avoidable, and what nobody names is not settled", () => {
  const end = (code: string | null, cause: string | null = null) => ({ code, cause });
  assert.equal(fateOf(["journal"], end(null)), "kept");
  assert.equal(fateOf(["journal"], end("connection_lost", "lostAnswer")), "avoidable");
  assert.equal(fateOf([], end("connection_lost", "lostAnswer")), "unavoidable");
  assert.equal(fateOf([], end("connection_lost", "usedElsewhere")), "unsettled");
  assert.equal(fateOf([], end(null)), "misread");
  assert.equal(fateOf(["current"], end("connection_unavailable")), "unsettled");
});

test("[house] every place that writes is killed, fails and is out of space; what only reads does not fill a disk", () => {
  const at = (name: string, target: string): Place => ({ role: "main", name, nth: 1, target });
  const injections = (one: Place) => casesOf([one]).map(({ injection }) => injection);
  assert.deepEqual(injections(at("pwrite64", "journal file")), ["SIGKILL", "EIO", "ENOSPC"]);
  assert.deepEqual(injections(at("writev", "socket")), ["SIGKILL", "EIO"]);
  assert.deepEqual(injections(at("close", "journal")), ["SIGKILL"]);
  assert.deepEqual(injections(at("fcntl", "keten.db-shm")), ["EIO"]);
});
