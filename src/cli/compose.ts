/**
 * The one place where things are put together: a data directory becomes a keychain.
 *
 * 1. A directory holds the store, the journal, the beacons of its processes, the key file and who it is. Processes of
 *    one machine may share it; leases keep them apart.
 * 2. What a policy counts in is scaled time; what the network takes is not.
 * 3. Closing drains first: nothing new begins, what was sent is finished, then the files close.
 */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../env/clock.ts";
import { systemDisk } from "../env/disk.ts";
import { KetenError } from "../env/error.ts";
import { httpPost } from "../env/http-post.ts";
import { type Liveness, registerOwner } from "../env/liveness.ts";
import type { Log } from "../env/log.ts";
import { systemClock, systemRandom } from "../env/system.ts";
import { SECOND } from "../kernel/time.ts";
import type { Mode } from "../keychain/connection.ts";
import { type CourierExchange, courierExchange } from "../keychain/courier.ts";
import type { Timing } from "../keychain/defaults.ts";
import { DEFAULT_TIMING, defaultSettings } from "../keychain/defaults.ts";
import { inProcessExchange } from "../keychain/exchange.ts";
import { type Journal, openJournal } from "../keychain/journal.ts";
import { openKeyFile } from "../keychain/key-file.ts";
import { Keychain } from "../keychain/keychain.ts";
import { keyedDigest } from "../keychain/keyed-digest.ts";
import { createSealer } from "../keychain/seal.ts";
import { createVault } from "../keychain/token-endpoint.ts";
import type { Share } from "../relay/fair-share.ts";
import type { Relay } from "../relay/relay.ts";
import { openMemoryStore } from "../store/memory.ts";
import { openSqliteStore } from "../store/sqlite/engine.ts";
import type { Store } from "../store/store.ts";
import { makeDataDir, openDeployment } from "./deployment.ts";
import { homeRelay } from "./home-relay.ts";
import { adoptPlace, checkPlace, type PlaceOptions, rememberPlace } from "./place.ts";

export interface HomeOptions {
  /** Made for its owner alone if there is none. */
  readonly dataDir: string;
  /** `sqlite:PATH` or `memory:`; a SQLite file in the data directory unless given. */
  readonly storeUrl?: string | undefined;
  /** How many times faster than life; as the data has it unless given, 1 for new data. */
  readonly timeScale?: number | undefined;
  readonly mode: Mode;
  readonly log: Log;
  /** Unscaled milliseconds after which a request counts as unanswered: 30 s, longer than gateways wait. */
  readonly deadlineMs?: number | undefined;
  /** Unscaled milliseconds after which a request that was sent cannot be processed any more: 60 s, twice that. */
  readonly requestLifeMs?: number | undefined;
  /** Unscaled milliseconds that a caller waits for a refresh: 30 s, as long as the provider may take to answer. */
  readonly patienceMs?: number | undefined;
  /** Whether requests go through a process of their own, which a crash of this one does not touch; off unless given. */
  readonly courier?: CourierMode | undefined;
  /** Where the outside reaches the server of this data; the address it listens at unless given. */
  readonly publicUrl?: string | undefined;
  /** How often a consumer of the relay may ask; more than a well-behaved program does unless given. */
  readonly relayShare?: Share | undefined;
}

/** `eager` starts the courier at once, `lazy` with the first request. */
export type CourierMode = "eager" | "lazy" | "off";

export interface Home {
  readonly dataDir: string;
  readonly keychain: Keychain;
  readonly relay: Relay;
  readonly store: Store;
  readonly journal: Journal;
  readonly liveness: Liveness;
  readonly clock: Clock;
  /** Told by the server, once it listens. */
  servesAt(url: string): void;
  /** Drains the keychain and closes everything; a second call waits for the first. */
  close(): Promise<void>;
}

const PATIENCE_MS = 30 * SECOND;

/** "KETE" on the keys of a telephone. */
export const DEFAULT_PORT = 5383;
const DEFAULT_URL = `http://127.0.0.1:${DEFAULT_PORT}`;

/** Where the data is unless somebody says: `$KETEN_DATA`, else the user's data directory by the XDG convention. */
export function defaultDataDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.KETEN_DATA) return resolve(env.KETEN_DATA);
  const base = env.XDG_DATA_HOME?.startsWith("/")
    ? env.XDG_DATA_HOME
    : join(homedir(), ".local", "share");
  return join(base, "keten");
}

/** Whether a data directory was ever used. */
export const isHome = (dataDir: string): boolean => existsSync(join(dataDir, "deployment.json"));

/**
 * Opens a data directory. On failure nothing stays open.
 *
 * @throws KetenError `config_invalid`; `place_changed` for a copy; `key_wrong`, `key_unsafe`; `store_unsafe`,
 *   `store_unavailable`; `journal_unavailable`
 */
