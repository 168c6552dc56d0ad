/**
 * The keychain: connections, and access tokens for any number of callers.
 *
 * 1. One refresh at a time per connection in this process; between processes the lease sees to it. A thousand
 *    callers wait for the same one.
 * 2. A hand-out is read from memory, checked against the store at least every second, and carries its generation and
 *    its true end. A durable event precedes the first hand-out of a generation to a consumer; repeats are counted.
 * 3. A caller's patience ends before a refresh does: the caller gets an error that says when to come again, and the
 *    refresh goes on.
 * 4. `drain` starts nothing new and finishes what was sent.
 */

import type { Timer } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Secret } from "../env/secret.ts";
import { accessEndsAt, importHolding } from "../kernel/holding.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { ConnectionRecord, ProviderSettings } from "../store/connection-record.ts";
import type { KetenEvent } from "../store/events.ts";
import { keyOf } from "../store/store.ts";
import { type ConnectionView, checkName, knowledgeOf, viewOf, withHolding } from "./connection.ts";
import { createRedeemer, type RedeemParts } from "./redeem.ts";
import type { Redeemed } from "./step.ts";
import { IMPORTED } from "./token-endpoint.ts";

export interface NewConnection {
  readonly name: string;
  readonly provider: ProviderSettings;
  readonly clientId: string;
  readonly clientSecret: Secret | null;
  readonly refreshToken: Secret;
}

/** An access token as a consumer gets it. */
export interface HandOut {
  readonly accessToken: Secret;
  readonly tokenType: string;
  readonly scope: string | null;
  /** Its true end: its own, or the moment our next refresh may end it. */
  readonly endsAt: Instant;
  /** One more with each refresh. Report a token that fails with this number. */
  readonly generation: number;
}

export interface KeychainParts extends RedeemParts {
  /** Unscaled milliseconds a caller waits for a refresh before it is told to come again. */
  readonly patienceMs: Duration;
}

interface Cached {
  readonly handOut: HandOut;
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

/** Records are looked at again after so long, in unscaled milliseconds: another process may have changed them. */
const RECHECK_MS = 1000;
/** Connections that another process added are found so often, in unscaled milliseconds. */
const SCAN_MS = 1000;

export class Keychain {
  readonly #parts: KeychainParts;
  readonly #redeemer: ReturnType<typeof createRedeemer>;
  readonly #refreshes = new Map<string, Promise<Redeemed>>();
  readonly #cache = new Map<string, Cached>();
  readonly #timers = new Map<string, Timer>();
  #scan: Timer | undefined;
  #draining = false;
  /** Refreshes by itself; before `start`, or without it, only when asked. */
  #started = false;

  constructor(parts: KeychainParts) {
    this.#parts = parts;
    this.#redeemer = createRedeemer(parts);
  }

  /**
   * Adds a connection from a refresh token that was granted elsewhere. Nothing is sent.
   * @throws KetenError `config_invalid`, `connection_exists`, `store_unavailable`
   */
  async connect(connection: NewConnection): Promise<ConnectionView> {
    const { name, provider, clientId, clientSecret, refreshToken } = connection;
    checkName(name);
    const { vault, store, clock, random } = this.#parts;
    const chainId = Buffer.from(random.bytes(16)).toString("base64url");
    const token = refreshToken.reveal();
    const sealed = vault.seal("refreshToken", chainId, IMPORTED, token);
    const now = clock.now();
    const holding = importHolding({ chainId, sealed, print: vault.print(token), now });
    const bare: ConnectionRecord = {
      name,
      createdAt: now,
      provider,
      clientId,
      clientSecret:
        clientSecret && vault.seal("clientSecret", name, IMPORTED, clientSecret.reveal()),
      holding,
      due: Number.POSITIVE_INFINITY,
    };
    const { settings, mode } = this.#parts;
    const record = withHolding(bare, holding, settings, mode, now);
    const event: KetenEvent = {
      type: "connection.added",
      about: name,
      data: { provider: provider.preset, tokenEndpoint: provider.tokenEndpoint, clientId },
    };
    const added = await store.update([keyOf("connection", name)], ([existing]) =>
      existing ? { result: false } : { result: true, writes: [record], events: [event] },
    );
    if (!added) {
      throw new KetenError("connection_exists", `a connection called "${name}" exists already`);
    }
    this.#wake(record);
    return viewOf(record, settings, now);
  }

