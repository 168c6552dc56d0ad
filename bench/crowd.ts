/**
 * A crowd: a process that holds one keep-alive connection for each of many requests, and when told sends all of them
 * at once. What it measures is from the first request that it writes until an answer is in.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export type ToCrowd =
  | { readonly tell: "connect"; readonly port: number; readonly requests: readonly string[] }
  | { readonly tell: "go" };

export type FromCrowd =
  | { readonly tells: "connected" }
  | ({ readonly tells: "answered" } & Answered);

export interface Answered {
  /** How many answers had which status; 0 for a connection that broke. */
  readonly statuses: Readonly<Record<string, number>>;
  /** How many different access tokens were answered. */
  readonly tokens: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

/** So many connections are made at once: more than that, and a listening queue overflows. */
const AT_ONCE = 200;

interface Member {
  readonly socket: Socket;
  readonly request: string;
}

const members: Member[] = [];

async function connectAll(port: number, requests: readonly string[]): Promise<void> {
  for (let from = 0; from < requests.length; from += AT_ONCE) {
    const some = requests.slice(from, from + AT_ONCE).map(async (request) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      await once(socket, "connect");
      members.push({ socket, request });
    });
    await Promise.all(some);
  }
}

async function ask({ socket, request }: Member, startedAt: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let text = "";
  const read = (chunk: Buffer): void => {
    text += chunk.toString("latin1");
    const headEnd = text.indexOf("\r\n\r\n");
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    if (headEnd >= 0 && text.length >= headEnd + 4 + Number(length)) resolve();
  };
  socket
    .on("data", read)
    .once("error", resolve)
    .once("close", () => resolve());
  socket.write(request, "latin1");
  await promise;
  const took = performance.now() - startedAt;
  socket.off("data", read);
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? "0";
  return { status, took, token: /"access_token":"([^"]+)"/.exec(text)?.[1] };
}

async function go(): Promise<Answered> {
  const startedAt = performance.now();
  const answers = await Promise.all(members.map((member) => ask(member, startedAt)));
  const times = answers.map(({ took }) => took).sort((a, b) => a - b);
  const at = (share: number): number => times[Math.ceil(share * times.length) - 1] ?? Number.NaN;
  const statuses: Record<string, number> = {};
  for (const { status } of answers) statuses[status] = (statuses[status] ?? 0) + 1;
  const tokens = new Set(answers.map(({ token }) => token)).size;
  return { statuses, tokens, p50: at(0.5), p99: at(0.99), worst: at(1) };
}

function tell(message: FromCrowd): void {
  process.send?.(message);
}

if (import.meta.main) {
  process.on("message", (order: ToCrowd) => {
    if (order.tell === "go") void go().then((answered) => tell({ tells: "answered", ...answered }));
    else void connectAll(order.port, order.requests).then(() => tell({ tells: "connected" }));
  });
  process.on("disconnect", () => process.exit(0));
  process.on("SIGTERM", () => process.exit(0));
  console.log("ready");
}
