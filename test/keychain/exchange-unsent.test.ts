/** What proves that nothing was sent. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import net, { type AddressInfo, type LookupFunction } from "node:net";
import { type TestContext, test } from "node:test";
import { KetenError } from "../../src/env/error.ts";
import type { ExchangeRequest } from "../../src/env/exchange.ts";
import type { HttpPostOptions } from "../../src/env/http-post.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { selfSigned } from "../support/certificate.ts";
import { exchangeBench, never, requestTo, TOKENS, until } from "../support/exchange-bench.ts";
import { httpAnswer, rawServer } from "../support/raw-server.ts";

const POSTING_PROCESS = new URL("../support/posting-process.ts", import.meta.url).pathname;

/** Answers every name with the loopback address. */
const loopbackLookup: LookupFunction = (_name, options, found) => {
  if (options.all) found(null, [{ address: "127.0.0.1", family: 4 }]);
  else found(null, "127.0.0.1", 4);
};

/** Sends, and expects "not sent" with this progress; no journal entry, no timer and no place left. */
async function assertNotSent(
  url: string,
  progress: string,
  error: RegExp,
  options: Partial<HttpPostOptions> = {},
  more: Partial<ExchangeRequest> = {},
): Promise<void> {
  const { exchange, journaled, clock } = exchangeBench(options);
  const result = await exchange.send(requestTo(url, more), never);
  assert.ok(result.kind === "notSent", JSON.stringify(result));
  assert.equal(result.progress, progress);
  assert.match(result.error, error);
  assert.doesNotMatch(result.error, /canary/);
  assert.deepEqual(await journaled(), []);
  assert.equal(clock.pending(), 0);
}

async function freePort(t: TestContext): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("[PRO-05, PRO-06] a name that does not resolve: not sent", async () => {
  const lookup: LookupFunction = (_name, _options, found) => {
    const error = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    process.nextTick(() => found(error, "", 4));
  };
  await assertNotSent("https://provider.invalid/token", "begun", /^ENOTFOUND$/, { lookup });
});

test("[PRO-05, PRO-06] a refused connection: not sent", async (t) => {
  const port = await freePort(t);
  await assertNotSent(`http://127.0.0.1:${port}/`, "begun", /^ECONNREFUSED$/);
  const options = { lookup: loopbackLookup };
  await assertNotSent(`https://provider.test:${port}/`, "resolved", /^ECONNREFUSED$/, options);
});

test("[PRO-05, PRO-06] a TLS handshake that fails: not sent, and no byte of HTTP came", async (t) => {
  const certificate = selfSigned();
  const trusted = { ca: certificate.cert };
  const server = await rawServer(t, () => assert.fail("a request came"), certificate);
  const url = `https://localhost:${server.port}/token`;
  await assertNotSent(url, "resolved", /SELF_SIGNED/);
  const named = { ...trusted, lookup: loopbackLookup };
  await assertNotSent(url.replace("localhost", "127.0.0.1"), "begun", /ALTNAME/, trusted);
  await assertNotSent(url.replace("localhost", "other.test"), "resolved", /ALTNAME/, named);
  assert.equal(server.received(), 0);

  const plain = await rawServer(t, () => {});
  const answers = ["HTTP/1.1 400 Bad Request\r\n\r\n", ""];
  for (const answer of answers) {
    const accepted = plain.accepted().then((socket) => socket.end(answer));
    await assertNotSent(`https://127.0.0.1:${plain.port}/`, "begun", /./, trusted);
    await accepted;
  }
});

test("[PRO-13, PRO-05] what the last check before the first byte refuses is not sent", async (t) => {
  for (const certificate of [undefined, selfSigned()]) {
    const server = await rawServer(t, () => assert.fail("a request came"), certificate);
    const closed = server.accepted().then((socket) => once(socket, "close"));
    const options = certificate ? { ca: certificate.cert } : {};
    const beforeFirstByte = (): void => {
      throw new KetenError("connection_unavailable", "the lease has too little left");
    };
    const error = /^the lease has too little left$/;
    await assertNotSent(server.url, "connected", error, options, { beforeFirstByte });
    await closed;
    assert.deepEqual([server.connections(), server.received()], [1, 0]);
  }
});

test("[PRO-13] the last check runs when the connection is up and nothing is written", async (t) => {
  const server = await rawServer(t, (socket) => socket.end(httpAnswer(200, TOKENS)));
  const { exchange, postings } = exchangeBench();
  const seen: unknown[] = [];
  const beforeFirstByte = (): void => {
    seen.push([postings.length, postings[0]?.progress(), server.received()]);
  };
  const result = await exchange.send(requestTo(server.url, { beforeFirstByte }), never);
  assert.deepEqual(seen, [[1, "connected", 0]]);
  assert.equal(result.kind, "answered");
});

test("[PRO-05] a connection that does not come up in time is not sent, and never sent later", async (t) => {
  const server = await rawServer(t, () => assert.fail("a request came"));
  for (const deadlineMs of [60 * SECOND, 5 * SECOND]) {
    const stuck = Promise.withResolvers<() => void>();
    const lookup: LookupFunction = (name, options, found) => {
      stuck.resolve(() => loopbackLookup(name, options, found));
    };
    const { exchange, clock } = exchangeBench({ lookup, allowHttp: () => true });
    const url = `http://provider.test:${server.port}/`;
    const sending = exchange.send(requestTo(url, { deadlineMs }), never);
    const finishLookup = await stuck.promise;
    clock.advance(Math.min(deadlineMs, 10 * SECOND));
    const result = await sending;
    assert.deepEqual(result, {
      ...{ kind: "notSent", progress: "begun", error: "no connection in time" },
    });
    finishLookup();
    await exchange.drain();
    assert.equal(clock.pending(), 0);
  }
  assert.equal(server.connections(), 0);
});

