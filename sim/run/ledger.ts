/**
 * The ledger: what really happened to the tokens of each connection, written by the simulated world and not by Keten.
 *
 * 1. A token is its serial at the provider. The provider's rows are kept as they were committed, so that what it
 *    accepted at any instant can be asked afterwards, of the kernel.
 * 2. Every entry has a number in one order, so that "before" and "after" mean something at equal times.
 * 3. A token is *ours* from the moment its answer came whole to a live process of ours, until that process dies; for good
 *    once it is durable in the journal or the store. The imported token, serial 0, is ours from the start.
 */

import {
  type Authorization,
  deadByScope,
  newAuthorization,
} from "../../src/kernel/authorization.ts";
import { isAccepted } from "../../src/kernel/chain.ts";
import { overlapOf } from "../../src/kernel/doubt.ts";
import type { Ordinal, Serial } from "../../src/kernel/ids.ts";
import type { Policy, Revision } from "../../src/kernel/policy.ts";
import { settle } from "../../src/kernel/policy-change.ts";
import type { Duration, Instant } from "../../src/kernel/time.ts";
import type { Codec } from "../../src/store/codec.ts";
import type { Change } from "../../src/store/engine.ts";
import { keyOf } from "../../src/store/store.ts";
import type { Trace } from "./trace.ts";
import type { Actor, World } from "./world.ts";

/** A moment: true time, and a number in the one order of all entries. */
export interface Mark {
  readonly at: number;
  readonly number: number;
}

/** A process that may hold tokens. */
export interface Holder extends Actor {
  died: Mark | null;
  /** Its last fault of disk, if any. */
  diskFault: Mark | null;
}

/** A request whose first byte left. */
export interface Sent {
  readonly id: number;
  readonly of: Kept;
  readonly attempt: string;
  readonly host: Holder;
  readonly presented: Serial;
  readonly sent: Mark;
  /** True time at which its attempt was recorded. */
  readonly recordedAt: number;
  /** Its process knows how it ended, or has given up waiting. */
  isConcluded: boolean;
  /** That is durable in the store. */
  isReported: boolean;
}

/** A request as it reached the provider; a duplicated one does so twice. */
export interface Arrival {
  readonly request: Sent;
  readonly isDuplicate: boolean;
  readonly arrived: Mark;
  granted: boolean;
  /** Its whole answer is on its way to the process that sent it. */
  isComing: boolean;
  reason: string | null;
  answered: Serial | null;
}

/** What the provider's rows were from a moment on. */
export interface State {
  readonly mark: Mark;
  readonly chain: Uint8Array;
  readonly authorization: Uint8Array | null;
  /** "use" is that of an access token. */
  readonly by: Arrival | "operator" | "grant" | "use";
}

export interface Delivery {
  readonly serial: Serial;
  readonly arrival: Arrival;
  readonly host: Holder;
  readonly came: Mark;
  durable: Mark | null;
  /** In the record, where every process finds it. */
  settled: Mark | null;
}

/** An attempt as it stands in the record. */
export interface Recorded {
  readonly of: Kept;
  readonly by: Holder;
  readonly at: number;
  /** When it was told that it was not sent. */
  unsentAt: number;
}

/** One connection and its chain. */
export interface Kept {
  readonly name: string;
  readonly chain: string;
  readonly ordinal: Ordinal;
  readonly begun: Mark;
  readonly states: State[];
  readonly requests: Sent[];
  readonly arrivals: Arrival[];
  readonly deliveries: Delivery[];
  /** When each serial was issued, by the provider's clock. */
  readonly issued: Map<Serial, Instant>;
  /** Faults that touched it or its processes. */
  readonly faults: Mark[];
  /** Status as last committed. */
  status: string;
  cause: string | null;
  /** When it was given up, as Keten says. */
  lost: Mark | null;
  delivered: boolean;
  /** Whether the keychain has it: before that there is nothing to lose. */
  isConnected: boolean;
  /** The newest that a worker got. */
  generation: number;
}

export interface LedgerOptions {
  readonly world: World;
  readonly trace: Trace;
  readonly policy: Policy;
  /** What the keychain is told: the policy in force is among these. */
  readonly known: readonly Policy[];
  /** The provider's clock at a true time. */
  readonly providerNow: (at: number) => Instant;
  readonly requestLifeMs: number;
  /** For so long a holder that lives is waited for, where asking again could end the chain. */
  readonly holdMs: number;
  readonly scale: number;
  /** How the provider's rows are written. */
  readonly rows: Codec;
}

/** The part of a window after which a request may be repeated though its sender lives: waiting longer would cost the cure. */
const REPEAT = 0.4;

