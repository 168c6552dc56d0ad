/**
 * An engine that tells what it is asked and can be made to fail: every call passes `before`, and its result `after`.
 * A hook that throws fails the call, before it reaches the engine underneath or after it was done there.
 */

import type { Engine } from "../../src/store/engine.ts";

export type Verb = keyof Engine;

export interface Hooks {
  readonly before?: (verb: Verb, args: readonly unknown[]) => void | Promise<void>;
  readonly after?: (verb: Verb) => void | Promise<void>;
}

export function watch(engine: Engine, { before, after }: Hooks): Engine {
  return new Proxy(engine, {
    get(target, name) {
      const verb = name as Verb;
      const call = Reflect.get(target, verb);
      if (typeof call !== "function") return call;
      return async (...args: unknown[]) => {
        // Without a hook to wait for, calls reach the engine in the order they were made, at once.
        const waiting = before?.(verb, args);
        if (waiting !== undefined) await waiting;
        const result = await Reflect.apply(call, target, args);
        const done = after?.(verb);
        if (done !== undefined) await done;
        return result;
      };
    },
  });
}

/** A door that calls wait behind until it is opened. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}
