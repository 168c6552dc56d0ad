/**
 * One POST over HTTP/1.1 on a connection of its own. It knows nothing of journals and tokens.
 *
 * 1. The connection is made first and the request is written afterwards, so what fails before is *not sent*, provably:
 *    no look-up, refusal, handshake or `beforeFirstByte` that fails has let a byte of the request out.
 * 2. From the first write on, only an answer proves anything. An error then is *unanswered*, whatever its code says.
 * 3. No agent, no kept connection, no resumed session, no early data, no redirect, no second try. No proxy variable and
 *    no global switch of certificate checks is heeded: the connection is made here, with all that counts said.
 * 4. What arrived is given out even if it was cut, too long or no HTTP: a token may be in it. The parser is lenient
 *    for that reason; with one request to a connection there is no second message to smuggle.
 * 5. Nothing aborts a sent request but its harvest limit.
 */

import dns from "node:dns";
import http, { type IncomingMessage } from "node:http";
import net, { type Socket } from "node:net";
import tls from "node:tls";
import { MINUTE, SECOND } from "../kernel/time.ts";
import type { Clock } from "./clock.ts";
import { KetenError } from "./error.ts";
import type { ExchangeRequest, Progress } from "./exchange.ts";
import type { Secret } from "./secret.ts";

/** What is sent, and what runs right before its first byte. */
export interface PostRequest
  extends Pick<ExchangeRequest, "url" | "headers" | "body" | "whenConnected" | "beforeFirstByte"> {
  /** Unscaled milliseconds in which the connection must be up; at most the configured limit. */
  readonly connectMs: number;
}

/** An answer as it came. */
export interface ReceivedAnswer {
  /** `NO_HTTP` if what came was no HTTP; the body then holds what came. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly complete: boolean;
}

export type PostOutcome =
  | { readonly kind: "answered"; readonly answer: ReceivedAnswer }
  | { readonly kind: "notSent"; readonly progress: Progress; readonly error: string }
  | { readonly kind: "unanswered"; readonly progress: Progress; readonly error: string };

export interface Posting {
  /** Never rejects. */
  readonly outcome: Promise<PostOutcome>;
  /** How far it got by now. */
  progress(): Progress;
}

/** @throws KetenError `config_invalid` for a URL that may not be posted to. */
export type Post = (request: PostRequest) => Posting;

export interface HttpPostOptions {
  readonly clock: Clock;
  /** Whether the operator allows plain http to this URL. Loopback needs no permission. */
  readonly allowHttp?: (url: URL) => boolean;
  /** How names are looked up; also the place where addresses are checked. */
  readonly lookup?: net.LookupFunction;
  /** Certificates to trust instead of the usual ones, PEM. */
  readonly ca?: string;
  readonly connectMs?: number;
  /** How long a sent request may wait for the end of its answer. */
  readonly harvestMs?: number;
  /** A longer body is cut here. */
  readonly bodyBytesMax?: number;
}

type Settings = HttpPostOptions & {
  readonly connectMs: number;
  readonly harvestMs: number;
  readonly bodyBytesMax: number;
};

/** Headers handed on; the rest is nobody's business. */
const KEPT_HEADERS =
  /^(?:content-type|content-encoding|retry-after|reason|date|www-authenticate|x-ratelimit-.+)$/;
/** What a gateway would say of an answer that is no HTTP (RFC 9110, section 15.6.3). It proves nothing, as any 5xx. */
const NO_HTTP = 502;

const KEPT_HEADERS_MAX = 24;
const KEPT_HEADER_LENGTH_MAX = 1024;
const HEADER_BYTES_MAX = 64 * 1024;

export function httpPost(options: HttpPostOptions): Post {
  const settings: Settings = {
    connectMs: 10 * SECOND,
    harvestMs: 10 * MINUTE,
    bodyBytesMax: 1024 * 1024,
    ...options,
  };
  return (request) => {
    const url = checkedUrl(request.url, settings);
    let progress: Progress = "begun";
    const reached = (step: Progress): void => {
      progress = step;
    };
    return {
      outcome: post(url, request, settings, reached, () => progress),
      progress: () => progress,
    };
  };
}

async function post(
  url: URL,
  request: PostRequest,
  settings: Settings,
  reached: (step: Progress) => void,
  progress: () => Progress,
): Promise<PostOutcome> {
  let socket: Socket | undefined;
  let message: http.ClientRequest;
  try {
    socket = await connect(url, request.connectMs, settings, () => reached("resolved"));
    reached("connected");
    if (request.whenConnected) await request.whenConnected();
    if (socket.destroyed) throw new Error("closed before the request");
    message = prepare(url, request.headers, socket);
    request.beforeFirstByte();
  } catch (error) {
    socket?.destroy();
    return { kind: "notSent", progress: progress(), error: wordOf(error) };
  }
  // The point of no return: from here on the remote may have acted, and only its answer tells.
  reached("sent");
  return converse(message, request.body, settings, () => reached("answered"), progress);
}

function checkedUrl(text: string, { allowHttp }: Settings): URL {
  const url = URL.parse(text);
  const invalid = (what: string, expected: string): KetenError =>
    new KetenError("config_invalid", `token endpoint ${what}; expected ${expected}`);
  if (!url) throw invalid("is no URL", '"https://…"');
  const place = `"${url.origin}${url.pathname}"`;
  if (url.username || url.password) throw invalid(`${place} carries a password`, "none in a URL");
  if (url.protocol === "https:") return url;
  if (url.protocol === "http:" && (isLoopback(url) || allowHttp?.(url))) return url;
  throw invalid(`${place} is not protected`, "https, or the operator's leave for this provider");
}

