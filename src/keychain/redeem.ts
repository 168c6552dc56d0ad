/**
 * One refresh, in the order that never changes: lease, intent, exchange, journal, commit, use.
 *
 * 1. One transaction reads the record, takes in what the journals know of its open requests, asks the kernel what to
 *    do, and if that is to send, writes the lease and the intent: durable before the first byte.
 * 2. Right before the first byte the lease is looked at again, by two clocks that must agree: a process that was
 *    paused sends nothing.
 * 3. From the first byte on there is no way back: nothing aborts the request, whoever was waiting has left.
 * 4. What came of it is settled in a second transaction. If that fails the answer is in the journal, and the next
 *    one to look at the connection takes it in from there.
 * 5. Only what a transaction has committed is handed out.
 */

import type { Clock, Timer } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Exchange, ExchangeResult, Progress, RawAnswer } from "../env/exchange.ts";
import type { Liveness } from "../env/liveness.ts";
import type { Log } from "../env/log.ts";
import type { Random } from "../env/random.ts";
import type { Secret } from "../env/secret.ts";
import { type Attempt, heldOf, IMPORTED, type Lease, type Settings } from "../kernel/holding.ts";
import { type Result, settleAttempt } from "../kernel/settle.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { ConnectionRecord } from "../store/connection-record.ts";
import { keyOf, type Store } from "../store/store.ts";
import { knowledgeOf, withHolding } from "./connection.ts";
import type { Journal } from "./journal.ts";
import {
  decideStep,
  type Heard,
  type Journaled,
  type Redeemed,
  type Step,
  type StepInput,
  settledEvents,
  settleJournaled,
} from "./step.ts";
import { readAnswer, refreshRequest, type Vault } from "./token-endpoint.ts";

/** Network and lease times; unscaled milliseconds, for no clock makes a network faster. */
export interface Timing {
  /** After so long an attempt counts as unanswered; its socket stays open for harvest. */
  readonly deadlineMs: Duration;
  /** After so long a request that was sent cannot be processed any more. */
  readonly requestLifeMs: Duration;
  readonly leaseMs: Duration;
  /** What must be left of the lease at the first byte. */
  readonly leaseMarginMs: Duration;
  /** How far the two clocks may disagree between intent and first byte. */
  readonly clockDriftMs: Duration;
}

export interface RedeemParts {
  readonly store: Store;
  readonly exchange: Exchange;
  readonly journal: Journal;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly liveness: Pick<Liveness, "stateOf">;
  /** This process, as leases and journals name it; never used twice. */
  readonly owner: string;
  readonly log: Log;
  readonly settings: Settings;
  readonly timing: Timing;
}

/** What the seam reports, or what it threw, which it does only before anything was sent. */
type Sent =
  | Exclude<ExchangeResult, { kind: "notSent" }>
  | { readonly kind: "notSent"; readonly progress: Progress; readonly error: unknown };

/** How soon to look again, in unscaled milliseconds, while another process holds the lease. */
const POLL_MS = 50;

const connectionKey = (name: string) => keyOf("connection", name);

export class Redeemer {
  readonly #parts: RedeemParts;
  /** Attempts of this process whose requests are on their way. */
  readonly #inFlight = new Set<string>();

  constructor(parts: RedeemParts) {
    this.#parts = parts;
  }

  /**
   * Brings a connection to a usable access token with a generation above `newerThan`, or says what it waits for.
   * @throws KetenError `connection_unknown`; `store_unavailable`, `journal_unavailable` (retryable, nothing sent)
   */
  async redeem(name: string, newerThan: number): Promise<Redeemed> {
    for (;;) {
      const step = await this.#begin(name, newerThan);
      if (step.kind !== "send") return step;
      await this.#send(step.record, step.attempt, step.lease);
    }
  }

