/**
 * The world of the model as one value: the remote, the network, our processes with their memory, store and journals.
 *
 * 1. Nothing takes time but travel (`TRAVEL` for each message) and waiting. Time passes only when nobody can act, so
 *    without a fault the network is prompt; every delay is a fault.
 * 2. What nobody can tell apart any more is made equal: backups are kept while a fault may still ask for them.
 */

import type { Policy, Revision } from "../kernel/policy.ts";
import type { Result } from "../kernel/settle.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import { DEFAULT_TIMING } from "../keychain/defaults.ts";
import type { Fault } from "./faults.ts";
import type { Kept, Program, Sending, Sight } from "./program.ts";
import { accepts, type Remote, type Token } from "./remote.ts";

/** From sending to arrival, either way. */
export const TRAVEL: Duration = 100;
/** After so long without an answer a request is in doubt. */
export const DEADLINE: Duration = DEFAULT_TIMING.deadlineMs;
export const LEASE: Duration = DEFAULT_TIMING.leaseMs;

/** An answer in the memory of a process: just heard, or in the journal already. */
export interface Task {
  readonly sending: Sending;
  readonly result: Result;
  readonly stage: "heard" | "kept";
}

export type Doing =
  /** Dead; starts again at an instant. */
  | { readonly do: "off"; readonly until: Instant }
  /** Looks at the store at an instant of our wall clock. */
  | { readonly do: "look"; readonly at: Instant; readonly watches: boolean }
  /** Has recorded a request and not sent it. */
  | { readonly do: "begun"; readonly sending: Sending; readonly inReach: boolean }
  /** Has sent it. */
  | { readonly do: "await"; readonly sending: Sending; readonly deadline: Instant }
  | { readonly do: "stop"; readonly why: string };

export interface Worker {
  readonly name: string;
  /** How often it was started. */
  readonly life: number;
  readonly machine: string;
  /** The first life on this machine: of earlier ones nothing is left there. */
  readonly since: number;
  readonly doing: Doing;
  readonly pausedUntil: Instant | null;
  readonly tasks: readonly Task[];
  /** Requests past their deadline whose answers it would still hear. */
  readonly listens: readonly Sending[];
  readonly seen: number;
}

/** What the sender could know when it sent: evidence for the judge, no rule reads it. */
export interface Evidence {
  /** Another process, alive, had a request for the same token on its way or its answer in hand. */
  readonly double: boolean;
  /** A newer token that the remote accepted was durable with us or in a live process. */
  readonly newer: boolean;
  /** And the sender could have read it when it decided. */
  readonly inReach: boolean;
}

export interface Message {
  readonly kind: "request" | "answer";
  readonly sending: Sending;
  /** The process that waits for the answer. */
  readonly owner: string;
  readonly arrivesAt: Instant;
  /** Made by the network, or by a thief; nobody waits for its answer. */
  readonly copy: boolean;
  /** A request that the network held up already: once more, and it would outlive the life of a request. */
  readonly isLate: boolean;
  readonly evidence: Evidence;
  readonly result: Result | null;
}

export interface World<S> {
  /** By the remote's clock, which is also time since boot. */
  readonly now: Instant;
  /** Our wall clock less the remote's. */
  readonly skew: Duration;
  readonly remote: Remote;
  /** The remote before its last grant. */
  readonly remoteBefore: Remote | null;
  readonly store: S;
  /** The store before its last write, and as it was one and two whole generations ago. */
  readonly storeBefore: S | null;
  readonly storeAtRound: S | null;
  readonly storeAtRoundBefore: S | null;
  readonly journals: readonly Kept[];
  readonly workers: readonly Worker[];
  readonly net: readonly Message[];
  /** What has struck so far, in order of name. */
  readonly faults: readonly Fault[];
}

/** What does not change: the rules of one exploration. */
export interface Setting<S> {
  readonly policy: Policy;
  readonly revisions: readonly Revision[];
  readonly program: Program<S>;
  /** Faults that may strike, and how many in all. */
  readonly faults: readonly Fault[];
  readonly faultsMax: number;
  /** Refreshes after which a kept chain has shown that it lives. */
  readonly rounds: number;
}

export const AT_ONCE: Doing = { do: "look", at: Number.NEGATIVE_INFINITY, watches: false };

export const ownerOf = ({ name, life }: Worker): string => `${name}${life}`;

export const isAlive = (worker: Worker): boolean => worker.doing.do !== "off";

export const isAwake = (worker: Worker, now: Instant): boolean =>
  isAlive(worker) && (worker.pausedUntil === null || now >= worker.pausedUntil);

export const wallOf = (world: { now: Instant; skew: Duration }): Instant => world.now + world.skew;

