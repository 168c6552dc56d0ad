/**
 * Bytes that are no HTTP, or not quite: a proper refresh request, damaged, on a connection of its own that is then closed
 * from this side.
 *
 * 1. What is answered, if anything is, is no 5xx, and the server hangs up by itself.
 * 2. A request that was refused writes no row of its owner's. Harmless damage leaves a proper request, and a connection
 *    that breaks may lose its answer: what was granted then is granted.
 */

import { connect } from "node:net";
import { METADATA_PATH } from "../../src/http/metadata.ts";
import type { KetenUnderTest } from "../../test/conformance/keten-server.ts";
import { begin, encode } from "../../test/conformance/server-under-test.ts";
import { Stream } from "../run/random-stream.ts";
import { inRounds, type OnProgress, type Violations } from "./campaign.ts";
import type { CountingStore } from "./counting-store.ts";
import { Wire } from "./wire.ts";

type Damage = (request: Buffer, stream: Stream) => Buffer;

const text =
  (change: (request: string, stream: Stream) => string): Damage =>
  (request, stream) =>
    Buffer.from(change(request.toString("latin1"), stream), "latin1");

const LENGTHS = [
  "-1",
  "1e3",
  "0x10",
  "",
  " ",
  "99999999999999999999",
  "1, 1",
  "5\r\ncontent-length: 6",
];
const LINES = [
  ...["no colon", ": no name", "na me: x", "x:\0", "x: \x7f", " folded", "x: a\rb", "host: twice"],
  ...["transfer-encoding: chunked", "transfer-encoding: gzip", "transfer-encoding: chunked, x"],
  ...["expect: 100-continue", "expect: magic", "upgrade: h2c\r\nconnection: upgrade", "x: \xff"],
];
const FIRST_LINES = [
  ...["GET", "POST /", "POST  /x HTTP/1.1", "POST /x HTTP/9.9", "POST /x HTTP/0.9", "\r\n\r\n\r\n"],
  ...[
    "PRI * HTTP/2.0\r\n\r\nSM",
    "CONNECT x:1 HTTP/1.1",
    "POST http://x/%zz HTTP/1.1",
    "\x16\x03\x01",
  ],
];

const DAMAGES: Readonly<Record<string, Damage>> = {
  cut: (request, stream) => request.subarray(0, stream.whole(0, request.length - 1)),
  flip: (request, stream) => {
    const copy = Buffer.from(request);
    for (let i = stream.whole(1, 8); i > 0; i -= 1) {
      copy[stream.whole(0, copy.length - 1)] = stream.whole(0, 255);
    }
    return copy;
  },
  length: text((request, stream) =>
    request.replace(/content-length: \d+/, `content-length: ${stream.pick(LENGTHS)}`),
  ),
  "length off": text((request, stream) =>
    request.replace(/content-length: (\d+)/, (_, length) => {
      const off = stream.pick([-60, -2, -1, 1, 2, 500]);
      return `content-length: ${Number(length) + off}`;
    }),
  ),
  line: text((request, stream) => request.replace("\r\n", `\r\n${stream.pick(LINES)}\r\n`)),
  "first line": text((request, stream) =>
    request.replace(/^[^\r]*/, () => stream.pick(FIRST_LINES)),
  ),
  "line ends": text((request, stream) =>
    request.replaceAll("\r\n", stream.pick(["\n", "\r", "\n\r"])),
  ),
  chunks: text((request, stream) => {
    const size = stream.pick(["zz", "-1", "ffffffffffffffff", "5;x=y", ""]);
    const head = request.slice(0, request.indexOf("\r\n\r\n"));
    const chunked = head.replace(/content-length: \d+/, "transfer-encoding: chunked");
    return `${chunked}\r\n\r\n${size}\r\nhello\r\n0\r\n\r\n`;
  }),
  "huge head": text((request, stream) =>
    request.replace("\r\n", `\r\nx: ${"A".repeat(stream.whole(10_000, 90_000))}\r\n`),
  ),
  "second request": (request, stream) =>
    Buffer.concat([request.subarray(0, stream.whole(10, request.length)), request]),
  noise: (_request, stream) => Buffer.from(stream.asRandom().bytes(stream.whole(0, 2000))),
};
const NAMES = Object.keys(DAMAGES);

const HANGS_AFTER_MS = 20_000;

