import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import type { HttpPostOptions } from "../../src/env/http-post.ts";
import { selfSigned } from "../support/certificate.ts";
import { BODY, exchangeBench, never, requestTo, TOKENS } from "../support/exchange-bench.ts";
import { type Answering, httpAnswer, type RawServer, rawServer } from "../support/raw-server.ts";

/** Sends one request to a server that answers so, and says what came of it. */
async function sendTo(t: TestContext, answer: Answering, options: Partial<HttpPostOptions> = {}) {
  const server = await rawServer(t, answer);
  const tools = exchangeBench(options);
  const result = await tools.exchange.send(requestTo(server.url), never);
  return { result, server, ...tools };
}

/** The answer, which must have come, and must be in the journal just so. */
async function answerOf(sent: Awaited<ReturnType<typeof sendTo>>) {
  const { result, server, journaled } = sent;
  assert.equal(result.kind, "answered", JSON.stringify(result));
  assert.ok(result.kind === "answered");
  const [kept, ...more] = await journaled();
  assert.ok(kept);
  assert.deepEqual(more, []);
  assert.equal(kept.body.reveal(), result.answer.body.reveal());
  assert.deepEqual({ ...kept, body: 0 }, { ...result.answer, body: 0 });
  assertOneRequest(server);
  return { ...result.answer, body: result.answer.body.reveal() };
}

function assertOneRequest(server: RawServer): void {
  assert.equal(server.connections(), 1);
  assert.equal(server.requests.length, 1);
}

test("[PRO-03, PRO-05] an answer is journaled before it is handed on", async (t) => {
  const sent = await sendTo(t, (socket) => {
    socket.end(
      httpAnswer(200, TOKENS, { "Content-Type": "application/json", "Set-Cookie": "a=b" }),
    );
  });
  const answer = await answerOf(sent);
  assert.deepEqual(answer, {
    ...{ chainId: "c1", attemptId: "a1", status: 200 },
    ...{ headers: { "content-type": "application/json" }, body: TOKENS, complete: true },
  });
  const [request = ""] = sent.server.requests;
  assert.match(request, /^POST \/token HTTP\/1\.1\r\n/);
  assert.match(request, /\r\nconnection: close\r\n/i);
  assert.match(request, new RegExp(`\r\ncontent-length: ${BODY.length}\r\n`, "i"));
  assert.doesNotMatch(request, /transfer-encoding/i);
  assert.ok(request.endsWith(`\r\n\r\n${BODY}`));
  assert.equal(sent.clock.pending(), 0);
});

test("[PRO-03] the journal has the answer on disk, synced, when the caller sees it", async (t) => {
  const { disk, journaled } = await sendTo(t, (socket) => socket.end(httpAnswer(200, TOKENS)));
  disk.losePower();
  assert.deepEqual(
    (await journaled()).map(({ body }) => body.reveal()),
    [TOKENS],
  );
});

test("[PRO-05] refreshes never share a connection, and none is kept or resumed", async (t) => {
  const certificate = selfSigned();
  const resumed: boolean[] = [];
  const server = await rawServer(
    t,
    (socket) => {
      resumed.push((socket as TLSSocket).isSessionReused());
      // Without "Connection: close" and without an end: a client could keep it.
      socket.write(httpAnswer(200, TOKENS, { Connection: "keep-alive" }));
    },
    certificate,
  );
  const { exchange } = exchangeBench({ ca: certificate.cert });
  for (const attemptId of ["a1", "a2", "a3"]) {
    const result = await exchange.send(requestTo(server.url, { attemptId }), never);
    assert.equal(result.kind, "answered", JSON.stringify(result));
  }
  assert.equal(server.connections(), 3);
  assert.deepEqual(resumed, [false, false, false]);
});