  /**
   * An access token of a connection that is alive now and newer than a generation seen to fail, if one is given.
   * @throws KetenError `connection_unknown`; `connection_lost` with its cause; `connection_unavailable` (retryable)
   *   with `retryAfterMs` while the provider or a doubt keeps us waiting; `store_unavailable`; `draining`
   */
  async token(name: string, consumer: string, newerThan = -1): Promise<HandOut> {
    const cached = this.#fromCache(name, consumer, newerThan);
    if (cached) return cached;
    const giveUpAt = this.#parts.clock.boot().at + this.#parts.patienceMs;
    for (;;) {
      const redeemed = await this.#patiently(this.#refresh(name, newerThan), giveUpAt, name);
      if (redeemed.kind === "usable") return this.#handOut(redeemed.record, consumer);
      if (redeemed.kind === "stopped") throw this.#lost(redeemed.record);
      await this.#waitFor(redeemed, giveUpAt);
    }
  }

  #fromCache(name: string, consumer: string, newerThan: number): HandOut | undefined {
    const cached = this.#cache.get(name);
    if (!cached || this.#draining) return undefined;
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

  /** The refresh under way, or a new one: single flight. */
  #refresh(name: string, newerThan: number): Promise<Redeemed> {
    const running = this.#refreshes.get(name);
    if (running !== undefined) {
      return running.then((done) =>
        done.record.holding.generation > newerThan || done.kind !== "usable"
          ? done
          : this.#refresh(name, newerThan),
      );
    }
    if (this.#draining) {
      return Promise.reject(
        new KetenError("draining", "the keychain is shutting down", { retryable: true }),
      );
    }
    const refresh = this.#redeemer.redeem(name, newerThan).finally(() => {
      this.#refreshes.delete(name);
    });
    this.#refreshes.set(name, refresh);
    refresh.then(({ record }) => this.#wake(record)).catch(() => this.#wakeLater(name));
    return refresh;
  }