/**
 * Everything that the server says until it hangs up; undefined if it does not. This side stops sending when the server has
 * answered, or has had time for two other requests: by then it has read all there is to read.
 */
async function say(wire: Wire, port: number, bytes: Buffer): Promise<string | undefined> {
  const { promise: ended, resolve: end } = Promise.withResolvers<boolean>();
  let answer = "";
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("data", (chunk) => {
    answer += chunk.toString("latin1");
    socket.end();
  });
  socket.on("error", () => {});
  socket.on("close", () => end(true));
  socket.write(bytes);
  for (let i = 0; i < 2; i += 1) await wire.exchange(OTHER_REQUEST);
  socket.end();
  const timer = setTimeout(() => end(false), HANGS_AFTER_MS);
  const hungUp = await ended;
  clearTimeout(timer);
  socket.destroy();
  return hungUp ? answer : undefined;
}

const OTHER_REQUEST = `GET ${METADATA_PATH} HTTP/1.1\r\nhost: stress\r\n\r\n`;

interface Sender {
  readonly stream: Stream;
  readonly wire: Wire;
  owner: string;
  refreshToken: string;
  /** Whether its token was granted something, and another is needed. */
  isSpent: boolean;
}

const WORKERS = 16;
const PROGRESS_EVERY = 50;

export async function breakHttp(options: {
  readonly server: KetenUnderTest;
  readonly counted: CountingStore;
  readonly connections: number;
  readonly seed: string;
  readonly violations: Violations;
  readonly onProgress?: OnProgress;
}): Promise<void> {
  const { server, counted, connections, seed, violations, onProgress } = options;
  const { port, pathname } = new URL(server.endpoints.token);
  const renewed = async (stream: Stream, wire: Wire): Promise<Sender> => {
    const { refreshToken } = await begin(server);
    const inspected = await server.sandbox.issuer.inspectToken(refreshToken);
    return { stream, wire, refreshToken, owner: inspected?.chain ?? "", isSpent: false };
  };
  const senders: Sender[] = [];
  for (let i = 0; i < WORKERS; i += 1) {
    senders.push(await renewed(new Stream(`${seed}/${i}`, "broken"), new Wire(Number(port))));
  }
  const send = async (sender: Sender): Promise<void> => {
    const { stream, wire, owner } = sender;
    const name = stream.pick(NAMES);
    const proper = properRequest(server, pathname, sender);
    const bytes = DAMAGES[name]?.(proper, stream) ?? proper;
    const before = counted.writesOf(owner);
    const answer = await say(wire, Number(port), bytes);
    const violate = (wrong: string): void => violations.add(`${server.name}: ${name}: ${wrong}`);
    if (answer === undefined) return violate("the server neither answered nor hung up");
    if (/HTTP\/1\.1 5/.test(answer)) violate(answer);
    if (counted.writesOf(owner) === before) return;
    if (/HTTP\/1\.1 [34]/.test(answer) && !/HTTP\/1\.1 200/.test(answer)) {
      violate(`rows were written, but the answer was ${answer}`);
    }
    sender.isSpent = true;
  };
  /** Time passes only while nothing is on its way. */
  const renewSpent = async (): Promise<void> => {
    const spent = senders.filter(({ isSpent }) => isSpent);
    for (const sender of spent) Object.assign(sender, await renewed(sender.stream, sender.wire));
    if (spent.length > 0) server.pass(server.declares.paceMs);
  };
  server.pass(server.declares.paceMs);
  await inRounds(senders, Math.ceil(connections / WORKERS), send, async (round) => {
    await renewSpent();
    if (round % PROGRESS_EVERY === 0) onProgress?.(round * WORKERS, connections, "broken HTTP");
  });
  for (const { wire } of senders) wire.close();
}

function properRequest(
  { client }: KetenUnderTest,
  pathname: string,
  { refreshToken }: Sender,
): Buffer {
  const { clientId: client_id, clientSecret: client_secret } = client;
  const form = { grant_type: "refresh_token", refresh_token: refreshToken };
  const body = encode({ ...form, client_id, client_secret });
  const type = "content-type: application/x-www-form-urlencoded\r\n";
  const head = `POST ${pathname} HTTP/1.1\r\nhost: stress\r\n${type}`;
  return Buffer.from(`${head}content-length: ${body.length}\r\n\r\n${body}`);
}
