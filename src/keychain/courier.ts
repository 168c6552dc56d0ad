/**
 * The exchange through a courier: the same seam, in a process that outlives this one.
 *
 * 1. The courier is started at the first exchange, or before by `start`; a new one after the old one's end. Each has a
 *    number of its own in the owner's family.
 * 2. Where no courier can be had, requests are sent from this process, as without one, and that is logged. A courier
 *    saves answers from a crash; to refresh nothing for want of one would lose chains that need no saving. After a failed
 *    start, or a second sudden end within a minute, the next start is tried a minute later.
 * 3. Only a request that the courier never had goes another way. What it had, it had: sent or not, that is settled
 *    by its word and the leave it got, and a new attempt is a new record.
 * 4. The journal is written where the answer is: a settlement goes to the courier's file, whose files it sweeps itself.
 */

import type { Clock } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Exchange } from "../env/exchange.ts";
import { courierIdOf } from "../env/liveness.ts";
import type { Log } from "../env/log.ts";
import { type Instant, MINUTE } from "../kernel/time.ts";
import { CourierLink, type Gone } from "./courier-link.ts";
import type { DataKey } from "./data-key.ts";
import type { Journal } from "./journal.ts";

/** After a failure no courier is started for so long. */
const RETRY_MS = MINUTE;

export interface CourierOptions {
  /** This process's owner id. */
  readonly owner: string;
  /** Where beacons are. */
  readonly owners: string;
  /** Where journals are. */
  readonly directory: string;
  readonly deploymentId: string;
  readonly key: DataKey;
  readonly clock: Clock;
  /** Of the scaled clock; undefined at scale 1. */
  readonly origin: Instant | undefined;
  readonly log: Log;
  /** This process's own exchange and journal, for when no courier can be had. */
  readonly inProcess: Exchange;
  readonly journal: Journal;
  /** The courier's program; ours unless given. */
  readonly program?: string;
}

export interface CourierExchange extends Exchange {
  /** The journal of both processes as one. */
  readonly journal: Journal;
  /** Starts the courier before it is needed; waits until it is ready or cannot be had. */
  start(): Promise<void>;
  /** The courier's process number, while there is one. */
  pid(): number | undefined;
  /** Ends the courier; after `drain`, once it is gone. */
  close(): Promise<void>;
}

export function courierExchange(options: CourierOptions): CourierExchange {
  return new Couriers(options);
}

class Couriers implements CourierExchange {
  readonly journal: Journal;
  readonly #options: CourierOptions;
  #link: CourierLink | undefined;
  #number = 0;
  /** By boot time: not before this is another courier started. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #diedAt = Number.NEGATIVE_INFINITY;
  #isDraining = false;

  constructor(options: CourierOptions) {
    this.#options = options;
    const { journal } = options;
    this.journal = {
      reserve: () => journal.reserve(),
      entries: (chainId) => journal.entries(chainId),
      answered: () => journal.answered(),
      settle: (attemptIds) => {
        if (attemptIds.length === 0 || this.#link?.settle(attemptIds)) return;
        journal.settle(attemptIds);
      },
      sweep: async (isAlive) => {
        const [own, couriers] = await Promise.all([journal.sweep(isAlive), this.#link?.sweep()]);
        return [...own, ...(couriers ?? [])];
      },
      close: () => journal.close(),
    };
  }

  send: Exchange["send"] = async (request, onLate) => {
    const { clock, inProcess } = this.#options;
    this.#refuseIfDraining();
    const from = clock.boot().at;
    const link = await this.#courier();
    this.#refuseIfDraining();
    // The deadline counts from here on, whatever the start of a courier took of it.
    const deadlineMs = Math.max(1, request.deadlineMs - (clock.boot().at - from));
    return await (link ?? inProcess).send({ ...request, deadlineMs }, onLate);
  };

  async start(): Promise<void> {
    await this.#courier();
  }

  pid(): number | undefined {
    return this.#link?.pid;
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all([this.#link?.drain(), this.#options.inProcess.drain()]);
  }

  async close(): Promise<void> {
    await this.#link?.close();
    this.#link = undefined;
  }

  #refuseIfDraining(): void {
    if (this.#isDraining) throw new KetenError("draining", "no request is begun while draining");
  }

  /** A courier that is ready; undefined where none can be had now. */
  async #courier(): Promise<CourierLink | undefined> {
    const link = this.#link?.isUsable ? this.#link : this.#begin();
    try {
      await link?.ready;
      return link;
    } catch {
      return undefined;
    }
  }

  #begin(): CourierLink | undefined {
    const { clock, log, key, owner, owners, directory, deploymentId, origin, program } =
      this.#options;
    if (clock.boot().at < this.#notBefore) return undefined;
    this.#number += 1;
    const bytes = key.copy();
    try {
      const link = new CourierLink({
        begin: {
          ...{ owner: courierIdOf(owner, this.#number), owners, journal: directory },
          ...{ deploymentId, key: bytes.toString("base64"), scale: clock.scale, origin },
        },
        ...{ clock, log },
        ...(program === undefined ? {} : { program }),
        onGone: (gone) => this.#gone(gone),
      });
      this.#link = link;
      return link;
    } catch (error) {
      this.#unavailable(error instanceof Error ? error.message : "unexpected");
      return undefined;
    } finally {
      bytes.fill(0);
    }
  }

  #gone({ isExpected, wasReady, reason }: Gone): void {
    if (isExpected) return;
    if (!wasReady) {
      this.#unavailable(reason);
      return;
    }
    const { clock, log } = this.#options;
    const now = clock.boot().at;
    log.warn("courier_gone", { reason });
    if (now - this.#diedAt < RETRY_MS) this.#notBefore = now + RETRY_MS;
    this.#diedAt = now;
  }

  #unavailable(reason: string): void {
    const { clock, log } = this.#options;
    this.#notBefore = clock.boot().at + RETRY_MS;
    log.warn("courier_unavailable", { reason, consequence: "requests are sent from this process" });
  }
}