function isLoopback({ hostname }: URL): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** Opens the connection, all handshakes included. Rejects with the socket destroyed. */
function connect(
  url: URL,
  limitMs: number,
  settings: Settings,
  onResolved: () => void,
): Promise<Socket> {
  const isTls = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const target = {
    host,
    port: Number(url.port || (isTls ? 443 : 80)),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30 * SECOND,
    lookup: reportingLookup(settings.lookup ?? dns.lookup, onResolved),
  };
  const security = {
    ...(net.isIP(host) ? {} : { servername: host }),
    ...(settings.ca === undefined ? {} : { ca: settings.ca }),
    rejectUnauthorized: true,
    minVersion: "TLSv1.2" as const,
    ALPNProtocols: ["http/1.1"],
  };
  return new Promise((resolve, reject) => {
    const socket = isTls ? tls.connect({ ...target, ...security }) : net.connect(target);
    const fail = (error: Error): void => {
      timer.cancel();
      socket.destroy();
      reject(error);
    };
    const onClose = (): void => fail(new Error("closed before it was up"));
    const timer = settings.clock.afterReal(Math.min(limitMs, settings.connectMs), () =>
      fail(new Error("no connection in time")),
    );
    // Stays for good: an error with nobody listening would end the process.
    socket.on("error", fail);
    socket.once("close", onClose);
    socket.once(isTls ? "secureConnect" : "connect", () => {
      timer.cancel();
      socket.off("close", onClose);
      resolve(socket);
    });
  });
}

function reportingLookup(lookup: net.LookupFunction, onResolved: () => void): net.LookupFunction {
  return (name, options, found) =>
    lookup(name, options, (error, ...addresses) => {
      if (!error) onResolved();
      found(error, ...addresses);
    });
}

/** Builds the request on a socket without writing any of it. Throws on a header that cannot be sent. */
function prepare(
  url: URL,
  headers: Readonly<Record<string, string>>,
  socket: Socket,
): http.ClientRequest {
  const message = http.request({
    createConnection: () => socket,
    method: "POST",
    path: `${url.pathname}${url.search}`,
    setHost: false,
    insecureHTTPParser: true,
    maxHeaderSize: HEADER_BYTES_MAX,
  });
  message.on("error", () => {});
  const ours = { host: url.host, connection: "close", "accept-encoding": "identity" };
  const all = { "content-type": "application/x-www-form-urlencoded", ...lowerCased(headers) };
  for (const [name, value] of Object.entries({ ...all, ...ours })) message.setHeader(name, value);
  message.removeHeader("transfer-encoding");
  return message;
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** Writes the request and reads the answer to its end, or to what is left of it. */
function converse(
  message: http.ClientRequest,
  body: Secret,
  { clock, harvestMs, bodyBytesMax }: Settings,
  onAnswered: () => void,
  progress: () => Progress,
): Promise<PostOutcome> {
  return new Promise((resolve) => {
    let response: IncomingMessage | undefined;
    const chunks: Buffer[] = [];
    let size = 0;

    const take = (chunk: Buffer): void => {
      const kept = chunk.subarray(0, bodyBytesMax - size);
      size += kept.length;
      if (kept.length > 0) chunks.push(kept);
      if (kept.length < chunk.length) finish(false, "the body is too long");
    };
    const settle = (outcome: PostOutcome): void => {
      harvest.cancel();
      message.destroy();
      resolve(outcome);
    };
    const answered = (answer: Omit<ReceivedAnswer, "body">, bytes: Uint8Array): void =>
      settle({ kind: "answered", answer: { ...answer, body: bytes } });
    const finish = (complete: boolean, error: string): void => {
      if (response) {
        const status = response.statusCode ?? NO_HTTP;
        answered({ status, headers: keptHeaders(response), complete }, Buffer.concat(chunks));
      } else {
        settle({ kind: "unanswered", progress: progress(), error });
      }
    };
    const harvest = clock.afterReal(harvestMs, () => finish(false, "no answer in time"));

    message.on("response", (incoming) => {
      response = incoming;
      onAnswered();
      incoming.on("data", take);
      incoming.on("error", () => {});
      incoming.on("close", () => finish(incoming.complete, "the answer was cut"));
    });
    message.on("error", (error: Error & { rawPacket?: unknown }) => {
      const raw = error.rawPacket;
      // With headers in hand, the response's own end follows.
      if (response) return;
      if (Buffer.isBuffer(raw)) {
        answered({ status: NO_HTTP, headers: {}, complete: false }, raw.subarray(0, bodyBytesMax));
      } else {
        finish(false, wordOf(error));
      }
    });
    message.on("close", () => {
      if (!response) finish(false, "the connection closed without an answer");
    });
    const bytes = Buffer.from(body.reveal());
    message.setHeader("content-length", bytes.length);
    message.end(bytes, () => bytes.fill(0));
  });
}

function keptHeaders({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === "string" && KEPT_HEADERS.test(name)
      ? [[name, value.slice(0, KEPT_HEADER_LENGTH_MAX)] as const]
      : [],
  );
  return Object.fromEntries(kept.slice(0, KEPT_HEADERS_MAX));
}

/** What went wrong, in a word for logs: a code where there is one. Never the remote's own text. */
function wordOf(error: unknown): string {
  if (error instanceof KetenError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
