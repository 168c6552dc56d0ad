/**
 * What befalls the hosts and the machine: death, standing still, loss of power, clocks that are set; and what a user does
 * at the provider. Each is drawn by its rate, per event, per request or per half a lifetime of an access token.
 *
 * Restoring the store from an older snapshot has its place here too, once a store can tell that it was rolled back.
 */

import type { Faults } from "./faults.ts";
import type { Simulation } from "./history.ts";
import type { Host } from "./machine.ts";
import { lifetimeOf } from "./profile.ts";
import type { Stream } from "./random-stream.ts";

export class Chaos {
  /** How far the wall clock was set in all, scaled; and for how long the machine stood still. */
  jumpedMs = 0;
  stoodMs = 0;
  readonly #of: Simulation;
  readonly #stream: Stream;
  readonly #faults: Faults;

  constructor(of: Simulation, stream: Stream) {
    this.#of = of;
    this.#stream = stream;
    this.#faults = of.faults;
  }

  begin(): void {
    this.#tick();
  }

  end(): void {
    for (const host of this.#of.machine.hosts) host.eventsLeft = Number.POSITIVE_INFINITY;
  }

  /** Draws after how many events a process dies by itself, and sees to it that another one follows. */
  doom(host: Host): void {
    const rate = this.#faults.rateOf("crash");
    if (rate > 0) host.eventsLeft = Math.ceil(-Math.log(1 - this.#stream.fraction()) / rate);
    host.onDeath = (byItself) => {
      if (byItself) this.#faults.count("crash");
      if (!this.#of.isOver) this.restartLater();
    };
  }

  restartLater(): void {
    const { world, profile, machine } = this.#of;
    const { requestLifeMs } = profile.timing;
    world.after(this.#stream.skewed(10, 3 * requestLifeMs), null, () => {
      if (this.#of.isOver || machine.living.length >= profile.hosts) return;
      void this.#of.startHost();
    });
  }

  /** A request is under way: a death or a pause may be meant for just that moment. */
  inFlight(host: Host): void {
    const { world, profile } = this.#of;
    const moment = (): number => this.#stream.skewed(0.1, 4 * profile.wayMs);
    if (this.#faults.strike("crashInFlight")) {
      // Not of the host: an event of its own would not come while it stands still.
      world.after(moment(), null, () => this.#of.isOver || host.die());
    }
    if (this.#faults.strike("pauseInFlight")) world.after(moment(), null, () => this.pause(host));
  }

  /** A connection is being made: a process that stands still now may wake when its lease is over. */
  connecting(host: Host): void {
    if (this.#faults.strike("pauseBeforeSending")) this.pause(host);
  }

  /** The process stands still; its clocks go on. */
  pause(
    host: Host,
    ms = this.#stream.skewed(100, 4 * this.#of.profile.timing.requestLifeMs),
  ): void {
    const { world, trace, ledger, isOver } = this.#of;
    if (isOver || host.isDead) return;
    trace.note(`${host.name} stands still for ${Math.round(ms)} ms`);
    host.pausedUntil = Math.max(host.pausedUntil, world.now + ms);
    this.stoodMs = Math.max(this.stoodMs, ms);
    ledger.fault();
    ledger.pauses.push({ host, from: ledger.mark(), until: host.pausedUntil });
  }

  /** All processes stand still, and boot time with them; the wall clock is set right some time later. */
  freeze(ms: number): void {
    const { machine, ledger, world, trace, profile } = this.#of;
    for (const host of machine.living) this.pause(host, ms);
    ledger.clockFaults.push(ledger.mark());
    machine.bootBehindMs += ms;
    trace.note(`the machine was frozen for ${Math.round(ms)} ms`);
    world.after(ms + this.#stream.skewed(10, 60_000), null, () => {
      trace.note("its wall clock is set right");
      ledger.clockFaults.push(ledger.mark());
      machine.wallAheadMs += ms * profile.scale;
    });
  }

  setWall(ms: number): void {
    const { machine, ledger, trace } = this.#of;
    trace.note(`the wall clock is set by ${Math.round(ms)} ms`);
    ledger.clockFaults.push(ledger.mark());
    ledger.fault();
    machine.wallAheadMs += ms;
    this.jumpedMs += Math.abs(ms);
  }

  #tick(): void {
    const { world, profile, isOver } = this.#of;
    if (isOver) return;
    this.#befall();
    world.after(lifetimeOf(profile) / 2 / profile.scale, null, () => this.#tick());
  }

  #befall(): void {
    const { machine, profile, trace, provider, ledger } = this.#of;
    const faults = this.#faults;
    const stream = this.#stream;
    const { living } = machine;
    const host = living.length > 0 ? stream.pick(living) : undefined;
    if (faults.strike("powerLoss")) {
      trace.note("the power fails");
      machine.losePower();
    }
    if (host && faults.strike("pause")) this.pause(host);
    if (faults.strike("machineFrozen")) this.freeze(stream.skewed(100, 120_000 / profile.scale));
    if (faults.strike("wallJump")) {
      this.setWall(stream.pick([-1, 1]) * stream.skewed(100, 600_000));
    }
    const kept = [...ledger.kept.values()].at(-1);
    for (const what of ["userRevoked", "consentedAgain"] as const) {
      if (!kept || !faults.strike(what)) continue;
      trace.note(`at the provider, ${kept.name}: ${what}`);
      void provider.operate(kept, what).catch(() => undefined);
    }
    // What the product's housekeeping does once an hour.
    if (host?.journal && stream.chance(0.08)) {
      void host.journal.sweep((owner) => machine.stateOf(owner) !== "dead").catch(() => undefined);
    }
  }
}
