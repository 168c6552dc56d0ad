/**
 * The keychain: connections, and access tokens for any number of callers.
 *
 * 1. One refresh at a time per connection in this process; between processes the lease sees to it. A thousand
 *    callers wait for the same one.
 * 2. A caller's patience ends before a refresh does: the caller gets an error that says when to come again, and the
 *    refresh goes on.
 * 3. `drain` starts nothing new and finishes what was sent.
 */

import type { Timer } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Secret } from "../env/secret.ts";
import { type Holding, IMPORTED, importHolding, type Status } from "../kernel/holding.ts";
import { isUsable } from "../kernel/plan.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { ConnectionRecord, ProviderSettings } from "../store/connection-record.ts";
import type { KetenEvent } from "../store/events.ts";
import { everyRecord } from "../store/every.ts";
import { keyOf } from "../store/store.ts";
import {
  type ConnectionView,
  checkName,
  connectionUnknown,
  knowledgeOf,
  type Mode,
  viewOf,
  wakes,
  withHolding,
} from "./connection.ts";
import { type HandOut, HandOuts } from "./hand-outs.ts";
import { Redeemer, type RedeemParts } from "./redeem.ts";
import { Schedule } from "./schedule.ts";
import type { Redeemed } from "./step.ts";

export interface NewConnection {
  readonly name: string;
  readonly provider: ProviderSettings;
  readonly clientId: string;
  readonly clientSecret: Secret | null;
  readonly refreshToken: Secret;
}

export interface KeychainParts extends RedeemParts {
  /** Unscaled milliseconds a caller waits for a refresh before it is told to come again. */
  readonly patienceMs: Duration;
  readonly mode: Mode;
}

export class Keychain {
  readonly #parts: KeychainParts;
  readonly #redeemer: Redeemer;
  readonly #refreshes = new Map<string, Promise<Redeemed>>();
  readonly #handOuts: HandOuts;
  readonly #schedule: Schedule;
  #draining = false;

