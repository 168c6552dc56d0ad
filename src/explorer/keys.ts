/**
 * Worlds as keys: worlds that nothing can tell apart have equal keys.
 *
 * 1. Worlds share their parts, and parts share theirs. So each object is written out once, with numbers in place of the
 *    objects within it, and has a number itself; a world's key is a line of numbers.
 * 2. No rule asks for the name of a process. So a world and its mirror image, in which the first two processes have
 *    changed names, lead to the same: both have the lesser of their two lines as their key.
 * 3. At rest, worlds are the same whatever the time of day. There, what holds an instant is written out to the bottom,
 *    with instants as distances from now; everything else is still a number.
 */

import type { Instant } from "../kernel/time.ts";
import { type Message, type Worker, type World, wallOf } from "./world.ts";

/** Every instant in a text: thirteen digits, for some centuries. */
const INSTANTS = /(?<!\d)1[789]\d{11}(?!\d)/g;
const INSTANT = /(?<!\d)1[789]\d{11}(?!\d)/;

/** In a text: the number of a part, a process by its name and life, a machine by the name of its only process. */
const MIRRORED = /#(\d+)|\b([ab])(\d+)\b|(?<=machine of )([ab])\b/g;

const OTHER: Readonly<Record<string, string>> = { a: "b", b: "a" };

/** Numbers for values. */
export class Numbers {
  readonly #texts: string[] = [];
  readonly #byText = new Map<string, number>();
  readonly #byValue = new WeakMap<object, number>();
  readonly #mirrored: number[] = [];
  readonly #outOf = new WeakMap<object, string>();

  readonly #tell = (part: object): string => `#${this.of(part)}`;
  readonly #tellOut = (part: object): string => this.withInstants(part);

  of(value: object | null): number {
    if (value === null) return -1;
    const known = this.#byValue.get(value);
    if (known !== undefined) return known;
    const number = this.ofText(written(value, this.#tell));
    this.#byValue.set(value, number);
    return number;
  }

  ofText(text: string): number {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const number = this.#texts.push(text) - 1;
    this.#byText.set(text, number);
    return number;
  }

  /** The number of the same value with the first two processes' names changed. */
  mirrored(number: number): number {
    if (number < 0) return number;
    const known = this.#mirrored[number];
    if (known !== undefined) return known;
    const other = this.ofText(this.mirroredText(this.#texts[number] as string));
    this.#mirrored[number] = other;
    return other;
  }

  mirroredText(text: string): string {
    return text.replace(
      MIRRORED,
      (_, part?: string, name?: string, life?: string, machine?: string) =>
        part !== undefined
          ? `#${this.mirrored(Number(part))}`
          : `${OTHER[name ?? machine ?? ""]}${life ?? ""}`,
    );
  }

  /** The value written out as far down as there are instants in it. */
  withInstants(value: object | null): string {
    if (value === null) return "null";
    const known = this.#outOf.get(value);
    if (known !== undefined) return known;
    const out = written(value, this.#tellOut);
    const text = INSTANT.test(out) ? out : `#${this.ofText(out)}`;
    this.#outOf.set(value, text);
    return text;
  }
}

/** A value as text, the objects in it as they are told. */
function written(value: object, tell: (part: object) => string): string {
  const isList = Array.isArray(value);
  let text = isList ? "[" : "{";
  for (const name in value) {
    const part = (value as Record<string, unknown>)[name];
    if (part === undefined) continue;
    if (!isList) text += `${name}:`;
    if (typeof part === "object" && part !== null) text += tell(part);
    else text += typeof part === "string" ? JSON.stringify(part) : part;
    text += ",";
  }
  return text;
}

const past = (at: number, now: number): number | "-" => (at <= now ? "-" : at);

/**
 * At rest, two worlds are the same if they differ by the names of processes and by the time of day only. (A quota over
 * a calendar day would tell the time; three rounds come near none.)
 */
export function keyAtRest<S>(world: World<S>, numbers: Numbers): string {
  const { now } = world;
  const { authorization, chain } = world.remote;
  const rest = [world.remoteBefore?.chain, world.store, world.storeBefore];
  const older = [world.storeAtRound, world.storeAtRoundBefore, world.journals];
  const workers = world.workers.map(({ machine, doing, seen }) => {
    const at = doing.do === "look" ? past(doing.at, wallOf(world)) : "";
    return `${machine} ${doing.do} ${at} ${seen}`;
  });
  const values = [authorization, chain, ...rest, ...older] as readonly (
    | object
    | null
    | undefined
  )[];
  const parts = values.map((value) => numbers.withInstants(value ?? null));
  const text = [...parts, world.skew, workers.sort().join("|"), world.faults.join()].join(";");
  return `rest ${text.replace(INSTANTS, (instant) => `@${Number(instant) - now}`)}`;
}

/** A world on its way. */
export function keyOf<S>(world: World<S>, numbers: Numbers): string {
  const line = lineOf(world, numbers, (number) => number);
  if (world.workers.length === 1) return line;
  const mirrored = lineOf(world, numbers, (number) => numbers.mirrored(number));
  return line < mirrored ? line : mirrored;
}

/** A world as a line, with each number as it is told. */
function lineOf<S>(world: World<S>, numbers: Numbers, told: (number: number) => number): string {
  const { now, remote, net } = world;
  const of = (value: object | null): number => told(numbers.of(value));
  const stores = [world.store, world.storeBefore, world.storeAtRound, world.storeAtRoundBefore];
  return [
    now,
    world.skew,
    of(remote.chain),
    of(remote.authorization),
    of(world.remoteBefore?.chain ?? null),
    ...stores.map((store) => of(store as object | null)),
    world.journals.map(of).join(),
    world.workers.map((worker) => told(numbers.ofText(workerText(world, worker, numbers)))).sort(),
    net.map((message) => told(numbers.ofText(messageText(message, now, numbers)))).sort(),
    world.faults.join(),
  ].join(";");
}

function workerText<S>(world: World<S>, worker: Worker, numbers: Numbers): string {
  const { name, life, machine, since, doing, pausedUntil, tasks, listens, seen } = worker;
  const waits =
    doing.do === "look"
      ? past(doing.at, wallOf(world))
      : doing.do === "off"
        ? past(doing.until, world.now)
        : `#${numbers.of(doing)}`;
  const paused = pausedUntil === null ? "-" : past(pausedUntil, world.now);
  const own = tasks.map((task) => `#${numbers.of(task)}`).join();
  const late = listens.map(({ id }) => id).join();
  return `${name}${life} ${machine} ${since} ${doing.do} ${waits} ${paused} ${own} ${late} ${seen}`;
}

function messageText(message: Message, now: Instant, numbers: Numbers): string {
  const { kind, sending, owner, arrivesAt, copy, isLate, evidence, result } = message;
  const what = [sending, evidence, result].map((part) => `#${numbers.of(part)}`);
  return `${kind} ${owner} ${copy} ${isLate} ${what.join()} @${past(arrivesAt, now)}`;
}
