/** Each invariant seen to fail on a chain altered in one place, and alone: a check that cannot fail checks nothing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Chain, Entry } from "../../src/kernel/chain.ts";
import {
  brokenAuthorizationInvariants,
  brokenInvariants,
  brokenTallyInvariants,
  CHAIN_INVARIANTS,
  TALLY_INVARIANTS,
} from "../../src/kernel/invariants.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { MINUTE, SECOND } from "../../src/kernel/time.ts";
import { Play } from "./driver.ts";

const POLICY = policyOf({
  overlap: { atLeast: "1 h", reach: 2 },
  retry: { limit: 3, streak: 3 },
  quota: [{ per: "chain", max: 5, window: { sliding: "10 s" } }],
  register: { max: 3, superseded: "keep" },
  caps: [{ per: "clientAndSubject", max: 2 }],
});

const play = new Play(POLICY);
const first = play.consent();
const second = play.wait(MINUTE).refresh(first);
play.wait(MINUTE).refresh(second);
const CHAIN = play.chain();
const NOW = play.now;

const broken = (change: Partial<Chain>): readonly string[] =>
  brokenInvariants({ ...CHAIN, ...change }, POLICY, NOW);

const entries = (serial: number, change: Partial<Entry>): Pick<Chain, "entries"> => ({
  entries: CHAIN.entries.map((entry) =>
    entry.serial === serial ? { ...entry, ...change } : entry,
  ),
});

const extra = (
  count: number,
  change: (index: number) => Partial<Entry>,
): Pick<Chain, "entries" | "last"> => ({
  last: 2 + count,
  entries: [
    ...CHAIN.entries,
    ...Array.from({ length: count }, (_, index) => ({
      ...(CHAIN.entries[0] as Entry),
      serial: 3 + index,
      ...change(index),
    })),
  ],
});

test("[G04] a chain that the kernel made breaks no invariant", () => {
  assert.deepEqual(
    CHAIN.entries.map(({ serial }) => serial),
    [0, 1, 2],
  );
  assert.deepEqual(broken({}), []);
});

const ALTERED: Readonly<
  Record<string, readonly (readonly [Partial<Chain>, also?: readonly string[]])[]>
> = {
  "1 sorted": [
    [{ entries: CHAIN.entries.toReversed() }],
    [{ entries: [...CHAIN.entries, CHAIN.entries[2] as Entry] }, ["3 leaves", "12 open"]],
  ],
  "2 bounded": [
    [extra(14, () => ({ childUsedAt: NOW - MINUTE })), ["13 newest"]],
    [
      {
        accessRevoked: Array.from({ length: 17 }, (_, number) => ({ number, until: NOW })),
        accessLast: 20,
      },
    ],
    [
      {
        register: [0, 1, 2, 2.5].map((serial) => ({
          serial,
          issuedAt: NOW,
          expiresAt: NOW,
          access: null,
        })),
      },
      ["17 register"],
    ],
  ],
  "3 leaves": [[entries(1, { supersededAt: null, childUsedAt: null, retries: 0 }), ["6 parents"]]],
  "4 last": [
    [{ last: 1 }, ["13 newest", "17 register"]],
    [{ last: 2 ** 48 + 1 }, ["13 newest"]],
    [entries(0, { serial: -1 })],
  ],
  "5 floor": [[{ floor: 4 }], [{ floor: -1 }]],
  "6 parents": [
    [entries(1, { parent: 1 })],
    [entries(0, { parent: 5 })],
    [entries(1, { issuedAt: CHAIN.grantAt })],
  ],
  "7 order": [
    [{ lastGrantAt: NOW + 1 }],
    [{ grantAt: NOW - SECOND }],
    [entries(2, { firstUsedAt: NOW + 1 })],
    [entries(1, { lastUsedAt: CHAIN.grantAt })],
    [entries(0, { firstUsedAt: null })],
    [entries(1, { childUsedAt: CHAIN.grantAt })],
  ],
  "8 leaf": [[entries(2, { retries: 1 })], [entries(2, { childUsedAt: NOW })]],
  "9 retries": [[entries(1, { retries: 4 })], [entries(1, { retries: -1 })]],
  "10 streak": [[{ streak: 4 }], [{ streak: -1 }]],
  "11 revoked": [
    [{ revoked: { at: NOW + 1, by: "client", accessTokens: "keep" } }],
    [{ revoked: { at: CHAIN.grantAt - 1, by: "client", accessTokens: "keep" } }],
  ],
  "12 open": [
    [
      extra(1, () => ({
        parent: 1,
        issuedAt: NOW,
        firstUsedAt: null,
        lastUsedAt: null,
        supersededAt: null,
        childUsedAt: null,
      })),
      ["3 leaves"],
    ],
  ],
  "13 newest": [[{ last: 3 }], [{ entries: CHAIN.entries.slice(0, 2) }]],
  "14 access": [
    [{ accessFloor: 5 }],
    [{ accessLast: -1 }, ["17 register"]],
    [{ accessRevoked: [{ number: 4, until: NOW }] }],
    [{ accessRevoked: [2, 1].map((number) => ({ number, until: NOW })) }],
  ],
  "15 instants": [
    [{ lastGrantAt: NOW - 0.5 }],
    [entries(1, { childUsedAt: NOW - 0.5 }), ["7 order"]],
  ],
  "16 counters": [[{ counters: { "chain, 10000 ms, granted": { calls: [1, 2, 3, 4, 5, 6] } } }]],
  "17 register": [
    [{ register: CHAIN.register.toReversed() }],
    [{ register: [{ serial: 9, issuedAt: NOW, expiresAt: NOW, access: null }] }],
    [{ register: [{ serial: 1, issuedAt: NOW, expiresAt: NOW, access: 9 }] }],
  ],
};

for (const { name, says } of CHAIN_INVARIANTS) {
  test(`[G04] invariant ${name} can fail: ${says}`, () => {
    const alterations = ALTERED[name];
    assert.ok(alterations, "altered in at least one way");
    for (const [change, also = []] of alterations) {
      const names = broken(change);
      assert.ok(names.includes(name), `${JSON.stringify(change)} breaks ${names.join(", ")}`);
      const others = names.filter((each) => each !== name && !also.includes(each));
      assert.deepEqual(others, [], JSON.stringify(change));
    }
  });
}

test("[G04] what an earlier policy left stands until the newest issues; a clock may have stepped back", () => {
  const strict = policyOf({ retry: { limit: 1 } });
  const retried = { ...CHAIN, ...entries(1, { retries: 3 }) };
  assert.deepEqual(brokenInvariants(retried, strict, NOW), [
    "2 bounded",
    "9 retries",
    "16 counters",
  ]);
  assert.deepEqual(brokenInvariants(retried, strict, NOW, { earlier: [POLICY] }), []);
  assert.deepEqual(brokenInvariants(CHAIN, POLICY, NOW - 1), ["7 order"]);
  assert.deepEqual(brokenInvariants(CHAIN, POLICY, NOW - 1, { clockStep: 1 }), []);
});

test("[ISS-46] each invariant of a counted scope can fail", () => {
  const { authorization } = play;
  const live = authorization.live;
  const [listed] = live;
  assert.ok(listed);
  const tally = (chains: readonly (typeof listed)[]) =>
    brokenTallyInvariants({ live: chains, counters: {} }, "clientAndSubject", POLICY, NOW);
  assert.deepEqual(
    TALLY_INVARIANTS.map(({ name }) => name),
    ["1 unique", "2 capped", "3 order", "4 counters"],
  );
  assert.deepEqual(tally([listed]), []);
  assert.deepEqual(tally([listed, listed]), ["1 unique"]);
  assert.deepEqual(tally(["a.2", "a.3"].map((key) => ({ ...listed, key })).concat(listed)), [
    "2 capped",
  ]);
  assert.deepEqual(tally([{ ...listed, usedAt: listed.grantAt - 1 }]), ["3 order"]);
  const counters = { x: { calls: [1] } };
  assert.deepEqual(brokenTallyInvariants({ live, counters }, "client", POLICY, NOW), [
    "2 capped",
    "4 counters",
  ]);
});

test("[ISS-46] each invariant of an authorization can fail", () => {
  const { authorization } = play;
  const check = (change: object) =>
    brokenAuthorizationInvariants({ ...authorization, ...change }, POLICY, NOW);
  assert.deepEqual(check({}), []);
  assert.deepEqual(check({ opened: 0 }), ["7 ordinals"]);
  assert.deepEqual(check({ opened: 1.5 }), ["5 opened"]);
  assert.deepEqual(check({ revoked: { through: 2, at: NOW, accessTokens: "keep" } }), [
    "6 revoked",
  ]);
});