/** The narrowest window by time that a holder takes for possible; infinite without one. */
function windowMsOf({ known, scale }: LedgerOptions): number {
  const windows = known
    .filter(({ rotate, minInterval }) => rotate !== "never" && minInterval === 0)
    .map(overlapOf)
    .filter((overlap) => overlap > 0);
  return Math.min(...windows) / scale;
}

/** Whether a process lived still at a mark. */
export const livedAt = ({ died }: Holder, { number }: Mark): boolean =>
  died === null || died.number > number;

/** How many successors of the token that a request presents were with us when it was sent. */
export const successorsOf = ({ of, presented, sent }: Sent): number =>
  new Set(
    of.deliveries
      .filter(
        ({ arrival, came }) => arrival.request.presented === presented && came.number < sent.number,
      )
      .map(({ serial }) => serial),
  ).size;

/**
 * Whether a token may be presented twice: one that never rotates is not spent, and where a spent one is refused and
 * nothing else, whichever request comes second does nothing (kernel/doubt.ts, rule 2).
 */
const isHarmless = (policy: Policy): boolean =>
  policy.rotate === "never" || (policy.replay.action === "refuse" && overlapOf(policy) === 0);

export class Ledger {
  readonly kept = new Map<string, Kept>();
  readonly tokens = new Map<string, { readonly of: Kept; readonly serial: Serial }>();
  readonly doubleSpends: string[] = [];
  /** Who asked a provider in trouble too often. */
  readonly storms: string[] = [];
  /** Moments in which clocks jumped or stood still. */
  readonly clockFaults: Mark[] = [];
  readonly pauses: { readonly host: Holder; readonly from: Mark; readonly until: number }[] = [];
  /** When no process of ours lived; `until` is infinity while none does. */
  readonly absences: { readonly from: Mark; until: number }[] = [];
  /** When and by whom each attempt was recorded, before its first byte: from then on its life is counted. */
  readonly recorded = new Map<string, Recorded>();
  readonly byChain = new Map<string, Kept>();
  readonly byAttempt = new Map<string, Sent>();
  refreshes = 0;
  readonly options: LedgerOptions;
  /** After so long what a process had begun may be taken up by another, whatever became of it. */
  readonly silentMs: number;
  /** A holder in doubt between policies keeps the longest interval of them. */
  readonly interval: Duration;
  readonly #windowMs: number;
  readonly #revisions: readonly Revision[];
  #count = 0;
  #requests = 0;