  /** Orders 1 and 2: the lease, the state under it, and the intent, in one transaction. */
  async #begin(name: string, newerThan: number): Promise<Step> {
    const { store, clock, random, owner, timing, settings, journal } = this.#parts;
    const heard = await this.#heardOfOthers(name);
    const input: StepInput = {
      heard,
      owner,
      boot: clock.boot(),
      leaseMs: timing.leaseMs,
      requestLife: timing.requestLifeMs * clock.scale,
      poll: POLL_MS * clock.scale,
      isInFlight: (attemptId) => this.#inFlight.has(attemptId),
      newerThan,
      settings,
      unique: Buffer.from(random.bytes(9)).toString("base64url"),
      jitter: random.fraction(),
    };
    const decided = await store.update([connectionKey(name)], ([record], now) => {
      if (!record) return { result: null };
      const result = decideStep(record, input, now);
      return { result, ...(result.after && { writes: [result.after] }), events: result.events };
    });
    if (!decided) {
      throw new KetenError("connection_unknown", `no connection is called "${name}"`);
    }
    if (decided.tookIn) journal.settle(heard.journaled.map(({ attemptId }) => attemptId));
    return decided.step;
  }

  /** What the record's open requests left elsewhere: answers in any journal, and owners that are certainly dead. */
  async #heardOfOthers(name: string): Promise<Heard> {
    const { store, liveness, owner } = this.#parts;
    const record = await store.read(connectionKey(name));
    const { lease = null, attempts = [] } = record?.holding ?? {};
    const owners = new Set([...attempts, ...(lease ? [lease] : [])].map((by) => by.owner));
    owners.delete(owner);
    // Liveness first: an owner that is dead now has journaled all it ever will.
    const dead = new Set([...owners].filter((other) => liveness.stateOf(other) === "dead"));
    if (!record || attempts.length === 0) return { journaled: [], dead };
    return { journaled: await this.#journaled(record), dead };
  }

  /** Answers for a connection's chain, in any journal, that are not noted as settled. */
  async #journaled({ holding, provider }: ConnectionRecord): Promise<readonly Journaled[]> {
    const { journal, vault } = this.#parts;
    const { chainId } = holding;
    const { entries } = await journal.entries(chainId);
    return entries
      .filter(({ settled }) => !settled)
      .map(({ answer, at }) => ({
        chainId,
        attemptId: answer.attemptId,
        at,
        result: readAnswer(vault, answer, provider.readings),
      }));
  }

  /** Orders 3 to 6. Past the first byte nothing aborts this. */
  async #send(record: ConnectionRecord, attempt: Attempt, lease: Lease): Promise<void> {
    const { exchange, clock, timing, log } = this.#parts;
    const { name, holding } = record;
    const { chainId } = holding;
    const secrets = this.#secretsOf(record, attempt);
    const start = { wall: clock.now(), boot: clock.boot() };
    const renewal = this.#renew(name, attempt);
    this.#inFlight.add(attempt.id);
    const request = {
      chainId,
      attemptId: attempt.id,
      url: record.provider.tokenEndpoint,
      ...refreshRequest(record, secrets.refreshToken, secrets.clientSecret),
      deadlineMs: timing.deadlineMs,
      beforeFirstByte: () => this.#checkLease(lease, start),
    };
    try {
      const sent: Sent = await exchange
        .send(request, (late) => void this.#harvest(record, late))
        .catch((error: unknown) => ({ kind: "notSent", progress: "begun", error }));
      if (sent.kind !== "answered") {
        log.warn("attempt", {
          connection: name,
          attempt: attempt.id,
          outcome: sent.kind,
          progress: sent.progress,
          error: String(sent.error),
        });
      }
      await this.#settle(record, attempt.id, this.#resultOf(record, sent));
      if (sent.kind === "answered") this.#parts.journal.settle([attempt.id]);
      if (sent.kind === "notSent" && sent.error instanceof KetenError) throw sent.error;
    } finally {
      this.#inFlight.delete(attempt.id);
      renewal.cancel();
    }
  }

  #resultOf(record: ConnectionRecord, sent: Sent): Result {
    if (sent.kind === "notSent") return { class: "notSent" };
    return sent.kind === "answered"
      ? readAnswer(this.#parts.vault, sent.answer, record.provider.readings)
      : { class: "inDoubt", why: "unanswered", status: null, retryAfter: null };
  }

  #secretsOf(
    record: ConnectionRecord,
    attempt: Attempt,
  ): {
    refreshToken: Secret;
    clientSecret: Secret | null;
  } {
    const { vault } = this.#parts;
    const { chainId } = record.holding;
    const token = heldOf(record.holding, attempt.print);
    if (!token) throw new Error("an attempt presents a token that is held");
    const { clientSecret } = record;
    return {
      refreshToken: vault.open("refreshToken", chainId, token.by, token.sealed),
      clientSecret:
        clientSecret === null
          ? null
          : vault.open("clientSecret", record.name, IMPORTED, clientSecret),
    };
  }

  /** Order 3: enough of the lease is left, by a clock that no pause stops and no operator sets. */
  #checkLease(lease: Lease, start: { wall: Instant; boot: { id: string; at: number } }): void {
    const { clock, timing } = this.#parts;
    const boot = clock.boot();
    const byBoot = boot.at - start.boot.at;
    const byWall = (clock.now() - start.wall) / clock.scale;
    const left = lease.until - boot.at;
    if (boot.id !== lease.boot || left < timing.leaseMarginMs) {
      throw new Error(
        `the lease has ${Math.round(left)} ms left, ${timing.leaseMarginMs} are needed`,
      );
    }
    if (Math.abs(byBoot - byWall) > timing.clockDriftMs) {
      throw new Error(`the clocks disagree by ${Math.round(Math.abs(byBoot - byWall))} ms`);
    }
  }

  /** Renews the lease while the request is on its way. */
  #renew(name: string, attempt: Attempt): Timer {
    const { store, clock, timing } = this.#parts;
    let timer: Timer;
    let cancelled = false;
    const renewOnce = async () => {
      const { id: boot, at } = clock.boot();
      await store.update([connectionKey(name)], ([record]) => {
        const { lease, newest } = record?.holding ?? { lease: null, newest: null };
        if (!record || newest !== attempt.id || lease?.owner !== attempt.owner)
          return { result: null };
        const until = at + timing.leaseMs;
        const holding = { ...record.holding, lease: { owner: attempt.owner, boot, until } };
        return { result: null, writes: [{ ...record, holding }] };
      });
    };
    const schedule = () => {
      timer = clock.afterReal(timing.leaseMs / 3, () => {
        renewOnce()
          .catch((error: unknown) =>
            this.#parts.log.warn("lease", { connection: name, error: String(error) }),
          )
          .finally(() => {
            if (!cancelled) schedule();
          });
      });
    };
    schedule();
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /**
   * Order 6: what came of an attempt, in one transaction. A refused token is believed dead only after the journals were
   * asked for another: a late answer may stand there whose process did not live to settle it.
   */
  async #settle(sent: ConnectionRecord, attemptId: string, result: Result): Promise<void> {
    const { store, random, settings, journal } = this.#parts;
    const { name } = sent;
    const { chainId } = sent.holding;
    const jitter = random.fraction();
    const isRefused = result.class === "refusedUnspent" && result.about === "token";
    const found = isRefused ? await this.#journaled(sent) : [];
    const others = found.filter((answer) => answer.attemptId !== attemptId);
    await store.update([connectionKey(name)], ([record], now) => {
      if (!record) return { result: null };
      const taken = settleJournaled(record, others, settings, jitter, now);
      const report = { chainId, attemptId, result, now, jitter };
      const knowledge = knowledgeOf(record);
      const { holding, settled } = settleAttempt(taken.holding, knowledge, settings, report);
      const own = settledEvents(name, taken.holding, holding, attemptId, result, settled);
      const after = withHolding(record, holding, settings, now);
      return { result: null, writes: [after], events: [...taken.events, ...own] };
    });
    journal.settle(others.map((answer) => answer.attemptId));
  }

  /** An answer that came after its deadline: journaled already, and settled like any other. */
  async #harvest(record: ConnectionRecord, answer: RawAnswer): Promise<void> {
    const result = readAnswer(this.#parts.vault, answer, record.provider.readings);
    try {
      await this.#settle(record, answer.attemptId, result);
      this.#parts.journal.settle([answer.attemptId]);
    } catch (error) {
      this.#parts.log.warn("harvest", { connection: record.name, error: String(error) });
    }
  }
}
