/**
 * Sixty days of one Exact Online user and app: a cluster of three Keten processes on one machine keeps the one chain, and
 * eight consumers, databases of several users, share it. What the provider saw and what each consumer got is the result.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { KetenError } from "../../src/env/error.ts";
import { Secret } from "../../src/env/secret.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import type { NewConsumer } from "../../src/relay/consumers.ts";
import type { ProviderSettings } from "../../src/store/connection-record.ts";
import { providerSettings } from "../../src/vendors/known-providers.ts";
import { Stream } from "../run/random-stream.ts";
import {
  DOWN_MS_MAX,
  type Ended,
  type Restarts,
  restarts,
  storeTroubles,
  weather,
} from "./adversity.ts";
import { Cluster } from "./cluster.ts";
import { type Break, Consumer, closeConnections, type Habit } from "./consumer.ts";
import { KetenProcess } from "./keten-process.ts";
import { START, standingClock } from "./standing-clock.ts";
import { PRESET, Vendor } from "./vendor.ts";

export interface RunOptions {
  readonly days: number;
  readonly seed: string;
  /** For the data that the processes share; must be empty. */
  readonly directory: string;
  /** Keeps the store and the journals in memory instead of in files. */
  readonly isInMemory?: boolean;
  /** What Keten believes of the provider, in place of what is known: to see that a mistake would be noticed. */
  readonly mistaken?: (settings: ProviderSettings) => ProviderSettings;
  /** Told after every day. */
  readonly onDay?: (day: number, so: Result) => void;
}

export interface Result {
  readonly days: number;
  readonly refreshes: number;
  readonly tokenCallsPerDayMax: number;
  readonly tooEarly: number;
  readonly overQuota: number;
  readonly errorsPerHourMax: number;
  readonly kills: number;
  readonly stops: number;
  readonly breaks: number;
  readonly consumers: number;
  readonly invalidGrants: number;
  /** The longest that any consumer was without a token: in all, and outside of trouble that is not Keten's. */
  readonly longestWithoutMs: number;
  readonly longestBlamedMs: number;
  readonly asked: number;
  readonly served: number;
  readonly broken: readonly Break[];
  readonly faults: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  readonly happened: Readonly<Record<string, number>>;
}

const CONNECTION = "exact";
const PROCESSES = 3;

/** Databases of users; the leaver's is taken over by a newcomer half way. */
const DATABASES = [
  ...["anna-sales", "anna-stock", "anna-ledger", "ben-sales", "ben-reports"],
  ...["carla-ledger", "carla-archive"],
];
const LEAVER = "dirk-leaves";
const NEWCOMER = "dirk-newcomer";

const HABITS: readonly Habit[] = [
  { leadMs: 0, everyMs: 0, heedsRetryAfter: true },
  { leadMs: 0, everyMs: 0, heedsRetryAfter: false },
  { leadMs: 10 * SECOND, everyMs: 0, heedsRetryAfter: true },
  { leadMs: 30 * SECOND, everyMs: 0, heedsRetryAfter: false },
  { leadMs: 45 * SECOND, everyMs: 15 * SECOND, heedsRetryAfter: true },
  { leadMs: MINUTE, everyMs: 0, heedsRetryAfter: true },
  { leadMs: 2 * MINUTE, everyMs: 2 * MINUTE, heedsRetryAfter: true },
  { leadMs: 5 * MINUTE, everyMs: 2 * MINUTE, heedsRetryAfter: false },
];

export async function runSixtyDays(options: RunOptions): Promise<Result> {
  const { seed, directory, isInMemory = false } = options;
  const clock = standingClock();
  mkdirSync(join(directory, "journal"), { recursive: true, mode: 0o700 });
  const cluster = new Cluster({
    ...{ clock, directory, isInMemory },
    stream: new Stream(seed, "cluster"),
  });
  const vendor = await Vendor.start(clock, seed);
  try {
    return await new Run(options, cluster, vendor).pass();
  } finally {
    for (const process of cluster.alive) process.kill();
    closeConnections();
    await vendor.close();
  }
}

