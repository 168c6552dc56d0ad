/**
 * One keep-alive connection of the load generator: HTTP/1.1, one request at a time, as little work as possible.
 *
 * 1. The next request is written when the answer before it is complete. There is no queue and no timer.
 * 2. An answer has a `content-length`; one without, or one that is longer than it says, is an error of the run.
 * 3. Bytes are read into one buffer that is used again, and looked at as Latin-1: what is measured answers in ASCII.
 */

import { connect, type Socket } from "node:net";

/** What a connection sends, and what it does with an answer. */
export interface Slot {
  /** The next request, whole. */
  request(): string;
  /** Told of each answer; throws if that is not what it should be. */
  answered(status: number, body: string): void;
}

/** What is asked of a connection while it runs. */
export interface Watch {
  /** Whether another request is to be sent. */
  goesOn(): boolean;
  /** One complete answer, and how long it took in milliseconds. */
  took(milliseconds: number): void;
}

const BUFFER_BYTES = 64 * 1024;
const HEAD_END = "\r\n\r\n";
const LENGTH = /\r\ncontent-length: *(\d+)/i;
/** Where the status stands in "HTTP/1.1 200 OK". */
const STATUS_AT = 9;

/** Sends a slot's requests until the watch ends it; resolves when the last answer is in. Rejects on anything odd. */
export async function runSlot(port: number, slot: Slot, watch: Watch): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let pending = "";
  let sentAt = 0;
  const send = (): void => {
    sentAt = performance.now();
    socket.write(slot.request(), "latin1");
  };
  const read = (text: string): void => {
    pending = pending === "" ? text : pending + text;
    const answer = split(pending);
    if (!answer) return;
    pending = "";
    watch.took(performance.now() - sentAt);
    slot.answered(answer.status, answer.body);
    if (watch.goesOn()) send();
    else {
      resolve();
      socket.destroy();
    }
  };
  const socket: Socket = connect({
    port,
    host: "127.0.0.1",
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(BUFFER_BYTES),
      callback: (length, buffer) => {
        try {
          read((buffer as Buffer).toString("latin1", 0, length));
        } catch (error) {
          reject(error);
          socket.destroy();
        }
        return true;
      },
    },
  });
  socket.once("connect", send);
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("the server closed a connection")));
  await promise;
}

/** A complete answer; undefined while some of it is missing. */
function split(text: string): { readonly status: number; readonly body: string } | undefined {
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd);
  const length = LENGTH.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without content-length: ${head}`);
  const bodyAt = headEnd + HEAD_END.length;
  const end = bodyAt + Number(length);
  if (text.length < end) return undefined;
  if (text.length > end) throw new Error("an answer is longer than it says");
  return { status: Number(head.slice(STATUS_AT, STATUS_AT + 3)), body: text.slice(bodyAt) };
}
