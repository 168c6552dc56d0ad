/**
 * Hand-outs: access tokens as consumers get them, from memory where that is safe.
 *
 * 1. A token is opened once per generation and kept in memory until a newer one, or the end of its connection.
 * 2. It is handed out from memory only while it lives, and at most a second after its record was looked at: another
 *    process may have changed that.
 * 3. A durable event precedes the first hand-out of a generation to a consumer. Repeats are counted in memory and
 *    written when the generation ends.
 */

import type { Clock } from "../env/clock.ts";
import type { Secret } from "../env/secret.ts";
import { refreshEndsAccess } from "../kernel/doubt.ts";
import { accessEndsAt, type Settings } from "../kernel/holding.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { ConnectionRecord } from "../store/connection-record.ts";
import type { KetenEvent } from "../store/events.ts";
import { keyOf, type Store } from "../store/store.ts";
import { knowledgeOf } from "./connection.ts";
import type { Vault } from "./token-endpoint.ts";

/** An access token as a consumer gets it. */
export interface HandOut {
  readonly accessToken: Secret;
  readonly tokenType: string;
  readonly scope: string | null;
  /** What else the provider said that whoever uses it needs. */
  readonly more: Readonly<Record<string, string>>;
  /** How long it lives from its beginning. */
  readonly lifetime: Duration;
  /** Its true end: its own, or the moment our next refresh may end it. */
  readonly endsAt: Instant;
  /** Whether our next refresh may end it, for all who hold it: none is to come before the end they were told. */
  readonly endsByRefresh: boolean;
  /** One more with each refresh. Report a token that fails with this number. */
  readonly generation: number;
  /** When its connection was added: one of the same name that is added later is another. */
  readonly connectionCreatedAt: Instant;
}

export interface HandOutParts {
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly settings: Settings;
}

interface Cached {
  readonly handOut: HandOut;
  /** The answer it came with. */
  readonly origin: string;
  checkedAt: Instant;
  /** Who got this generation. */
  readonly told: Map<string, Told>;
}

interface Told {
  repeats: number;
  /** Set once the event of the first hand-out is durable. */
  isDurable: boolean;
  readonly durable: Promise<void>;
}

/** Records are looked at again after so long, in unscaled milliseconds. */
const RECHECK_MS = 1000;

export class HandOuts {
  readonly #parts: HandOutParts;
  readonly #cache = new Map<string, Cached>();

  constructor(parts: HandOutParts) {
    this.#parts = parts;
  }

  /** The token at hand, if it may be handed out again without looking at its record. */
  fromMemory(name: string, consumer: string, newerThan: number): HandOut | undefined {
    const cached = this.#cache.get(name);
    if (!cached) return undefined;
    const { handOut, told, checkedAt } = cached;
    const { clock, settings } = this.#parts;
    const seen = told.get(consumer);
    const now = clock.now();
    // The wall clock will do: it is cheaper than the time since boot, and set back it costs one more look.
    const age = (now - checkedAt) / clock.scale;
    if (
      !seen?.isDurable ||
      handOut.generation <= newerThan ||
      now + settings.leastLeft >= handOut.endsAt ||
      age < 0 ||
      age > RECHECK_MS
    ) {
      return undefined;
    }
    seen.repeats += 1;
    return handOut;
  }

  /** Hands out what was committed. The first of a generation to a consumer waits for its event. */
  async handOut(record: ConnectionRecord, consumer: string): Promise<HandOut> {
    const cached = await this.#current(record);
    const { told, handOut } = cached;
    const seen = told.get(consumer);
    if (seen) {
      seen.repeats += 1;
      await seen.durable;
      return handOut;
    }
    const first: Told = {
      repeats: 0,
      isDurable: false,
      durable: this.#announce(record.name, handOut, consumer),
    };
    told.set(consumer, first);
    await first.durable;
    first.isDurable = true;
    return handOut;
  }

  /** The token of a record that may be handed out, looked at by ourselves: no consumer gets it. */
  look(record: ConnectionRecord): HandOut {
    return this.#open(record);
  }

  async #current(record: ConnectionRecord): Promise<Cached> {
    const { name, holding } = record;
    const { clock } = this.#parts;
    const origin = `${holding.chainId} ${holding.access?.by}`;
    const before = this.#cache.get(name);
    if (before?.origin === origin) {
      before.checkedAt = clock.now();
      return before;
    }
    const handOut = this.#open(record);
    const cached: Cached = { handOut, origin, checkedAt: clock.now(), told: new Map() };
    this.#cache.set(name, cached);
    if (before) await this.#writeRepeats(name, before);
    return cached;
  }

  #open(record: ConnectionRecord): HandOut {
    const { access, chainId, generation, refreshed } = record.holding;
    if (!access) throw new Error("a usable holding has an access token");
    return {
      accessToken: this.#parts.vault.open("accessToken", chainId, access.by, access.sealed),
      tokenType: access.tokenType,
      scope: access.scope,
      more: access.more ?? {},
      lifetime: access.expiresAt - (refreshed?.from ?? access.expiresAt),
      endsAt: accessEndsAt(record.holding, knowledgeOf(record), this.#parts.settings),
      endsByRefresh: refreshEndsAccess(knowledgeOf(record)),
      generation,
      connectionCreatedAt: record.createdAt,
    };
  }

  async #announce(name: string, { generation }: HandOut, consumer: string): Promise<void> {
    try {
      await this.#write(name, [handedOut(name, consumer, generation, 1)]);
    } catch (error) {
      this.#cache.delete(name);
      throw error;
    }
  }

  async #writeRepeats(name: string, { handOut, told }: Cached): Promise<void> {
    const events = [...told]
      .filter(([, { repeats }]) => repeats > 0)
      .map(([consumer, { repeats }]) => handedOut(name, consumer, handOut.generation, repeats));
    if (events.length > 0) await this.#write(name, events);
  }

  #write(name: string, events: readonly KetenEvent[]): Promise<null> {
    return this.#parts.store.update([keyOf("connection", name)], () => ({ result: null, events }));
  }

  /** Hands nothing more out before the record was looked at again: it has changed. */
  recheck(name: string): void {
    const cached = this.#cache.get(name);
    if (cached) cached.checkedAt = Number.NEGATIVE_INFINITY;
  }

  /** Forgets a connection's token. */
  forget(name: string): void {
    this.#cache.delete(name);
  }

  /** Writes all counts that are still in memory. */
  async flush(): Promise<void> {
    const writes = [...this.#cache].map(([name, cached]) => this.#writeRepeats(name, cached));
    this.#cache.clear();
    await Promise.allSettled(writes);
  }
}

function handedOut(name: string, consumer: string, generation: number, count: number): KetenEvent {
  return { type: "token.handedOut", about: name, data: { consumer, generation, count } };
}