class Run {
  readonly #options: RunOptions;
  readonly #cluster: Cluster;
  readonly #vendor: Vendor;
  readonly #consumers: Consumer[] = [];
  readonly #restarts: Restarts = { kills: 0, stops: 0, allDown: 0 };
  readonly #adversity: Ended = { isOver: false };
  readonly #broken: Break[] = [];
  #failure: unknown;

  constructor(options: RunOptions, cluster: Cluster, vendor: Vendor) {
    this.#options = options;
    this.#cluster = cluster;
    this.#vendor = vendor;
  }

  async pass(): Promise<Result> {
    const { days, seed, onDay } = this.#options;
    const stream = (purpose: string): Stream => new Stream(seed, purpose);
    await this.#inTime(this.#begin());
    const parts = { cluster: this.#cluster, vendor: this.#vendor };
    this.#start(weather({ ...parts, stream: stream("weather") }, this.#adversity));
    const killing = { ...parts, stream: stream("restarts"), done: this.#restarts };
    this.#start(restarts(killing, this.#adversity));
    this.#start(storeTroubles({ ...parts, stream: stream("store") }, this.#adversity));
    this.#start(this.#replaceOne((days * DAY) / 2));
    for (let day = Math.min(1, days); day <= days; day += 1) {
      await this.#passUntil(START + day * DAY);
      await this.#vendor.measure();
      onDay?.(day, this.#result());
    }
    await this.#end();
    return this.#result();
  }

  /** A part of the run that goes on by itself; if it fails, the run does. */
  #start(part: Promise<void>): void {
    part.catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  async #passUntil(at: number): Promise<void> {
    // In steps, so that a failure ends the run and not a day later.
    const { clock } = this.#cluster;
    while (clock.now() < at && this.#failure === undefined) {
      await clock.passUntil(Math.min(at, clock.now() + HOUR));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Work that may wait for the clock, which goes on meanwhile. */
  async #inTime(work: Promise<void>): Promise<void> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    this.#start(done);
    const { clock } = this.#cluster;
    while (!isDone) await this.#passUntil(clock.now() + SECOND);
    await done;
  }

  async #begin(): Promise<void> {
    const { sandbox } = this.#vendor;
    for (let place = 0; place < PROCESSES; place += 1) {
      this.#cluster.places[place] = await KetenProcess.start(this.#cluster);
    }
    const known = providerSettings({ provider: PRESET, tokenEndpoint: sandbox.tokenEndpoint });
    const [first] = this.#cluster.alive;
    await first?.keychain.connect({
      name: CONNECTION,
      provider: this.#options.mistaken?.(known) ?? known,
      clientId: sandbox.clientId,
      clientSecret: new Secret(sandbox.clientSecret),
      refreshToken: new Secret(sandbox.refreshToken),
    });
    for (const clientId of [...DATABASES, LEAVER]) await this.#add(clientId);
  }

  async #add(clientId: string): Promise<void> {
    const number = this.#consumers.length;
    const wanted: NewConsumer = {
      ...{ connection: CONNECTION, clientId },
      // Products that know Exact Online, and others; one that asks without a refresh token.
      ...(number % 2 === 0 ? {} : { dialect: "strict" }),
      refreshToken: clientId !== "carla-archive",
    };
    const added = await this.#insist(({ relay }) => relay.consumers.add(wanted));
    const settings = {
      clientId,
      clientSecret: added.clientSecret.reveal(),
      refreshToken: added.refreshToken?.reveal() ?? null,
      home: number % PROCESSES,
      habit: HABITS[number % HABITS.length] as Habit,
    };
    const inspect = (token: string) => this.#vendor.inspect(token);
    const stream = new Stream(this.#options.seed, clientId);
    const consumer = new Consumer(this.#cluster, settings, inspect, stream);
    this.#consumers.push(consumer);
    this.#start(consumer.run());
  }

  /** What an operator does whose command failed: again, at whatever process is there. */
  async #insist<T>(work: (process: KetenProcess) => Promise<T>): Promise<T> {
    const { clock, alive } = this.#cluster;
    for (let tries = 0; tries < 100; tries += 1) {
      const [process] = this.#cluster.alive;
      try {
        const giveUp = clock.sleep(MINUTE).then(() => null);
        const done = process ? await Promise.race([work(process), giveUp]) : null;
        if (done !== null) return done;
      } catch (error) {
        if (!(error instanceof KetenError && error.retryable)) throw error;
      }
      await clock.sleep(SECOND);
    }
    throw new Error(`a command failed a hundred times; ${alive.length} processes were there`);
  }

  /** Half way one consumer is revoked, which all processes heed within two seconds, and another comes in its place. */
  async #replaceOne(afterMs: number): Promise<void> {
    const { clock } = this.#cluster;
    await clock.sleep(afterMs);
    const leaver = this.#consumers.find(({ settings }) => settings.clientId === LEAVER);
    leaver?.end();
    await this.#insist(({ relay }) => relay.consumers.revoke(LEAVER));
    await clock.sleep(2 * SECOND);
    for (const process of this.#cluster.alive) {
      const answer = await leaver?.ask(process);
      const word = String(answer?.body.error);
      this.#cluster.count(
        `a revoked consumer is told ${answer ? `${answer.status} ${word}` : "nothing"}`,
      );
      if (answer?.status !== 200) continue;
      this.#break(LEAVER, "a revoked consumer got a token");
    }
    await this.#add(NEWCOMER);
  }

