import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { type Disk, systemDisk } from "../../src/env/disk.ts";
import type { ReceivedAnswer } from "../../src/env/http-post.ts";
import { systemRandom } from "../../src/env/system.ts";
import { DAY, HOUR } from "../../src/kernel/time.ts";
import { DataKey } from "../../src/keychain/data-key.ts";
import {
  type Journal,
  type JournalOptions,
  openJournal,
  type Place,
} from "../../src/keychain/journal.ts";
import { rawAnswerOf } from "../../src/keychain/raw-answer.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { manualClock } from "../support/manual-clock.ts";
import { memoryDisk } from "../support/memory-disk.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const CHILD = new URL("../support/journaling-process.ts", import.meta.url).pathname;

function sealerOf(byte = 1) {
  const keys = [new DataKey(Buffer.alloc(32, byte))] as const;
  return createSealer({ keys, deploymentId: "d1", random: systemRandom });
}

function open(directory: string, options: Partial<JournalOptions> = {}): Journal {
  return openJournal({
    directory,
    owner: "owner-1",
    sealer: sealerOf(),
    clock: manualClock(),
    disk: systemDisk,
    ...options,
  });
}

function answerOf(body: string | Buffer, more: Partial<ReceivedAnswer> = {}): ReceivedAnswer {
  const headers = { "content-type": "application/json" };
  return { status: 200, headers, body: Buffer.from(body), complete: true, ...more };
}

function append(journal: Journal, attemptId: string, answer = answerOf(`token of ${attemptId}`)) {
  journal.reserve().append({ chainId: "c1", attemptId }, answer);
}

async function attemptsIn(journal: Journal, chainId?: string): Promise<string[]> {
  const { entries } = await journal.entries(chainId);
  return entries.map(({ answer }) => answer.attemptId);
}

function onlyFile(directory: string): string {
  const [name, ...more] = readdirSync(directory);
  assert.ok(name && more.length === 0);
  return join(directory, name);
}

test("[PRO-03, G07] an appended answer is read back whole, oldest first, by whoever has the key", async (t) => {
  const directory = temporaryDirectory(t);
  const clock = manualClock();
  const [one, two] = ["owner-1", "owner-2"].map((owner) => open(directory, { owner, clock }));
  assert.ok(one && two);
  const headers = { "retry-after": "7" };
  append(two, "a1", answerOf('{"refresh_token":"rt-1"}', { status: 201, headers }));
  clock.advance(1000);
  append(one, "a2", answerOf("", { status: 500, complete: false }));
  clock.advance(1000);
  append(two, "a3");
  one.close();
  two.close();
  const { entries, faults } = await open(directory, { owner: "owner-3" }).entries();
  assert.deepEqual(faults, []);
  assert.deepEqual(
    entries.map(({ owner, at, answer, settled }) => [
      owner,
      at - clock.now(),
      answer.attemptId,
      settled,
    ]),
    [
      ["owner-2", -2000, "a1", false],
      ["owner-1", -1000, "a2", false],
      ["owner-2", 0, "a3", false],
    ],
  );
  const { body, ...rest } = entries[0]!.answer;
  assert.equal(body.reveal(), '{"refresh_token":"rt-1"}');
  assert.deepEqual(rest, { chainId: "c1", attemptId: "a1", status: 201, headers, complete: true });
  assert.deepEqual([entries[1]!.answer.status, entries[1]!.answer.complete], [500, false]);
});

test("[CRY-01, LOG-02] a journal file shows no token, is its owner's alone and opens with its key alone", async (t) => {
  const directory = join(temporaryDirectory(t), "journal");
  const journal = open(directory);
  append(journal, "a1", answerOf("rt-canary-42"));
  const path = onlyFile(directory);
  assert.ok(!readFileSync(path).includes("canary"));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  const { entries, faults } = await open(directory, { sealer: sealerOf(2) }).entries();
  assert.deepEqual(entries, []);
  assert.deepEqual(
    faults.map(({ what }) => what),
    ["sealed"],
  );
});

test("[CRY-02] a sealed answer filed under another chain or attempt is refused", async (t) => {
  const directory = temporaryDirectory(t);
  const { encodeRecord, decodeRecords } = await import("../../src/keychain/journal-format.ts");
  append(open(directory), "a1");
  const path = onlyFile(directory);
  const { records } = decodeRecords(readFileSync(path));
  const { rest } = records[1]!;
  const forged = ["c2/a1", "c1/a2", "c1/a1"].map((ids) => {
    const [chainId = "", attemptId = ""] = ids.split("/");
    return encodeRecord({ kind: "answer", at: 0, chainId, attemptId }, rest);
  });
  writeFileSync(path, Buffer.concat(forged));
  const { entries, faults } = await open(directory, { owner: "reader" }).entries();
  assert.equal(entries.length, 1);
  assert.deepEqual(
    faults.map(({ what }) => what),
    ["sealed", "sealed"],
  );
});