  constructor(parts: KeychainParts) {
    this.#parts = parts;
    this.#redeemer = new Redeemer(parts, {
      settled: (record) => this.#heard(record),
      leftOver: (name) => this.#schedule.soon(name),
    });
    this.#handOuts = new HandOuts(parts);
    this.#schedule = new Schedule({
      clock: parts.clock,
      act: (name) => this.#act(name),
      find: async (dueBefore) => {
        const { records } = await parts.store.list("connection", { dueBefore });
        return records.map(({ record }) => record).filter((record) => wakes(parts.mode, record));
      },
      onFailure: (error) => parts.log.warn("scan", { error: String(error) }),
    });
  }

  /**
   * Adds a connection from a refresh token that was granted elsewhere. Nothing is sent.
   * @throws KetenError `config_invalid`, `connection_exists`, `store_unavailable`
   */
  async connect(connection: NewConnection): Promise<ConnectionView> {
    const { name, provider, clientId, clientSecret, refreshToken } = connection;
    checkName(name);
    const { vault, store, clock } = this.#parts;
    const now = clock.now();
    const holding = this.#imported(refreshToken, now);
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
    const { settings } = this.#parts;
    const record = withHolding(bare, holding, settings, now);
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

  /** A chain of its own that begins with a token granted elsewhere. */
  #imported(refreshToken: Secret, now: Instant): Holding {
    const { vault, random } = this.#parts;
    const chainId = Buffer.from(random.bytes(16)).toString("base64url");
    const token = refreshToken.reveal();
    const sealed = vault.seal("refreshToken", chainId, IMPORTED, token);
    return importHolding({ chainId, sealed, print: vault.print(token), now });
  }

  /**
   * An access token of a connection that is alive now and newer than a generation seen to fail, if one is given.
   * @throws KetenError `connection_unknown`; `connection_lost` with its cause; `connection_unavailable` (retryable)
   *   with `retryAfterMs` while the provider or a doubt keeps us waiting; `store_unavailable`; `draining`
   */
  async token(
    name: string,
    consumer: string,
    newerThan = -1,
    patienceMs = this.#parts.patienceMs,
  ): Promise<HandOut> {
    const atHand = this.#draining
      ? undefined
      : this.#handOuts.fromMemory(name, consumer, newerThan);
    if (atHand) return atHand;
    const giveUpAt = this.#parts.clock.boot().at + patienceMs;
    for (;;) {
      const redeemed = await this.#patiently(this.#refresh(name, newerThan), giveUpAt, name);
      if (redeemed.kind === "usable") return this.#handOuts.handOut(redeemed.record, consumer);
      if (redeemed.kind === "stopped") throw this.#lost(redeemed.record);
      await this.#waitFor(redeemed, giveUpAt);
    }
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
    refresh.then(
      (done) => {
        if (done.kind === "stopped") this.#handOuts.recheck(name);
        this.#wake(done.record, done.kind === "wait" ? done.until : undefined);
      },
      (error: unknown) => this.#notRefreshed(name, error),
    );
    return refresh;
  }

  /** A late answer changed a record. Which of two successors lives is asked at once, by whoever heard: a window may close. */
  #heard(record: ConnectionRecord): void {
    this.#wake(record);
    if (record.holding.status === "forked" && !this.#draining) this.#act(record.name);
  }

  /** Looks again soon, whoever asked: there may be nobody left who waits for it. */
  #notRefreshed(name: string, error: unknown): void {
    const code = error instanceof KetenError ? error.code : null;
    // One that is gone has nothing to come back for.
    if (code === "connection_unknown") this.#schedule.forget(name);
    else {
      this.#parts.log.warn("refresh", { connection: name, error: String(error) });
      this.#schedule.soon(name);
    }
  }

  /** Whether it succeeds or fails, the refresh itself sees to what comes next. */
  #act(name: string): void {
    this.#refresh(name, -1).catch(() => undefined);
  }

  /** Sets the alarm for what is due, or for when to look again: what was due by then has been waited for. */
  #wake(record: ConnectionRecord, again: Instant = record.due): void {
    const { name } = record;
    if (wakes(this.#parts.mode, record)) this.#schedule.set({ name, due: again });
    else this.#schedule.forget(name);
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
      const { status } = holding;
      throw unavailable(name, `it is ${status}, waiting: ${redeemed.why}`, waitMs, status);
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

  /**
   * Reports that the access token of a generation was refused where it was used. If it is the newest, a newer one is
   * fetched, as soon as the provider allows; reports of older ones change nothing.
   * @throws KetenError as `token`; `request_invalid` for a generation that was never handed out
   */
  async failed(name: string, generation: number, consumer: string): Promise<HandOut> {
    const { generation: newest } = await this.show(name);
    if (Number.isInteger(generation) && generation >= 0 && generation <= newest) {
      return await this.token(name, consumer, generation);
    }
    throw new KetenError(
      "request_invalid",
      `generation ${generation} was never handed out; expected a whole number, at most ${newest}`,
      { evidence: { where: "body.generation" } },
    );
  }

  /** @throws KetenError `connection_unknown` */
  async show(name: string): Promise<ConnectionView> {
    const record = await this.#read(name);
    return viewOf(record, this.#parts.settings, this.#parts.clock.now());
  }

  /** The access token that is alive now, without a refresh and without handing it out. @throws as `show` */
  async look(name: string): Promise<HandOut | undefined> {
    const record = await this.#readAlive(name);
    return record && this.#handOuts.look(record);
  }

  /** Hands out the access token that is alive now, without waiting for a refresh. @throws as `show` */
  async atHand(name: string, consumer: string): Promise<HandOut | undefined> {
    const record = await this.#readAlive(name);
    return record && this.#handOuts.handOut(record, consumer);
  }

  async #readAlive(name: string): Promise<ConnectionRecord | undefined> {
    const record = await this.#read(name);
    const { settings, clock } = this.#parts;
    const isAlive = isUsable(record.holding, knowledgeOf(record), settings, clock.now());
    return isAlive ? record : undefined;
  }

  async #read(name: string): Promise<ConnectionRecord> {
    const record = await this.#parts.store.read(keyOf("connection", name));
    if (record) return record;
    throw connectionUnknown(name);
  }

  /**
   * Goes on with a connection from another refresh token, granted anew: its name and its consumers stay. Nothing is
   * sent. What is held of the chain before is forgotten.
   * @throws KetenError `connection_unknown`, `store_unavailable`
   */
  async reconnect(name: string, refreshToken: Secret): Promise<ConnectionView> {
    const { store, clock, settings } = this.#parts;
    const now = clock.now();
    const fresh = this.#imported(refreshToken, now);
    const event: KetenEvent = { type: "connection.reconnected", about: name, data: {} };
    const after = await store.update([keyOf("connection", name)], ([record]) => {
      if (!record) return { result: null };
      // Generations go on: what a consumer reports of an older one stays older.
      const holding = { ...fresh, generation: record.holding.generation };
      const written = withHolding(record, holding, settings, now);
      return { result: written, writes: [written], events: [event] };
    });
    if (!after) throw connectionUnknown(name);
    this.#handOuts.forget(name);
    this.#wake(after);
    return viewOf(after, settings, now);
  }

  async list(): Promise<readonly ConnectionView[]> {
    const views: ConnectionView[] = [];
    for await (const record of this.#records()) {
      views.push(viewOf(record, this.#parts.settings, this.#parts.clock.now()));
    }
    return views;
  }

  async *#records(): AsyncGenerator<ConnectionRecord> {
    for await (const { record } of everyRecord(this.#parts.store, "connection")) yield record;
  }

  /** Forgets a connection and its tokens here; the provider is not told. @throws KetenError `connection_unknown` */
  async remove(name: string): Promise<void> {
    const event: KetenEvent = { type: "connection.removed", about: name, data: {} };
    const removed = await this.#parts.store.update([keyOf("connection", name)], ([record]) =>
      record ? { result: true, writes: [null], events: [event] } : { result: false },
    );
    this.#handOuts.forget(name);
    this.#schedule.forget(name);
    if (!removed) throw connectionUnknown(name);
  }

  /** Takes up what other processes left, and refreshes by itself from now on. */
  async start(): Promise<void> {
    this.#schedule.start();
    for await (const record of this.#records()) {
      // A request that somebody else began: its answer may be in a journal by now, or be there soon.
      const isOpen = record.holding.attempts.some(({ doubt }) => doubt === null);
      this.#wake(record, isOpen ? this.#parts.clock.now() : undefined);
    }
  }

  /** Starts nothing new, and finishes what was sent. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#schedule.stop();
    this.#redeemer.stop();
    await Promise.allSettled(this.#refreshes.values());
    await this.#parts.exchange.drain();
    await this.#handOuts.flush();
  }
}

function unavailable(
  name: string,
  why: string,
  waitMs: number,
  status: Status = "redeeming",
): KetenError {
  return new KetenError("connection_unavailable", `connection "${name}" has no token now: ${why}`, {
    retryable: true,
    evidence: { retryAfterMs: Math.ceil(waitMs), status },
  });
}
