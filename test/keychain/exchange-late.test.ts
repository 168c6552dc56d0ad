/** Deadlines, late answers, draining, and a journal that fails after all. */

import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { RawAnswer } from "../../src/env/exchange.ts";
import { MINUTE, SECOND } from "../../src/kernel/time.ts";
import { exchangeBench, never, requestTo, TOKENS, until } from "../support/exchange-bench.ts";
import { httpAnswer, rawServer } from "../support/raw-server.ts";

const DEADLINE = 30 * SECOND;

/** A request that came whole at a server which answers when told, and whose deadline has passed. */
async function overdue(t: TestContext, { onLate = never as (answer: RawAnswer) => void } = {}) {
  const server = await rawServer(t, () => {});
  const tools = exchangeBench();
  const requested = server.requested();
  const sending = tools.exchange.send(requestTo(server.url), onLate);
  const socket: Socket = await requested;
  tools.clock.advance(DEADLINE);
  const result = await sending;
  assert.deepEqual(result, {
    ...{ kind: "unanswered", progress: "sent", harvesting: true },
    error: "no whole answer before the deadline",
  });
  return { ...tools, server, socket };
}

test("[PRO-04] a late answer is journaled, then told", async (t) => {
  const told = Promise.withResolvers<RawAnswer>();
  let onDisk: number | undefined;
  const late = await overdue(t, {
    onLate: (answer) => {
      onDisk = late.disk.calls.lastIndexOf("sync");
      told.resolve(answer);
    },
  });
  const before = late.disk.calls.length;
  late.clock.advance(5 * MINUTE);
  late.socket.end(httpAnswer(200, TOKENS));
  const answer = await told.promise;
  assert.ok(onDisk !== undefined && onDisk >= before);
  assert.deepEqual([answer.attemptId, answer.status, answer.complete], ["a1", 200, true]);
  late.disk.losePower();
  const [kept] = await late.journaled();
  assert.equal(kept?.body.reveal(), TOKENS);
  assert.equal(late.server.requests.length, 1);
  assert.equal(late.clock.pending(), 0);
});

test("[PRO-04] one millisecond before its deadline a request is not overdue", async (t) => {
  const server = await rawServer(t, () => {});
  const { exchange, clock } = exchangeBench();
  const requested = server.requested();
  const sending = exchange.send(requestTo(server.url), never);
  const socket = await requested;
  clock.advance(DEADLINE - 1);
  socket.end(httpAnswer(200, TOKENS));
  assert.equal((await sending).kind, "answered");
});

test("[PRO-04] a body slower than the deadline is unanswered at first and harvested whole", async (t) => {
  const server = await rawServer(t, (socket) => {
    socket.write(httpAnswer(200, TOKENS.slice(0, 20), { "Content-Length": TOKENS.length }));
  });
  const { exchange, clock, postings } = exchangeBench();
  const told = Promise.withResolvers<RawAnswer>();
  const requested = server.requested();
  const sending = exchange.send(requestTo(server.url), told.resolve);
  const socket = await requested;
  await until(() => postings[0]?.progress() === "answered");
  clock.advance(DEADLINE);
  const result = await sending;
  assert.ok(result.kind === "unanswered");
  assert.deepEqual([result.progress, result.harvesting], ["answered", true]);
  socket.end(TOKENS.slice(20));
  const { body, complete } = await told.promise;
  assert.deepEqual([body.reveal(), complete], [TOKENS, true]);
});

test("[PRO-04, PRO-14] draining waits for what was sent, also past its deadline, and starts nothing", async (t) => {
  const told: RawAnswer[] = [];
  const { exchange, socket } = await overdue(t, { onLate: (answer) => told.push(answer) });
  let isDrained = false;
  const drained = exchange.drain().then(() => {
    isDrained = true;
  });
  await assert.rejects(exchange.send(requestTo("https://provider.test/"), never), {
    code: "draining",
  });
  assert.equal(isDrained, false);
  socket.end(httpAnswer(200, TOKENS));
  await drained;
  assert.equal(told.length, 1);
});

test("[PRO-04] a late break is no answer: nothing is told or journaled, and draining ends", async (t) => {
  const { exchange, socket, journaled, clock } = await overdue(t);
  socket.resetAndDestroy();
  await exchange.drain();
  assert.deepEqual(await journaled(), []);
  assert.equal(clock.pending(), 0);
});

test("[PRO-04] the harvest ends ten minutes after the request was sent", async (t) => {
  const { exchange, socket, clock, journaled } = await overdue(t);
  const closed = once(socket, "close");
  clock.advance(10 * MINUTE - DEADLINE - 1);
  assert.equal(clock.pending(), 1);
  clock.advance(1);
  await exchange.drain();
  await closed;
  assert.deepEqual(await journaled(), []);
});

test("[PRO-04, PRO-03] what has come of a body when the harvest ends is told, incomplete", async (t) => {
  const server = await rawServer(t, (socket) => {
    socket.write(httpAnswer(200, TOKENS, { "Content-Length": TOKENS.length + 1 }));
  });
  const { exchange, clock, postings, journaled } = exchangeBench();
  const told: RawAnswer[] = [];
  const sending = exchange.send(requestTo(server.url), (answer) => told.push(answer));
  await until(() => postings[0]?.progress() === "answered");
  // The head and the body came in one piece; one turn more hands the body over.
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(DEADLINE);
  await sending;
  clock.advance(10 * MINUTE);
  await exchange.drain();
  const [kept] = await journaled();
  assert.deepEqual([kept?.body.reveal(), kept?.complete], [TOKENS, false]);
  assert.equal(told.length, 1);
});

test("[PRO-04] a late answer that its receiver throws at is still journaled, and logged", async (t) => {
  const { exchange, socket, journaled, log } = await overdue(t, {
    onLate: () => {
      throw new Error("canary");
    },
  });
  socket.end(httpAnswer(200, TOKENS));
  await exchange.drain();
  await until(() => log.lines.length > 0);
  assert.deepEqual(log.lines, [
    {
      ...{ level: "error", event: "late_answer_not_taken" },
      fields: { chainId: "c1", attemptId: "a1", reason: "unexpected" },
    },
  ]);
  assert.equal((await journaled()).length, 1);
});

test("[STO-04, LOG-02] an answer that the journal fails to keep is handed on, and logged without it", async (t) => {
  const server = await rawServer(t, (socket) => socket.end(httpAnswer(200, TOKENS)));
  const { exchange, disk, log } = exchangeBench();
  const beforeFirstByte = (): void => {
    disk.fault = () => {
      throw new Error("EIO");
    };
  };
  const result = await exchange.send(requestTo(server.url, { beforeFirstByte }), never);
  assert.ok(result.kind === "answered");
  assert.equal(result.answer.body.reveal(), TOKENS);
  assert.deepEqual(
    log.lines.map(({ level, event }) => [level, event]),
    [["error", "journal_append_failed"]],
  );
  assert.doesNotMatch(JSON.stringify(log.lines), /canary/);
});
