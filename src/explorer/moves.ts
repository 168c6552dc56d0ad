/**
 * What can happen next without a fault: processes act, messages arrive, and if nobody can act, time passes.
 */

import type { Result } from "../kernel/settle.ts";
import type { Instant } from "../kernel/time.ts";
import type { Fault } from "./faults.ts";
import type { Sending } from "./program.ts";
import { presentTo, serialOf, type Token, usedAccess } from "./remote.ts";
import {
  AT_ONCE,
  acceptedAtHand,
  type Doing,
  type Evidence,
  isAlive,
  isAwake,
  livingOwner,
  type Message,
  ownerOf,
  type Setting,
  seeing,
  send,
  sightOf,
  type Task,
  TRAVEL,
  type Worker,
  type World,
  wallOf,
  without,
  withStore,
  withWorker,
} from "./world.ts";

/** Who or what made a step: what the judge asks when a chain is lost by it. */
export type Cause =
  | { readonly by: "program" }
  | { readonly by: "remote"; readonly message: Message }
  | { readonly by: "time" }
  | { readonly by: "fault"; readonly fault: Fault };

export interface Move<S> {
  readonly says: string;
  readonly cause: Cause;
  readonly to: World<S>;
  /**
   * Whether it changes nothing that another step could notice: a process that starts, or looks and finds nothing to do.
   * Whatever else may happen may happen after it just as well, so it alone is followed.
   */
  readonly isFirst?: boolean;
}

const PROGRAM: Cause = { by: "program" };

const OVERDUE = {
  class: "inDoubt",
  why: "overdue",
  status: null,
  retryAfter: null,
} as const;

/** Everything that can happen next. Empty where nothing ever will. */
export function movesOf<S>(world: World<S>, setting: Setting<S>): readonly Move<S>[] {
  const own = world.workers.flatMap((worker) => workerMoves(world, worker, setting));
  const first = own.find(({ isFirst }) => isFirst);
  if (first) return [first];
  const acting = [...own, ...world.net.flatMap((message) => arrival(world, message, setting))];
  return acting.length > 0 ? acting : timePasses(world, setting);
}

// --- processes ------------------------------------------------------------------------------------------

function workerMoves<S>(world: World<S>, worker: Worker, setting: Setting<S>): Move<S>[] {
  const { doing } = worker;
  if (doing.do === "off") return world.now >= doing.until ? [start(world, worker)] : [];
  if (!isAwake(worker, world.now)) return [];
  // An answer is journaled in the turn in which it was heard: the process does nothing else before.
  const heard = setting.program.journals
    ? worker.tasks.filter(({ stage }) => stage === "heard")
    : [];
  if (heard.length > 0) return heard.map((task) => journal(world, worker, task));
  const moves: Move<S>[] = [];
  if (doing.do === "look" && wallOf(world) >= doing.at) moves.push(look(world, worker, setting));
  if (doing.do === "begun") moves.push(sendOff(world, worker, doing.sending, setting));
  if (doing.do === "await" && world.now >= doing.deadline) {
    moves.push(giveUpWaiting(world, worker, doing.sending, setting));
  }
  return [...moves, ...worker.tasks.map((task) => commit(world, worker, task, setting))];
}

function start<S>(world: World<S>, worker: Worker): Move<S> {
  const life = worker.life + 1;
  const fresh = { life, tasks: [], listens: [], pausedUntil: null, seen: -1 };
  const to = withWorker(world, worker, { ...fresh, doing: AT_ONCE });
  return { says: `${worker.name} starts again`, cause: PROGRAM, to, isFirst: true };
}

function look<S>(world: World<S>, worker: Worker, setting: Setting<S>): Move<S> {
  const { program } = setting;
  const sight = sightOf(world, worker);
  const settled = program.settles(world.store, sight);
  const looked = program.look(world.store, sight);
  const noted = noteSettled(withStore(world, looked.store, setting), settled);
  const seen = seeing(worker, looked.store, setting);
  const { name } = worker;
  if (looked.do === "send") {
    const { sending } = looked;
    const inReach = newerAtHand(noted, sending.token, setting, worker);
    const to = withWorker(noted, worker, { doing: { do: "begun", sending, inReach }, seen });
    return { says: `${name} records ${sending.id} (${sending.why})`, cause: PROGRAM, to };
  }
  if (looked.do === "stop") {
    const doing = { do: "stop", why: looked.why } as const;
    const to = withWorker(noted, worker, { doing, seen });
    return { says: `${name} stops: ${looked.why}`, cause: PROGRAM, to };
  }
  const doing = { do: "look", at: looked.until, watches: looked.watches } as const;
  const used = looked.handsOut === undefined ? noted : handedOut(noted, looked.handsOut, setting);
  const to = withWorker(used, worker, { doing, seen });
  const isFirst = used === world;
  return { says: `${name} rests (${looked.why})`, cause: PROGRAM, to, isFirst };
}

