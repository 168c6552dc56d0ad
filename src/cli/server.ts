/**
 * A running keychain with its API, from start to the last answer.
 *
 * 1. A signal, or the end of the process that started this one, begins the drain: no new connection is accepted,
 *    nothing new is sent, what was sent is finished, and who waits for it gets it.
 * 2. Nothing cuts that short, a second signal neither: a request that was sent is a token at stake.
 */

import type { FastifyInstance } from "fastify";
import type { Log } from "../env/log.ts";
import type { Secret } from "../env/secret.ts";
import { buildApi } from "../http/api.ts";
import { HOUR } from "../kernel/time.ts";
import { keyOf } from "../store/store.ts";
import type { Home } from "./compose.ts";
import { dialectNamed } from "./home-relay.ts";
import { sweep } from "./housekeeping.ts";
import { settingsOf } from "./settings-of.ts";
import { version } from "./version.ts";

export interface ServerOptions {
  readonly home: Home;
  readonly apiKey: Secret;
  readonly port: number;
  readonly log: Log;
}

export interface Server {
  readonly url: string;
  /** Drains and closes; a second call waits for the first. */
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";

/** How often connections that have become idle are looked for while draining. */
const IDLE_CHECK_MS = 100;

export async function startServer(options: ServerOptions): Promise<Server> {
  const { home, apiKey, port, log } = options;
  const { keychain, relay, store, clock } = home;
  let stopped: Promise<void> | undefined;
  const api = await buildApi({
    ...{ keychain, relay, apiKey, clock, log, version, settingsOf, dialectNamed },
    notReady: async () => {
      if (stopped !== undefined) return "draining";
      await store.read(keyOf("deployment", "ready"));
      return undefined;
    },
  });
  // A port that is taken stops it before anything is refreshed.
  const url = await api.listen({ port, host: HOST });
  home.servesAt(url);
  try {
    await keychain.start();
  } catch (error) {
    await api.close();
    throw error;
  }
  const housekeeping = keepHouse(home, log);
  const stop = async (): Promise<void> => {
    housekeeping.end();
    await Promise.all([closeGently(api), keychain.drain()]);
    await home.close();
  };
  return {
    url,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Closes the server as its connections fall idle; what is being answered is answered. */
async function closeGently(api: FastifyInstance): Promise<void> {
  api.server.prependListener("request", (_request, response) => {
    response.setHeader("connection", "close");
  });
  const timer = setInterval(() => api.server.closeIdleConnections(), IDLE_CHECK_MS);
  try {
    await api.close();
  } finally {
    clearInterval(timer);
  }
}

/** Sweeps now and every hour of real time. */
function keepHouse(home: Home, log: Log): { end(): void } {
  const run = (): void => {
    sweep(home).catch((error: unknown) => {
      const code = (error as { code?: unknown }).code;
      log.warn("sweep", { error: typeof code === "string" ? code : "unexpected" });
    });
  };
  run();
  const timer = setInterval(run, HOUR).unref();
  return { end: () => clearInterval(timer) };
}