export async function openHome(options: HomeOptions): Promise<Home> {
  const { mode, log } = options;
  const dataDir = resolve(options.dataDir);
  const random = systemRandom;
  makeDataDir(dataDir);
  const deployment = openDeployment({
    dataDir,
    random,
    timeScale: options.timeScale,
    now: () => Date.now(),
  });
  const { id: deploymentId, timeScale: scale, timeOrigin: origin } = deployment;
  const place = placeOf(dataDir, options.storeUrl);
  checkPlace(place);
  const clock = systemClock({ scale, ...(origin === undefined ? {} : { origin }) });
  const key = openKeyFile({
    keyPath: join(dataDir, "keten.key"),
    checkPath: join(dataDir, "keten.key-check"),
    random,
  });
  const sealer = createSealer({ keys: [key], deploymentId, random });
  const store = await openStore(storeUrlOf(dataDir, options.storeUrl), clock);
  let liveness: Liveness | undefined;
  try {
    rememberPlace(place);
    const owners = join(dataDir, "owners");
    liveness = registerOwner({ directory: owners, random });
    const { ownerId: owner } = liveness;
    const directory = join(dataDir, "journal");
    const own = openJournal({ directory, owner, sealer, clock, disk: systemDisk });
    const inProcess = inProcessExchange({ post: httpPost({ clock }), journal: own, clock, log });
    const hasCourier = options.courier !== undefined && options.courier !== "off";
    const courier = hasCourier
      ? courierExchange({
          ...{ owner, owners, directory, deploymentId, key, clock, origin, log },
          ...{ inProcess, journal: own },
        })
      : undefined;
    const { exchange, journal } = courier
      ? { exchange: courier, journal: courier.journal }
      : { exchange: inProcess, journal: own };
    const timing = timingOf(options);
    const keychain = new Keychain({
      ...{ store, exchange, journal, liveness, owner, clock, random, log, timing, mode },
      vault: createVault(sealer, keyedDigest(key, "connection tokens")),
      settings: defaultSettings(scale),
      patienceMs: options.patienceMs ?? PATIENCE_MS,
    });
    // Nobody waits for it: a request that comes earlier waits by itself.
    if (options.courier === "eager") void courier?.start();
    const close = closing({ keychain, courier, journal, liveness, store });
    let url = options.publicUrl ?? DEFAULT_URL;
    const servesAt = (listening: string): void => {
      url = options.publicUrl ?? listening;
    };
    const relay = homeRelay({
      ...{ store, clock, random, keychain, key, deploymentId, url: () => url },
      share: options.relayShare,
    });
    return { dataDir, keychain, relay, store, journal, liveness, clock, servesAt, close };
  } catch (error) {
    liveness?.close();
    await store.close();
    throw error;
  }
}

function timingOf({ deadlineMs, requestLifeMs }: HomeOptions): Timing {
  const timing = {
    ...DEFAULT_TIMING,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(requestLifeMs === undefined ? {} : { requestLifeMs }),
  };
  if (timing.requestLifeMs >= timing.deadlineMs) return timing;
  throw new KetenError(
    "config_invalid",
    `request life ${timing.requestLifeMs} ms is shorter than the deadline of ${timing.deadlineMs} ms; expected at least as long`,
  );
}

function closing(
  parts: Pick<Home, "keychain" | "journal" | "liveness" | "store"> & {
    readonly courier: CourierExchange | undefined;
  },
): Home["close"] {
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const { keychain, courier, journal, liveness, store } = parts;
    await keychain.drain();
    await courier?.close();
    await store.close();
    journal.close();
    liveness.close();
  };
  return () => {
    closed ??= close();
    return closed;
  };
}

/**
 * Takes a data directory as it lies now for the original: a copy, or one that was restored.
 *
 * @throws KetenError `config_invalid`
 */
export function adoptHome(dataDir: string, storeUrl: string | undefined): void {
  adoptPlace(placeOf(resolve(dataDir), storeUrl));
}

function placeOf(dataDir: string, storeUrl: string | undefined): PlaceOptions {
  const [scheme, path] = splitScheme(storeUrlOf(dataDir, storeUrl));
  const storePath = scheme === "sqlite" && path ? resolve(path) : null;
  return { dataDir, storePath, random: systemRandom };
}

const storeUrlOf = (dataDir: string, storeUrl: string | undefined): string =>
  storeUrl ?? `sqlite:${join(dataDir, "keten.db")}`;

/** @throws KetenError `config_invalid` for an address that is none; otherwise as the store has it */
async function openStore(url: string, clock: Clock): Promise<Store> {
  const [scheme, path = ""] = splitScheme(url);
  switch (scheme) {
    case "memory":
      if (path === "") return await openMemoryStore({ clock, turn: () => turn() });
      break;
    case "sqlite":
      if (path !== "")
        return await openSqliteStore({ path: resolve(path), clock, turn: () => turn() });
      break;
    case "postgres":
    case "postgresql":
      // The address is not repeated: it may hold a password.
      throw invalidStore("a PostgreSQL store is not in this version");
    default:
  }
  throw invalidStore(/^[a-z]{1,16}$/.test(scheme) ? `no store of kind "${scheme}"` : "no store");
}

const splitScheme = (url: string): [string, string?] => {
  const at = url.indexOf(":");
  return at < 0 ? [url] : [url.slice(0, at).toLowerCase(), url.slice(at + 1)];
};

function invalidStore(what: string): KetenError {
  return new KetenError("config_invalid", `${what}; expected "sqlite:PATH" or "memory:"`);
}
