/** A server of the keychain API in this process, on a store in memory, with a token endpoint that does as it is told. */

import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Home, openHome } from "../../src/cli/compose.ts";
import { startServer } from "../../src/cli/server.ts";
import { Secret } from "../../src/env/secret.ts";
import { httpAnswer, type RawServer, rawServer } from "../support/raw-server.ts";
import { recordingLog } from "../support/recording-log.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

export const API_KEY = "keten_test-key-for-the-api";

export interface Stand {
  readonly url: string;
  readonly home: Home;
  readonly provider: RawServer;
  readonly log: ReturnType<typeof recordingLog>;
  /** What the token endpoint answers from now on. */
  answers(answer: (count: number) => string): void;
  call(method: string, path: string, options?: CallOptions): Promise<Called>;
  /** Adds a connection that nothing refuses. */
  connect(name: string, more?: Readonly<Record<string, unknown>>): Promise<Called>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly key?: string | null;
}

export interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every kind
  readonly json: any;
}

/** A token response whose tokens are numbered. */
export const granted = (count: number): string =>
  httpAnswer(
    200,
    JSON.stringify({
      access_token: `access-${count}`,
      refresh_token: `refresh-${count}`,
      token_type: "Bearer",
      expires_in: 600,
    }),
    { "content-type": "application/json" },
  );

export async function apiStand(t: TestContext): Promise<Stand> {
  let answer = granted;
  let count = 0;
  const provider = await rawServer(t, (socket) => {
    count += 1;
    socket.end(answer(count));
  });
  const log = recordingLog();
  const home = await openHome({
    dataDir: join(temporaryDirectory(t), "data"),
    storeUrl: "memory:",
    mode: "lazy",
    log,
  });
  const server = await startServer({ home, apiKey: new Secret(API_KEY), port: 0, log });
  t.after(() => server.stop());
  const call: Stand["call"] = async (method, path, options = {}) => {
    const { body, text, headers = {}, key = API_KEY } = options;
    const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(server.url + path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(content === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
    });
    const received = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      text: received,
      json: isJson && received !== "" ? JSON.parse(received) : null,
    };
  };
  return {
    url: server.url,
    ...{ home, provider, log, call },
    answers: (next) => {
      answer = next;
    },
    connect: (name, more = {}) =>
      call("POST", "/v1/connections", {
        body: {
          name,
          policy: "handshake",
          token_endpoint: provider.url,
          client_id: "client",
          refresh_token: `imported-${name}`,
          ...more,
        },
      }),
  };
}
