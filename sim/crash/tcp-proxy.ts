/**
 * A proxy between a client and a token endpoint on loopback that lets connections go wrong, each in one named way.
 *
 * 1. A request is taken in whole before anything happens to it, and an answer too: what is passed on is then known to
 *    the byte, and is told.
 * 2. One connection carries one request, as Keten sends them; a fault is for one connection, in order of arrival, and
 *    all others pass.
 * 3. It waits for nothing but the network and for whoever releases a held answer: no timer decides an outcome.
 */

import { once } from "node:events";
import net, { type AddressInfo, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

export type Fault =
  | { readonly kind: "pass" }
  /** After so many bytes of the answer the connection ends, in good order or by a reset. */
  | { readonly kind: "cut"; readonly after: number; readonly by: "fin" | "rst" }
  /** The request was passed on; its answer waits until `release`. */
  | { readonly kind: "hold" }
  /** Reset before the request was passed on, or after it, with its answer at hand. */
  | { readonly kind: "reset"; readonly request: "kept" | "passed" }
  /** Our end is closed to one side only: the client hears no more, or the server does. */
  | { readonly kind: "halfOpen"; readonly towards: "client" | "server" }
  /** The answer announces more than it has. */
  | { readonly kind: "truncate"; readonly more: number }
  /** Byte by byte. */
  | { readonly kind: "slow" }
  /** The request is delivered twice; which answers come back, one behind the other. */
  | { readonly kind: "duplicate"; readonly back: "first" | "second" | "both" };

/** What became of one connection. */
export interface Passage {
  readonly fault: Fault;
  /** The answers as the server gave them. */
  readonly answers: readonly Buffer[];
  /** What of them was handed to the network towards the client. */
  readonly passed: Buffer;
}

export interface TcpProxy {
  readonly port: number;
  /** Connections so far that brought a whole request. */
  readonly passages: readonly Passage[];
  /** The next connection goes wrong like this. */
  next(fault: Fault): void;
  /** Whether connections are refused: nobody listens, until told otherwise. */
  refuse(isRefusing: boolean): Promise<void>;
  /** Lets held answers go. */
  release(): void;
  /** Resolves once a connection has had its fault, whatever the client makes of it. */
  done(count: number): Promise<void>;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";

/** Starts a proxy to a port on this machine. */
export async function startTcpProxy(upstreamPort: number): Promise<TcpProxy> {
  const faults: Fault[] = [];
  const passages: Passage[] = [];
  const sockets = new Set<Socket>();
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let held = Promise.withResolvers<void>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket.setNoDelay(true));
    return socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  };
  const server: Server = net.createServer({ allowHalfOpen: true }, (client) => {
    const fault = faults.shift() ?? { kind: "pass" };
    const ask = (request: Buffer): Promise<Buffer> =>
      askUpstream(upstreamPort, request, fault, keep);
    carry(keep(client), fault, ask, () => held.promise)
      .then((passage) => void passages.push(passage))
      .catch(() => client.destroy())
      .finally(() => {
        for (const { count, resolve } of waiting) if (passages.length >= count) resolve();
      });
  });
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    refuse: async (isRefusing) => {
      if (isRefusing === !server.listening) return;
      if (isRefusing) server.close();
      else server.listen(port, HOST);
      await once(server, isRefusing ? "close" : "listening");
    },
    passages,
    next: (fault) => void faults.push(fault),
    release: () => {
      held.resolve();
      held = Promise.withResolvers();
    },
    done: (count) =>
      passages.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => waiting.push({ count, resolve })),
    close: async () => {
      held.resolve();
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}

async function carry(
  client: Socket,
  fault: Fault,
  ask: (request: Buffer) => Promise<Buffer>,
  held: () => Promise<void>,
): Promise<Passage> {
  const request = await wholeRequest(client);
  if (fault.kind === "reset" && fault.request === "kept") {
    client.resetAndDestroy();
    return { fault, answers: [], passed: Buffer.alloc(0) };
  }
  if (fault.kind === "halfOpen" && fault.towards === "client") client.end();
  const answers = [await ask(request)];
  if (fault.kind === "duplicate") answers.push(await ask(request));
  if (fault.kind === "hold") await held();
  const passed = passedOf(fault, answers);
  await deliver(client, fault, passed);
  return { fault, answers, passed };
}

/** What of the answers the client may see. */
function passedOf(fault: Fault, answers: readonly Buffer[]): Buffer {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = answers;
  switch (fault.kind) {
    case "cut":
      return first.subarray(0, fault.after);
    case "reset":
      return Buffer.alloc(0);
    case "halfOpen":
      return fault.towards === "client" ? Buffer.alloc(0) : first;
    case "truncate":
      return announcing(first, fault.more);
    case "duplicate":
      return { first, second, both: Buffer.concat([first, second]) }[fault.back];
    default:
      return first;
  }
}

async function deliver(client: Socket, fault: Fault, passed: Buffer): Promise<void> {
  if (client.destroyed || (fault.kind === "halfOpen" && fault.towards === "client")) return;
  if (fault.kind === "slow") {
    for (const [at, byte] of passed.entries()) {
      if (client.destroyed) return;
      client.write(Buffer.of(byte));
      // A turn for each byte would be seconds where a turn has much to do.
      if (at % 16 === 0) await turn();
    }
  } else if (passed.length > 0) await written(client, passed);
  if (fault.kind === "reset") client.resetAndDestroy();
  else if (fault.kind === "cut" && fault.by === "rst") await resetBehind(client);
  else client.end();
}

const written = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => socket.write(bytes, () => resolve()));

/** Resets once the other side had turns to read what was written: a reset takes unread bytes with it. */
async function resetBehind(client: Socket): Promise<void> {
  for (let i = 0; i < 20; i += 1) await turn();
  client.resetAndDestroy();
}

/** Reads until the body has the announced length. */
async function wholeRequest(client: Socket): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    const bodyAt = bytes.indexOf("\r\n\r\n") + 4;
    const length = /content-length: *(\d+)/i.exec(bytes.toString("latin1"))?.[1];
    if (bodyAt >= 4 && length !== undefined && bytes.length >= bodyAt + Number(length)) {
      return bytes;
    }
  }
  throw new Error("the client left before its request was whole");
}

async function askUpstream(
  port: number,
  request: Buffer,
  fault: Fault,
  keep: (socket: Socket) => Socket,
): Promise<Buffer> {
  const upstream = keep(net.connect({ port, host: HOST }));
  const chunks: Buffer[] = [];
  upstream.on("data", (chunk: Buffer) => void chunks.push(chunk));
  upstream.write(request);
  if (fault.kind === "halfOpen" && fault.towards === "server") upstream.end();
  // However it ends: a reset, too, has its bytes before it.
  await new Promise((resolve) => upstream.once("close", resolve));
  return Buffer.concat(chunks);
}

/** The answer with a Content-Length that promises more. */
function announcing(answer: Buffer, more: number): Buffer {
  const text = answer.toString("latin1");
  return Buffer.from(
    text.replace(/(content-length: *)(\d+)/i, (_, name, length) => name + (Number(length) + more)),
    "latin1",
  );
}
