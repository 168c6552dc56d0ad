/**
 * One history: a provider, a machine with keychain processes, connections and workers; first with faults, then without.
 *
 * Safety first: while faults last, whatever is lost is judged. Then liveness: faults stop, processes are started again,
 * and every connection that is not justly lost must deliver a token newer than all before.
 */

import { KetenError } from "../../src/env/error.ts";
import type { Secret } from "../../src/env/secret.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { wakes } from "../../src/keychain/connection.ts";
import { defaultSettings } from "../../src/keychain/defaults.ts";
import type { Change, NewEvent } from "../../src/store/engine.ts";
import { keyOf } from "../../src/store/store.ts";
import { Chaos } from "./chaos.ts";
import { type FaultName, Faults } from "./faults.ts";
import { classify } from "./judge.ts";
import { type Kept, Ledger } from "./ledger.ts";
import { type Host, Machine, ORIGIN } from "./machine.ts";
import { Network, RETRY_AFTER_MOST } from "./network.ts";
import { lifetimeOf, type Profile } from "./profile.ts";
import { SimProvider } from "./provider.ts";
import { Stream } from "./random-stream.ts";
import { Trace } from "./trace.ts";
import { rowsOf } from "./value-rows.ts";
import { LOSS_CLASSES, type Loss, type LossClass } from "./verdict.ts";
import { World } from "./world.ts";

export interface History {
  readonly seed: string;
  readonly hash: string;
  readonly refreshes: number;
  readonly handOuts: number;
  readonly losses: readonly Loss[];
  /** What must not be: avoidable losses, connections that do not come back, double spends, storms, errors. */
  readonly failures: readonly Failure[];
  readonly counts: Counts;
  readonly events: number;
  readonly lines: readonly string[] | null;
}

export interface Failure {
  readonly kind: "avoidable" | "stuck" | "doubleSpend" | "storm" | "error";
  readonly text: string;
}

export interface Counts {
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
  readonly statuses: Readonly<Record<string, number>>;
  /** Why requests were sent. */
  readonly whys: Readonly<Record<string, number>>;
  readonly losses: Readonly<Partial<Record<LossClass, number>>>;
}

/** A hand-written history: changes what was drawn, and says what happens when. */
export interface Staging {
  readonly inWords?: boolean;
  /** Runs in the safety phase instead of the drawn asks and faults. */
  readonly script?: (stage: Simulation) => Promise<void>;
}

const CONNECTIONS_MOST = 8;
const TRIES_MOST = 400;

/** Runs one history to its end. */
export async function runHistory(profile: Profile, staging: Staging = {}): Promise<History> {
  const simulation = new Simulation(profile, staging);
  return await simulation.run();
}

export class Simulation {
  readonly profile: Profile;
  readonly world: World;
  readonly trace: Trace;
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly machine: Machine;
  readonly provider: SimProvider;
  readonly network: Network;
  readonly chaos: Chaos;
  readonly #staging: Staging;
  readonly #asks: Stream;
  readonly #statuses: Record<string, number> = {};
  readonly #whys: Record<string, number> = {};
  readonly #failures: Failure[] = [];
  /** Of processes whose keychain has no schedule. */
  readonly #alarms = new Set<string>();
  /** Of the same: what each record was made last. */
  readonly #newest = new Map<string, Change>();
  /** The connection that each worker works with now. */
  readonly #slots: (Kept | null)[] = [];
  #granted = 0;
  #handOuts = 0;
  #isOver = false;