test("[PRO-02, PRO-03] space is synced before a place is given, an answer before append returns", async () => {
  const disk = memoryDisk();
  const journal = open("/j", { disk, stepBytes: 1000, placeBytes: 1000 });
  for (let i = 0; i < 10; i += 1) {
    journal.reserve();
    assert.equal(disk.calls.at(-1), "sync");
  }
  const place = journal.reserve();
  const before = disk.calls.length;
  place.append({ chainId: "c1", attemptId: "a1" }, answerOf("token"));
  const made = disk.calls.slice(before);
  assert.equal(made.length, 2);
  assert.match(made[0] ?? "", /^write /);
  assert.equal(made[1], "sync");
  disk.losePower();
  assert.deepEqual(await attemptsIn(open("/j", { disk, owner: "next" })), ["a1"]);
});

test("[PRO-02, STO-04] a full disk refuses places, and fills every place given before", async () => {
  const disk = memoryDisk();
  const journal = open("/j", { disk, stepBytes: 4096, placeBytes: 2048 });
  disk.capacity = 40_000;
  const places: Place[] = [];
  for (;;) {
    try {
      places.push(journal.reserve());
    } catch (error) {
      assert.equal((error as { code?: string }).code, "journal_unavailable");
      assert.equal((error as { retryable?: boolean }).retryable, true);
      break;
    }
  }
  assert.ok(places.length >= 15);
  assert.throws(() => journal.reserve(), { code: "journal_unavailable" });
  places.forEach((place, i) => {
    place.append({ chainId: "c1", attemptId: `a${i}` }, answerOf("x".repeat(1500)));
  });
  disk.losePower();
  assert.equal((await attemptsIn(open("/j", { disk, owner: "next" }))).length, places.length);
});

test("[NET-08] a long answer takes more space; without it, its beginning stays, marked incomplete", async () => {
  const disk = memoryDisk();
  const journal = open("/j", { disk, stepBytes: 1, placeBytes: 2048 });
  const body = `{"refresh_token":"rt-1","filler":"${"x".repeat(50_000)}"}`;
  const early = journal.reserve();
  append(journal, "long", answerOf(body));
  disk.capacity = 0;
  early.append({ chainId: "c1", attemptId: "early" }, answerOf("x".repeat(1500)));
  disk.capacity = Number.POSITIVE_INFINITY;
  const place = journal.reserve();
  const neighbour = journal.reserve();
  disk.capacity = 0;
  place.append({ chainId: "c1", attemptId: "cut" }, answerOf(body));
  neighbour.append({ chainId: "c1", attemptId: "after" }, answerOf("x".repeat(1500)));
  const { entries, faults } = await journal.entries();
  assert.deepEqual(faults, []);
  const [long, second, cut, after] = entries.map(({ answer }) => answer);
  assert.equal(long?.body.reveal(), body);
  assert.equal(long?.complete, true);
  assert.equal(second?.body.reveal().length, 1500);
  assert.equal(cut?.complete, false);
  assert.ok(body.startsWith(cut?.body.reveal() ?? "?"));
  assert.match(cut?.body.reveal() ?? "", /rt-1.*x{1000}/);
  assert.equal(after?.body.reveal().length, 1500);
});

test("[STO-05] after a failed write or sync the answer goes to a new file, and the old one is left alone", async () => {
  for (const failing of ["write", "sync"] as const) {
    const disk = memoryDisk();
    const journal = open("/j", { disk });
    append(journal, "a1");
    const [place, other] = [journal.reserve(), journal.reserve()];
    const touched: string[] = [];
    let failures = 1;
    disk.fault = (verb, path) => {
      touched.push(path);
      if (verb === failing && failures-- > 0) throw new Error("EIO");
    };
    place.append({ chainId: "c1", attemptId: "a2" }, answerOf("two"));
    const old = touched[0];
    touched.length = 0;
    other.append({ chainId: "c1", attemptId: "a3" }, answerOf("three"));
    append(journal, "a4");
    assert.ok(!touched.includes(old ?? ""));
    disk.losePower();
    const attempts = await attemptsIn(open("/j", { disk, owner: "next" }));
    assert.deepEqual(attempts, ["a1", "a2", "a3", "a4"]);
  }
});