/** What is handed out is used at once. */
function handedOut<S>(world: World<S>, token: Token, { policy }: Setting<S>): World<S> {
  const remote = usedAccess(world.remote, policy, token, world.now);
  return remote === world.remote ? world : { ...world, remote };
}

function sendOff<S>(
  world: World<S>,
  worker: Worker,
  sending: Sending,
  setting: Setting<S>,
): Move<S> {
  if (sending.leaseUntil - world.now < setting.program.leaseMargin) {
    const to = settled(world, worker, sending, { class: "notSent" }, setting);
    return { says: `${worker.name} sends nothing: its lease is over`, cause: PROGRAM, to };
  }
  const to = sentOff(world, worker, sending, world.now, setting);
  return { says: `${worker.name} sends ${sending.id}`, cause: PROGRAM, to };
}

/** The world with a request on its way. */
export function sentOff<S>(
  world: World<S>,
  worker: Worker,
  sending: Sending,
  leavesAt: Instant,
  setting: Setting<S>,
): World<S> {
  const doing = { do: "await", sending, deadline: leavesAt + sending.deadline } as const;
  return send(withWorker(world, worker, { doing }), {
    kind: "request",
    sending,
    owner: ownerOf(worker),
    arrivesAt: leavesAt,
    copy: false,
    isLate: false,
    evidence: evidenceAt(world, worker, sending, setting),
    result: null,
  });
}

function evidenceAt<S>(
  world: World<S>,
  sender: Worker,
  { token, isRecorded }: Sending,
  setting: Setting<S>,
): Evidence {
  const live = (owner: string) => owner !== ownerOf(sender) && livingOwner(world, owner);
  const double =
    !isRecorded &&
    world.net.some(
      (message) => message.sending.token === token && !message.copy && live(message.owner),
    );
  const newer = newerAtHand(world, token, setting);
  const { doing } = sender;
  return { double, newer, inReach: newer && doing.do === "begun" && doing.inReach };
}

/** Whether a newer token that the remote accepts is at hand, or can be read by one process. */
export const newerAtHand = <S>(
  world: World<S>,
  token: Token,
  setting: Setting<S>,
  reader?: Worker,
): boolean =>
  acceptedAtHand(world, setting, reader).some((other) => serialOf(other) > serialOf(token));

function giveUpWaiting<S>(
  world: World<S>,
  worker: Worker,
  sending: Sending,
  setting: Setting<S>,
): Move<S> {
  const heard = settled(world, worker, sending, OVERDUE, setting);
  // An answer that has come meanwhile is settled by itself, as a late one.
  const listens = [...worker.listens, sending];
  const to = withWorker(heard, worker, { tasks: worker.tasks, listens });
  return { says: `${worker.name}: no answer to ${sending.id} in time`, cause: PROGRAM, to };
}

/** The outcome of a request in the store; its process looks again if it waited for it. */
export function settled<S>(
  world: World<S>,
  worker: Worker,
  sending: Sending,
  result: Result,
  setting: Setting<S>,
): World<S> {
  const sight = sightOf(world, worker);
  const store = setting.program.settle(world.store, sending, result, sight);
  const tasks = worker.tasks.filter((task) => task.sending.id !== sending.id);
  const seen = seeing(worker, store, setting);
  const next = withStore(world, store, setting);
  const waits = released(worker, sending);
  return withWorker(next, worker, waits ? { tasks, seen, doing: waits } : { tasks, seen });
}

/** What a process does next whose request this was; undefined if it does something else already. */
export const released = ({ doing }: Worker, { id }: Sending): Doing | undefined =>
  (doing.do === "await" || doing.do === "begun") && doing.sending.id === id ? AT_ONCE : undefined;

function journal<S>(world: World<S>, worker: Worker, task: Task): Move<S> {
  return {
    says: `${worker.name} journals the answer to ${task.sending.id}`,
    cause: PROGRAM,
    to: journaled(world, worker, task),
  };
}

export function journaled<S>(world: World<S>, worker: Worker, task: Task): World<S> {
  const { sending, result } = task;
  const { machine } = worker;
  const kept = { machine, attemptId: sending.id, at: wallOf(world), result, settled: false };
  const tasks = worker.tasks.map((other) =>
    other === task ? ({ ...task, stage: "kept" } as const) : other,
  );
  return { ...withWorker(world, worker, { tasks }), journals: [...world.journals, kept] };
}

