/**
 * What each fault does, wherever it can strike. A fault is one step of the world, like any other.
 */

import type { Result } from "../kernel/settle.ts";
import { DAY, type Duration, HOUR, type Instant, MINUTE, SECOND } from "../kernel/time.ts";
import type { Fault } from "./faults.ts";
import { type Move, processed, released, sentOff, settled } from "./moves.ts";
import { revokedByOwner } from "./remote.ts";
import {
  isAwake,
  LEASE,
  type Message,
  type Setting,
  send,
  type Task,
  type Worker,
  type World,
  without,
  withWorker,
  woken,
} from "./world.ts";

/** After the deadline, within the life of a request. */
const LATE = 45 * SECOND;
/** After two later generations under every preset. */
const STALE = 25 * MINUTE;
/**
 * How long a process stands still: alone, beyond the life of a request; with another fault, just beyond its lease, or a
 * chain that is refreshed every half minute has more worlds than can be searched.
 */
const pauseOf = <S>({ faultsMax }: Setting<S>): Duration =>
  (faultsMax === 1 ? 2 * LEASE : LEASE) + 5 * SECOND;

export const ELSEWHERE = "elsewhere";

interface Strike<S> {
  readonly says: string;
  readonly to: World<S>;
}

type Strikes = <S>(world: World<S>, setting: Setting<S>) => readonly Strike<S>[];

/** The moves that a further fault can make; none once as many have struck as may. */
export function faultMovesOf<S>(world: World<S>, setting: Setting<S>): readonly Move<S>[] {
  if (world.faults.length >= setting.faultsMax) return [];
  return setting.faults.flatMap((fault) =>
    STRIKES[fault](world, setting).map(({ says, to }) => ({
      says: `${fault}: ${says}`,
      cause: { by: "fault", fault } as const,
      to: { ...to, faults: [...world.faults, fault].sort() },
    })),
  );
}

const requests =
  (
    strike: <S>(world: World<S>, message: Message, setting: Setting<S>) => World<S>,
    strikes: (message: Message) => boolean = () => true,
  ): Strikes =>
  (world, setting) =>
    world.net
      .filter(({ kind, copy, arrivesAt }) => kind === "request" && !copy && arrivesAt <= world.now)
      .filter(strikes)
      .map((message) => ({
        says: `to ${message.sending.id}`,
        to: strike(world, message, setting),
      }));

const answers =
  (strike: <S>(world: World<S>, message: Message) => World<S>): Strikes =>
  (world) =>
    world.net
      .filter(({ kind, arrivesAt }) => kind === "answer" && arrivesAt <= world.now)
      .map((message) => ({ says: `to ${message.sending.id}`, to: strike(world, message) }));

const processes =
  (
    strikes: (worker: Worker) => boolean,
    strike: <S>(world: World<S>, worker: Worker, setting: Setting<S>) => World<S>,
  ): Strikes =>
  (world, setting) =>
    world.workers
      .filter((worker) => isAwake(worker, world.now) && strikes(worker))
      .map((worker) => ({ says: `to ${worker.name}`, to: strike(world, worker, setting) }));

const tasks =
  (
    stage: Task["stage"],
    strike: <S>(world: World<S>, worker: Worker, task: Task, setting: Setting<S>) => World<S>,
  ): Strikes =>
  (world, setting) =>
    world.workers
      .filter((worker) => isAwake(worker, world.now))
      .flatMap((worker) =>
        worker.tasks
          .filter((task) => task.stage === stage)
          .map((task) => ({
            says: `to ${worker.name} with the answer to ${task.sending.id}`,
            to: strike(world, worker, task, setting),
          })),
      );

const again = <S>(world: World<S>, message: Message, at: Instant): World<S> =>
  send(world, { ...message, copy: true, arrivesAt: at });

const serverError = {
  class: "inDoubt",
  why: "serverError",
  status: 503,
  retryAfter: null,
} as const;

const busy: Result = {
  class: "refusedUnspent",
  about: "rate",
  error: null,
  status: 429,
  retryAfter: null,
  found: null,
};

const cut = (result: Result): Result =>
  result.class === "answered"
    ? { ...serverError, why: "cut", status: 200 }
    : { ...serverError, why: "unreadable" };

const answeredWith = <S>(world: World<S>, message: Message, result: Result): World<S> =>
  send(without(world, message), { ...message, kind: "answer", result });

export const dead = (until: Instant): Partial<Worker> => ({
  doing: { do: "off", until },
  tasks: [],
  listens: [],
  pausedUntil: null,
});

/** Others see that a process is dead, and look. */
const crash = <S>(world: World<S>, worker: Worker): World<S> => {
  const crashed = withWorker(world, worker, dead(world.now));
  return { ...crashed, workers: crashed.workers.map(woken) };
};

const pause = <S>(world: World<S>, worker: Worker, setting: Setting<S>): World<S> =>
  withWorker(world, worker, { pausedUntil: world.now + pauseOf(setting) });

const isResting = ({ doing, tasks: own }: Worker): boolean =>
  doing.do === "look" && own.length === 0;
const hasBegun = ({ doing }: Worker): boolean => doing.do === "begun";
const isWaiting = ({ doing, tasks: own }: Worker): boolean =>
  doing.do === "await" && own.length === 0;
const inExchange = (worker: Worker): boolean => hasBegun(worker) || worker.doing.do === "await";

/** Every process of a worker's machine, changed alike. */
const wholeMachine = <S>(
  world: World<S>,
  { machine }: Worker,
  change: (worker: Worker) => Partial<Worker>,
): World<S> => ({
  ...world,
  workers: world.workers.map((worker) =>
    worker.machine === machine ? { ...worker, ...change(worker) } : worker,
  ),
});

