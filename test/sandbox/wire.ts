/** A stand-in with a store of its own, and a client that looks at every byte it is sent, and at how the connection ends. */

import { strict as assert } from "node:assert";
import net from "node:net";
import type { TestContext } from "node:test";
import type { RequestLine } from "../../src/sandbox/request-log.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/sandbox.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";

export interface Heard {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly end: "closed" | "reset";
}

export interface Wire {
  readonly sandbox: Sandbox;
  readonly clock: ManualClock;
  /** Sends a token request over a connection of its own; `onBody` sees the body as it grows. */
  ask(form: Readonly<Record<string, string>>, onBody?: (body: string) => void): Promise<Heard>;
  refresh(refreshToken: string): Promise<Heard>;
  /** Calls the control API. */
  call(method: string, path: string, body?: object): Promise<Told>;
  /** The lines of the log, once all of them are over. */
  lines(): Promise<readonly RequestLine[]>;
}

export interface Told {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

export async function wire(
  t: TestContext,
  preset: string,
  options: Partial<SandboxOptions> = {},
): Promise<Wire> {
  const provider = PROVIDERS[preset];
  assert.ok(provider, `there is no preset "${preset}"`);
  const clock = manualClock();
  const sandbox = await startSandbox({ provider, clock, ...options });
  t.after(() => sandbox.close());
  const { clientId: client_id, clientSecret: client_secret } = sandbox;
  const ask: Wire["ask"] = (form, onBody) =>
    post(sandbox.tokenEndpoint, { client_id, client_secret, ...form }, onBody);
  return {
    sandbox,
    clock,
    ask,
    refresh: (refresh_token) => ask({ grant_type: "refresh_token", refresh_token }),
    async call(method, path, body) {
      const json = { "content-type": "application/json" };
      const init = body ? { method, headers: json, body: JSON.stringify(body) } : { method };
      const response = await fetch(`${sandbox.url}/sandbox/${path}`, init);
      return { status: response.status, json: (await response.json()) as Told["json"] };
    },
    async lines() {
      for (;;) {
        const response = await fetch(`${sandbox.url}/sandbox/log`);
        const { requests } = (await response.json()) as { requests: RequestLine[] };
        if (requests.every(({ written }) => written !== "pending")) return requests;
      }
    },
  };
}

function post(
  url: string,
  form: Readonly<Record<string, string>>,
  onBody: (body: string) => void = () => {},
): Promise<Heard> {
  const { hostname, port, pathname, host } = new URL(url);
  const body = new URLSearchParams(form).toString();
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    "Content-Type: application/x-www-form-urlencoded",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  const { promise, resolve, reject } = Promise.withResolvers<Heard>();
  const socket = net.connect({ host: hostname, port: Number(port) });
  let heard = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    heard += text;
    onBody(bodyOf(heard));
  });
  socket.on("end", () => resolve(answerOf(heard, "closed")));
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ECONNRESET") resolve(answerOf(heard, "reset"));
    else reject(error);
  });
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  return promise;
}

const BLANK = "\r\n\r\n";

const bodyOf = (heard: string): string =>
  heard.includes(BLANK) ? heard.slice(heard.indexOf(BLANK) + BLANK.length) : "";

function answerOf(heard: string, end: Heard["end"]): Heard {
  const [first = "", ...lines] = heard.split(BLANK)[0]?.split("\r\n") ?? [];
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const status = Number(first.split(" ")[1] ?? 0);
  return { status, headers: Object.fromEntries(headers), body: bodyOf(heard), end };
}

/** The refresh token of an answer, or what was presented where the answer has none. */
export function tokenOf({ body }: Heard, presented = ""): string {
  try {
    return (JSON.parse(body) as { refresh_token?: string }).refresh_token ?? presented;
  } catch {
    return presented;
  }
}
