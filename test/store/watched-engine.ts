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

/** What must reach the engine in the order it was asked, also when a hook holds one of them up. */
const TRANSACTION: readonly Verb[] = ["begin", "more", "commit", "rollback"];

export function watch(engine: Engine, { before, after }: Hooks): Engine {
  let last: Promise<unknown> = Promise.resolve();
  return new Proxy(engine, {
    get(target, name) {
      const verb = name as Verb;
      const method = Reflect.get(target, verb);
      if (typeof method !== "function") return method;
      return (...args: unknown[]) => {
        const call = async (): Promise<unknown> => {
          await before?.(verb, args);
          const result = await Reflect.apply(method, target, args);
          await after?.(verb);
          return result;
        };
        if (!TRANSACTION.includes(verb)) return call();
        const mine = last.then(call);
        last = mine.catch(() => undefined);
        return mine;
      };
    },
  });
}

/** A door that calls wait behind until it is opened. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}
