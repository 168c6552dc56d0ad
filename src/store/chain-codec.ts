/**
 * A chain as bytes: as many after a million refreshes as after one.
 *
 * 1. Every number is a 64-bit float, eight bytes whatever its value: serials up to 2^48, instants up to 8.64e15 and
 *    Infinity are exact in it. NaN stands for null, as no field is ever not a number.
 * 2. Lists of numbers come in slots, so many rows at a time; empty slots are zero. An ordinary chain has two or three
 *    entries at any instant and so always the same four slots.
 * 3. What is no number is JSON at the end. All of it is fixed when the chain begins, but for the cause of a
 *    revocation, the attempt's id, which has one length, and the days of counters, which have one too.
 *
 *     byte 0       format
 *     byte 1       entries
 *     byte 2       access tokens revoked one by one
 *     byte 3       counters
 *     byte 4, 5    rows of the register
 *     byte 6, 7    zero
 *     byte 8 - 11  where the JSON begins
 *     byte 12 ..   the numbers, little-endian: the chain's own, entries, revoked access tokens, register, and of each
 *                  counter its length and its numbers
 *     rest         JSON: names and words
 */

import { strict as assert } from "node:assert";
import type { Chain, Entry, Revocation } from "../kernel/chain.ts";
import type { Per } from "../kernel/policy.ts";
import type { Counter, Counters } from "../kernel/quota.ts";
import type { ChainRecord } from "./records.ts";

export const CHAIN_FORMAT = 0x01;

const HEAD = 12;
/** Numbers of the chain itself, of an entry, of a revoked access token and of a row of the register. */
const OWN = 9;
const ENTRY = 8;
const REVOKED = 2;
const REGISTERED = 4;
const SLOTS = 4;
/** Calls of a sliding quota come and go with every refresh: wider steps, so that the size stands still. */
const CALL_SLOTS = 16;

/** What is written as JSON. One letter a field: the names would outweigh the values. */
interface Words {
  /** Attempt. */
  readonly a: string;
  /** Revoked by, and what became of the access tokens. */
  readonly v: readonly [Revocation["by"], Revocation["accessTokens"]] | null;
  /** The scopes whose caps it was granted under. */
  readonly l: readonly Per[];
  /** Counters by name; the day of a daily one, null for a sliding one. */
  readonly n: readonly (readonly [name: string, day: string | null])[];
  readonly c: string;
  readonly s: string;
  readonly r: string;
  /** Scope. */
  readonly o: readonly string[];
  /** Resources; left out where there are none. */
  readonly e?: readonly string[];
  /** Left out where there is a refresh token. */
  readonly f?: false;
  readonly g: string;
  /** Secret. */
  readonly k: string;
}

export function encodeChain(record: ChainRecord): Uint8Array {
  const { chain } = record;
  const { entries, accessRevoked, register } = chain;
  const counters = Object.entries(chain.counters);
  assert.ok(entries.length < 256, "a chain's record holds at most 255 entries");
  assert.ok(accessRevoked.length < 256, "a chain lists at most 255 revoked access tokens");
  assert.ok(counters.length < 256, "a chain has at most 255 counters");
  assert.ok(register.length < 65_536, "a chain's register holds at most 65,535 rows");
  const json = JSON.stringify(wordsOf(record));
  const start = HEAD + 8 * numbersIn(chain);
  const bytes = Buffer.allocUnsafe(start + Buffer.byteLength(json)).fill(0, 0, start);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint8(0, CHAIN_FORMAT);
  view.setUint8(1, entries.length);
  view.setUint8(2, accessRevoked.length);
  view.setUint8(3, counters.length);
  view.setUint16(4, register.length, true);
  view.setUint32(8, start, true);
  writeNumbers(new Cursor(view, HEAD), chain);
  bytes.write(json, start);
  return bytes;
}

function wordsOf({ chain, ...record }: ChainRecord): Words {
  return {
    a: chain.attempt,
    v: chain.revoked && [chain.revoked.by, chain.revoked.accessTokens],
    l: chain.cappedBy,
    n: Object.entries(chain.counters).map(([name, counter]) => [
      name,
      "day" in counter ? counter.day : null,
    ]),
    c: record.client,
    s: record.subject,
    r: record.realm,
    o: record.scope,
    ...(record.resources.length > 0 ? { e: record.resources } : {}),
    ...(record.refreshable ? {} : { f: false }),
    g: record.grantType,
    k: record.secret,
  };
}

const slotted = (rows: number, slots: number): number => Math.ceil(rows / slots) * slots;

/** How many numbers a chain takes, empty slots included. */
function numbersIn({ entries, accessRevoked, register, counters }: Chain): number {
  let numbers =
    OWN +
    slotted(entries.length, SLOTS) * ENTRY +
    slotted(accessRevoked.length, SLOTS) * REVOKED +
    slotted(register.length, SLOTS) * REGISTERED;
  for (const counter of Object.values(counters)) {
    numbers += 1 + ("calls" in counter ? slotted(counter.calls.length, CALL_SLOTS) : 1);
  }
  return numbers;
}