/** What a process can see. */
export function sightOf<S>(world: World<S>, worker: Worker): Sight {
  const { doing, machine } = worker;
  const heard = worker.tasks.map(({ sending }) => sending);
  const own = doing.do === "await" || doing.do === "begun" ? [doing.sending] : [];
  const all = new Map([...worker.listens, ...heard, ...own].map((one) => [one.id, one]));
  const inFlight = [...all.values()];
  return {
    owner: ownerOf(worker),
    now: wallOf(world),
    boot: { id: machine, at: world.now },
    dead: deadFor(world, worker),
    inFlight,
    journals: world.journals.filter((kept) => kept.machine === machine),
    seen: worker.seen,
  };
}

/** Owners that are certainly dead, as far as a machine's beacons tell. */
function deadFor<S>(world: World<S>, { machine }: Worker): ReadonlySet<string> {
  const dead = new Set<string>();
  for (const other of world.workers) {
    if (other.machine !== machine) continue;
    const last = isAlive(other) ? other.life - 1 : other.life;
    for (let life = other.since; life <= last; life += 1) dead.add(`${other.name}${life}`);
  }
  return dead;
}

/** The live process of a name, if that is who it was. */
export const livingOwner = <S>(world: World<S>, owner: string): Worker | undefined =>
  world.workers.find((worker) => isAlive(worker) && ownerOf(worker) === owner);

/** The refresh tokens in an outcome. */
export function tokensIn(result: Result): readonly Token[] {
  if (result.class === "answered") return result.refresh ? [result.refresh.print] : [];
  return result.class === "refusedUnspent" && result.found ? [result.found.print] : [];
}

/** Every token that is durable with us, in a live process of ours, or on its way to one; or what one process can read. */
export function tokensAtHand<S>(
  world: World<S>,
  { program }: Setting<S>,
  reader?: Worker,
): ReadonlySet<Token> {
  const isMeant = (worker: Worker) => reader === undefined || worker.name === reader.name;
  const found = new Set(program.tokens(world.store));
  const take = (result: Result) => {
    for (const token of tokensIn(result)) found.add(token);
  };
  for (const { machine, result } of world.journals) {
    if (reader === undefined || machine === reader.machine) take(result);
  }
  for (const worker of world.workers) {
    if (!isAlive(worker) || !isMeant(worker)) continue;
    for (const { result } of worker.tasks) take(result);
    const { doing } = worker;
    if (doing.do === "begun" || doing.do === "await") found.add(doing.sending.token);
  }
  for (const { result, owner } of world.net) {
    const waits = livingOwner(world, owner);
    if (result && waits && isMeant(waits)) take(result);
  }
  return found;
}

/** Those of them that the remote accepts. */
export function acceptedAtHand<S>(
  world: World<S>,
  setting: Setting<S>,
  reader?: Worker,
): readonly Token[] {
  const { remote, now } = world;
  return [...tokensAtHand(world, setting, reader)].filter((token) =>
    accepts(remote, setting.policy, token, now),
  );
}

export function withWorker<S>(
  world: World<S>,
  { name }: Worker,
  change: Partial<Worker>,
): World<S> {
  const workers = world.workers.map((other) =>
    other.name === name ? { ...other, ...change } : other,
  );
  return { ...world, workers };
}

/** The world with a new store value, and the backups that go with it. Who rests is woken when that says so. */
export function withStore<S>(world: World<S>, store: S, { program }: Setting<S>): World<S> {
  if (store === world.store) return world;
  const due = program.due(store);
  const sleeps = ({ doing }: Worker) =>
    doing.do === "stop"
      ? Number.isFinite(due)
      : doing.do === "look" && !doing.watches && doing.at > due;
  const workers = world.workers
    .map(woken)
    .map((worker) =>
      sleeps(worker)
        ? { ...worker, doing: { do: "look", at: due, watches: false } as const }
        : worker,
    );
  const next = { ...world, workers, store, storeBefore: world.store };
  if (program.rounds(store) === program.rounds(world.store)) return next;
  return { ...next, storeAtRound: store, storeAtRoundBefore: world.storeAtRound };
}

/** A worker that watches, at once. */
export const woken = (worker: Worker): Worker =>
  worker.doing.do === "look" && worker.doing.watches ? { ...worker, doing: AT_ONCE } : worker;

/** A worker whose access to the store has shown it a value. */
export const seeing = <S>(worker: Worker, store: S, { program }: Setting<S>): number =>
  Math.max(worker.seen, program.seen(store));

export const send = <S>(world: World<S>, message: Message): World<S> => ({
  ...world,
  net: [...world.net, message],
});

export const without = <S>(world: World<S>, message: Message): World<S> => ({
  ...world,
  net: world.net.filter((other) => other !== message),
});
