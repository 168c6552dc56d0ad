/**
 * One batch of decisions over one transaction's rows.
 *
 * 1. Decisions run in order over an overlay: each sees what the ones before it in the batch decided.
 * 2. A decision counts as a whole or not at all. If it throws, or says something that cannot be stored, its caller
 *    gets that error and the overlay stays as it was.
 * 3. The overlay holds bytes, not records: a decision reads a value of its own, whoever wrote the row. Nothing is
 *    shared between callers, so nothing can be spoiled by one of them.
 * 4. Nothing here waits. `group-commit.ts` fetches what is missing and commits what comes out.
 */

import { strict as assert } from "node:assert";
import type { Instant } from "../kernel/time.ts";
import { type Codec, toJson } from "./codec.ts";
import { columnsOf } from "./columns.ts";
import { type Change, compareKeys, type Found, type NewEvent, nameOf } from "./engine.ts";
import type { KetenEvent } from "./events.ts";
import type { Records } from "./records.ts";
import type { Decide, Decision, Key } from "./store.ts";

export const KEYS_MAX = 4;

/** How often a decision may ask for other rows before it is taken for one that never ends. */
export const ROUNDS_MAX = 4;

export type AnyDecide = Decide<readonly Key[], unknown>;

/** What a decision came to: an answer for its caller, an error for its caller, or other keys that it needs first. */
export type Outcome =
  | { readonly result: unknown }
  | { readonly error: unknown }
  | { readonly need: readonly Key[] };

/** Refuses what no update may ask for: a programmer's mistake, whatever the rows are. */
export function checkKeys(keys: readonly Key[]): void {
  if (keys.length < 1 || keys.length > KEYS_MAX) {
    assert.fail(`an update has 1 to ${KEYS_MAX} keys, got ${keys.length}`);
  }
  for (const [i, { kind, id }] of keys.entries()) {
    if (id === "" || id.includes("\0") || !id.isWellFormed()) {
      assert.fail(`the id of a ${kind} is empty or malformed: ${JSON.stringify(id)}`);
    }
    for (let other = 0; other < i; other += 1) {
      if (keys[other]?.id === id && keys[other]?.kind === kind) {
        assert.fail(`an update names the ${kind} "${id}" twice`);
      }
    }
  }
}

/** All keys of some updates, each once, in locking order. */
export function allKeys(lists: readonly (readonly Key[])[]): readonly Key[] {
  const keys = new Map<string, Key>();
  for (const list of lists) for (const key of list) keys.set(nameOf(key), key);
  return [...keys.values()].sort(compareKeys);
}

export class Batch {
  readonly #now: Instant;
  readonly #codec: Codec;
  /** Every row that was read, as it stands now. */
  readonly #rows = new Map<string, Found>();
  readonly #changes = new Map<string, Change>();
  readonly #events: NewEvent[] = [];

  constructor(now: Instant, codec: Codec) {
    this.#now = now;
    this.#codec = codec;
  }

  get changes(): readonly Change[] {
    return [...this.#changes.values()];
  }

  get events(): readonly NewEvent[] {
    return this.#events;
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.#events.length === 0;
  }

  load(keys: readonly Key[], found: readonly Found[]): void {
    assert.equal(found.length, keys.length, "the engine answered for another number of keys");
    for (const [i, key] of keys.entries()) this.#rows.set(nameOf(key), found[i]);
  }

  /** Which keys no row was read for yet. */
  missing(keys: readonly Key[]): readonly Key[] {
    return keys.filter((key) => !this.#rows.has(nameOf(key))).sort(compareKeys);
  }

  /** Runs a decision whose rows are all there, and takes over what it says. */
  decide(keys: readonly Key[], decide: AnyDecide): Outcome {
    try {
      const rows = keys.map((key) => {
        const bytes = this.#rows.get(nameOf(key));
        return bytes && this.#codec.decode(key, bytes);
      });
      const decision = decide(rows, this.#now);
      checkDecision(decision, keys);
      if ("need" in decision) return { need: decision.need };
      const { result, writes = [], events = [] } = decision;
      const changes = changesOf(keys, writes, this.#codec);
      const noted = events.map((event) => this.#note(event));
      this.#take(changes, noted);
      return { result };
    } catch (error) {
      return { error };
    }
  }

  #note({ type, about, data }: KetenEvent): NewEvent {
    return { at: this.#now, type, about, data: toJson(data) };
  }

  /** From here on the decision counts; nothing below can fail. */
  #take(changes: readonly Change[], events: readonly NewEvent[]): void {
    for (const change of changes) {
      const name = nameOf(change);
      this.#rows.set(name, change.bytes ?? undefined);
      this.#changes.set(name, change);
    }
    for (const event of events) this.#events.push(event);
  }
}

function checkDecision(decision: Decision<readonly Key[], unknown>, keys: readonly Key[]): void {
  if (typeof decision !== "object" || decision === null || "then" in decision) {
    assert.fail("a decision returns its value at once, not a promise");
  }
  if ("need" in decision) return;
  if (!("result" in decision)) assert.fail("a decision has a result or needs other keys");
  const written = decision.writes?.length ?? 0;
  if (written > keys.length) assert.fail(`${written} writes for ${keys.length} keys`);
}

function changesOf(
  keys: readonly Key[],
  writes: readonly (Records[Key["kind"]] | null | undefined)[],
  codec: Codec,
): readonly Change[] {
  const changes: Change[] = [];
  for (const [i, { kind, id }] of keys.entries()) {
    const record = writes[i];
    if (record === undefined) continue;
    if (record === null) changes.push({ kind, id, owner: null, due: null, bytes: null });
    else {
      const bytes = codec.encode(kind, record);
      changes.push({ kind, id, ...columnsOf(kind, record), bytes });
    }
  }
  return changes;
}
