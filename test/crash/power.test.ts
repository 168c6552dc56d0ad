/** Power cuts over a kept recording and, where strace is, a fresh one; `npm run crashes -- power` makes many more. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cutPower } from "../../sim/crash/power.ts";
import { PowerDisk, withoutSyncs } from "../../sim/crash/power-disk.ts";
import { recordWorkload } from "../../sim/crash/power-record.ts";
import { type Op, readStrace, readTrace, writeTrace } from "../../sim/crash/power-trace.ts";
import { straceFault } from "../../sim/crash/strace.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const KEPT = join(import.meta.dirname, "../../sim/crash/power.trace.br");

const NOTHING_LOST = { lost: 0, damaged: 0, stillborn: 0, told: [] };

test("[E07, STO-01, PRO-03] after a loss of power at any moment, all that was acknowledged is there", async () => {
  const trace = readTrace(KEPT);
  const { states, distinct, cuts, ...found } = await cutPower(trace, {
    seed: "test",
    chances: 2,
    states: 400,
  });
  assert.deepEqual(found, NOTHING_LOST);
  assert.ok(states > 250 && distinct > 200 && cuts > 60, `${states} ${distinct} ${cuts}`);
});

test("[E07, STO-01, PRO-03] what is recorded now survives a loss of power as what was recorded before", async (t) => {
  const fault = straceFault();
  if (fault !== null) {
    t.diagnostic(`nothing is recorded here: ${fault}`);
    assert.match(fault, /^strace /);
    return;
  }
  const trace = await recordWorkload({ connections: 2, openings: 2, rounds: 2 });
  const marks = trace.flatMap((op) => (op.op === "mark" ? [op.mark.mark] : []));
  assert.deepEqual([...new Set(marks)].sort(), ["acknowledged", "decided", "events", "journaled"]);
  const sampling = { seed: "test", chances: 2, states: 200 };
  const { states, distinct, cuts, ...found } = await cutPower(trace, sampling);
  assert.deepEqual(found, NOTHING_LOST);
  assert.ok(states > 100 && distinct > 80 && cuts > 30, `${states} ${distinct} ${cuts}`);
});

test("[house] a recording without the syncs that count loses what was acknowledged, and that is found", async () => {
  const trace = readTrace(KEPT);
  const lostWithout = async (isLeftOut: (name: string, op: Op) => boolean) => {
    const cut = withoutSyncs(trace, isLeftOut);
    const verdict = await cutPower(cut, { seed: "test", chances: 1, states: 600, untilLost: 3 });
    return verdict.told.join("\n");
  };
  assert.match(await lostWithout((name) => name.endsWith("-wal")), /acknowledged \d/);
  assert.match(await lostWithout((name) => name.endsWith(".journal")), /journal has forgotten/);
  assert.match(await lostWithout((name) => name === ""), /is at version 0; acknowledged 1/);
  assert.match(
    await lostWithout((name, { op }) => op === "syncDirectory" && name === "data/journal"),
    /journal has forgotten/,
  );
});

const bytes = (text: string): Buffer => Buffer.from(text);

test("[house] the disk of the cuts keeps what was synced and may lose, keep or tear the rest", () => {
  const disk = new PowerDisk();
  const ops: readonly Op[] = [
    { op: "create", file: 0, name: "a" },
    { op: "write", file: 0, at: 0, bytes: bytes("old") },
    { op: "sync", file: 0, before: 2 },
    { op: "write", file: 0, at: 0, bytes: bytes("new") },
  ];
  const content = (mode: "none" | "all"): string | undefined =>
    disk.state(mode, seededRandom("disk")).files.get("a")?.toString();
  for (const [index, op] of ops.entries()) disk.take(op, index);
  assert.equal(content("none"), undefined);
  assert.equal(content("all"), "new");
  disk.take({ op: "syncDirectory", name: "", before: 4 }, 4);
  assert.equal(content("none"), "old");
  disk.take({ op: "sync", file: 0, before: 5 }, 5);
  assert.equal(content("none"), "new");
  assert.ok(disk.isSettled);
  disk.take({ op: "write", file: 0, at: 0, bytes: Buffer.alloc(4096, "x") }, 6);
  const random = seededRandom("torn");
  const seen = new Set<number>();
  for (let i = 0; i < 200; i += 1) {
    const file = disk.state("some", random).files.get("a");
    seen.add([0, 512, 1024].filter((at) => file?.[at] === "x".charCodeAt(0)).length);
  }
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3]);
  disk.take({ op: "unlink", name: "a" }, 7);
  assert.equal(disk.state("none", random).files.has("a"), true);
  assert.equal(disk.state("all", random).files.has("a"), false);
});

test("[house] a recording is read with its halves joined, and kept without loss", (t) => {
  const directory = temporaryDirectory(t);
  const hex = (text: string): string =>
    text.replace(/./g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  const path = (name: string): string => `AT_FDCWD</w>, "${hex(`/r/${name}`)}"`;
  const mark = { mark: "events", count: 1 } as const;
  const line = `${JSON.stringify(mark)}`;
  const output = join(directory, "trace");
  writeFileSync(
    output,
    [
      `1 mkdir("${hex("/r/d")}", 0700) = 0`,
      `1 openat(${path("d/f")}, O_RDWR|O_CREAT, 0600) = 5</r/d/f>`,
      `1 openat(AT_FDCWD</w>, "${hex("/m")}", O_WRONLY|O_CREAT|O_APPEND, 0666) = 6</m>`,
      `2 pwrite64(5</r/d/f>, "${hex("ab")}", 2, 512 <unfinished ...>`,
      `1 openat(${path("d")}, O_RDONLY) = 7</r/d>`,
      "2 <... pwrite64 resumed>)          = 2",
      "2 fdatasync(5</r/d/f> <unfinished ...>",
      `1 write(5</r/d/f>, "${hex("c")}", 1) = 1`,
      "2 <... fdatasync resumed>)         = 0",
      "1 fsync(7</r/d>) = 0",
      `1 write(6</m>, "${hex(line)}\\x0a", ${line.length + 1}) = ${line.length + 1}`,
      `1 openat(${path("d/f-shm")}, O_RDWR|O_CREAT, 0600) = 8</r/d/f-shm>`,
      `1 openat(${path("absent")}, O_RDONLY) = -1 ENOENT (No such file or directory)`,
    ].join("\n"),
  );
  const trace = readStrace(output, "/r", "/m");
  assert.deepEqual(trace, [
    { op: "makeDirectory", name: "d" },
    { op: "create", file: 0, name: "d/f" },
    { op: "write", file: 0, at: 512, bytes: bytes("ab") },
    { op: "write", file: 0, at: 0, bytes: bytes("c") },
    { op: "sync", file: 0, before: 3 },
    { op: "syncDirectory", name: "d", before: 5 },
    { op: "mark", mark },
  ]);
  writeTrace(join(directory, "kept"), trace);
  assert.deepEqual(readTrace(join(directory, "kept")), trace);
});
