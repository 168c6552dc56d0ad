/**
 * The machine on which the keychain processes run: its clocks, its disk, its store's database, and its processes.
 *
 * 1. True time is the world's. Boot time follows it unless the machine is frozen by its hypervisor; the wall clock does
 *    too, and may be set.
 * 2. A process that dies leaves what was durable, and its unwritten pages to the kernel; a loss of power takes those too
 *    and begins another boot.
 */

import type { Clock } from "../../src/env/clock.ts";
import type { Exchange } from "../../src/env/exchange.ts";
import type { OwnerState } from "../../src/env/liveness.ts";
import type { Log } from "../../src/env/log.ts";
import { Secret } from "../../src/env/secret.ts";
import { DataKey } from "../../src/keychain/data-key.ts";
import { inProcessExchange } from "../../src/keychain/exchange.ts";
import { type Journal, openJournal } from "../../src/keychain/journal.ts";
import { Keychain } from "../../src/keychain/keychain.ts";
import { keyedDigest } from "../../src/keychain/keyed-digest.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { createVault } from "../../src/keychain/token-endpoint.ts";
import type { Codec } from "../../src/store/codec.ts";
import type { Change, NewEvent } from "../../src/store/engine.ts";
import { openGroupCommit } from "../../src/store/group-commit.ts";
import { MemoryDatabase } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { cheapDigest, cheapSealer } from "./cheap-seal.ts";
import type { Faults } from "./faults.ts";
import type { Holder, Ledger, Mark } from "./ledger.ts";
import type { Network, Posted } from "./network.ts";
import type { Profile } from "./profile.ts";
import { CLIENT_ID } from "./provider.ts";
import { Stream } from "./random-stream.ts";
import { Platters, simDisk } from "./sim-disk.ts";
import { SimEngine } from "./sim-engine.ts";
import type { Trace } from "./trace.ts";
import { rowsOf } from "./value-rows.ts";
import { never, type World } from "./world.ts";

/** The instant at which histories begin. */
export const ORIGIN: number = Date.parse("2026-01-05T08:00:00Z");

export interface MachineParts {
  readonly profile: Profile;
  readonly world: World;
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly faults: Faults;
  /** Called with each commit of the keychain's store. */
  readonly onCommit: (host: Host, changes: readonly Change[], events: readonly NewEvent[]) => void;
  /** Called when something failed that a keychain did of its own accord for a connection. */
  readonly onFailed: (host: Host, connection: string) => void;
}

export class Machine {
  readonly parts: MachineParts;
  readonly platters: Platters;
  readonly database = new MemoryDatabase();
  readonly rows: Codec;
  readonly hosts: Host[] = [];
  /** What the wall clock is ahead of true time, scaled. */
  wallAheadMs = 0;
  /** What boot time is behind true time: what the machine was frozen for. */
  bootBehindMs = 0;
  boots = 1;

  constructor(parts: MachineParts) {
    this.parts = parts;
    this.rows = rowsOf(parts.profile);
    this.platters = new Platters(new Stream(parts.profile.drawnFrom, "platters"), parts.faults);
  }

  get living(): readonly Host[] {
    return this.hosts.filter(({ isDead }) => !isDead);
  }

  /** The wall clock, scaled. */
  wall(): number {
    const { world, profile } = this.parts;
    return ORIGIN + (world.now - this.bootBehindMs) * profile.scale + this.wallAheadMs;
  }

  clockOf(host: Host): Clock {
    const { world, profile } = this.parts;
    const { scale } = profile;
    const set = (ms: number, callback: () => void) => world.after(ms, host, callback);
    return {
      scale,
      now: () => this.wall(),
      boot: () => ({ id: `boot-${this.boots}`, at: 100_000 + world.now - this.bootBehindMs }),
      after: (duration, callback) => set(duration / scale, callback),
      afterReal: set,
    };
  }

  stateOf(owner: string): OwnerState {
    const host = this.hosts.find(({ name }) => name === owner);
    if (!host) return "unknown";
    return host.isDead ? "dead" : "alive";
  }

  /** A new process, not yet put together. */
  startHost(): Host {
    const { ledger, world } = this.parts;
    const absence = ledger.absences.at(-1);
    if (absence && this.living.length === 0) absence.until = world.now;
    const host = new Host(this, `host-${this.hosts.length + 1}`);
    this.hosts.push(host);
    return host;
  }

  /** Everything stops at once; what was not synced may be gone. */
  losePower(): void {
    for (const host of this.living) host.die();
    this.platters.losePower();
    this.boots += 1;
  }
}

/** One keychain process. */
export class Host implements Holder {
  readonly name: string;
  isDead = false;
  pausedUntil = 0;
  eventsLeft = Number.POSITIVE_INFINITY;
  died: Mark | null = null;
  diskFault: Mark | null = null;
  /** Told whether it died by its own count of events. */
  onDeath: (byItself: boolean) => void = () => {};
  keychain: Keychain | undefined;
  journal: Journal | undefined;
  readonly #machine: Machine;
  readonly #engines: SimEngine[] = [];

  constructor(machine: Machine, name: string) {
    this.#machine = machine;
    this.name = name;
  }