test("[STO-05] if the new file fails too, append says so and later places are sound", async () => {
  const disk = memoryDisk();
  const journal = open("/j", { disk });
  const place = journal.reserve();
  disk.fault = () => {
    throw new Error("EIO");
  };
  const ids = { chainId: "c1", attemptId: "a1" };
  assert.throws(() => place.append(ids, answerOf("one")), { code: "journal_unavailable" });
  assert.throws(() => journal.reserve(), { code: "journal_unavailable" });
  disk.fault = () => {};
  append(journal, "a2");
  assert.deepEqual(await attemptsIn(journal), ["a2"]);
});

test("[PRO-18] a torn or flipped record hides no other, before or behind it, and is reported", async (t) => {
  const directory = temporaryDirectory(t);
  const journal = open(directory, { stepBytes: 2048, placeBytes: 1024 });
  for (const attempt of ["a1", "a2", "a3"]) append(journal, attempt);
  journal.close();
  const path = onlyFile(directory);
  const whole = readFileSync(path);
  const mark = whole.subarray(0, 8);
  const starts: number[] = [];
  for (let at = 0; at !== -1; at = whole.indexOf(mark, at + 1)) starts.push(at);
  const [, , second = 0, third = 0] = starts;
  for (let at = second; at < third; at += 1) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 1 << (at % 8);
    writeFileSync(path, damaged);
    const { entries, faults } = await open(directory, { owner: "reader" }).entries();
    assert.deepEqual(
      entries.map(({ answer }) => answer.attemptId),
      ["a1", "a3"],
    );
    assert.ok(faults.length >= 1, `byte ${at}`);
    assert.deepEqual(faults[0], {
      file: readdirSync(directory)[0],
      position: second,
      what: "damaged",
    });
  }
  for (let length = third; length < third + 300; length += 7) {
    writeFileSync(path, whole.subarray(0, length));
    const { entries, faults } = await open(directory, { owner: "reader" }).entries();
    assert.deepEqual(entries.map(({ answer }) => answer.attemptId).slice(0, 2), ["a1", "a2"]);
    if (entries.length === 2) assert.equal(faults.length, length === third ? 0 : 1);
  }
});

test("[PRO-18] who reads again finds what was written since, and no more than is there", async (t) => {
  const directory = temporaryDirectory(t);
  const journal = open(directory, { stepBytes: 2048, placeBytes: 1024 });
  const reader = open(directory, { owner: "reader" });
  append(journal, "a1");
  assert.deepEqual(await attemptsIn(reader), ["a1"]);
  append(journal, "a2");
  append(journal, "a3");
  const path = onlyFile(directory);
  const whole = readFileSync(path);
  const third = whole.lastIndexOf(whole.subarray(0, 8));
  const torn = Buffer.from(whole).fill(0, third + 100);
  writeFileSync(path, torn);
  assert.deepEqual(await attemptsIn(reader), ["a1", "a2"]);
  assert.deepEqual((await reader.entries()).faults.length, 1);
  // A write that is under way when somebody reads looks torn, and is whole a moment later.
  writeFileSync(path, whole);
  assert.deepEqual(await attemptsIn(reader), ["a1", "a2", "a3"]);
  // What was found whole and has changed since does not open.
  const changed = Buffer.from(whole);
  changed[third - 1]! ^= 1;
  writeFileSync(path, changed.subarray(0, third));
  const { entries, faults } = await reader.entries();
  assert.deepEqual(
    entries.map(({ answer }) => answer.attemptId),
    ["a1"],
  );
  assert.deepEqual(
    faults.map(({ what }) => what),
    ["sealed"],
  );
});

test("[PRO-18] the answers of one chain are found among others", async (t) => {
  const journal = open(temporaryDirectory(t));
  for (const chainId of ["c1", "c2", "c1"]) {
    journal.reserve().append({ chainId, attemptId: `of-${chainId}` }, answerOf("x"));
  }
  assert.deepEqual(await attemptsIn(journal, "c1"), ["of-c1", "of-c1"]);
  assert.deepEqual(await attemptsIn(journal, "c3"), []);
});

test("[PRO-11] a file goes when all its entries are settled and old and its owner is dead, not before", async (t) => {
  const directory = temporaryDirectory(t);
  const clock = manualClock();
  const dead = open(directory, { owner: "dead", clock, retentionMs: DAY });
  append(dead, "a1");
  append(dead, "a2");
  const next = open(directory, { owner: "next", clock, retentionMs: DAY });
  const sweep = () => next.sweep((owner) => owner === "alive");
  clock.advance(2 * DAY);
  next.settle(["a1"]);
  assert.deepEqual(await sweep(), []);
  next.settle(["a2"]);
  const { entries } = await next.entries();
  assert.deepEqual(
    entries.map(({ settled }) => settled),
    [true, true],
  );
  assert.deepEqual(await next.sweep((owner) => owner === "dead"), []);
  assert.deepEqual(await sweep(), ["dead-000001.journal"]);
  assert.deepEqual(await attemptsIn(next), []);

  const young = open(directory, { owner: "young", clock });
  append(young, "a3");
  next.settle(["a3"]);
  clock.advance(DAY - HOUR);
  assert.deepEqual(await sweep(), []);
  clock.advance(2 * HOUR);
  assert.deepEqual(await sweep(), ["young-000001.journal"]);
});

