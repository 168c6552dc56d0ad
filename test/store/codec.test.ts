/** Records as bytes: they come back equal, a chain's do not grow, and what is not understood is refused. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Chain } from "../../src/kernel/chain.ts";
import { SERIAL_MAX } from "../../src/kernel/ids.ts";
import { DEFAULT_POLICY, type Policy } from "../../src/kernel/policy.ts";
import { accept, begin, judge } from "../../src/kernel/present.ts";
import { HOUR } from "../../src/kernel/time.ts";
import { decodeRecord, encodeRecord } from "../../src/store/codec.ts";
import { columnsOf } from "../../src/store/columns.ts";
import type { ChainRecord, Kind, Records } from "../../src/store/records.ts";
import { keyOf } from "../../src/store/store.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { anyPolicy } from "../kernel/arbitrary-policy.ts";
import { playHistory, steps } from "../kernel/history.ts";
import { chain, client, connection, deployment } from "./sample-records.ts";

function roundTrip<K extends Kind>(kind: K, record: Records[K]): Records[K] {
  return decodeRecord(keyOf(kind, "id"), encodeRecord(kind, record));
}

function comesBack<K extends Kind>(kind: K, record: Records[K]): void {
  assert.deepEqual(roundTrip(kind, record), record);
}

/** A chain that was refreshed so many times, at an ordinary pace; fewer if its policy ends it before. */
function refreshed(policy: Policy, times: number, pace: number): Chain {
  const start = Date.UTC(2026, 0, 15, 12);
  const attempt = (i: number): string => `attempt-${String(i).padStart(8, "0")}`;
  let { chain } = begin(policy, 1, start, attempt(0));
  for (let i = 1; i <= times; i += 1) {
    const now = start + i * pace;
    const { serial, issuedAt } = chain.entries.at(-1) as { serial: number; issuedAt: number };
    const judgement = judge(chain, policy, { serial, issuedAt }, now);
    if (!("entry" in judgement)) break;
    chain = accept(chain, policy, judgement.entry, now, attempt(i)).chain;
  }
  return chain;
}

const sizeOf = (value: Chain): number => encodeRecord("chain", chain("c", value)).length;

test("[G04] a chain's record has the same bytes after 1 and after 1,000,000 refreshes", () => {
  for (const name of ["strict", "handshake", "exact-online-old-allowed"]) {
    const policy = PRESETS[name] as Policy;
    const many = refreshed(policy, 1_000_000, HOUR);
    assert.equal(many.last, 1_000_000, name);
    assert.equal(sizeOf(many), sizeOf(refreshed(policy, 1, HOUR)), name);
    comesBack("chain", chain("c", many));
  }
});

test("[G04] so under every preset that keeps no register, as long as it lets a chain live", () => {
  const withoutRegister = Object.entries(PRESETS).filter(([, policy]) => policy.register === "off");
  assert.ok(withoutRegister.length >= 10);
  for (const [name, policy] of withoutRegister) {
    const pace = Math.max(policy.minInterval, 5 * 60 * 1000);
    const once = refreshed(policy, 1, pace);
    const often = refreshed(policy, 2000, pace);
    assert.ok(often.lastGrantAt >= once.lastGrantAt && once.lastGrantAt > once.grantAt, name);
    assert.equal(sizeOf(often), sizeOf(once), name);
  }
});

test("[G04] the size of a chain's record does not depend on how large its numbers are", () => {
  const small = refreshed(DEFAULT_POLICY, 1, 1);
  const entries = small.entries.map((entry) => ({
    ...entry,
    serial: SERIAL_MAX,
    parent: SERIAL_MAX - 1,
    issuedAt: 8.64e15,
    firstUsedAt: -8.64e15,
    lastUsedAt: Number.POSITIVE_INFINITY,
    supersededAt: null,
    childUsedAt: Number.NEGATIVE_INFINITY,
    retries: Number.MAX_SAFE_INTEGER,
  }));
  const large: Chain = {
    ...small,
    last: SERIAL_MAX,
    floor: SERIAL_MAX,
    grantAt: 8.64e15,
    lastGrantAt: 8.64e15,
    accessLast: Number.MAX_SAFE_INTEGER,
    accessFloor: Number.NEGATIVE_INFINITY,
    streak: 1e9,
    revision: 1e9,
    entries,
  };
  assert.equal(sizeOf(large), sizeOf(small));
  comesBack("chain", chain("c", large));
});

test("[G04] slots are added by four, and calls of a sliding quota by sixteen", () => {
  const one = refreshed(DEFAULT_POLICY, 0, 1);
  const [entry] = one.entries;
  assert.ok(entry);
  const withEntries = (n: number) =>
    sizeOf({ ...one, entries: Array.from({ length: n }, (_, serial) => ({ ...entry, serial })) });
  for (const n of [2, 3, 4]) assert.equal(withEntries(n), withEntries(1));
  for (const n of [5, 8]) assert.equal(withEntries(n) - withEntries(1), 4 * 64);
  assert.equal(withEntries(16) - withEntries(1), 12 * 64);

  const withCalls = (n: number) =>
    sizeOf({ ...one, counters: { q: { calls: Array.from({ length: n }, (_, i) => i) } } });
  for (const n of [2, 16]) assert.equal(withCalls(n), withCalls(1));
  const withCount = (count: number) =>
    sizeOf({ ...one, counters: { q: { day: "2026-01-15", count } } });
  assert.equal(withCount(1_000_000), withCount(0));
});