  constructor(options: LedgerOptions) {
    const { policy, known, requestLifeMs } = options;
    this.options = options;
    this.#windowMs = windowMsOf(options);
    this.silentMs = Math.min(requestLifeMs, this.#windowMs * REPEAT);
    this.interval = Math.max(...[policy, ...known].map(({ minInterval }) => minInterval));
    this.#revisions = [{ revision: 1, at: 0, revive: false, policy }];
  }

  mark(): Mark {
    this.#count += 1;
    return { at: this.options.world.now, number: this.#count };
  }

  begin(name: string, chain: string, token: string, rows: Omit<State, "mark" | "by">): Kept {
    const begun = this.mark();
    const kept: Kept = {
      name,
      chain,
      ordinal: Number(chain.slice(chain.lastIndexOf(".") + 1)),
      begun,
      states: [{ ...rows, mark: begun, by: "grant" }],
      requests: [],
      arrivals: [],
      deliveries: [],
      issued: new Map([[0, this.options.providerNow(begun.at)]]),
      faults: [],
      status: "imported",
      cause: null,
      lost: null,
      delivered: false,
      isConnected: false,
      generation: 0,
    };
    this.kept.set(name, kept);
    this.byChain.set(chain, kept);
    this.tokens.set(token, { of: kept, serial: 0 });
    return kept;
  }

  /** The provider's commit: its rows from now on. */
  committed(changes: readonly Change[], by: State["by"]): void {
    const authorization = changes.find(({ kind }) => kind === "authorization")?.bytes ?? null;
    for (const kept of this.kept.values()) {
      const last = kept.states.at(-1) as State;
      const chain = changes.find(({ kind, id }) => kind === "chain" && id === kept.chain)?.bytes;
      const own = changes.some(
        ({ kind, id }) => kind === "authorization" && kept.chain.startsWith(`${id}.`),
      );
      if (!chain && !own) continue;
      const next = own ? authorization : last.authorization;
      kept.states.push({
        mark: this.mark(),
        chain: chain ?? last.chain,
        authorization: next,
        by,
      });
    }
  }

  /** A first byte leaves. Counts what no live holder may do. */
  send(host: Holder, attempt: string, token: string): Sent | undefined {
    const found = this.tokens.get(token);
    if (!found) return undefined;
    const { of, serial } = found;
    const sent = this.mark();
    this.#requests += 1;
    const request: Sent = {
      id: this.#requests,
      of,
      attempt,
      host,
      presented: serial,
      sent,
      recordedAt: this.recorded.get(attempt)?.at ?? sent.at,
      isConcluded: false,
      isReported: false,
    };
    this.#checkAlone(request);
    of.requests.push(request);
    this.byAttempt.set(attempt, request);
    this.options.trace.note(
      `${host.name} sends request ${request.id}: ${of.name}, serial ${serial}, attempt ${attempt}`,
    );
    return request;
  }

  #checkAlone(request: Sent): void {
    const { of, attempt, host, id, sent } = request;
    if (!this.recorded.has(attempt)) {
      this.doubleSpends.push(`${of.name}: request ${id} has no attempt recorded before it`);
    }
    if (isHarmless(this.options.policy)) return;
    const { requestLifeMs } = this.options;
    const same = of.requests.filter(({ presented }) => presented === request.presented);
    const closesAt = (same[0]?.recordedAt ?? 0) + this.#windowMs;
    const isForked = successorsOf(request) > 1;
    for (const other of same) {
      if (other.isConcluded || other.isReported || other.host.isDead) continue;
      if (sent.at - other.recordedAt >= this.silentMs) continue;
      // Which of two successors lives is asked while the window is open, if waiting for the other would close it.
      if (isForked && other.recordedAt + requestLifeMs >= closesAt) continue;
      // A clock that jumped in between has ended the other's life early: a broken assumption, no rule broken.
      if (this.clockFaults.some((fault) => fault.at >= other.sent.at)) continue;
      this.doubleSpends.push(
        `${of.name}: ${host.name} sends request ${id} while request ${other.id} of ${other.host.name}, alive, is under way`,
      );
    }
  }

  /** A token came whole to a live process. */
  deliver(arrival: Arrival, host: Holder, serial: Serial): Delivery {
    const delivery: Delivery = {
      serial,
      arrival,
      host,
      came: this.mark(),
      durable: null,
      settled: null,
    };
    arrival.request.of.deliveries.push(delivery);
    return delivery;
  }

  /** An attempt's answer is durable with us: in a journal, or settled in the record. */
  durable(attempt: string, isSettled = false): void {
    const request = this.byAttempt.get(attempt);
    if (!request) return;
    for (const delivery of request.of.deliveries) {
      if (delivery.arrival.request !== request) continue;
      delivery.durable ??= this.mark();
      if (isSettled) delivery.settled ??= this.mark();
    }
  }

  /** Tokens of ours that the provider would accept, by the rows of a state and the holders of a moment. */
  acceptedOurs(kept: Kept, state: number, mark: Mark): readonly Serial[] {
    const serials = new Set<Serial>([0]);
    for (const { serial, came, durable, host } of kept.deliveries) {
      const isDurable = durable !== null && durable.number <= mark.number;
      const isLive = came.number <= mark.number && livedAt(host, mark);
      if (isDurable || isLive) serials.add(serial);
    }
    return this.accepted(kept, state, [...serials], mark.at);
  }

  /** Which serials the provider would accept at a true time, by the rows of a state. */
  accepted(kept: Kept, index: number, serials: readonly Serial[], at: number): readonly Serial[] {
    const state = kept.states[index];
    if (!state) return [];
    const now = this.options.providerNow(at);
    const chain = settle(
      this.options.rows.decode(keyOf("chain", kept.chain), state.chain).chain,
      this.#revisions,
    );
    const id = kept.chain.slice(0, kept.chain.lastIndexOf("."));
    const authorization: Authorization = state.authorization
      ? this.options.rows.decode(keyOf("authorization", id), state.authorization)
      : newAuthorization(id);
    if (deadByScope({ authorization }, kept.ordinal, chain)) return [];
    return serials
      .filter((serial) => {
        const issuedAt = kept.issued.get(serial) ?? now;
        return isAccepted(chain, this.options.policy, { serial, issuedAt }, now);
      })
      .sort((a, b) => a - b);
  }

  /** The rows in force at a mark. */
  stateAt(kept: Kept, mark: Mark): number {
    return kept.states.findLastIndex((state) => state.mark.number <= mark.number);
  }

  /** Notes a fault for every connection it may have touched; all of them unless one is named. */
  fault(kept?: Kept): void {
    const mark = this.mark();
    if (kept) kept.faults.push(mark);
    else for (const one of this.kept.values()) one.faults.push(mark);
  }
}