function commit<S>(world: World<S>, worker: Worker, task: Task, setting: Setting<S>): Move<S> {
  const to = committed(world, worker, task, setting);
  return { says: `${worker.name} commits the outcome of ${task.sending.id}`, cause: PROGRAM, to };
}

export function committed<S>(
  world: World<S>,
  worker: Worker,
  { sending, result }: Task,
  setting: Setting<S>,
): World<S> {
  const done = settled(world, worker, sending, result, setting);
  return noteSettled(done, [sending.id]);
}

export function noteSettled<S>(world: World<S>, attemptIds: readonly string[]): World<S> {
  if (!world.journals.some((kept) => !kept.settled && attemptIds.includes(kept.attemptId))) {
    return world;
  }
  const journals = world.journals.map((kept) =>
    attemptIds.includes(kept.attemptId) ? { ...kept, settled: true } : kept,
  );
  return { ...world, journals };
}

// --- messages -------------------------------------------------------------------------------------------

function arrival<S>(world: World<S>, message: Message, setting: Setting<S>): Move<S>[] {
  if (world.now < message.arrivesAt) return [];
  if (message.kind === "answer") return heard(world, message);
  const { to, says } = processed(world, message, setting);
  return [{ says, cause: { by: "remote", message }, to }];
}

/** The remote acts on a request; its answer, if anybody waits for it, is on its way. */
export function processed<S>(
  world: World<S>,
  message: Message,
  setting: Setting<S>,
  spoil: (result: Result) => Result | null = (result) => result,
): { readonly to: World<S>; readonly says: string; readonly result: Result } {
  const now = world.now + TRAVEL;
  const { remote, result } = presentTo(world.remote, setting.revisions, message.sending.token, now);
  const answered = result.class === "answered";
  const after: World<S> = {
    ...without(world, message),
    now,
    remote,
    remoteBefore: answered ? world.remote : world.remoteBefore,
  };
  const spoiled = spoil(result);
  const isHeard = spoiled !== null && !message.copy && livingOwner(world, message.owner);
  const answer: Message = { ...message, kind: "answer", arrivesAt: now, result: spoiled };
  const word = answered
    ? `grants ${result.refresh?.print ?? "the same token"}`
    : result.class === "refusedUnspent"
      ? `refuses: ${result.error}`
      : result.class;
  const says = `the remote gets ${message.copy ? "a copy of " : ""}${message.sending.id} with ${message.sending.token} and ${word}`;
  return { to: isHeard ? send(after, answer) : after, says, result };
}

function heard<S>(world: World<S>, message: Message): Move<S>[] {
  const worker = livingOwner(world, message.owner);
  const rest = { ...without(world, message), now: world.now + TRAVEL };
  if (!worker) return [{ says: "an answer finds nobody", cause: { by: "time" }, to: rest }];
  if (!isAwake(worker, world.now) || !message.result) return [];
  const { sending, result } = message;
  const tasks = [...worker.tasks, { sending, result, stage: "heard" } as const];
  const listens = worker.listens.filter(({ id }) => id !== sending.id);
  const to = withWorker(rest, worker, { tasks, listens });
  return [{ says: `${worker.name} hears the answer to ${sending.id}`, cause: PROGRAM, to }];
}

// --- time -----------------------------------------------------------------------------------------------

/** On to the next instant at which somebody can act; leases of those who wait are renewed on the way. */
function timePasses<S>(world: World<S>, setting: Setting<S>): Move<S>[] {
  const instants = world.workers.flatMap((worker) => nextOf(worker, world));
  for (const { arrivesAt } of world.net) instants.push(arrivesAt);
  const next = Math.min(...instants.filter((at) => at > world.now));
  if (!Number.isFinite(next)) return [];
  // By then the last write is where a store keeps it for good.
  let to: World<S> = { ...world, now: next, storeBefore: null };
  for (const worker of to.workers) {
    const { doing } = worker;
    if (doing.do !== "await" || !isAwake(worker, next)) continue;
    const store = setting.program.renew(to.store, doing.sending.id, sightOf(to, worker));
    to = { ...to, store };
  }
  return [{ says: `${((next - world.now) / 1000).toFixed(1)} s pass`, cause: { by: "time" }, to }];
}

function nextOf<S>(worker: Worker, { skew }: World<S>): Instant[] {
  const { doing, pausedUntil } = worker;
  const own: Instant[] = pausedUntil === null ? [] : [pausedUntil];
  if (doing.do === "off") own.push(doing.until);
  if (!isAlive(worker)) return own;
  if (doing.do === "look") own.push(doing.at - skew);
  if (doing.do === "await") own.push(doing.deadline);
  return own;
}
