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
import type { Liveness, OwnerState } from "../env/liveness.ts";
import type { Log } from "../env/log.ts";
import type { Random } from "../env/random.ts";
import type { Secret } from "../env/secret.ts";
import { type Attempt, heldOf, IMPORTED, type Lease, type Settings } from "../kernel/holding.ts";
import { plan } from "../kernel/plan.ts";
import { type Result, settleAttempt } from "../kernel/settle.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { ConnectionRecord } from "../store/connection-record.ts";
import { keyOf, type Store } from "../store/store.ts";
import { connectionUnknown, knowledgeOf, withHolding } from "./connection.ts";
import type { Timing } from "./defaults.ts";
import type { Journal } from "./journal.ts";
import type { AnswerIds } from "./raw-answer.ts";
import { Slots } from "./slots.ts";
import {
  decideStep,
  type Heard,
  type Journaled,
  mayTell,
  needsJournals,
  needsJournalsToSettle,
  type Redeemed,
  type Step,
  type StepInput,
  settledEvents,
  settleJournaled,
} from "./step.ts";
import { epochOf, readAnswer, refreshRequest, type Vault } from "./token-endpoint.ts";

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

/** An outcome that is in no store yet. */
interface Outstanding {
  readonly sent: ConnectionRecord;
  readonly attempt: Attempt;
  readonly result: Result;
}

interface InFlight {
  readonly name: string;
  readonly attempt: Attempt;
}

/** How soon to look again, in unscaled milliseconds, while another process holds the lease. */
const POLL_MS = 50;

/** By chain. */
function newestEpochs(answered: readonly AnswerIds[]): Map<string, number> {
  const newest = new Map<string, number>();
  for (const { chainId, attemptId } of answered) {
    newest.set(chainId, Math.max(newest.get(chainId) ?? 0, epochOf(attemptId)));
  }
  return newest;
}

/** Whether an outcome is what an answer said; others stand in no journal, or not yet. */
const isHeard = (result: Result): boolean =>
  result.class !== "notSent" &&
  !(result.class === "inDoubt" && (result.why === "unanswered" || result.why === "overdue"));

/** Whether an answer may still come to this process. */
const isOverdue = (result: Result): boolean =>
  result.class === "inDoubt" && result.why === "overdue";

/**
 * Requests of this process that one provider gets at once: many connections that are due together come one after
 * another, and a provider that hangs holds up nobody else's.
 */
export const REQUESTS_MAX = 32;

const isUnknown = (error: unknown): boolean =>
  error instanceof KetenError && error.code === "commit_unknown";

const connectionKey = (name: string) => keyOf("connection", name);

/** Who hears of answers that came after their deadline. */
export interface Harvest {
  /** One has changed a record. */
  settled(record: ConnectionRecord): void;
  /** The store did not take one: it is settled with whatever is asked of that connection next. */
  leftOver(name: string): void;
}

export class Redeemer {
  readonly #parts: RedeemParts;
  /** Attempts of this process whose requests are on their way, whose answer is still listened for, or whose outcome is not in the store. */
  readonly #inFlight = new Map<string, InFlight>();
  /** Outcomes that the store did not take. */
  readonly #unsettled = new Map<string, Outstanding>();
  /** The newest epoch known of each chain: from the journals at first, then from what was written here. */
  #seen: Promise<Map<string, number>> | undefined;

  #isStopping = false;
  readonly #slots = new Slots(REQUESTS_MAX);
  readonly #harvest: Harvest;

  constructor(parts: RedeemParts, harvest: Harvest) {
    this.#parts = parts;
    this.#harvest = harvest;
  }