  die(): void {
    if (this.isDead) return;
    const { ledger, trace } = this.#machine.parts;
    this.isDead = true;
    this.died = ledger.mark();
    ledger.fault();
    if (this.#machine.living.length === 0) {
      ledger.absences.push({ from: this.died, until: Number.POSITIVE_INFINITY });
    }
    trace.note(`${this.name} dies`);
    // The kernel drops a dead process's locks.
    for (const engine of this.#engines) void engine.close();
    this.onDeath(this.eventsLeft <= 0);
  }

  /** Brings a connection to the keychain; false if that failed, or nobody knows. */
  async connect(name: string, profile: Profile, secret: Secret, token: string): Promise<boolean> {
    const { settings: provider } = profile;
    const connection = { name, provider, clientId: CLIENT_ID, clientSecret: secret };
    try {
      await this.keychain?.connect({ ...connection, refreshToken: new Secret(token) });
      return this.keychain !== undefined;
    } catch {
      return false;
    }
  }

  /** Puts the process together as the product does, with everything outside of it simulated. */
  async open(network: Network): Promise<void> {
    const machine = this.#machine;
    const { profile, world, faults, ledger } = machine.parts;
    const clock = machine.clockOf(this);
    const stream = new Stream(profile.drawnFrom, this.name);
    const random = stream.asRandom();
    const { sealer, digest } = sealsOf(profile, stream);
    const noteFault = (): void => {
      this.diskFault = ledger.mark();
      ledger.fault();
    };
    const turn = () => (this.isDead ? never<void>() : world.turn(this));
    const disk = simDisk({
      ...{
        platters: machine.platters,
        host: this,
        faults,
        turn,
        stream: new Stream(profile.drawnFrom, `${this.name} disk`),
      },
      onFault: noteFault,
    });
    const journal = openJournal({
      ...{ directory: "journal", owner: this.name, sealer, clock, disk },
      ...{ placeBytes: 1536, stepBytes: 4096, fileBytes: 8 * 1024, retentionMs: 60_000 },
    });
    this.journal = journal;
    const store = await this.#openStore(clock, turn);
    const log = this.#log();
    const posted: Posted = { attempt: "" };
    const exchange = this.#exchange(
      posted,
      inProcessExchange({
        ...{ post: network.postOf(this, posted), clock, log },
        journal: { reserve: () => this.#reserve(journal) },
      }),
    );
    this.keychain = new Keychain({
      ...{ store, exchange, journal, clock, random, log, owner: this.name },
      vault: createVault(sealer, digest),
      liveness: { stateOf: (owner) => machine.stateOf(owner) },
      settings: profile.holding,
      timing: profile.timing,
      mode: profile.mode,
      patienceMs: profile.patienceMs,
    });
    if (profile.isStarted) await this.keychain.start();
  }

  async #openStore(clock: Clock, turn: () => Promise<void>): Promise<Store> {
    const machine = this.#machine;
    const { faults, ledger, onCommit } = machine.parts;
    return await openGroupCommit({
      clock,
      codec: machine.rows,
      open: async () => {
        const engine = new SimEngine({
          ...{ database: machine.database, turn, faults, names: STORE_FAULTS },
          onCommit: (changes: readonly Change[], events: readonly NewEvent[]) =>
            onCommit(this, changes, events),
          onFault: () => ledger.fault(),
        });
        this.#engines.push(engine);
        return engine;
      },
    });
  }

  #reserve(journal: Journal): ReturnType<Journal["reserve"]> {
    const place = journal.reserve();
    return {
      release: () => place.release(),
      append: (ids, answer) => {
        place.append(ids, answer);
        this.#machine.parts.ledger.durable(ids.attemptId);
      },
    };
  }

  /** Tells the network which attempt a posting is for, and the ledger when its process knows how it ended. */
  #exchange(posted: Posted, inner: Exchange): Exchange {
    const { ledger } = this.#machine.parts;
    return {
      send: (request, onLate) => {
        posted.attempt = request.attemptId;
        const sending = inner.send(request, onLate);
        const concluded = (): void => {
          const sent = ledger.byAttempt.get(request.attemptId);
          if (sent) sent.isConcluded = true;
        };
        sending.then(concluded, concluded);
        return sending;
      },
      drain: () => inner.drain(),
    };
  }

  #log(): Log {
    const { trace, onFailed } = this.#machine.parts;
    const say: Log["warn"] = (event, fields = {}) => {
      if (trace.lines) trace.note(`${this.name} logs ${event} ${JSON.stringify(fields)}`);
      if (event === "harvest" || event === "refresh") onFailed(this, String(fields.connection));
    };
    return { info: say, warn: say, error: say };
  }
}

const STORE_FAULTS = {
  busy: "storeBusy",
  read: "storeReadFailed",
  begin: "storeBeginFailed",
  failed: "storeCommitFailed",
  unknownApplied: "commitUnknownApplied",
  unknownLost: "commitUnknownLost",
} as const;

function sealsOf({ realSeals }: Profile, stream: Stream) {
  if (!realSeals) return { sealer: cheapSealer, digest: cheapDigest };
  const key = new DataKey(Buffer.alloc(32, 7));
  const random = stream.asRandom();
  const sealer = createSealer({ keys: [key], deploymentId: "simulation", random });
  return { sealer, digest: keyedDigest(key, "connection tokens") };
}