test("[STO-05] every chain and authorization that the kernel makes comes back equal", () => {
  fc.assert(
    fc.property(anyPolicy, steps({ changes: "reviving", maxLength: 25 }), (policy, history) => {
      const { play } = playHistory(policy, history);
      for (const value of play.chains.values()) comesBack("chain", chain("c", value));
      comesBack("authorization", play.authorization);
      comesBack("tally", play.subject.tally);
      comesBack("tally", play.client.tally);
    }),
    { numRuns: 300 },
  );
});

test("[STO-05] any chain comes back equal, also one that no policy makes", () => {
  const number = fc.oneof(
    fc.integer({ min: 0, max: SERIAL_MAX }),
    fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 8.64e15, -8.64e15, 0.5),
  );
  const orNull = fc.option(number);
  const text = fc.string({ unit: "grapheme" });
  const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
    fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
  const record: fc.Arbitrary<ChainRecord> = plain({
    chain: plain({
      last: number,
      floor: number,
      grantAt: number,
      lastGrantAt: number,
      revision: number,
      revoked: fc.option(
        plain({
          at: number,
          by: fc.constantFrom("replay", "client", "owner", "operator", "codeReplay"),
          accessTokens: fc.constantFrom("revoke", "keep"),
        }),
      ),
      cappedBy: fc.array(fc.constantFrom("clientAndSubject", "subject", "client")),
      streak: number,
      attempt: text,
      accessLast: number,
      accessFloor: number,
      accessRevoked: fc.array(plain({ number, until: number }), { maxLength: 17 }),
      counters: fc.dictionary(
        text.filter((name) => name !== "__proto__"),
        fc.oneof(
          plain({ day: fc.constantFrom("2026-01-15", "1999-12-31"), count: number }),
          plain({ calls: fc.array(number, { maxLength: 40 }) }),
        ),
        { maxKeys: 4, noNullPrototype: true },
      ),
      entries: fc.array(
        plain({
          serial: number,
          parent: orNull,
          issuedAt: number,
          firstUsedAt: orNull,
          lastUsedAt: orNull,
          supersededAt: orNull,
          childUsedAt: orNull,
          retries: number,
        }),
        { maxLength: 17 },
      ),
      register: fc.array(
        plain({ serial: number, issuedAt: number, expiresAt: number, access: orNull }),
        { maxLength: 300 },
      ),
    }),
    client: text,
    subject: text,
    realm: text,
    scope: fc.array(text, { maxLength: 5 }),
    resources: fc.array(text, { maxLength: 5 }),
    refreshable: fc.boolean(),
    grantType: text,
    secret: text,
  });
  fc.assert(fc.property(record, (value) => comesBack("chain", value)));
});

test("[STO-05] other kinds are JSON in which Infinity survives", () => {
  comesBack("deployment", deployment("é\u2028\u{1F600}\0"));
  comesBack("client", client("main", "c"));
  comesBack("connection", connection("a", Number.POSITIVE_INFINITY));
  comesBack("connection", connection("a", Number.NEGATIVE_INFINITY));
  comesBack("tally", {
    live: [{ key: "a.1", grantAt: 1, usedAt: 1, until: Number.POSITIVE_INFINITY }],
    counters: {},
  });
});

test("[STO-05] what would not come back equal is not written", () => {
  const assertion = { name: "AssertionError" };
  assert.throws(() => encodeRecord("connection", connection("a", Number.NaN)), assertion);
  assert.throws(() => encodeRecord("deployment", { value: (() => 1) as never }), assertion);
  assert.throws(() => encodeRecord("deployment", { value: 1n as never }), assertion);
  const made = refreshed(DEFAULT_POLICY, 0, 1);
  assert.throws(() => sizeOf({ ...made, grantAt: Number.NaN }), assertion);
});

test("[CRY-01] a format that is not known, or bytes that are cut short, are refused", () => {
  for (const [kind, bytes] of [
    ["chain", encodeRecord("chain", chain("c"))],
    ["deployment", encodeRecord("deployment", deployment("x"))],
  ] as const) {
    const key = keyOf(kind, "the id");
    const unsafe = { name: "KetenError", code: "store_unsafe", evidence: { kind, id: "the id" } };
    const newer = Uint8Array.from(bytes);
    newer[0] = 0x7f;
    assert.throws(() => decodeRecord(key, newer), unsafe);
    for (const length of [0, 1, 5, Math.floor(bytes.length / 2), bytes.length - 1]) {
      assert.throws(() => decodeRecord(key, bytes.subarray(0, length)), unsafe, `${length} bytes`);
    }
  }
});

test("[STO-18] each kind says whose it is and when it is due", () => {
  assert.deepEqual(columnsOf("chain", chain("c")), { owner: "main/c", due: null });
  assert.deepEqual(columnsOf("client", client("main", "c")), { owner: "main", due: null });
  assert.deepEqual(columnsOf("connection", connection("a", 5)), { owner: null, due: 5 });
  const never = connection("a", Number.POSITIVE_INFINITY);
  assert.deepEqual(
    columnsOf("connection", never),
    { owner: null, due: null },
    "kept off the index",
  );
  assert.deepEqual(columnsOf("deployment", deployment("x")), { owner: null, due: null });
});