  /** Nothing goes wrong any more: after an hour everybody must have a token. */
  async #end(): Promise<void> {
    const { clock, places } = this.#cluster;
    this.#adversity.isOver = true;
    this.#cluster.trap = undefined;
    this.#cluster.store = undefined;
    // Whoever is down for the moment stays down then.
    await this.#passUntil(clock.now() + DOWN_MS_MAX);
    await this.#inTime(this.#vendor.setFaults({}));
    for (let place = 0; place < PROCESSES; place += 1) {
      if (places[place]) continue;
      await this.#inTime(this.#cluster.startAt(place));
    }
    await this.#passUntil(clock.now() + HOUR);
    for (const consumer of this.#consumers) {
      const { clientId } = consumer.settings;
      if (clientId !== LEAVER && !consumer.isServed) {
        this.#break(clientId, "without a token an hour after all trouble");
      }
      consumer.end();
    }
    await this.#inTime(this.#stopAll());
    // What the stand-in still holds back is answered by then.
    await this.#passUntil(clock.now() + HOUR);
    await this.#vendor.measure();
  }

  async #stopAll(): Promise<void> {
    const { alive, places } = this.#cluster;
    places.fill(undefined);
    await Promise.all(alive.map((process) => process.stop()));
  }

  #break(consumer: string, what: string): void {
    this.#broken.push({ at: this.#cluster.clock.now(), consumer, what });
  }

  #result(): Result {
    const { measured, tokenCallsPerDayMax, errorsPerHourMax } = this.#vendor;
    const all = this.#consumers;
    const broken = [...this.#broken, ...all.flatMap(({ breaks }) => breaks)];
    const answers = new Map<string, number>();
    for (const { statuses } of all) {
      for (const [word, count] of statuses) answers.set(word, (answers.get(word) ?? 0) + count);
    }
    const sum = (of: (consumer: Consumer) => number): number =>
      all.reduce((total, consumer) => total + of(consumer), 0);
    return {
      days: this.#options.days,
      refreshes: measured.refreshes,
      ...{ tokenCallsPerDayMax, tooEarly: measured.tooEarly, overQuota: measured.overQuota },
      ...{ errorsPerHourMax, kills: this.#restarts.kills, stops: this.#restarts.stops },
      breaks: broken.length,
      consumers: DATABASES.length + 1,
      invalidGrants: sum(({ invalidGrants }) => invalidGrants),
      longestWithoutMs: Math.max(...all.map(({ longestWithoutMs }) => longestWithoutMs)),
      longestBlamedMs: Math.max(...all.map(({ longestBlamedMs }) => longestBlamedMs)),
      ...{ asked: sum(({ asked }) => asked), served: sum(({ served }) => served), broken },
      faults: Object.fromEntries(measured.faults),
      refusals: Object.fromEntries(measured.refusals),
      answers: Object.fromEntries(answers),
      happened: { ...Object.fromEntries(this.#cluster.counts), "all down": this.#restarts.allDown },
    };
  }
}
