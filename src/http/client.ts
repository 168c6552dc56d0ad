/**
 * The keychain API from the other side, typed: what the command line uses where a server runs.
 *
 * 1. Errors of the API come out as they went in: a `KetenError` with the same code, sentence and evidence.
 * 2. Nothing is retried. What may be asked again says so (`retryable`).
 */

import { type ErrorCode, KetenError } from "../env/error.ts";
import type { Secret } from "../env/secret.ts";
import type {
  ConnectionAnswer,
  ConnectionRequest,
  ConnectionsAnswer,
  ErrorAnswer,
  TokenAnswer,
} from "./api-wire.ts";
import type {
  AddedConsumerAnswer,
  ConsumerAnswer,
  ConsumerRequest,
  ConsumersAnswer,
  SecretAnswer,
} from "./consumers-wire.ts";

/** What can be asked of a keychain, wherever it runs. Each is one call; names are as `NAME_PATTERN` has them. */
export interface KeychainClient {
  /** @throws KetenError `store_unavailable` */
  connections(): Promise<readonly ConnectionAnswer[]>;
  /** Adds a connection; nothing is sent to the provider. @throws KetenError `config_invalid`, `connection_exists` */
  connect(request: ConnectionRequest): Promise<ConnectionAnswer>;
  /** @throws KetenError `connection_unknown` */
  show(name: string): Promise<ConnectionAnswer>;
  /** @throws KetenError `connection_unknown`, `connection_lost`, `connection_unavailable` */
  token(name: string): Promise<TokenAnswer>;
  /** Reports a token by its generation; answers with a newer one. @throws KetenError as `token`, `request_invalid` */
  failed(name: string, generation: number): Promise<TokenAnswer>;
  /** Forgets a connection and its tokens; the provider is not told. @throws KetenError `connection_unknown` */
  remove(name: string): Promise<void>;
  /** Goes on from a refresh token granted anew; name and consumers stay. @throws KetenError `connection_unknown` */
  reconnect(name: string, refreshToken: Secret): Promise<ConnectionAnswer>;

  // --- those who share a connection
  /** Of one connection, or all. */
  consumers(connection?: string): Promise<readonly ConsumerAnswer[]>;
  /** @throws KetenError `connection_unknown`, `config_invalid` */
  addConsumer(request: ConsumerRequest): Promise<AddedConsumerAnswer>;
  /** @throws KetenError `consumer_unknown` */
  revokeConsumer(clientId: string): Promise<ConsumerAnswer>;
  /** @throws KetenError `consumer_unknown`, `config_invalid` for one that is revoked */
  replaceConsumerSecret(clientId: string): Promise<SecretAnswer>;
  close(): Promise<void>;
}

export interface HttpClientOptions {
  /** Where the server is, such as `http://127.0.0.1:5383`. */
  readonly url: string;
  readonly apiKey: Secret;
  /** How long an answer may take; longer than the server lets its callers wait. */
  readonly timeoutMs?: number;
}

/** @throws KetenError `config_invalid` for a URL that is none */
export function httpClient({ url, apiKey, timeoutMs = 60_000 }: HttpClientOptions): KeychainClient {
  const base = URL.parse(url);
  if (!base || !/^https?:$/.test(base.protocol)) {
    throw new KetenError(
      "config_invalid",
      'the server\'s URL is none; expected "http://HOST:PORT" or "https://HOST:PORT"',
    );
  }
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const target = new URL(`${base.pathname.replace(/\/$/, "")}/v1/${path}`, base);
    let response: Response;
    let text: string;
    try {
      response = await fetch(target, {
        method,
        headers: {
          authorization: `Bearer ${apiKey.reveal()}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await response.text();
    } catch (error) {
      throw new KetenError(
        "server_unreachable",
        `no answer from ${base.origin}: ${wordOf(error)}`,
        {
          retryable: true,
        },
      );
    }
    if (!response.ok) throw errorOf(response, parse(text), base);
    return (text === "" ? undefined : (parse(text) ?? noKeten(base))) as T;
  };
  const at = (name: string): string => `connections/${encodeURIComponent(name)}`;
  return {
    connections: async () => (await call<ConnectionsAnswer>("GET", "connections")).connections,
    connect: (request) => call("POST", "connections", request),
    show: (name) => call("GET", at(name)),
    token: (name) => call("GET", `${at(name)}/token`),
    failed: (name, generation) => call("POST", `${at(name)}/token/failed`, { generation }),
    remove: (name) => call("DELETE", at(name)),
    reconnect: (name, refreshToken) =>
      call("POST", `${at(name)}/reconnect`, { refresh_token: refreshToken.reveal() }),
    consumers: async (connection) => {
      const query = connection === undefined ? "" : `?connection=${encodeURIComponent(connection)}`;
      return (await call<ConsumersAnswer>("GET", `consumers${query}`)).consumers;
    },
    addConsumer: (request) => call("POST", "consumers", request),
    revokeConsumer: (clientId) => call("DELETE", `consumers/${encodeURIComponent(clientId)}`),
    replaceConsumerSecret: (clientId) =>
      call("POST", `consumers/${encodeURIComponent(clientId)}/secret`),
    close: async () => {},
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The code of a failed call, in a word; what the other side wrote is not repeated. */
function wordOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } };
  if (name === "TimeoutError") return "it took too long";
  return cause?.code ?? cause?.message ?? "the connection failed";
}

function errorOf(response: Response, body: unknown, base: URL): KetenError {
  const { error, message, ...evidence } = (body ?? {}) as Partial<ErrorAnswer>;
  if (typeof error !== "string" || typeof message !== "string") return noKeten(base, response);
  return new KetenError(error as ErrorCode, message, {
    retryable: response.status === 503,
    evidence: evidence as KetenError["evidence"],
  });
}

function noKeten(base: URL, { status }: { status: number } = { status: 200 }): KetenError {
  const message = `${base.origin} answered with status ${status} and no JSON of ours; expected a Keten server there`;
  return new KetenError("server_unreachable", message);
}