/** The commit fails. The answer stays in memory, to be committed later; a program without that drops it. */
const uncommitted = <S>(world: World<S>, worker: Worker, task: Task, setting: Setting<S>) =>
  withWorker(world, worker, {
    tasks: setting.program.keepsUncommitted
      ? worker.tasks
      : worker.tasks.filter((other) => other !== task),
    doing: released(worker, task.sending) ?? worker.doing,
  });

/**
 * The store is what it was. That is noticed: its connections have broken, and every process asks the journals anew.
 * It takes a moment, so that no two attempts are recorded under one number at one time.
 */
const fallBack = <S>(world: World<S>, earlier: S | null): readonly Strike<S>[] => {
  if (earlier === null) return [];
  const workers = world.workers.map((worker) => ({ ...worker, seen: -1 }));
  return [{ says: "", to: { ...world, now: world.now + 1, store: earlier, workers } }];
};

const jump =
  (by: number): Strikes =>
  (world) => [{ says: "", to: { ...world, skew: world.skew + by } }];

const STRIKES: Readonly<Record<Fault, Strikes>> = {
  notSent: processes(hasBegun, (world, worker, setting) => {
    const { doing } = worker;
    if (doing.do !== "begun") return world;
    return settled(world, worker, doing.sending, { class: "notSent" }, setting);
  }),
  requestLost: requests((world, message) => without(world, message)),
  requestDelayed: requests(
    (world, message) =>
      send(without(world, message), { ...message, arrivesAt: world.now + LATE, isLate: true }),
    ({ isLate }) => !isLate,
  ),
  requestDoubled: requests((world, message) => again(world, message, world.now)),
  requestDoubledLate: requests((world, message) => again(world, message, world.now + LATE)),
  requestStale: requests((world, message) => again(world, message, world.now + STALE)),
  serverErrorBefore: requests((world, message) => answeredWith(world, message, serverError)),
  serverErrorAfter: requests(
    (world, message, setting) => processed(world, message, setting, () => serverError).to,
  ),
  rateLimited: requests((world, message) => answeredWith(world, message, busy)),
  answerLost: answers((world, message) => without(world, message)),
  answerLate: answers((world, message) =>
    send(without(world, message), { ...message, arrivesAt: world.now + LATE }),
  ),
  answerCut: answers((world, message) => {
    const { result } = message;
    return result ? send(without(world, message), { ...message, result: cut(result) }) : world;
  }),
  crashIdle: processes(isResting, crash),
  crashBeforeSend: processes(hasBegun, crash),
  crashAfterSend: processes(isWaiting, crash),
  crashBeforeJournal: tasks("heard", crash),
  crashBeforeCommit: tasks("kept", crash),
  crashAfterCommit: tasks("kept", (world, worker, task, setting) => {
    return crash(settled(world, worker, task.sending, task.result, setting), worker);
  }),
  machineOff: processes(inExchange, (world, worker) =>
    wholeMachine(world, worker, () => dead(world.now + DAY)),
  ),
  machineLost: processes(inExchange, (world, worker) => {
    const { machine } = worker;
    const lost = wholeMachine(world, worker, ({ life }) => ({
      ...dead(world.now),
      machine: `${machine}'`,
      since: life + 1,
    }));
    return { ...lost, journals: world.journals.filter((kept) => kept.machine !== machine) };
  }),
  storeDown: tasks("kept", uncommitted),
  commitUnknown: tasks("kept", (world, worker, task, setting) => {
    return settled(world, worker, task.sending, task.result, setting);
  }),
  journalFails: tasks("heard", (world, worker, task) => {
    const kept = worker.tasks.map((other) =>
      other === task ? ({ ...task, stage: "kept" } as const) : other,
    );
    return withWorker(world, worker, { tasks: kept });
  }),
  storeForgets: (world) => fallBack(world, world.storeBefore),
  storeRestored: (world) => fallBack(world, world.storeAtRoundBefore),
  pauseBeforeSend: processes(hasBegun, pause),
  pauseAtSend: processes(hasBegun, (world, worker, setting) => {
    const { doing } = worker;
    if (doing.do !== "begun") return world;
    const leavesAt = world.now + pauseOf(setting);
    return pause(sentOff(world, worker, doing.sending, leavesAt, setting), worker, setting);
  }),
  pauseBeforeJournal: tasks("heard", (world, worker, _, setting) => pause(world, worker, setting)),
  pauseBeforeCommit: tasks("kept", (world, worker, _, setting) => pause(world, worker, setting)),
  clockForward: jump(HOUR),
  clockBack: jump(-HOUR),
  remoteForgets: (world) =>
    world.remoteBefore === null ? [] : [{ says: "", to: { ...world, remote: world.remoteBefore } }],
  usedElsewhere: (world, { program }) => {
    const [token] = program.tokens(world.store);
    if (token === undefined || world.net.some(({ owner }) => owner === ELSEWHERE)) return [];
    const evidence = { double: false, newer: false, inReach: false };
    const sending = { id: ELSEWHERE, token, why: "", note: null, deadline: 0, leaseUntil: 0 };
    const message = { kind: "request", sending, owner: ELSEWHERE, isLate: false } as const;
    const at = { arrivesAt: world.now, copy: true, evidence, result: null };
    return [{ says: token, to: send(world, { ...message, ...at }) }];
  },
  revokedByOwner: (world) =>
    world.remote.chain.revoked
      ? []
      : [{ says: "", to: { ...world, remote: revokedByOwner(world.remote, world.now) } }],
};
