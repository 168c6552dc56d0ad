/**
 * The world's turn: one queue of everything that will happen, in order of time and then of a drawn number.
 *
 * 1. Between two events every microtask that the first one caused has run, so that what the code does after an `await`
 *    belongs to the event it waited for. The next event is taken in a `nextTick` that is itself asked for in a
 *    microtask: the runtime drains all microtasks before it looks at its ticks again. That is as exact as a turn of the
 *    event loop by `setImmediate` and costs a tenth of it.
 * 2. An event belongs to an actor or to nobody. A dead actor's events do not happen; a paused one's happen when it wakes.
 * 3. Nothing else moves the code: it has no timers, no disk and no network but these.
 */

import type { Timer } from "../../src/env/clock.ts";
import type { Stream } from "./random-stream.ts";

/** A process, or anything else that can die or stand still. */
export interface Actor {
  readonly name: string;
  isDead: boolean;
  /** In true time. */
  pausedUntil: number;
  /** Events until it dies by itself; infinity for never. */
  eventsLeft: number;
  /** Called when they are used up. */
  die(): void;
}

interface Happening {
  at: number;
  readonly tie: number;
  readonly actor: Actor | null;
  run: (() => void) | null;
}

const isBefore = (a: Happening, b: Happening): boolean =>
  a.at < b.at || (a.at === b.at && a.tie < b.tie);

/** A promise of its own that never settles: what a dead process waits for. */
export const never = <T>(): Promise<T> => new Promise<T>(() => {});

export class World {
  /** True time: unscaled milliseconds since the history began. */
  now = 0;
  events = 0;
  readonly #heap: Happening[] = [];
  readonly #ties: Stream;
  readonly #latency: Stream;
  /** The longest of the usual latencies, in milliseconds. */
  readonly #latencyMs: number;

  constructor(ties: Stream, latency: Stream, latencyMs: number) {
    this.#ties = ties;
    this.#latency = latency;
    this.#latencyMs = latencyMs;
  }

  /** Lets something happen after a delay in true milliseconds. */
  after(delayMs: number, actor: Actor | null, run: () => void): Timer {
    if (delayMs === Number.POSITIVE_INFINITY) return { cancel: () => {} };
    const at = this.now + Math.max(0, delayMs);
    const event: Happening = { at, tie: this.#ties.next(), actor, run };
    this.#push(event);
    return {
      cancel: () => {
        event.run = null;
      },
    };
  }

  /** A turn of the event loop of an actor. */
  turn(actor: Actor | null): Promise<void> {
    if (actor?.isDead) return never();
    return new Promise((resolve) => {
      const at = this.now + this.#latency.fraction() * this.#latencyMs;
      this.#push({ at, tie: this.#ties.next(), actor, run: resolve });
    });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, null, resolve));
  }

  /** Lets events happen until a piece of work is done. @throws what the work throws, or if nothing is left to happen */
  async through<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const settled = work.finally(() => {
      isDone = true;
    });
    settled.catch(() => undefined);
    await new Promise<void>((resolve, reject) => {
      const ask = (): void => process.nextTick(step);
      const step = (): void => {
        try {
          if (isDone) resolve();
          else if (this.#happen()) queueMicrotask(ask);
          else reject(new Error("nothing is left to happen"));
        } catch (error) {
          reject(error);
        }
      };
      queueMicrotask(ask);
    });
    return await settled;
  }

  /** Runs the next event; false if there is none. */
  #happen(): boolean {
    for (let event = this.#pop(); event; event = this.#pop()) {
      const { run, actor } = event;
      if (run === null || actor?.isDead) continue;
      if (event.at > this.now) this.now = event.at;
      if (actor && actor.pausedUntil > this.now) {
        event.at = actor.pausedUntil;
        this.#push(event);
        continue;
      }
      this.events += 1;
      if (actor) {
        actor.eventsLeft -= 1;
        if (actor.eventsLeft <= 0) {
          actor.die();
          return true;
        }
      }
      run();
      return true;
    }
    return false;
  }

  #push(event: Happening): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Happening;
      if (!isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Happening | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right && isBefore(right, heap[child] as Happening)) child += 1;
      const below = heap[child] as Happening;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
