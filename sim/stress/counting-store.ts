/** A store that counts what is written through it: rows by their key, and events. */

import type { Decide, Decision, Key, Store } from "../../src/store/store.ts";

export interface CountingStore {
  readonly store: Store;
  /** Rows written so far whose key is this, or this and a dot and more: an authorization with its chains. */
  writesOf(key: string): number;
  /** Every key that was written, as `writesOf` takes it. */
  keys(): ReadonlySet<string>;
  readonly rows: number;
  readonly events: number;
}

const ownerOf = (id: string): string => id.split(".", 1)[0] ?? id;

export function countingStore(store: Store): CountingStore {
  const written = new Map<string, number>();
  let rows = 0;
  let events = 0;
  const count = <Ks extends readonly Key[], R>(keys: Ks, decision: Decision<Ks, R>): void => {
    if ("need" in decision) return;
    const writes: readonly unknown[] = decision.writes ?? [];
    for (const [i, key] of keys.entries()) {
      if (writes[i] === undefined) continue;
      const owner = ownerOf(key.id);
      written.set(owner, (written.get(owner) ?? 0) + 1);
      rows += 1;
    }
    events += decision.events?.length ?? 0;
  };
  return {
    store: {
      async update<const Ks extends readonly Key[], R>(keys: Ks, decide: Decide<Ks, R>) {
        // A decision may run more than once, and may ask for other keys: the last word counts.
        let last: { readonly keys: readonly Key[]; readonly decision: Decision<Ks, R> } | undefined;
        let asked: Ks = keys;
        const result = await store.update<Ks, R>(keys, (row, now) => {
          const decision = decide(row, now);
          last = { keys: asked, decision };
          if ("need" in decision) asked = decision.need;
          return decision;
        });
        if (last) count(last.keys as Ks, last.decision);
        return result;
      },
      read: (key) => store.read(key),
      list: (kind, where, after) => store.list(kind, where, after),
      events: (after, limit) => store.events(after, limit),
      size: () => store.size(),
      close: () => store.close(),
    },
    writesOf: (key) => written.get(ownerOf(key)) ?? 0,
    keys: () => new Set(written.keys()),
    get rows() {
      return rows;
    },
    get events() {
      return events;
    },
  };
}