  /**
   * Brings a connection to a usable access token with a generation above `newerThan`, or says what it waits for.
   * @throws KetenError `connection_unknown`; `store_unavailable`, `journal_unavailable` (retryable, nothing sent)
   */
  async redeem(name: string, newerThan: number): Promise<Redeemed> {
    const remote = await this.#unlessBroken(() => this.#remoteOf(name));
    return await this.#slots.within(remote, async () => {
      for (;;) {
        if (this.#isStopping) return await this.#afterLast(name);
        const step = await this.#unlessBroken(async () => {
          await this.#settleLeftOver(name);
          return await this.#begin(name, newerThan);
        });
        if (step.kind !== "send") return step;
        await this.#send(step);
      }
    });
  }

  async #remoteOf(name: string): Promise<string> {
    const record = await this.#parts.store.read(connectionKey(name));
    if (!record) throw connectionUnknown(name);
    return new URL(record.provider.tokenEndpoint).origin;
  }

  /** Begins no further request. What was sent is finished and settled. */
  stop(): void {
    this.#isStopping = true;
  }

  /** What the last request brought. @throws KetenError `draining` if that is no token */
  async #afterLast(name: string): Promise<Redeemed> {
    const { store, clock, settings } = this.#parts;
    const record = await store.read(connectionKey(name));
    const next = record && plan(record.holding, knowledgeOf(record), settings, clock.now());
    if (record && next?.do === "handOut") return { kind: "usable", record };
    throw new KetenError("draining", "the keychain is shutting down", { retryable: true });
  }

  /** After a failure of the store nobody knows how old it is that comes back: the journals are asked anew. */
  async #unlessBroken<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#seen = undefined;
      throw error;
    }
  }

  /** Orders 1 and 2: the lease, the state under it, and the intent, in one transaction. */
  async #begin(name: string, newerThan: number): Promise<Step> {
    const { store, clock, random, owner, timing, settings, journal } = this.#parts;
    const heard = await this.#heardOfOthers(name);
    const input: Omit<StepInput, "boot"> = {
      heard,
      owner,
      timing,
      scale: clock.scale,
      poll: POLL_MS * clock.scale,
      inFlight: this.#inFlightOf(name),
      newerThan,
      settings,
      unique: Buffer.from(random.bytes(9)).toString("base64url"),
      jitter: random.fraction(),
    };
    let step: Step | undefined;
    const deciding = store.update([connectionKey(name)], ([record]) => {
      if (!record) return { result: null };
      const result = decideStep(record, { ...input, boot: clock.boot() }, clock.now());
      step = result.step;
      return { result, ...(result.after && { writes: [result.after] }), events: result.events };
    });
    const decided = await deciding.catch((error: unknown) => {
      // Whether it is on record nobody knows; that it was not sent we do.
      if (step?.kind === "send" && isUnknown(error)) this.#noteUnsent(step);
      throw error;
    });
    if (!decided) throw connectionUnknown(name);
    if (decided.tookIn) journal.settle(heard.journaled.map(({ attemptId }) => attemptId));
    await this.#note(decided.step.record);
    return decided.step;
  }

  #noteUnsent({ record: sent, attempt }: Extract<Step, { kind: "send" }>): void {
    this.#unsettled.set(attempt.id, { sent, attempt, result: { class: "notSent" } });
  }

  #inFlightOf(connection: string): readonly Attempt[] {
    const own = [...this.#inFlight.values()].filter(({ name }) => name === connection);
    return own.map(({ attempt }) => attempt);
  }

  /** What the record's open requests left elsewhere: answers in any journal, and owners that are certainly dead. */
  async #heardOfOthers(name: string): Promise<Heard> {
    const { store, liveness, owner } = this.#parts;
    const record = await store.read(connectionKey(name));
    const { lease = null, attempts = [] } = record?.holding ?? {};
    const owners = new Set([...attempts, ...(lease ? [lease] : [])].map((by) => by.owner));
    owners.delete(owner);
    // Liveness first: an owner that is dead now has journaled all it ever will.
    const states = [...owners].map((other) => [other, liveness.stateOf(other)] as const);
    const those = (wanted: OwnerState) =>
      new Set(states.filter(([, state]) => state === wanted).map(([other]) => other));
    const [dead, harvesting] = [those("dead"), those("harvesting")];
    if (!record || !needsJournals(record.holding, await this.#seenOf(record))) {
      return { journaled: [], dead, harvesting };
    }
    return { journaled: await this.#journaled(record), dead, harvesting };
  }

  /** The newest epoch that this process knows of; the journals tell it once, of what was before. */
  async #seenOf({ holding }: ConnectionRecord): Promise<number> {
    this.#seen ??= this.#parts.journal.answered().then(newestEpochs);
    return (await this.#seen).get(holding.chainId) ?? 0;
  }

  async #note({ holding: { chainId, epoch } }: ConnectionRecord): Promise<void> {
    const seen = await this.#seen;
    if (seen && epoch > (seen.get(chainId) ?? 0)) seen.set(chainId, epoch);
  }

  /** Answers for a connection's chain, in any journal, that may tell it anything. */
  async #journaled({ holding, provider }: ConnectionRecord): Promise<readonly Journaled[]> {
    const { journal, vault } = this.#parts;
    const { chainId } = holding;
    const { entries } = await journal.entries(chainId, (attemptId, settled) =>
      mayTell(holding, { attemptId, settled }),
    );
    return entries.map(({ answer, at }) => ({
      chainId,
      attemptId: answer.attemptId,
      at,
      result: readAnswer(vault, answer, provider.readings),
    }));
  }

  /** Orders 3 to 6. Past the first byte nothing aborts this. */
  async #send(step: Extract<Step, { kind: "send" }>): Promise<void> {
    const { record, attempt, lease, timing } = step;
    const { exchange, clock, log } = this.#parts;
    const { name, holding } = record;
    const { chainId } = holding;
    const secrets = this.#secretsOf(record, attempt);
    const start = { wall: clock.now(), boot: clock.boot() };
    const renewal = this.#renew(name, attempt, timing.leaseMs);
    this.#inFlight.set(attempt.id, { name, attempt });
    const request = {
      chainId,
      attemptId: attempt.id,
      url: record.provider.tokenEndpoint,
      ...refreshRequest(record, secrets.refreshToken, secrets.clientSecret),
      deadlineMs: timing.deadlineMs,
      beforeFirstByte: () => this.#checkLease(lease, timing, start),
    };
    try {
      const sent: Sent = await exchange
        .send(request, (late) => void this.#takeLate(record, attempt, late))
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
      await this.#settle(record, attempt, this.#resultOf(record, sent));
      if (sent.kind === "notSent" && sent.error instanceof KetenError) throw sent.error;
    } finally {
      renewal.cancel();
    }
  }

  #resultOf(record: ConnectionRecord, sent: Sent): Result {
    if (sent.kind === "notSent") return { class: "notSent" };
    if (sent.kind === "answered") {
      return readAnswer(this.#parts.vault, sent.answer, record.provider.readings);
    }
    const why = sent.harvesting ? "overdue" : "unanswered";
    return { class: "inDoubt", why, status: null, retryAfter: null };
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
  #checkLease(
    lease: Lease,
    timing: Timing,
    start: { wall: Instant; boot: { id: string; at: number } },
  ): void {
    const { clock } = this.#parts;
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
  #renew(name: string, attempt: Attempt, leaseMs: Duration): Timer {
    const { store, clock } = this.#parts;
    let timer: Timer;
    let cancelled = false;
    const renewOnce = async () => {
      const { id: boot, at } = clock.boot();
      await store.update([connectionKey(name)], ([record]) => {
        const { lease, newest } = record?.holding ?? { lease: null, newest: null };
        if (!record || newest !== attempt.id || lease?.owner !== attempt.owner)
          return { result: null };
        const until = at + leaseMs;
        const holding = { ...record.holding, lease: { owner: attempt.owner, boot, until } };
        return { result: null, writes: [{ ...record, holding }] };
      });
    };
    const schedule = () => {
      timer = clock.afterReal(leaseMs / 3, () => {
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
   * Order 6: what came of an attempt. A store that does not take it gets it again before anything else is decided: the
   * journal may have failed too, and then this process alone has the answer.
   */
  async #settle(
    sent: ConnectionRecord,
    attempt: Attempt,
    result: Result,
  ): Promise<ConnectionRecord | null> {
    let settled: ConnectionRecord | null;
    try {
      settled = await this.#settleOnce(sent, attempt, result);
    } catch (error) {
      this.#unsettled.set(attempt.id, { sent, attempt, result });
      throw error;
    }
    this.#unsettled.delete(attempt.id);
    if (!isOverdue(result)) this.#inFlight.delete(attempt.id);
    return settled;
  }

  async #settleLeftOver(name: string): Promise<void> {
    for (const { sent, attempt, result } of this.#unsettled.values()) {
      if (sent.name === name) await this.#settle(sent, attempt, result);
    }
  }

  /** In one transaction; in two where the record turns out to be older than the attempt. */
  async #settleOnce(
    sent: ConnectionRecord,
    attempt: Attempt,
    result: Result,
  ): Promise<ConnectionRecord | null> {
    const { random, journal, store } = this.#parts;
    const jitter = random.fraction();
    const othersFor = async (record: ConnectionRecord | undefined) =>
      record && needsJournalsToSettle(record.holding, attempt.id, result)
        ? (await this.#journaled(record)).filter(({ attemptId }) => attemptId !== attempt.id)
        : [];
    let others = await othersFor(sent);
    let written = await this.#write(sent, attempt, { result, jitter, others, mayBeOlder: false });
    if (written === "older") {
      others = await othersFor(await store.read(connectionKey(sent.name)));
      written = await this.#write(sent, attempt, { result, jitter, others, mayBeOlder: true });
    }
    if (written === "older") throw new Error("a record is asked about its age once");
    if (written) await this.#note(written);
    const settled = others.map(({ attemptId }) => attemptId);
    journal.settle(isHeard(result) ? [...settled, attempt.id] : settled);
    return written;
  }

  #write(
    { name, holding: { chainId } }: ConnectionRecord,
    attempt: Attempt,
    settling: {
      readonly result: Result;
      readonly jitter: number;
      readonly others: readonly Journaled[];
      /** Whether the journals were asked for what a record older than the attempt lacks. */
      readonly mayBeOlder: boolean;
    },
  ): Promise<ConnectionRecord | "older" | null> {
    const { store, settings } = this.#parts;
    const { result, jitter, others, mayBeOlder } = settling;
    const { id: attemptId, epoch } = attempt;
    type Written = ConnectionRecord | "older" | null;
    const key = connectionKey(name);
    return store.update<readonly [typeof key], Written>([key], ([record], now) => {
      if (!record) return { result: null };
      if (record.holding.chainId === chainId && record.holding.epoch < epoch && !mayBeOlder) {
        return { result: "older" };
      }
      const taken = settleJournaled(record, others, settings, jitter, now);
      const report = { chainId, attemptId, epoch, attempt, result, at: now, now, jitter };
      const knowledge = knowledgeOf(record);
      const { holding, settled } = settleAttempt(taken.holding, knowledge, settings, report);
      const own = settledEvents(name, taken.holding, holding, attemptId, result, settled);
      const after = withHolding(record, holding, settings, now);
      return { result: after, writes: [after], events: [...taken.events, ...own] };
    });
  }

  /** An answer that came after its deadline: journaled already, and settled like any other. */
  async #takeLate(record: ConnectionRecord, attempt: Attempt, answer: RawAnswer): Promise<void> {
    const result = readAnswer(this.#parts.vault, answer, record.provider.readings);
    try {
      const settled = await this.#settle(record, attempt, result);
      if (settled) this.#harvest.settled(settled);
    } catch (error) {
      this.#parts.log.warn("harvest", { connection: record.name, error: String(error) });
      this.#harvest.leftOver(record.name);
    }
  }
}
