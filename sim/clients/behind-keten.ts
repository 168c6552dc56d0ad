/**
 * The way through Keten: what `keten serve` runs, in this process, by the runner's clock. Each account is a connection, and
 * the program of the account is a consumer of it, with an id, a secret and a refresh token of its own.
 *
 * 1. The owner's part is done over the API as by command: connect, add a consumer, reconnect. The programs get four values
 *    and reach nothing but the relay's routes.
 * 2. Connections are refreshed before anybody asks, the default. The store is in memory, because SQLite's worker has no
 *    share in skipped time, and requests are sent by this process: the courier, another one, has none either.
 * 3. A chain that is lost although every answer came through would be Keten's fault: that ends the run.
 * 4. Time is skipped while all that Keten has under way are requests that the provider holds, and timers.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { Home } from "../../src/cli/compose.ts";
import { homeRelay } from "../../src/cli/home-relay.ts";
import { startServer } from "../../src/cli/server.ts";
import { systemDisk } from "../../src/env/disk.ts";
import { httpPost } from "../../src/env/http-post.ts";
import { registerOwner } from "../../src/env/liveness.ts";
import { silentLog } from "../../src/env/log.ts";
import { Secret } from "../../src/env/secret.ts";
import { systemRandom } from "../../src/env/system.ts";
import { httpClient, type KeychainClient } from "../../src/http/client.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { DATA_KEY_BYTES, DataKey } from "../../src/keychain/data-key.ts";
import { DEFAULT_TIMING, defaultSettings } from "../../src/keychain/defaults.ts";
import { inProcessExchange } from "../../src/keychain/exchange.ts";
import { openJournal } from "../../src/keychain/journal.ts";
import { Keychain } from "../../src/keychain/keychain.ts";
import { keyedDigest } from "../../src/keychain/keyed-digest.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { createVault } from "../../src/keychain/token-endpoint.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { ClientSettings } from "../../test/clients/client-program.ts";
import type { SkippingClock } from "../../test/clients/skipping-clock.ts";
import { Activity, countedDisk, countedPost, countedStore, isCalm, untilCalm } from "./activity.ts";
import type { Way, WayOptions } from "./run-programs.ts";

/** What is counted of a running Keten. */
interface Activities {
  /** Reads and writes of its store and its journals. */
  readonly inside: Activity;
  /** Requests to the provider. */
  readonly upstream: Activity;
  /** Token requests of consumers. */
  readonly asked: Activity;
}

export interface Keten extends Activities {
  /** The owner's access, with the API key. */
  readonly client: KeychainClient;
  stop(): Promise<void>;
}

const PATIENCE_MS = 30 * SECOND;
const DEPLOYMENT = "clients";

export const behindKeten: Way = async (options) => {
  const { upstream } = options;
  const keten = await startKeten(options.clock);
  const { client, inside, asked } = keten;
  const isHolding = (): boolean =>
    inside.underWay === 0 && keten.upstream.underWay === upstream.held();
  const settings = await settingsOf(keten, options);
  return {
    settings,
    stuck: (onTheirWay) => isCalm(() => isHolding() && asked.underWay === onTheirWay),
    quiet: () => untilCalm(isHolding),
    reconnect: async (index) => {
      const name = connectionOf(index);
      const { status, cause } = await client.show(name);
      if (status !== "lost") return undefined;
      const { refreshToken: first = "" } = options.accounts[index] ?? {};
      if ((await upstream.answersLost(first)) === 0) {
        throw new Error(
          `${name} was lost, and the provider had lost none of its answers: ${cause}`,
        );
      }
      const { refreshToken } = await upstream.account();
      await client.reconnect(name, new Secret(refreshToken));
      return cause ?? status;
    },
    close: () => keten.stop(),
  };
};

const connectionOf = (index: number): string => `account-${index}`;

/** What the owner does for each account, and what that gives to type into the program. */
async function settingsOf(
  { client }: Keten,
  { accounts, scenario }: Pick<WayOptions, "accounts" | "scenario">,
): Promise<readonly ClientSettings[]> {
  const settings: ClientSettings[] = [];
  for (const [index, account] of accounts.entries()) {
    const name = connectionOf(index);
    await client.connect({
      name,
      provider: scenario.preset,
      token_endpoint: account.tokenUrl,
      client_id: account.clientId,
      client_secret: account.clientSecret,
      refresh_token: account.refreshToken,
    });
    const added = await client.addConsumer({ connection: name });
    settings.push({
      tokenUrl: added.token_endpoint,
      clientId: added.client_id,
      clientSecret: added.client_secret,
      refreshToken: added.refresh_token ?? "",
    });
  }
  return settings;
}

/** Starts a server on an empty store. */
export async function startKeten(clock: SkippingClock): Promise<Keten> {
  const activities = {
    inside: new Activity(),
    upstream: new Activity(),
    asked: new Activity(),
  };
  const dataDir = mkdtempSync(join(tmpdir(), "keten-clients-"));
  const home = await openHome(dataDir, clock, activities);
  const apiKey = new Secret(Buffer.from(systemRandom.bytes(24)).toString("base64url"));
  const server = await startServer({ home, apiKey, port: 0, log: silentLog });
  const client = httpClient({ url: server.url, apiKey });
  const stop = async (): Promise<void> => {
    await client.close();
    await server.stop();
    rmSync(dataDir, { recursive: true });
  };
  return { ...activities, client, stop };
}

/** As `openHome` of the product puts it together, by another clock and with everything counted. */
async function openHome(
  dataDir: string,
  clock: SkippingClock,
  { inside, upstream, asked }: Activities,
): Promise<Home> {
  const random = systemRandom;
  const key = new DataKey(random.bytes(DATA_KEY_BYTES));
  const sealer = createSealer({ keys: [key], deploymentId: DEPLOYMENT, random });
  const opened = await openMemoryStore({ clock, turn: () => turn() });
  const store = countedStore(opened, inside);
  const liveness = registerOwner({ directory: join(dataDir, "owners"), random });
  const { ownerId: owner } = liveness;
  const disk = countedDisk(systemDisk, inside);
  const directory = join(dataDir, "journal");
  const journal = openJournal({ directory, owner, sealer, clock, disk });
  const post = countedPost(httpPost({ clock }), upstream);
  const log = silentLog;
  const keychain = new Keychain({
    ...{ store, journal, liveness, owner, clock, random, log, timing: DEFAULT_TIMING },
    exchange: inProcessExchange({ post, journal, clock, log }),
    vault: createVault(sealer, keyedDigest(key, "connection tokens")),
    settings: defaultSettings(clock.scale),
    patienceMs: PATIENCE_MS,
    mode: "proactive",
  });
  let url = "";
  const relay = homeRelay({
    ...{ store, clock, random, keychain, key, deploymentId: DEPLOYMENT, url: () => url },
  });
  const counted: Home["relay"] = {
    realm: relay.realm,
    consumers: relay.consumers,
    dialectOf: (clientId) => relay.dialectOf(clientId),
    token: (request) => asked.during(() => relay.token(request)),
    revoke: (request) => relay.revoke(request),
    introspect: (request) => relay.introspect(request),
  };
  return {
    ...{ dataDir, keychain, store, journal, liveness, clock },
    relay: counted,
    servesAt: (listening) => {
      url = listening;
    },
    close: async () => {
      await keychain.drain();
      await store.close();
      journal.close();
      liveness.close();
    },
  };
}