test("[PRO-05, PRO-13] a request that has no leave by its deadline is not sent when leave comes", async (t) => {
  const server = await rawServer(t, () => assert.fail("a request came"));
  const { exchange, clock } = exchangeBench();
  const leave = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const whenConnected = (): Promise<void> => {
    asked.resolve();
    return leave.promise;
  };
  const sending = exchange.send(requestTo(server.url, { whenConnected }), never);
  await asked.promise;
  clock.advance(30 * SECOND);
  leave.resolve();
  const result = await sending;
  assert.equal(result.kind, "notSent");
  await exchange.drain();
  assert.equal(server.received(), 0);
});

test("[PRO-05] a handshake that hangs is not sent", async (t) => {
  const server = await rawServer(t, () => {});
  const { exchange, clock } = exchangeBench();
  const accepted = server.accepted();
  const sending = exchange.send(requestTo(`https://127.0.0.1:${server.port}/`), never);
  await accepted;
  clock.advance(10 * SECOND);
  assert.equal((await sending).kind, "notSent");
});

test("[PRO-02] without room in the journal nothing is sent", async (t) => {
  const server = await rawServer(t, () => assert.fail("a request came"));
  const { exchange, disk } = exchangeBench();
  disk.capacity = 0;
  const sending = exchange.send(requestTo(server.url), never);
  await assert.rejects(sending, { code: "journal_unavailable", retryable: true });
  assert.equal(server.connections(), 0);
});

test("[NET-01, LOG-06] only https is posted to, but for loopback and where the operator allows it", async (t) => {
  const server = await rawServer(t, (socket) => socket.end(httpAnswer(200, TOKENS)));
  const { exchange, disk } = exchangeBench();
  const refused = [
    "http://provider.test/token?code=canary",
    "http://localhost.provider.test/",
    "http://127.0.0.1.provider.test/",
    "ftp://localhost/",
    "https://user:canary@provider.test/",
    "token endpoint",
  ];
  for (let round = 0; round < 20; round += 1) {
    for (const url of refused) {
      await assert.rejects(exchange.send(requestTo(url), never), (error: KetenError) => {
        assert.equal(error.code, "config_invalid");
        assert.doesNotMatch(error.message, /canary/);
        return true;
      });
    }
  }
  assert.equal(disk.calls.filter((call) => call === "sync").length, 2, "places were lost");

  const allowHttp = (url: URL): boolean => url.hostname === "provider.test";
  const allowed = exchangeBench({ allowHttp, lookup: loopbackLookup });
  const url = `http://provider.test:${server.port}/token`;
  assert.equal((await allowed.exchange.send(requestTo(url), never)).kind, "answered");
});

test("[PRO-05] a header that cannot be written is not sent", async (t) => {
  const server = await rawServer(t, () => assert.fail("a request came"));
  const headers = { Accept: "a\r\nX-Forged: b" };
  await assertNotSent(server.url, "connected", /^ERR_INVALID_CHAR$/, {}, { headers });
  assert.equal(server.received(), 0);
});

test("[PRO-14] a request caught by draining before its first byte is not sent", async (t) => {
  const server = await rawServer(t, () => assert.fail("a request came"));
  const stuck = Promise.withResolvers<() => void>();
  const lookup: LookupFunction = (name, options, found) => {
    stuck.resolve(() => loopbackLookup(name, options, found));
  };
  const { exchange } = exchangeBench({ lookup, allowHttp: () => true });
  const url = `http://provider.test:${server.port}/`;
  const sending = exchange.send(requestTo(url), never);
  const finishLookup = await stuck.promise;
  const drained = exchange.drain();
  await assert.rejects(exchange.send(requestTo(url), never), { code: "draining" });
  finishLookup();
  const result = await sending;
  assert.deepEqual(
    [result.kind, "progress" in result && result.progress],
    ["notSent", "connected"],
  );
  await drained;
  await until(() => server.connections() === 1);
  assert.equal(server.received(), 0);
});

test("[NET-10] proxy variables and the global switch of certificate checks are ignored", async (t) => {
  const certificate = selfSigned();
  const proxy = await rawServer(t, () => assert.fail("the proxy was asked"));
  const secure = await rawServer(t, () => assert.fail("a request came"), certificate);
  const plain = await rawServer(t, (socket) => socket.end(httpAnswer(200, TOKENS)));
  const proxyUrl = `http://127.0.0.1:${proxy.port}`;
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((n) => [n, n.toLowerCase()]);
  const env = {
    ...Object.fromEntries(names.map((name) => [name, proxyUrl])),
    NODE_USE_ENV_PROXY: "1",
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
  };
  const child = spawn(process.execPath, [POSTING_PROCESS, plain.url, secure.url], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  await once(child, "close");
  assert.equal(output, "answered\nnotSent DEPTH_ZERO_SELF_SIGNED_CERT\n");
  assert.equal(proxy.connections(), 0);
});