  /** Waits for a refresh as long as the caller's patience lasts; the refresh goes on without it. */
  async #patiently(refresh: Promise<Redeemed>, giveUpAt: number, name: string): Promise<Redeemed> {
    const { clock } = this.#parts;
    let timer: Timer | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = clock.afterReal(Math.max(0, giveUpAt - clock.boot().at), () =>
        reject(unavailable(name, "a refresh is under way", 1000)),
      );
    });
    try {
      return await Promise.race([refresh, timeout]);
    } finally {
      timer?.cancel();
    }
  }

  async #waitFor(redeemed: Extract<Redeemed, { kind: "wait" }>, giveUpAt: number): Promise<void> {
    const { clock } = this.#parts;
    const waitMs = Math.max(1, (redeemed.until - clock.now()) / clock.scale);
    if (clock.boot().at + waitMs > giveUpAt || this.#draining) {
      const { name, holding } = redeemed.record;
      throw unavailable(name, `it is ${holding.status}, waiting: ${redeemed.why}`, waitMs);
    }
    await new Promise<void>((resolve) => clock.afterReal(waitMs, resolve));
  }

  #lost({ name, holding }: ConnectionRecord): KetenError {
    const { status, cause, evidence, since } = holding;
    return new KetenError(
      "connection_lost",
      `connection "${name}" is ${status}${cause ? `: ${cause}` : ""}; it needs a new authorization`,
      { evidence: { status, cause, evidence, since } },
    );
  }

  /** Hands out what was committed. The first of a generation to a consumer waits for its event. */
  async #handOut(record: ConnectionRecord, consumer: string): Promise<HandOut> {
    const { clock } = this.#parts;
    const { name, holding } = record;
    let cached = this.#cache.get(name);
    if (cached?.handOut.generation !== holding.generation) {
      const before = cached;
      cached = { handOut: this.#open(record), checkedAt: clock.now(), told: new Map() };
      this.#cache.set(name, cached);
      if (before) await this.#flush(name, before);
    }
    cached.checkedAt = clock.now();
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
      durable: this.#announce(name, handOut, consumer),
    };
    told.set(consumer, first);
    await first.durable;
    first.isDurable = true;
    return handOut;
  }

  /** The durable event that precedes the first hand-out of a generation to a consumer. */
  async #announce(name: string, { generation }: HandOut, consumer: string): Promise<void> {
    const event: KetenEvent = {
      type: "token.handedOut",
      about: name,
      data: { consumer, generation, count: 1 },
    };
    try {
      await this.#parts.store.update([keyOf("connection", name)], () => ({
        result: null,
        events: [event],
      }));
    } catch (error) {
      this.#cache.delete(name);
      throw error;
    }
  }

  /** Writes how often a generation was handed out again. */
  async #flush(name: string, { handOut, told }: Cached): Promise<void> {
    const events = [...told]
      .filter(([, { repeats }]) => repeats > 0)
      .map(
        ([consumer, { repeats }]): KetenEvent => ({
          type: "token.handedOut",
          about: name,
          data: { consumer, generation: handOut.generation, count: repeats },
        }),
      );
    if (events.length === 0) return;
    await this.#parts.store.update([keyOf("connection", name)], () => ({ result: null, events }));
  }

  #open(record: ConnectionRecord): HandOut {
    const { access, chainId, generation } = record.holding;
    if (!access) throw new Error("a usable holding has an access token");
    return {
      accessToken: this.#parts.vault.open("accessToken", chainId, access.by, access.sealed),
      tokenType: access.tokenType,
      scope: access.scope,
      endsAt: accessEndsAt(record.holding, knowledgeOf(record), this.#parts.settings),
      generation,
    };
  }

  /**
   * Reports that the access token of a generation was refused where it was used. If it is the newest, a newer one is
   * fetched, as soon as the provider allows; reports of older ones change nothing.
   */
  async failed(name: string, generation: number, consumer: string): Promise<HandOut> {
    return await this.token(name, consumer, generation);
  }

  /** @throws KetenError `connection_unknown` */
  async show(name: string): Promise<ConnectionView> {
    const record = await this.#parts.store.read(keyOf("connection", name));
    if (!record) throw new KetenError("connection_unknown", `no connection is called "${name}"`);
    return viewOf(record, this.#parts.settings, this.#parts.clock.now());
  }

  async list(): Promise<readonly ConnectionView[]> {
    const views: ConnectionView[] = [];
    for await (const record of this.#records()) {
      views.push(viewOf(record, this.#parts.settings, this.#parts.clock.now()));
    }
    return views;
  }

  async *#records(): AsyncGenerator<ConnectionRecord> {
    let after: string | undefined;
    do {
      const page = await this.#parts.store.list("connection", {}, after);
      for (const { record } of page.records) yield record;
      after = page.next;
    } while (after !== undefined);
  }

  /** Forgets a connection and its tokens here; the provider is not told. @throws KetenError `connection_unknown` */
  async remove(name: string): Promise<void> {
    const event: KetenEvent = { type: "connection.removed", about: name, data: {} };
    const removed = await this.#parts.store.update([keyOf("connection", name)], ([record]) =>
      record ? { result: true, writes: [null], events: [event] } : { result: false },
    );
    this.#cache.delete(name);
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
    if (!removed) throw new KetenError("connection_unknown", `no connection is called "${name}"`);
  }

  // --- schedule -----------------------------------------------------------------------------------------

  /** Takes up what other processes left, and refreshes by itself from now on. */
  async start(): Promise<void> {
    this.#started = true;
    for await (const record of this.#records()) this.#wake(record);
    this.#scheduleScan();
  }

  #scheduleScan(): void {
    if (this.#draining) return;
    this.#scan = this.#parts.clock.afterReal(SCAN_MS, () => {
      this.#findDue()
        .catch((error: unknown) => this.#parts.log.warn("scan", { error: String(error) }))
        .finally(() => this.#scheduleScan());
    });
  }

  async #findDue(): Promise<void> {
    const { store, clock } = this.#parts;
    const dueBefore = clock.now() + SCAN_MS * clock.scale;
    const { records } = await store.list("connection", { dueBefore });
    for (const { id, record } of records) if (!this.#timers.has(id)) this.#wake(record);
  }

  /** Sets the connection's timer to when something is due. */
  #wake(record: ConnectionRecord): void {
    const { name, due } = record;
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
    if (!this.#started || this.#draining || !Number.isFinite(due)) return;
    this.#setTimer(name, (due - this.#parts.clock.now()) / this.#parts.clock.scale);
  }

  #wakeLater(name: string): void {
    if (this.#started && !this.#draining) this.#setTimer(name, SCAN_MS);
  }

  #setTimer(name: string, inMs: number): void {
    this.#timers.get(name)?.cancel();
    const timer = this.#parts.clock.afterReal(Math.max(1, inMs), () => {
      this.#timers.delete(name);
      this.#refresh(name, -1).catch((error: unknown) => {
        this.#parts.log.warn("refresh", { connection: name, error: String(error) });
      });
    });
    this.#timers.set(name, timer);
  }

  /** Starts nothing new, and finishes what was sent. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#scan?.cancel();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    await Promise.allSettled(this.#refreshes.values());
    await this.#parts.exchange.drain();
    await Promise.allSettled([...this.#cache].map(([name, cached]) => this.#flush(name, cached)));
  }
}

function unavailable(name: string, why: string, waitMs: number): KetenError {
  return new KetenError("connection_unavailable", `connection "${name}" has no token now: ${why}`, {
    retryable: true,
    evidence: { retryAfterMs: Math.ceil(waitMs) },
  });
}