test("[PRO-05] a server that closes or resets without an answer sees one request", async (t) => {
  const ends: readonly Answering[] = [
    (socket) => socket.end(),
    (socket) => socket.destroy(),
    (socket) => socket.resetAndDestroy(),
    (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Le", () => socket.resetAndDestroy()),
    (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
    (socket) => socket.end("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
  ];
  for (const end of ends) {
    const { result, server, journaled, clock } = await sendTo(t, end);
    assert.ok(result.kind === "unanswered", JSON.stringify(result));
    assert.deepEqual([result.progress, result.harvesting], ["sent", false]);
    assertOneRequest(server);
    assert.deepEqual(await journaled(), []);
    assert.equal(clock.pending(), 0);
  }
});

test("[PRO-03] a cut answer is an answer: what arrived is journaled, incomplete", async (t) => {
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const chunk = `${TOKENS.length.toString(16)}\r\n${TOKENS}\r\n`;
  const cuts: readonly Answering[] = [
    (socket) => socket.end(httpAnswer(200, TOKENS, { "Content-Length": 500 })),
    (socket) => {
      const text = httpAnswer(200, TOKENS, { "Content-Length": 500 });
      socket.write(text, () => socket.resetAndDestroy());
    },
    (socket) => socket.end(chunked + chunk),
    (socket) => socket.end(`${chunked}${chunk}no size\r\n`),
    (socket) => socket.write(chunked + chunk, () => socket.resetAndDestroy()),
  ];
  for (const cut of cuts) {
    const { status, body, complete } = await answerOf(await sendTo(t, cut));
    assert.deepEqual({ status, body, complete }, { status: 200, body: TOKENS, complete: false });
  }
});

test("[PRO-03] what came and is no HTTP is kept whole, as a gateway's 502", async (t) => {
  for (const text of [TOKENS, `HTTP/1.1 200 OK\r\nA\x01: b\r\n\r\n${TOKENS}`]) {
    const answer = await answerOf(await sendTo(t, (socket) => socket.end(text)));
    assert.deepEqual([answer.status, answer.complete], [502, false]);
    assert.ok(answer.body.includes("rt-canary-2"));
  }
});

test("[PRO-03] sloppy but readable answers are read", async (t) => {
  const sloppy = [
    `HTTP/1.1 200 OK\nContent-Length: ${TOKENS.length}\n\n${TOKENS}`,
    `HTTP/1.1 200 OK\r\n\r\n${TOKENS}`,
    `HTTP/1.0 200 OK\r\n\r\n${TOKENS}`,
    `HTTP/1.1 100 Continue\r\n\r\n${httpAnswer(200, TOKENS)}`,
    httpAnswer(200, `\ufeff${TOKENS}`),
  ];
  for (const text of sloppy) {
    const answer = await answerOf(await sendTo(t, (socket) => socket.end(text)));
    assert.deepEqual([answer.status, answer.body, answer.complete], [200, TOKENS, true]);
  }
});

test("[NET-02] a redirect is an answer and is not followed", async (t) => {
  const elsewhere = await rawServer(t, (socket) => socket.end(httpAnswer(200, TOKENS)));
  for (const status of [301, 302, 303, 307, 308]) {
    const answer = await answerOf(
      await sendTo(t, (socket) => {
        socket.end(httpAnswer(status, "moved", { Location: elsewhere.url }));
      }),
    );
    assert.deepEqual([answer.status, answer.body], [status, "moved"]);
  }
  assert.equal(elsewhere.connections(), 0);
});

test("[PRO-03] errors and empty bodies are journaled like any answer", async (t) => {
  for (const [status, body] of [
    [500, "<h1>Oops</h1>"],
    [400, '{"error":"invalid_grant"}'],
    [200, ""],
    [503, ""],
  ] as const) {
    const answer = await answerOf(
      await sendTo(t, (socket) => socket.end(httpAnswer(status, body))),
    );
    assert.deepEqual([answer.status, answer.body, answer.complete], [status, body, true]);
  }
});

test("[NET-08] a huge body is cut at its limit with the token kept, headers are few and short", async (t) => {
  const huge = `${TOKENS}${"x".repeat(3_000_000)}`;
  const headers = {
    "Retry-After": "7",
    "X-RateLimit-Remaining": "9",
    "WWW-Authenticate": `Bearer ${"y".repeat(5000)}`,
    Reason: "too early",
    Location: "http://example.org/?code=secret",
  };
  const answer = await answerOf(
    await sendTo(t, (socket) => socket.end(httpAnswer(200, huge, headers))),
  );
  assert.equal(answer.complete, false);
  assert.equal(answer.body, huge.slice(0, 1024 * 1024));
  assert.deepEqual(Object.keys(answer.headers).sort(), [
    ...["reason", "retry-after", "www-authenticate", "x-ratelimit-remaining"],
  ]);
  assert.equal(answer.headers["www-authenticate"]?.length, 1024);
});