test("[PRO-11] who dies while a sweep looks at its file loses nothing", async () => {
  const disk = memoryDisk();
  const clock = manualClock();
  const other = open("/j", { disk, clock, owner: "other" });
  append(other, "a1");
  other.settle(["a1"]);
  clock.advance(2 * DAY);
  const journal = open("/j", { clock, disk: { ...disk, read: readThenDie } });
  let isAlive = true;
  async function readThenDie(path: string): ReturnType<Disk["read"]> {
    const bytes = await disk.read(path);
    if (isAlive) append(other, "a2");
    isAlive = false;
    return bytes;
  }
  assert.deepEqual(await journal.sweep(() => isAlive), []);
  assert.deepEqual(await attemptsIn(open("/j", { disk, owner: "next" })), ["a1", "a2"]);
});

test("[G04] a journal in use grows no further than its retention: full files are let go", async (t) => {
  const directory = temporaryDirectory(t);
  const clock = manualClock();
  const sizes = { stepBytes: 4096, placeBytes: 1024, fileBytes: 8192 };
  const journal = open(directory, { clock, ...sizes, retentionMs: HOUR });
  const held = journal.reserve();
  for (let i = 0; i < 200; i += 1) {
    append(journal, `a${i}`);
    journal.settle([`a${i}`]);
    clock.advance(HOUR / 10);
    await journal.sweep(() => false);
  }
  assert.ok(readdirSync(directory).length <= 4);
  held.append({ chainId: "c1", attemptId: "held" }, answerOf("late"));
  const { entries } = await journal.entries();
  assert.ok(entries.some(({ answer, settled }) => answer.attemptId === "held" && !settled));
  await journal.sweep(() => false);
  assert.ok((await attemptsIn(journal)).includes("held"));
});

test("[PRO-02] a place takes one answer, a closed journal gives none", (t) => {
  const journal = open(temporaryDirectory(t));
  const place = journal.reserve();
  place.append({ chainId: "c1", attemptId: "a1" }, answerOf("x"));
  const again = () => place.append({ chainId: "c1", attemptId: "a1" }, answerOf("x"));
  assert.throws(again, { code: "ERR_ASSERTION" });
  place.release();
  journal.close();
  assert.throws(() => journal.reserve(), { code: "journal_unavailable" });
  journal.settle(["a1"]);
});

test("[E07] every answer whose append returned survives kill -9 of its process", async (t) => {
  const directory = temporaryDirectory(t);
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const reported: string[] = [];
  const lines = createInterface(child.stdout);
  lines.on("line", (attemptId) => {
    reported.push(attemptId);
    if (reported.length === 50) child.kill("SIGKILL");
  });
  await once(lines, "close");
  const found = await attemptsIn(open(directory, { owner: "next" }));
  assert.ok(reported.length >= 50);
  assert.deepEqual(found.slice(0, reported.length), reported);
  assert.ok(found.length <= reported.length + 1);
});

test("[PRO-03] a compressed body is decoded, a broken one handed on as it came, incomplete", () => {
  const text = `{"refresh_token":"rt-1","filler":"${"x".repeat(5000)}"}`;
  const ids = { chainId: "c1", attemptId: "a1" };
  const decode = (body: Buffer, encoding: string) => {
    const headers = { "content-encoding": encoding };
    const { body: secret, complete } = rawAnswerOf(ids, answerOf(body, { headers }));
    return { text: secret.reveal(), complete };
  };
  const packed = { gzip: gzipSync(text), deflate: deflateSync(text), br: brotliCompressSync(text) };
  for (const [encoding, body] of Object.entries(packed)) {
    assert.deepEqual(decode(body, encoding), { text, complete: true });
  }
  assert.ok(text.startsWith(decode(packed.gzip.subarray(0, -20), "gzip").text.slice(0, 20)));
  for (const encoding of ["gzip", "br", "zstd-of-tomorrow"]) {
    assert.deepEqual(decode(Buffer.from(text), encoding), { text, complete: false });
  }
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  assert.equal(decode(bomb, "gzip").complete, false);
});