function writeNumbers(to: Cursor, chain: Chain): void {
  to.put(chain.last);
  to.put(chain.floor);
  to.put(chain.grantAt);
  to.put(chain.lastGrantAt);
  to.put(chain.revision);
  to.put(chain.streak);
  to.put(chain.accessLast);
  to.put(chain.accessFloor);
  to.put(chain.revoked?.at ?? null);
  to.putRows(chain.entries, SLOTS, ENTRY, writeEntry);
  to.putRows(chain.accessRevoked, SLOTS, REVOKED, ({ number, until }) => {
    to.put(number);
    to.put(until);
  });
  to.putRows(chain.register, SLOTS, REGISTERED, ({ serial, issuedAt, expiresAt, access }) => {
    to.put(serial);
    to.put(issuedAt);
    to.put(expiresAt);
    to.put(access);
  });
  for (const counter of Object.values(chain.counters)) {
    if ("day" in counter) {
      to.put(1);
      to.put(counter.count);
    } else {
      to.put(counter.calls.length);
      to.putRows(counter.calls, CALL_SLOTS, 1, (call) => to.put(call));
    }
  }
}

function writeEntry(entry: Entry, to: Cursor): void {
  to.put(entry.serial);
  to.put(entry.parent);
  to.put(entry.issuedAt);
  to.put(entry.firstUsedAt);
  to.put(entry.lastUsedAt);
  to.put(entry.supersededAt);
  to.put(entry.childUsedAt);
  to.put(entry.retries);
}

/** Decodes what `encodeChain` wrote; the caller has looked at the format. */
export function decodeChain(bytes: Uint8Array): ChainRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes.byteOffset + view.getUint32(8, true);
  const json = Buffer.from(bytes.buffer, start, bytes.byteOffset + bytes.byteLength - start);
  const words = JSON.parse(json.toString()) as Words;
  return {
    chain: readChain(new Cursor(view, HEAD), view, words),
    client: words.c,
    subject: words.s,
    realm: words.r,
    scope: words.o,
    resources: words.e ?? [],
    refreshable: words.f ?? true,
    grantType: words.g,
    secret: words.k,
  };
}

/** The fields of each literal are read in the order in which they stand, which is the order they were written in. */
function readChain(from: Cursor, view: DataView, words: Words): Chain {
  const own = {
    last: from.number(),
    floor: from.number(),
    grantAt: from.number(),
    lastGrantAt: from.number(),
    revision: from.number(),
    streak: from.number(),
    accessLast: from.number(),
    accessFloor: from.number(),
  };
  const revokedAt = from.take();
  const entries = from.rows(view.getUint8(1), SLOTS, ENTRY, readEntry);
  const accessRevoked = from.rows(view.getUint8(2), SLOTS, REVOKED, () => ({
    number: from.number(),
    until: from.number(),
  }));
  const register = from.rows(view.getUint16(4, true), SLOTS, REGISTERED, () => ({
    serial: from.number(),
    issuedAt: from.number(),
    expiresAt: from.number(),
    access: from.take(),
  }));
  assert.equal(words.n.length, view.getUint8(3), "counters and their names differ in number");
  return {
    ...own,
    revoked:
      words.v && revokedAt !== null
        ? { at: revokedAt, by: words.v[0], accessTokens: words.v[1] }
        : null,
    attempt: words.a,
    cappedBy: words.l,
    accessRevoked,
    counters: words.n.length === 0 ? {} : readCounters(from, words.n),
    entries,
    register,
  };
}

function readEntry(from: Cursor): Entry {
  return {
    serial: from.number(),
    parent: from.take(),
    issuedAt: from.number(),
    firstUsedAt: from.take(),
    lastUsedAt: from.take(),
    supersededAt: from.take(),
    childUsedAt: from.take(),
    retries: from.number(),
  };
}

function readCounters(from: Cursor, names: Words["n"]): Counters {
  const counters: Record<string, Counter> = {};
  for (const [name, day] of names) {
    const length = from.number();
    counters[name] =
      day === null
        ? { calls: from.rows(length, CALL_SLOTS, 1, () => from.number()) }
        : { day, count: from.number() };
  }
  return counters;
}

/** A place in the numbers, which moves on by one with each that is written or read. */
class Cursor {
  readonly #view: DataView;
  #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  put(value: number | null): void {
    if (Number.isNaN(value)) assert.fail("a chain holds NaN; expected a number or null");
    this.#view.setFloat64(this.#at, value ?? Number.NaN, true);
    this.#at += 8;
  }

  putRows<T>(rows: readonly T[], slots: number, width: number, put: (row: T, to: Cursor) => void) {
    const end = this.#at + 8 * width * slotted(rows.length, slots);
    for (const row of rows) put(row, this);
    this.#at = end;
  }

  take(): number | null {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return Number.isNaN(value) ? null : value;
  }

  number(): number {
    const value = this.take();
    if (value === null) assert.fail("a chain's record has null where a number belongs");
    return value;
  }

  rows<T>(length: number, slots: number, width: number, read: (from: Cursor) => T): readonly T[] {
    const end = this.#at + 8 * width * slotted(length, slots);
    const rows: T[] = [];
    for (let i = 0; i < length; i += 1) rows.push(read(this));
    this.#at = end;
    return rows;
  }
}
