/** A loopback server below HTTP: it reads one whole request per connection and answers with whatever bytes it is told. */

import { EventEmitter, once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import type { TestContext } from "node:test";
import tls from "node:tls";
import type { Certificate } from "./certificate.ts";

export interface RawServer {
  readonly port: number;
  readonly url: string;
  /** The whole requests so far, as text. */
  readonly requests: readonly string[];
  /** How many connections were accepted so far. */
  connections(): number;
  /** How many bytes came so far, over all connections; with TLS, of what is inside it. */
  received(): number;
  /** Resolves with the next TCP connection accepted. */
  accepted(): Promise<Socket>;
  /** Resolves with the next request that came whole. */
  requested(): Promise<Socket>;
}

/** Answers a request that came whole; `socket` is the connection it came on. */
export type Answering = (socket: Socket, request: string) => void;

export async function rawServer(
  t: TestContext,
  answer: Answering,
  certificate?: Certificate,
): Promise<RawServer> {
  const requests: string[] = [];
  let connections = 0;
  let received = 0;
  const happened = new EventEmitter();
  const next = async (event: string): Promise<Socket> => (await once(happened, event))[0];
  const open = new Set<Socket>();
  const onSocket = (socket: Socket): void => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.length;
      text += chunk.toString("latin1");
      if (!isWhole(text)) return;
      requests.push(text);
      const request = text;
      text = "";
      happened.emit("requested", socket);
      answer(socket, request);
    });
  };
  const server = certificate ? tls.createServer(certificate, onSocket) : net.createServer(onSocket);
  server.on("connection", (socket: Socket) => {
    connections += 1;
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    happened.emit("accepted", socket);
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const origin = certificate ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  return {
    ...{ port, url: `${origin}/token`, requests },
    connections: () => connections,
    received: () => received,
    accepted: () => next("accepted"),
    requested: () => next("requested"),
  };
}

function isWhole(text: string): boolean {
  const bodyAt = text.indexOf("\r\n\r\n") + 4;
  const length = /content-length: (\d+)/i.exec(text)?.[1] ?? "0";
  return bodyAt >= 4 && text.length >= bodyAt + Number(length);
}

/** An HTTP answer as text, with a right Content-Length unless another is given. */
export function httpAnswer(
  status: number,
  body: string,
  headers: Readonly<Record<string, string | number>> = {},
): string {
  const all = { "Content-Length": Buffer.byteLength(body), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join("")}\r\n${body}`;
}
