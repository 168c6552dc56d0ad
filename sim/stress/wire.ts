/**
 * Keep-alive connections that send whatever bytes they are given and read what comes back: HTTP/1.1 on loopback, one
 * request at a time on each.
 *
 * 1. Nothing of a request is checked or mended on the way: what a campaign wrote is what the server reads.
 * 2. An answer ends with its content-length, or with the connection. One that never began has status 0. A connection that
 *    the server does not promise to keep is not used again.
 * 3. Bytes are looked at as Latin-1: what is looked for in answers is ASCII.
 */

import { connect, type Socket } from "node:net";
import {
  type Answer,
  answerOf,
  type HttpRequest,
  type Send,
} from "../../test/conformance/server-under-test.ts";

const HEAD_END = "\r\n\r\n";

interface Reading {
  readonly bodiless: boolean;
  text: string;
  readonly done: (answer: Answer) => void;
}

export const NO_ANSWER: Answer = answerOf(0, () => null, "");

export class Wire {
  readonly #port: number;
  #socket: Socket | undefined;
  #reading: Reading | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends bytes and reads one answer. `bodiless` for an answer to HEAD. */
  exchange(bytes: string | Buffer, bodiless = false): Promise<Answer> {
    if (this.#reading) throw new TypeError("a connection carries one request at a time");
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#reading = { bodiless, text: "", done: resolve };
    this.#socket ??= this.#connect();
    this.#socket.write(bytes, "latin1");
    return promise;
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connect(): Socket {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    const ended = (): void => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      const text = this.#reading?.text ?? "";
      this.#finish(split(text, true, this.#reading?.bodiless ?? false) ?? NO_ANSWER);
    };
    socket.on("data", (chunk) => {
      if (this.#socket !== socket || !this.#reading) return;
      this.#reading.text += chunk.toString("latin1");
      const answer = split(this.#reading.text, false, this.#reading.bodiless);
      if (!answer) return;
      if (answer.header("connection") !== "keep-alive") {
        this.#socket = undefined;
        socket.destroy();
      }
      this.#finish(answer);
    });
    socket.on("error", () => {});
    socket.on("close", ended);
    return socket;
  }

  #finish(answer: Answer): void {
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.done(answer);
  }
}

/** The answer in a text; undefined while some of it is missing. */
function split(text: string, ended: boolean, bodiless: boolean): Answer | undefined {
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const status = Number(text.slice(9, 12));
  if (status < 200) return split(text.slice(headEnd + HEAD_END.length), ended, bodiless);
  const head = text.slice(0, headEnd);
  const header = (name: string): string | null =>
    new RegExp(`\r\n${name}: *([^\r]*)`, "i").exec(head)?.[1] ?? null;
  const bodyAt = headEnd + HEAD_END.length;
  const length = header("content-length");
  const end = bodiless ? bodyAt : length === null ? text.length : bodyAt + Number(length);
  if ((length === null && !ended && !bodiless) || text.length < end) return undefined;
  return answerOf(status, header, text.slice(bodyAt, end));
}

/** A request as bytes. */
export function bytesOf({ url, method = "POST", headers = {}, body = "" }: HttpRequest): string {
  const { host, pathname, search } = new URL(url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = Buffer.byteLength(body);
  const head = `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n${lines.join("")}`;
  return `${head}content-length: ${length}\r\n\r\n${body}`;
}

/** As many connections to a port as are needed at a time, kept for the next requests. */
export function openWires(): { readonly send: Send; close(): void } {
  const free: Wire[] = [];
  const all: Wire[] = [];
  const open = (port: number): Wire => {
    const wire = new Wire(port);
    all.push(wire);
    return wire;
  };
  return {
    async send(request) {
      const wire = free.pop() ?? open(Number(new URL(request.url).port));
      const answer = await wire.exchange(bytesOf(request), request.method === "HEAD");
      free.push(wire);
      return answer;
    },
    close() {
      for (const wire of all) wire.close();
    },
  };
}