  constructor(profile: Profile, staging: Staging) {
    const { drawnFrom, scale, rates, vendor, policy, timing } = profile;
    const stream = (purpose: string) => new Stream(drawnFrom, purpose);
    this.profile = profile;
    this.#staging = staging;
    this.#asks = stream("asks");
    this.world = new World(stream("ties"), stream("latency"), profile.latencyMs);
    const { world } = this;
    this.trace = new Trace(world, staging.inWords ?? false);
    const { trace } = this;
    this.faults = new Faults(rates, stream("faults"));
    const { faults } = this;
    const providerNow = (at: number) => ORIGIN + Math.round((at + profile.skewMs) * scale);
    const { requestLifeMs, deadlineMs } = timing;
    const holdMs = profile.holding.hold / scale;
    const rows = rowsOf(profile);
    this.ledger = new Ledger({
      world,
      trace,
      policy,
      known: profile.settings.policies.map((written) => policyOf(written)),
      providerNow,
      requestLifeMs,
      scale,
      holdMs,
      rows,
    });
    const { ledger } = this;
    this.machine = new Machine({
      ...{ profile, world, ledger, trace, faults },
      onCommit: (host, changes, events) => {
        this.#committed(host, events);
        if (!profile.isStarted) for (const change of changes) this.#wakeFor(change);
      },
      onFailed: (host, name) => this.#wakeAgain(host, name),
    });
    const after = (ms: number, run: () => void) => world.after(ms, null, run);
    this.provider = new SimProvider({
      ...{ world, ledger, trace, faults, vendor, policy, rows, stream: stream("provider") },
      clock: {
        scale,
        now: () => providerNow(world.now),
        boot: () => ({ id: "provider", at: world.now }),
        after: (duration, run) => after(duration / scale, run),
        afterReal: after,
      },
    });
    const { provider } = this;
    this.network = new Network({
      ...{ world, ledger, trace, faults, provider, deadlineMs, requestLifeMs },
      ...{ stream: stream("network"), wayMs: profile.wayMs },
      backoffMs: defaultSettings(1).backoff.most / scale,
      onSent: (host) => this.chaos.inFlight(host as Host),
      onConnecting: (host) => this.chaos.connecting(host as Host),
    });
    this.chaos = new Chaos(this, stream("chaos"));
  }

  async run(): Promise<History> {
    const { profile, trace, ledger, world, faults } = this;
    try {
      await world.through(this.#live());
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#failures.push({ kind: "error", text });
    }
    for (const text of ledger.doubleSpends) this.#failures.push({ kind: "doubleSpend", text });
    for (const text of ledger.storms) this.#failures.push({ kind: "storm", text });
    const losses = this.#judged();
    const lost: Partial<Record<LossClass, number>> = {};
    for (const name of LOSS_CLASSES) {
      const count = losses.filter((loss) => loss.class === name).length;
      if (count > 0) lost[name] = count;
    }
    for (const { name, class: what, why } of losses) trace.note(`${name} is lost, ${what}: ${why}`);
    return {
      seed: profile.seed,
      hash: trace.digest(),
      refreshes: ledger.refreshes,
      handOuts: this.#handOuts,
      losses,
      failures: this.#failures,
      counts: {
        faults: faults.counts,
        statuses: this.#statuses,
        whys: this.#whys,
        losses: lost,
      },
      events: world.events,
      lines: trace.lines,
    };
  }

  async #live(): Promise<void> {
    const { profile, faults, world, machine, trace } = this;
    await this.provider.open();
    for (let i = 0; i < profile.hosts; i += 1) await this.startHost();
    for (let i = 0; i < profile.connections; i += 1) {
      this.#slots.push(null);
      await this.#connect(i);
    }
    trace.note("faults begin");
    faults.isOn = true;
    for (const host of machine.living) this.chaos.doom(host);
    const { script } = this.#staging;
    if (script) await script(this);
    else {
      this.chaos.begin();
      for (const slot of this.#slots.keys()) this.#askLater(slot);
      await world.sleep((profile.lifetimes * lifetimeOf(profile)) / profile.scale);
    }
    this.#isOver = true;
    faults.isOn = false;
    this.chaos.end();
    trace.note("faults end");
    await this.#recover();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Starts a keychain process. */
  async startHost(): Promise<Host> {
    const host = this.machine.startHost();
    this.trace.note(`${host.name} starts`);
    this.chaos.doom(host);
    await host.open(this.network);
    return host;
  }

  // --- connections --------------------------------------------------------------------------------------

  /** Grants a chain and brings its token to the keychain; tries again where that fails. */
  async #connect(slot: number): Promise<void> {
    const { profile, world, machine } = this;
    this.#granted += 1;
    const name = `c${this.#granted}`;
    const age = Math.max(profile.policy.minInterval, 0);
    const { kept, token } = await this.#grant(name, age);
    for (let tries = 0; tries < 50; tries += 1) {
      const host = this.#anyHost();
      const connecting = host?.connect(name, profile, this.provider.clientSecret, token);
      const isDone = await Promise.race([connecting ?? false, world.sleep(2000).then(() => false)]);
      // What was asked for and not answered may have been done all the same.
      if (isDone || machine.database.rows.has(`connection:${name}`)) {
        // One that comes when the faults are over has not lived through any.
        kept.isConnected = !this.#isOver;
        this.#slots[slot] = kept;
        return;
      }
      await world.sleep(1000);
    }
  }

  /** The user consents, again if the provider fails just then. */
  async #grant(name: string, age: number): Promise<{ kept: Kept; token: string }> {
    for (;;) {
      try {
        return await this.provider.grant(name, age);
      } catch (error) {
        if (!(error instanceof KetenError)) throw error;
        await this.world.sleep(1000);
      }
    }
  }

