/**
 * One Keten of the cluster, put together as `keten serve` does: store, journal, exchange, keychain, relay, HTTP server.
 * Its clock and who is alive are the cluster's. Requests leave from the process itself: without a courier a kill costs
 * more.
 *
 * 1. A process that is killed does nothing any more: its connections break, its callbacks never come, its store and its
 *    requests never answer. What was committed or written to a journal stays, and a request that was sent arrives.
 */

import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { dialectNamed, homeRelay } from "../../src/cli/home-relay.ts";
import { settingsOf } from "../../src/cli/settings-of.ts";
import type { Clock } from "../../src/env/clock.ts";
import type { Disk } from "../../src/env/disk.ts";
import { httpPost, type Post, type PostOutcome } from "../../src/env/http-post.ts";
import { silentLog } from "../../src/env/log.ts";
import { Secret } from "../../src/env/secret.ts";
import { buildApi } from "../../src/http/api.ts";
import { type Instant, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { DEFAULT_TIMING, defaultSettings } from "../../src/keychain/defaults.ts";
import { inProcessExchange } from "../../src/keychain/exchange.ts";
import { type Journal, openJournal } from "../../src/keychain/journal.ts";
import { Keychain } from "../../src/keychain/keychain.ts";
import { keyedDigest } from "../../src/keychain/keyed-digest.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { createVault } from "../../src/keychain/token-endpoint.ts";
import type { Relay } from "../../src/relay/relay.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import type { Store } from "../../src/store/store.ts";
import { Stream } from "../run/random-stream.ts";
import type { Cluster, Point } from "./cluster.ts";
import { never } from "./never.ts";
import { sharedStore } from "./shared-store.ts";

const DEPLOYMENT = "sixty-days";
const PATIENCE_MS = 30 * SECOND;
/** After so long a request that is not answered yet is on its way for sure. */
const ON_ITS_WAY_MS = 10;

/** Smaller files than the product's, kept and swept sooner: many come and go every day, and little is read in vain. */
const JOURNAL = {
  ...{ placeBytes: 4 * 1024, stepBytes: 8 * 1024, fileBytes: 16 * 1024 },
  retentionMs: MINUTE,
};
/** How often a schedule looks for what others have made due. */
const SCAN_MS = SECOND;
const SWEEP_MS = 10 * MINUTE;

export class KetenProcess {
  readonly owner: string;
  isKilled = false;
  url = "";
  readonly #cluster: Cluster;
  readonly #clock: ReturnType<Cluster["clock"]["ofProcess"]>;
  #keychain!: Keychain;
  #relay!: Relay;
  #journal!: Journal;
  #store!: Store;
  /** As it is, not as this process sees it. */
  #engine!: Store;
  #api!: FastifyInstance;
  /** Whether an answer was journaled and not committed since. */
  #isJournaled = false;

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#clock = cluster.clock.ofProcess();
    this.owner = `keten-${cluster.nextNumber()}`;
  }

  get keychain(): Keychain {
    return this.#keychain;
  }

  get relay(): Relay {
    return this.#relay;
  }

  static async start(cluster: Cluster): Promise<KetenProcess> {
    const process = new KetenProcess(cluster);
    cluster.owners.set(process.owner, "alive");
    await cluster.clock.traffic.during(async () => {
      process.#engine = await openEngine(cluster, process.#clock);
    });
    process.#store = sharedStore(process.#engine, cluster, process);
    process.#compose();
    await cluster.clock.traffic.during(() => process.#serve());
    try {
      await process.#keychain.start();
    } catch (error) {
      process.kill();
      throw error;
    }
    process.#keepHouse();
    return process;
  }

  #compose(): void {
    const clock = this.#clock;
    const { owner } = this;
    const { directory, owners, key } = this.#cluster;
    const store = this.#store;
    const random = new Stream(owner, "process").asRandom();
    const log = silentLog;
    const sealer = createSealer({ keys: [key], deploymentId: DEPLOYMENT, random });
    const disk: Disk = {
      ...this.#cluster.disk,
      read: (path) => this.#cluster.clock.traffic.during(() => this.#cluster.disk.read(path)),
    };
    const own = openJournal({
      ...{ directory: join(directory, "journal"), owner, sealer, clock, disk },
      ...JOURNAL,
    });
    const journal: Journal = { ...methodsOf(own), reserve: () => this.#reserve(own) };
    this.#journal = own;
    const post = this.#post(httpPost({ clock }));
    const keychain = new Keychain({
      ...{ store, journal, clock, random, log, owner },
      exchange: inProcessExchange({ post, journal, clock, log }),
      vault: createVault(sealer, keyedDigest(key, "connection tokens")),
      liveness: { stateOf: (other) => owners.get(other) ?? "unknown" },
      settings: defaultSettings(1),
      timing: DEFAULT_TIMING,
      mode: "proactive",
      patienceMs: PATIENCE_MS,
    });
    this.#keychain = keychain;
    this.#relay = homeRelay({
      ...{ store, clock, random, keychain, key, deploymentId: DEPLOYMENT },
      url: () => this.url,
    });
  }

  #reserve(journal: Journal): ReturnType<Journal["reserve"]> {
    const place = journal.reserve();
    return {
      release: () => place.release(),
      append: (ids, answer) => {
        place.append(ids, answer);
        this.#isJournaled = true;
        this.#reached("journaled");
      },
    };
  }

  #reached(point: Point): void {
    if (!this.isKilled) this.#cluster.reached(point, this);
  }

  foundNothing(until: () => Instant): void {
    this.#clock.nextLooks(SCAN_MS, until);
  }

  committed(): void {
    if (!this.#isJournaled) return;
    this.#isJournaled = false;
    this.#reached("committed");
  }

  #post(real: Post): Post {
    const { traffic } = this.#cluster.clock;
    return (request) => {
      const beforeFirstByte = (): void => {
        this.#reached("firstByte");
        if (this.isKilled) throw new Error("killed");
        request.beforeFirstByte();
      };
      const sentAt = this.#clock.now();
      const posting = real({ ...request, beforeFirstByte });
      traffic.enter();
      const timer = this.#clock.afterReal(ON_ITS_WAY_MS, () => this.#reached("sent"));
      const over = (outcome: PostOutcome): PostOutcome | Promise<never> => {
        traffic.leave();
        timer.cancel();
        this.#reached("answered");
        const isLate = this.#clock.now() - sentAt >= DEFAULT_TIMING.deadlineMs;
        if (this.isKilled || isLate || isTrouble(outcome)) this.#cluster.trouble();
        return this.isKilled ? never : outcome;
      };
      return { outcome: posting.outcome.then(over), progress: posting.progress };
    };
  }

  async #serve(): Promise<void> {
    this.#api = await buildApi({
      ...{ keychain: this.#keychain, relay: this.#relay, clock: this.#clock, log: silentLog },
      ...{ settingsOf, dialectNamed, version: "0", apiKey: new Secret("api key of a simulation") },
      notReady: async () => undefined,
    });
    const { server } = this.#api;
    const { asks } = this.#cluster;
    server.prependListener("request", (request, response) => {
      const ask = asks.get(String(request.headers["x-ask"]));
      if (!ask) return;
      request.once("end", () => this.#cluster.setOnWire(ask, false));
      const end = response.end;
      response.end = (...args: unknown[]) => {
        this.#cluster.setOnWire(ask, true);
        return Reflect.apply(end, response, args);
      };
    });
    this.url = await this.#api.listen({ port: 0, host: "127.0.0.1" });
  }

  /** Sweeps now and every so often. */
  #keepHouse(): void {
    const { owners } = this.#cluster;
    const isAlive = (owner: string): boolean => owners.get(owner) === "alive";
    this.#journal.sweep(isAlive).catch(() => {});
    this.#clock.afterReal(SWEEP_MS, () => this.#keepHouse());
  }

  kill(): void {
    if (this.isKilled) return;
    this.isKilled = true;
    const { owners, asks } = this.#cluster;
    owners.set(this.owner, "dead");
    this.#clock.die();
    for (const ask of asks.values()) if (ask.of === this) this.#cluster.setOnWire(ask, true);
    this.#api.server.close();
    this.#api.server.closeAllConnections();
    this.#journal.close();
    this.#store.close().catch(() => {});
  }

  /** Ends in order, as at SIGTERM. */
  async stop(): Promise<void> {
    const { server } = this.#api;
    server.close();
    await this.#keychain.drain();
    // Who waited for a refresh has its answer a turn later.
    await this.#cluster.clock.sleep(1);
    if (this.isKilled) return;
    server.closeAllConnections();
    await this.#store.close();
    this.#journal.close();
    this.#clock.die();
    this.#cluster.owners.delete(this.owner);
  }
}

function openEngine({ directory, database }: Cluster, clock: Clock): Promise<Store> {
  if (database) return openMemoryStore({ clock, database, turn: () => turn() });
  return openSqliteStore({ path: join(directory, "keten.db"), clock, turn: () => turn() });
}

/** A journal's methods, to put others beside them. */
function methodsOf(journal: Journal): Omit<Journal, "reserve"> {
  return {
    entries: (...args) => journal.entries(...args),
    answered: () => journal.answered(),
    settle: (ids) => journal.settle(ids),
    sweep: (isAlive) => journal.sweep(isAlive),
    close: () => journal.close(),
  };
}

/** Whether a request came to nothing for reasons that lie beyond Keten. */
function isTrouble(outcome: PostOutcome): boolean {
  if (outcome.kind !== "answered") return outcome.kind === "unanswered";
  const { status, complete, headers } = outcome.answer;
  const isJson = headers["content-type"]?.startsWith("application/json") ?? false;
  return (
    status >= 500 || !complete || (status === 200 && !isJson) || outcome.answer.body.length === 0
  );
}
