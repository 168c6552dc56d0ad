/** The courier as an exchange: what it promises, where it gives way, and what it says when it must not send. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { RawAnswer } from "../../src/env/exchange.ts";
import { systemClock } from "../../src/env/system.ts";
import {
  type FromCourier,
  LEAVE_MS,
  PROTOCOL,
  type ToCourier,
} from "../../src/keychain/courier-protocol.ts";
import { eventually } from "../cli/processes.ts";
import { never } from "../support/exchange-bench.ts";
import { httpAnswer } from "../support/raw-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import {
  answersJournaled,
  courierBench,
  ended,
  JSON_TYPE,
  provider,
  requestsCame,
  requestTo,
  runs,
  stop,
  tokensText,
} from "./courier-stand.ts";

const PROGRAM = new URL("../../src/keychain/courier-process.ts", import.meta.url).pathname;

test("[PRO-03, PRO-15] an answer through the courier is in the courier's journal when it is told, and nowhere else", async (t) => {
  const { exchange, dataDir, directory, owner, journal } = courierBench(t);
  const to = await provider(t);
  const result = exchange.send(requestTo(to.url), never);
  await requestsCame(to, 1);
  to.grant(0, 1);
  const told = await result;
  assert.equal(told.kind, "answered");
  assert.equal(told.kind === "answered" && told.answer.body.reveal(), tokensText(1));
  const { entries } = await journal.entries("c1");
  assert.deepEqual(
    entries.map((entry) => [entry.owner, entry.answer.attemptId, entry.answer.body.reveal()]),
    [[`${owner}-c1`, "1-a", tokensText(1)]],
  );
  exchange.journal.settle(["1-a"]);
  await eventually("the settlement", async () =>
    (await journal.entries()).entries.every(({ settled }) => settled) ? true : undefined,
  );
  assert.equal(answersJournaled(dataDir), 1);
  assert.deepEqual(readdirSync(directory), [`${owner}-c1-000001.journal`], "one file for both");
});

test("[PRO-13, PRO-05] the keychain's last check runs when the connection is up; what it refuses is not sent", async (t) => {
  const { exchange } = courierBench(t);
  const to = await provider(t);
  const beforeFirstByte = (): void => {
    assert.equal(to.received(), 0);
    throw new Error("the lease has 3 ms left, 5000 are needed");
  };
  const result = await exchange.send(requestTo(to.url, { beforeFirstByte }), never);
  assert.deepEqual(result, {
    kind: "notSent",
    progress: "connected",
    error: "the lease has 3 ms left, 5000 are needed",
  });
  assert.deepEqual([to.connections(), to.received()], [1, 0]);
});

test("[PRO-05, PRO-02] what throws before anything is sent throws the same through the courier", async (t) => {
  const to = await provider(t);
  const wrong = requestTo("http://example.com/token");
  await assert.rejects(courierBench(t).exchange.send(wrong, never), { code: "config_invalid" });
  const { exchange, directory } = courierBench(t);
  await exchange.start();
  rmSync(directory, { recursive: true });
  await assert.rejects(exchange.send(requestTo(to.url), never), {
    code: "journal_unavailable",
    retryable: true,
  });
  assert.equal(to.connections(), 0);
});

test("[PRO-04] past its deadline a request is unanswered and harvested by the courier, then told", async (t) => {
  const { exchange, dataDir } = courierBench(t);
  const to = await provider(t);
  const late = Promise.withResolvers<RawAnswer>();
  await exchange.start();
  const result = await exchange.send(requestTo(to.url, { deadlineMs: 200 }), late.resolve);
  assert.equal(result.kind, "unanswered");
  assert.equal(result.kind === "unanswered" && result.harvesting, true);
  const drained = exchange.drain();
  to.grant(0, 1);
  assert.equal((await late.promise).body.reveal(), tokensText(1));
  await drained;
  assert.equal(answersJournaled(dataDir), 1);
  await assert.rejects(exchange.send(requestTo(to.url), never), { code: "draining" });
});

test("[PRO-15, PRO-05] a courier that is killed: what had leave is in doubt, what had none is not sent, and a next one comes", async (t) => {
  const { exchange, owner, owners, log } = courierBench(t);
  const to = await provider(t);
  const sent = exchange.send(requestTo(to.url), never);
  await requestsCame(to, 1);
  const first = exchange.pid() ?? 0;
  const { goOn } = stop(t, first);
  const unsent = exchange.send(requestTo(to.url, { attemptId: "2-b" }), never);
  process.kill(first, "SIGKILL");
  goOn();
  const { kind, ...doubt } = await sent;
  assert.deepEqual([kind, "harvesting" in doubt && doubt.harvesting], ["unanswered", false]);
  assert.equal((await unsent).kind, "notSent");
  assert.equal(to.requests.length, 1);
  assert.deepEqual(
    log.lines.map(({ event }) => event),
    ["courier_gone"],
  );
  const again = exchange.send(requestTo(to.url, { attemptId: "3-c" }), never);
  await requestsCame(to, 2);
  to.grant(1, 1);
  assert.equal((await again).kind, "answered");
  assert.notEqual(exchange.pid(), first);
  assert.deepEqual(
    readdirSync(owners).filter((name) => name.startsWith(`${owner}-`)),
    [`${owner}-c1`, `${owner}-c2`],
  );
});

test("[PRO-15] two sudden ends within a minute: requests go from this process, and nothing is started again and again", async (t) => {
  const { exchange, log, journal, owner } = courierBench(t);
  const to = await provider(t);
  for (const _ of [1, 2]) {
    await exchange.start();
    const pid = exchange.pid() ?? 0;
    process.kill(pid, "SIGKILL");
    const count = log.lines.length;
    await eventually("word of it", () => (log.lines.length > count ? true : undefined));
  }
  const result = exchange.send(requestTo(to.url), never);
  await requestsCame(to, 1);
  to.grant(0, 1);
  assert.equal((await result).kind, "answered");
  assert.deepEqual(
    (await journal.entries()).entries.map((entry) => entry.owner),
    [owner],
  );
});

test("[PRO-15] where no courier can be had, requests go from this process, and the log says so once", async (t) => {
  const directory = temporaryDirectory(t);
  const dead = join(directory, "ends-at-once.ts");
  writeFileSync(dead, "process.exit(3);\n");
  for (const program of [join(directory, "none.ts"), dead]) {
    const { exchange, journal, owner, log } = courierBench(t, { program });
    const to = await provider(t);
    for (const n of [0, 1]) {
      const result = exchange.send(requestTo(to.url, { attemptId: `${n}-x` }), never);
      await requestsCame(to, n + 1);
      to.grant(n, n);
      assert.equal((await result).kind, "answered");
    }
    const { entries } = await journal.entries();
    assert.deepEqual(
      entries.map((entry) => entry.owner),
      [owner, owner],
    );
    assert.deepEqual(
      log.lines.map(({ event }) => event),
      ["courier_unavailable"],
    );
    await exchange.drain();
  }
});

test("[PRO-15] a courier that is stopped gets no more to do; it is not killed, and what it was given and not begun is not sent", async (t) => {
  const { exchange, log } = courierBench(t);
  const to = await provider(t);
  await exchange.start();
  const first = exchange.pid() ?? 0;
  const { goOn } = stop(t, first);
  const stuck = await exchange.send(requestTo(to.url, { deadlineMs: 100 }), never);
  assert.equal(stuck.kind, "notSent");
  assert.deepEqual(
    log.lines.map(({ event }) => event),
    ["courier_gone"],
  );
  const result = exchange.send(requestTo(to.url), never);
  await requestsCame(to, 1);
  to.grant(0, 1);
  assert.equal((await result).kind, "answered");
  assert.ok(runs(first), "it was killed");
  goOn();
  await ended(first);
  assert.equal(to.requests.length, 1);
});

test("[PRO-11, STO-04] a courier's full files are swept while it lives", async (t) => {
  // A settled answer is kept for a day; here that is a tenth of a second.
  const { exchange, directory, owner } = courierBench(t, { scale: 864_000 });
  const to = await provider(t);
  // A file takes 4 MiB: a few answers of nearly the largest size fill it.
  const large = "x".repeat(1000 * 1000);
  for (let n = 0; n < 6; n += 1) {
    const attemptId = `${n}-x`;
    const came = to.requested();
    const result = exchange.send(requestTo(to.url, { attemptId }), never);
    (await came).end(httpAnswer(200, large, JSON_TYPE));
    assert.equal((await result).kind, "answered");
    exchange.journal.settle([attemptId]);
  }
  const files = readdirSync(directory);
  assert.ok(files.length > 1 && files.every((name) => name.startsWith(`${owner}-c1-`)));
  const swept = await eventually("a file to be old enough", async () => {
    const names = await exchange.journal.sweep(() => true);
    return names.length > 0 ? names : undefined;
  });
  assert.ok(swept.every((name) => files.includes(name)));
  assert.ok(readdirSync(directory).length < files.length);
  assert.notEqual(exchange.pid(), undefined, "it lives");
});

// --- the process itself, spoken to by a test in the keychain's place -------------------------------------

interface Spoken {
  readonly child: ChildProcess;
  readonly heard: FromCourier[];
  say(message: ToCourier): void;
  hears<K extends FromCourier["kind"]>(kind: K): Promise<Extract<FromCourier, { kind: K }>>;
}

async function spokenTo(t: TestContext): Promise<Spoken> {
  const dataDir = temporaryDirectory(t);
  const [owners, journal] = [join(dataDir, "owners"), join(dataDir, "journal")];
  for (const directory of [owners, journal]) mkdirSync(directory);
  const child = spawn(process.execPath, [PROGRAM], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  const heard: FromCourier[] = [];
  child.on("message", (message) => heard.push(message as FromCourier));
  const say = (message: ToCourier): void => void child.send(message);
  const hears: Spoken["hears"] = (kind) =>
    eventually(`word "${kind}"`, () => heard.find((one) => one.kind === kind) as never);
  say({
    ...{ kind: "begin", protocol: PROTOCOL, owner: "me-c1", owners, journal },
    ...{ deploymentId: "test", key: Buffer.alloc(32).toString("base64") },
    ...{ scale: 1, origin: undefined },
  });
  await hears("ready");
  return { child, heard, say, hears };
}

const request = (url: string) => ({
  ...{ chainId: "c1", attemptId: "1-a", url, headers: {}, body: "a=b", deadlineMs: 15_000 },
});

test("[PRO-13] leave that has run out by either clock, or is of another boot, is none: nothing is sent", async (t) => {
  const { say, heard, hears } = await spokenTo(t);
  const to = await provider(t);
  const clock = systemClock();
  const { id: bootId, at } = clock.boot();
  const now = clock.now();
  const old = LEAVE_MS + 500;
  const leaves = [
    { boot: { id: bootId, at: at - old }, now },
    { boot: { id: bootId, at }, now: now - old },
    { boot: { id: bootId, at }, now: now + 10 * old },
    { boot: { id: "another", at }, now },
  ];
  for (const [id, leave] of leaves.entries()) {
    heard.length = 0;
    say({ kind: "send", id, request: request(to.url) });
    await hears("mayI");
    say({ kind: "leave", id, leave });
    const { result } = await hears("ended");
    assert.equal(result.kind, "notSent", JSON.stringify(leave));
  }
  assert.equal(to.received(), 0);
});

test("[PRO-13, PRO-15] a keychain that is stopped at the last check gives no leave: nothing is sent, and nothing after its death", async (t) => {
  const { child, say, hears } = await spokenTo(t);
  const to = await provider(t);
  say({ kind: "send", id: 1, request: { ...request(to.url), deadlineMs: 300 } });
  await hears("mayI");
  const { result } = await hears("ended");
  assert.equal(result.kind, "notSent", "no leave came by the deadline");
  say({ kind: "send", id: 2, request: request(to.url) });
  await eventually("the second connection", () => (to.connections() === 2 ? true : undefined));
  child.disconnect();
  await ended(child.pid ?? 0);
  assert.equal(to.received(), 0);
});

test("[house] a courier of another version, or without a place for its beacon, says so and ends", async (t) => {
  const dataDir = temporaryDirectory(t);
  writeFileSync(join(dataDir, "file"), "");
  const begin = {
    ...{ kind: "begin", owner: "me-c1", journal: dataDir, deploymentId: "test" },
    ...{ key: Buffer.alloc(32).toString("base64"), scale: 1 },
  };
  const wrongs = [
    { ...begin, protocol: PROTOCOL + 1, owners: dataDir },
    { ...begin, protocol: PROTOCOL, owners: join(dataDir, "file") },
  ];
  for (const wrong of wrongs) {
    const child = spawn(process.execPath, [PROGRAM], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    t.after(() => child.kill("SIGKILL"));
    const heard: FromCourier[] = [];
    child.on("message", (message) => heard.push(message as FromCourier));
    child.send(wrong);
    await ended(child.pid ?? 0);
    assert.deepEqual(
      heard.map(({ kind }) => kind),
      ["unfit"],
    );
  }
});