  #anyHost(): Host | undefined {
    const { living } = this.machine;
    return living.length > 0 ? this.#asks.pick(living) : undefined;
  }

  // --- workers ------------------------------------------------------------------------------------------

  #askLater(slot: number): void {
    const { profile, world } = this;
    const mean = (profile.askEvery * lifetimeOf(profile)) / profile.scale;
    world.after(mean * this.#asks.between(0.2, 1.8), null, () => {
      if (this.#isOver) return;
      this.#askLater(slot);
      const kept = this.#slots[slot];
      if (!kept) return;
      if (kept.lost) this.#replace(slot);
      else this.ask(kept, this.#asks.chance(0.1));
    });
  }

  #replace(slot: number): void {
    if (this.#granted >= CONNECTIONS_MOST) return;
    this.#slots[slot] = null;
    this.#connect(slot).catch((error: unknown) => {
      this.#failures.push({ kind: "error", text: String(error) });
    });
  }

  /** A worker asks any process for a token, perhaps because the last one failed. */
  ask(kept: Kept, isFailed = false, host: Host | undefined = this.#anyHost()): void {
    if (!host?.keychain) return;
    const { keychain } = host;
    const worker = `worker-${this.#asks.whole(1, 3)}`;
    const { generation } = kept;
    const asked = isFailed
      ? keychain.failed(kept.name, generation, worker)
      : keychain.token(kept.name, worker);
    asked.then(
      (handOut) => {
        this.#handOuts += 1;
        if (handOut.generation > kept.generation) this.#mayFailSoon(kept);
        kept.generation = Math.max(kept.generation, handOut.generation);
        this.trace.note(`${host.name} hands out ${kept.name}, generation ${handOut.generation}`);
        this.#use(handOut.accessToken);
      },
      (error: unknown) => {
        const code = error instanceof KetenError ? error.code : String(error);
        this.trace.note(`${host.name} has nothing for ${kept.name}: ${code}`);
        this.#wakeAgain(host, kept.name, error);
      },
    );
  }

  /** Where the provider takes note of that, the worker uses what it got at once. */
  #use(accessToken: Secret): void {
    if (this.profile.policy.firstUse === "refresh") return;
    this.provider.use(accessToken).catch((error: unknown) => {
      this.#failures.push({ kind: "error", text: String(error) });
    });
  }

  /** Now and then a worker reports a token as failed soon after it was new: then two refreshes follow each other closely. */
  #mayFailSoon(kept: Kept): void {
    if (!this.#asks.chance(0.05)) return;
    const { requestLifeMs } = this.profile.timing;
    this.world.after(this.#asks.between(0, requestLifeMs), null, () => {
      if (!this.#isOver && !kept.lost) this.ask(kept, true);
    });
  }

  // --- what is committed --------------------------------------------------------------------------------

  #committed(host: Host, events: readonly NewEvent[]): void {
    const { ledger, trace } = this;
    for (const { type, about, data } of events) {
      if (type === "token.handedOut" || type === "connection.added") continue;
      trace.note(`${host.name} commits ${type} ${about} ${data}`);
      const kept = ledger.kept.get(about);
      if (!kept) continue;
      const said = JSON.parse(data);
      if (type === "attempt.begun") {
        const unsentAt = Number.POSITIVE_INFINITY;
        ledger.recorded.set(said.attempt, { of: kept, by: host, at: this.world.now, unsentAt });
        this.#whys[said.why] = (this.#whys[said.why] ?? 0) + 1;
        this.#reach(kept, "redeeming");
      } else if (type === "attempt.ended" || type === "token.parked") {
        const sent = ledger.byAttempt.get(said.attempt);
        if (sent) sent.isReported = true;
        const recorded = ledger.recorded.get(said.attempt);
        if (recorded && said.outcome === "notSent") recorded.unsentAt = this.world.now;
        if (said.outcome === "answered") ledger.durable(said.attempt, true);
        if (type === "attempt.ended" && said.settled === "committed") this.#reach(kept, "fresh");
      } else if (type === "connection.status") {
        kept.cause = said.cause;
        this.#reach(kept, said.status);
      }
    }
  }

  /**
   * What a keychain that was started does by itself, without its looking through the records every second: this is for
   * histories in which an hour passes between two refreshes.
   */
  #wakeFor(change: Change): void {
    const { id, bytes, due } = change;
    const { profile, world, machine } = this;
    const kept = this.ledger.kept.get(id);
    this.#newest.set(id, change);
    if (!kept || !bytes || due === null || !Number.isFinite(due)) return;
    if (!wakes(profile.mode, machine.rows.decode(keyOf("connection", id), bytes))) return;
    world.after(Math.max(1, due - machine.wall()) / profile.scale, null, () => {
      // What was written since has an alarm of its own.
      if (this.#newest.get(id) !== change || kept.lost) return;
      const host = this.#anyHost();
      if (host) this.#wake(host, id);
    });
  }

  /** Looks at a connection; after a failure of store or journal once more a second later, as a schedule does. */
  #wake(host: Host, name: string): void {
    host.keychain
      ?.token(name, "waker")
      .catch((error: unknown) => this.#wakeAgain(host, name, error));
  }

  #wakeAgain(host: Host, name: string, error?: unknown): void {
    const isAnswered = error instanceof KetenError && error.code.startsWith("connection_");
    // As a schedule does it too: one alarm for each connection.
    const alarm = `${host.name} ${name}`;
    if (isAnswered || this.profile.isStarted || this.#alarms.has(alarm)) return;
    this.#alarms.add(alarm);
    this.world.after(1000, host, () => {
      this.#alarms.delete(alarm);
      if (!this.#isOver) this.#wake(host, name);
    });
  }

  #reach(kept: Kept, status: string): void {
    kept.status = status;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    const isLost = status === "lost" || (status === "refused" && kept.cause === "importRefused");
    kept.lost = isLost ? (kept.lost ?? this.ledger.mark()) : null;
  }

  // --- liveness -----------------------------------------------------------------------------------------

  async #recover(): Promise<void> {
    const { machine, world, profile, ledger } = this;
    while (machine.living.length < profile.hosts) await this.startHost();
    const all = [...ledger.kept.values()].filter(({ isConnected }) => isConnected);
    const limitMs = this.#patience();
    const until = world.now + limitMs;
    await Promise.all(all.map((kept) => this.#deliver(kept, until)));
  }

  /** How long a connection may take to come back: every wait that the rules know, one after the other, thrice. */
  #patience(): number {
    const { profile, chaos, ledger } = this;
    const { timing, holding, scale } = profile;
    const asked = profile.rates.outage ? RETRY_AFTER_MOST : 0;
    const scaled = 3 * (ledger.interval + 3 * holding.backoff.most + lifetimeOf(profile)) + asked;
    return 5 * timing.requestLifeMs + (scaled + chaos.jumpedMs) / scale + chaos.stoodMs;
  }

  async #deliver(kept: Kept, until: number): Promise<void> {
    const { world, profile, trace } = this;
    const newerThan = kept.generation;
    for (let tries = 0; tries < TRIES_MOST && world.now < until; tries += 1) {
      const host = this.#anyHost();
      const asked = host?.keychain?.token(kept.name, "liveness", newerThan).then(
        ({ generation }) => {
          trace.note(`${kept.name} lives, generation ${generation}`);
          kept.delivered = true;
          return 0;
        },
        (error: unknown) => waitAfter(error),
      );
      const gaveUp = world.sleep(3 * profile.patienceMs).then(() => 1000);
      const waitMs = await Promise.race([asked ?? 1000, gaveUp]);
      if (kept.delivered || waitMs === null) return;
      await world.sleep(Math.min(Math.max(waitMs, 10), 60_000));
    }
  }

  // --- judgement ----------------------------------------------------------------------------------------

  #judged(): readonly Loss[] {
    const { ledger, profile } = this;
    const end = ledger.mark();
    const losses: Loss[] = [];
    for (const kept of ledger.kept.values()) {
      if (!kept.isConnected || kept.delivered) continue;
      const found = classify(ledger, profile, kept, end);
      const loss = { name: kept.name, ...found };
      if (kept.lost) losses.push(loss);
      if (kept.lost && found.class === "avoidable") {
        this.#failures.push({ kind: "avoidable", text: `${kept.name}: ${found.why}` });
      }
      if (!kept.lost) {
        const text = `${kept.name} is ${kept.status} and does not come back: ${found.class}, ${found.why}`;
        this.#failures.push({ kind: "stuck", text });
      }
    }
    return losses;
  }
}

/** How long to wait before asking again; null if that is of no use. */
function waitAfter(error: unknown): number | null {
  if (!(error instanceof KetenError)) return 500;
  if (error.code === "connection_lost") return null;
  const { retryAfterMs } = error.evidence;
  return typeof retryAfterMs === "number" ? retryAfterMs : 500;
}
