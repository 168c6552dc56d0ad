/** For tests of the courier: one in this process's service, and `keten serve` with one, before a provider told what to do. */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemDisk } from "../../src/env/disk.ts";
import type { ExchangeRequest } from "../../src/env/exchange.ts";
import { httpPost } from "../../src/env/http-post.ts";
import { registerOwner } from "../../src/env/liveness.ts";
import { Secret } from "../../src/env/secret.ts";
import { systemClock, systemRandom } from "../../src/env/system.ts";
import { courierExchange } from "../../src/keychain/courier.ts";
import { DataKey } from "../../src/keychain/data-key.ts";
import { inProcessExchange } from "../../src/keychain/exchange.ts";
import { openJournal } from "../../src/keychain/journal.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { eventually, type Running, startKeten } from "../cli/processes.ts";
import { httpAnswer, type RawServer, rawServer } from "../support/raw-server.ts";
import { recordingLog } from "../support/recording-log.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

export const JSON_TYPE = { "content-type": "application/json" };

export const tokensText = (n: number): string =>
  JSON.stringify({
    ...{ access_token: `access-${n}`, refresh_token: `refresh-${n}` },
    ...{ token_type: "Bearer", expires_in: 1_000_000 },
  });

export interface Provider extends RawServer {
  /** The refresh tokens presented so far, in order. */
  presented(): readonly (string | null)[];
  /** Answers the request of this number, counted from 0, with the tokens of a number. */
  grant(request: number, n: number): void;
}

/** A provider that holds every request until it is told. */
export async function provider(t: TestContext): Promise<Provider> {
  const sockets: Socket[] = [];
  const server = await rawServer(t, (socket) => sockets.push(socket));
  return {
    ...server,
    presented: () =>
      server.requests.map((text) =>
        new URLSearchParams(text.slice(text.indexOf("\r\n\r\n") + 4)).get("refresh_token"),
      ),
    grant: (request, n) => {
      sockets[request]?.end(httpAnswer(200, tokensText(n), JSON_TYPE));
    },
  };
}

/** Whether a process runs; one that has ended and was not waited for does not. */
export function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

export const ended = (pid: number): Promise<true> =>
  eventually(`process ${pid} to end`, () => (runs(pid) ? undefined : true));

/** The processes whose parent is another. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => {
      try {
        const status = readFileSync(`/proc/${child}/status`, "latin1");
        return new RegExp(`^PPid:\\s+${pid}$`, "m").test(status) && runs(child);
      } catch {
        return false;
      }
    });
}

/** Stops a process with the test's leave: whatever happens, it goes on at the test's end. */
export function stop(t: TestContext, pid: number): { goOn(): void } {
  const goOn = (): void => {
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It has ended.
    }
  };
  t.after(goOn);
  process.kill(pid, "SIGSTOP");
  return { goOn };
}

export interface Served {
  readonly server: Running;
  readonly pid: number;
  /** Its courier; it is ended with the test. */
  courier(): Promise<number>;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }>;
}

interface Answer {
  readonly access_token?: string;
  readonly generation?: number;
  readonly status?: string;
  readonly open_attempts?: number;
}

export async function serve(
  t: TestContext,
  dataDir: string,
  ...more: readonly string[]
): Promise<Served> {
  const args = ["serve", "--data", dataDir, "--port", "0", "--json", ...more];
  const server = startKeten(t, args);
  const { url = "", apiKey = "" } = await server.ready;
  const pid = server.child.pid ?? 0;
  return {
    ...{ server, pid },
    courier: async () => {
      const courier = await eventually("the courier", () => childrenOf(pid)[0]);
      t.after(() => {
        if (runs(courier)) process.kill(courier, "SIGKILL");
      });
      return courier;
    },
    call: async (method, path, body) => {
      const response = await fetch(url + path, {
        method,
        headers: { authorization: `Bearer ${apiKey}`, ...JSON_TYPE },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Answer };
    },
  };
}

/** Adds a connection, which presents `refresh-0` first. */
export async function connect(
  { call }: Served,
  to: Provider,
  policy: string,
  name = "acme",
): Promise<void> {
  const { status } = await call("POST", "/v1/connections", {
    ...{ name, policy, token_endpoint: to.url, client_id: "client" },
    ...{ client_secret: "client-secret", refresh_token: "refresh-0" },
  });
  assert.equal(status, 201);
}

export const requestsCame = (to: Provider, count: number): Promise<true> =>
  eventually(`request ${count}`, () => (to.requests.length >= count ? true : undefined));

/** How many answers stand in the journals of a data directory; they are counted by their heads, which are not sealed. */
export function answersJournaled(dataDir: string): number {
  const directory = join(dataDir, "journal");
  return readdirSync(directory)
    .map((name) => readFileSync(join(directory, name), "latin1"))
    .reduce((sum, text) => sum + text.split('{"kind":"answer"').length - 1, 0);
}

export const journaled = (dataDir: string, count: number): Promise<true> =>
  eventually(`answer ${count} in the journal`, () =>
    answersJournaled(dataDir) >= count ? true : undefined,
  );

/** A courier's exchange in this process, as `compose.ts` puts it together. */
export function courierBench(
  t: TestContext,
  { program, scale = 1 }: { readonly program?: string; readonly scale?: number } = {},
) {
  const dataDir = temporaryDirectory(t);
  const [owners, directory] = [join(dataDir, "owners"), join(dataDir, "journal")];
  mkdirSync(owners);
  const origin = Date.now();
  const clock = systemClock({ scale, origin });
  const log = recordingLog();
  const key = new DataKey(Buffer.alloc(32, 5));
  const sealer = createSealer({ keys: [key], deploymentId: "test", random: systemRandom });
  const liveness = registerOwner({ directory: owners, random: systemRandom });
  const { ownerId: owner } = liveness;
  const journal = openJournal({ directory, owner, sealer, clock, disk: systemDisk });
  const inProcess = inProcessExchange({ post: httpPost({ clock }), journal, clock, log });
  const exchange = courierExchange({
    ...{ owner, owners, directory, deploymentId: "test", key, clock, origin, log },
    ...{ inProcess, journal },
    ...(program === undefined ? {} : { program }),
  });
  t.after(async () => {
    await exchange.close();
    journal.close();
    liveness.close();
  });
  return { dataDir, owners, directory, owner, liveness, journal, exchange, log, clock };
}

export function requestTo(url: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  return {
    ...{ chainId: "c1", attemptId: "1-a", url, headers: { accept: "application/json" } },
    body: new Secret("grant_type=refresh_token&refresh_token=rt-canary"),
    ...{ deadlineMs: 15_000, beforeFirstByte: () => {}, ...more },
  };
}
