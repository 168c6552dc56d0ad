/**
 * A keychain with everything real but the network and the clock: store, journal, seals, exchange. The provider is a
 * function from a form to an answer, or to silence.
 */

import { join } from "node:path";
import type { TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";
import { type Disk, systemDisk } from "../../src/env/disk.ts";
import type { Post, PostOutcome } from "../../src/env/http-post.ts";
import type { OwnerState } from "../../src/env/liveness.ts";
import { Secret } from "../../src/env/secret.ts";
import type { Settings } from "../../src/kernel/holding.ts";
import { formatPolicy } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { MINUTE, SECOND } from "../../src/kernel/time.ts";
import { DataKey } from "../../src/keychain/data-key.ts";
import { inProcessExchange } from "../../src/keychain/exchange.ts";
import { type Journal, openJournal } from "../../src/keychain/journal.ts";
import { Keychain } from "../../src/keychain/keychain.ts";
import { keyedDigest } from "../../src/keychain/keyed-digest.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { createVault } from "../../src/keychain/token-endpoint.ts";
import { MemoryDatabase, openMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { recordingLog } from "../support/recording-log.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** What a provider does with one request. */
export type Wire = (form: URLSearchParams, url: string) => PostOutcome | Promise<PostOutcome>;

export const answer = (status: number, body: unknown): PostOutcome => ({
  kind: "answered",
  answer: {
    status,
    headers: { "content-type": "application/json" },
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    complete: true,
  },
});

export const tokens = (n: number, more: object = {}): PostOutcome =>
  answer(200, {
    access_token: `access-${n}`,
    refresh_token: `refresh-${n}`,
    token_type: "Bearer",
    expires_in: 600,
    ...more,
  });

export const invalidGrant = (): PostOutcome => answer(400, { error: "invalid_grant" });

export const silence: PostOutcome = { kind: "unanswered", progress: "sent", error: "reset" };

export const settings: Settings = {
  lead: 30 * SECOND,
  margin: 5 * SECOND,
  leastLeft: 0,
  backoff: { first: SECOND, most: 5 * MINUTE },
  hold: 10 * MINUTE,
};

/** What survives a crash: the data directory and the clock of the machine. */
export interface Machine {
  readonly clock: ManualClock;
  readonly directory: string;
  readonly database: MemoryDatabase;
  /** Owners that were killed. */
  readonly dead: Set<string>;
  readonly disk: Disk;
  /** Reads of the disk that are under way: real time, during which the clock stands still. */
  reads(): number;
  owners: number;
}

export function machine(t: TestContext): Machine {
  let reads = 0;
  const read: Disk["read"] = async (path) => {
    reads += 1;
    try {
      return await systemDisk.read(path);
    } finally {
      reads -= 1;
    }
  };
  return {
    clock: manualClock(),
    directory: temporaryDirectory(t),
    database: new MemoryDatabase(),
    dead: new Set(),
    disk: { ...systemDisk, read },
    reads: () => reads,
    owners: 0,
  };
}

export interface Started {
  readonly keychain: Keychain;
  readonly store: Store;
  readonly journal: Journal;
  readonly owner: string;
  /** Forms as the provider got them. */
  readonly sent: URLSearchParams[];
  readonly log: ReturnType<typeof recordingLog>;
  /** Dies as if killed: nothing it still does reaches anybody. */
  kill(): void;
}

export interface StartOptions {
  readonly wire: Wire;
  readonly mode?: "proactive" | "lazy";
  readonly patienceMs?: number;
  /** Wraps the store, to hold it back or let it fail. */
  readonly wrapStore?: (store: Store) => Store;
  /** Runs right before the first byte. */
  readonly atFirstByte?: () => void;
}

const never = new Promise<never>(() => {});

/** A store that no call reaches once its process was killed. */
function unlessKilled(store: Store, isKilled: () => boolean): Omit<Store, "close"> {
  return {
    update: (keys, decide) => (isKilled() ? never : store.update(keys, decide)),
    read: (key) => (isKilled() ? never : store.read(key)),
    list: (kind, where, after) => (isKilled() ? never : store.list(kind, where, after)),
    events: (after, limit) => (isKilled() ? never : store.events(after, limit)),
    size: () => (isKilled() ? never : store.size()),
  };
}

/** A keychain process on a machine. */
export async function start(on: Machine, options: StartOptions): Promise<Started> {
  const { clock, directory, database, dead, disk } = on;
  on.owners += 1;
  const owner = `owner-${on.owners}`;
  const random = seededRandom(owner);
  const key = new DataKey(Buffer.alloc(32, 7));
  const sealer = createSealer({ keys: [key], deploymentId: "test", random });
  const log = recordingLog();
  let killed = false;
  const opened = await openMemoryStore({ clock, database, turn: () => setImmediate() });
  const wrapped = options.wrapStore?.(opened) ?? opened;
  const store: Store = { ...unlessKilled(wrapped, () => killed), close: () => wrapped.close() };
  const journal = openJournal({
    directory: join(directory, "journal"),
    owner,
    sealer,
    clock,
    disk,
  });
  const sent: URLSearchParams[] = [];
  const post: Post = (request) => {
    const outcome = (async () => {
      try {
        if (killed) return never;
        options.atFirstByte?.();
        request.beforeFirstByte();
      } catch (error) {
        return { kind: "notSent", progress: "connected", error: String(error) } as const;
      }
      const form = new URLSearchParams(request.body.reveal());
      sent.push(form);
      const outcome = await options.wire(form, request.url);
      return killed ? never : outcome;
    })();
    return { outcome, progress: () => "sent" };
  };
  const liveness = {
    stateOf: (other: string): OwnerState => (dead.has(other) ? "dead" : "alive"),
  };
  const keychain = new Keychain({
    store,
    exchange: inProcessExchange({ post, journal, clock, log }),
    journal,
    vault: createVault(sealer, keyedDigest(key, "tokens")),
    clock,
    random,
    liveness,
    owner,
    log,
    settings,
    mode: options.mode ?? "lazy",
    patienceMs: options.patienceMs ?? 30_000,
    timing: {
      deadlineMs: 20_000,
      requestLifeMs: 60_000,
      leaseMs: 30_000,
      leaseMarginMs: 5_000,
      clockDriftMs: 1_000,
    },
  });
  if (options.mode === "proactive") await keychain.start();
  const kill = () => {
    killed = true;
    dead.add(owner);
  };
  return { keychain, store, journal, owner, sent, log, kill };
}

/** Adds the connection "acme", whose provider follows the presets named. */
export async function connect(
  { keychain }: Started,
  presets: readonly string[] = ["handshake"],
  name = "acme",
  tokenEndpoint = "http://127.0.0.1:9/token",
): Promise<void> {
  await keychain.connect({
    name,
    provider: {
      preset: presets[0] ?? null,
      tokenEndpoint,
      clientAuthentication: "body",
      policies: presets.map((preset) => formatPolicy(PRESETS[preset] as Policy)),
      readings: [],
    },
    clientId: "client",
    clientSecret: new Secret("client secret"),
    refreshToken: new Secret("refresh-0"),
  });
}

/** Far more than anything here takes on a busy machine; a bound for what never comes. */
const UNTIL_MS = 15_000;

/** Turns of the event loop until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + UNTIL_MS;
  while (performance.now() < giveUpAt) {
    if (await condition()) return;
    await setImmediate();
  }
  throw new Error("the condition never came true");
}

/** As `until`, while unscaled time passes: one step of the clock each turn in which nothing is read from the disk. */
export async function untilInTime(
  { clock, reads }: Machine,
  condition: () => boolean | Promise<boolean>,
  stepMs = 10,
): Promise<void> {
  await until(async () => {
    if (await condition()) return true;
    if (reads() === 0) clock.advance(stepMs);
    return false;
  });
}
