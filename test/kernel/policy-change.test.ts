/** A policy changed under live chains: what dies, what lives, and what is said about it before. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { diffPolicies } from "../../src/kernel/diff.ts";
import { dryRun } from "../../src/kernel/dry-run.ts";
import { formatPolicy, policyOf } from "../../src/kernel/parse-policy.ts";
import { DEFAULT_POLICY, type Policy, type Revision } from "../../src/kernel/policy.ts";
import { settle } from "../../src/kernel/policy-change.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { policyJson } from "./arbitrary-policy.ts";
import { type Held, NOON, Play } from "./driver.ts";
import { playHistory, type Step, steps } from "./history.ts";

const [ON, OFF] = [PRESETS["openam-13"], PRESETS["openam-13-reuse"]] as [Policy, Policy];
const [EXACT, ALLOWED] = [PRESETS["exact-online"], PRESETS["exact-online-old-allowed"]] as [
  Policy,
  Policy,
];

const WINDOW = policyOf({ overlap: { atLeast: "1 h", reach: 3 }, replay: { action: "refuse" } });
const NARROW = policyOf({ overlap: { atLeast: "1 min" }, replay: { action: "refuse" } });

/** Tokens 0 to 3, each a minute apart, under a window of an hour. */
function fourTokens(policy: Policy = WINDOW): { play: Play; tokens: Held[] } {
  const play = new Play(policy);
  const tokens = [play.consent()];
  for (let count = 0; count < 3; count += 1) {
    tokens.push(play.wait(MINUTE).refresh(tokens.at(-1) as Held));
  }
  return { play, tokens };
}

const accepted = (play: Play, tokens: readonly Held[]): readonly number[] =>
  tokens.filter((token) => play.accepts(token)).map(({ serial }) => serial);

// --- the rule -----------------------------------------------------------------------------------------------

test("[ISS-50] a change that closes tokens closes them at once; changed back, they stay closed", () => {
  const { play, tokens } = fourTokens();
  assert.deepEqual(accepted(play, tokens), [0, 1, 2, 3]);
  play.wait(30 * SECOND).change(NARROW);
  assert.deepEqual(accepted(play, tokens), [2, 3]);
  play.wait(SECOND).change(WINDOW);
  assert.deepEqual(accepted(play, tokens), [2, 3]);
});

test("[ISS-50] it makes no difference when a chain is touched after its changes", () => {
  const { play } = fourTokens();
  const untouched = play.chain();
  play.wait(30 * SECOND).change(NARROW);
  const afterOne = settle(untouched, play.revisions);
  play.wait(SECOND).change(WINDOW);
  assert.deepEqual(settle(afterOne, play.revisions), settle(untouched, play.revisions));
  assert.deepEqual(settle(settle(untouched, play.revisions), play.revisions), play.settled());
});

test("[ISS-50, A14] what was closed for good is open at once after a change that revives, not with a later request", () => {
  const policy = policyOf({
    rotate: { every: "500 ms" },
    overlap: { atLeast: "1 h", reach: 2 },
    replay: { sparing: "1 min" },
    caps: [{ per: "clientAndSubject", max: 1, over: "refuse" }],
  });
  const present = (wait: number, back: number): Step => ({ wait, kind: "present", chain: 0, back });
  const all = { overlap: { reach: "all", atLeast: "forever" } };
  playHistory(policy, [
    present(500, 2),
    { wait: 5000, kind: "consent" },
    present(0, 0),
    present(29_000, 0),
    present(0, 2),
    { wait: 29_000, kind: "change", policy: all, revive: true },
    present(0, 0),
  ]);
});

test("[ISS-50] a change that says revive judges the tokens anew that the record still knows", () => {
  const { play, tokens } = fourTokens();
  play.wait(2 * HOUR);
  assert.deepEqual(accepted(play, tokens), [3]);
  const day = policyOf({ overlap: { atLeast: "1 d", reach: 3 }, replay: { action: "refuse" } });
  assert.deepEqual(accepted(new Twin(play).change(day), tokens), [3]);
  play.change(day, { revive: true });
  assert.deepEqual(accepted(play, tokens), [0, 1, 2, 3]);
});

test("[ISS-50] a newest token dead at the change is expired, not replayed: nobody can have used it", () => {
  const play = new Play(policyOf({ expiry: { idle: "1 h" } }));
  const token = play.consent();
  play.wait(2 * HOUR).change(policyOf({ expiry: { idle: "1 d" } }));
  assert.deepEqual(play.refusal(token), { reason: "tokenExpired", by: "policyChange", at: null });
  assert.equal(play.chain().revoked, null);
});

test("[ISS-50] tokens open for ever stay open through a change that keeps them so", () => {
  const play = new Play({ ...ALLOWED, minInterval: 0 });
  const tokens = [play.consent()];
  while (tokens.length < 30) tokens.push(play.wait(SECOND).refresh(tokens.at(-1) as Held));
  play.change({ ...ALLOWED, minInterval: SECOND });
  assert.equal(accepted(play, tokens).length, 30);
  play.change(policyOf({ ...formatPolicy(ALLOWED), expiry: { idle: "60 d" } }));
  assert.ok(accepted(play, tokens).length < 30, "another limit ends those without a record");
  assert.ok(play.accepts(tokens[29] as Held));
});

test("[ISS-50] tokens carried into a policy that holds all open stay open when the chain goes on", () => {
  const { play, tokens } = fourTokens();
  play.change(policyOf({ overlap: { atLeast: "forever", reach: "all" } }));
  assert.deepEqual(accepted(play, tokens), [0, 1, 2, 3]);
  let newest = tokens[3] as Held;
  for (let refresh = 0; refresh < 3; refresh += 1) newest = play.wait(MINUTE).refresh(newest);
  assert.deepEqual(accepted(play, tokens), [0, 1, 2, 3]);
});

test("[ISS-50] a change of other matters keeps a token alive whose successors have ended", () => {
  const policy = { overlap: { atLeast: "1 d", reach: 2 }, expiry: { idle: "60 s" } };
  const play = new Play(policyOf(policy));
  const token = play.consent();
  play.refresh(play.refresh(token));
  play.wait(50 * SECOND).refresh(token);
  play.wait(20 * SECOND);
  assert.ok(play.accepts(token), "its last use is 20 s ago");
  play.change(policyOf({ ...policy, minInterval: "1 s" }));
  assert.ok(play.accepts(token));
});

test("[ISS-50] a change that changes nothing ends nothing", () => {
  fc.assert(
    fc.property(policyJson, steps({ maxLength: 15 }), (policy, history) => {
      const { play, issued } = playHistory(policyOf(policy), history);
      const before = issued.filter((token) => play.accepts(token));
      play.change(play.policy);
      assert.deepEqual(
        issued.filter((token) => play.accepts(token)),
        before,
      );
    }),
    { numRuns: 1000 },
  );
});

/** A copy of a play, to try what the original shall not suffer. */
class Twin extends Play {
  constructor(original: Play) {
    super(original.policy, { subject: original.subject, client: original.client });
    this.now = original.now;
    this.revisions = original.revisions;
    this.authorization = original.authorization;
    for (const [ordinal, chain] of original.chains) this.chains.set(ordinal, chain);
  }
}

// --- diff ---------------------------------------------------------------------------------------------------

const paths = (before: unknown, after: unknown): readonly string[] =>
  diffPolicies(policyOf(before), policyOf(after)).map(({ path }) => path);

test("[C21] the diff of option on to off says what happens to live tokens", () => {
  assert.deepEqual(diffPolicies(ON, OFF), [
    {
      path: "rotate",
      before: "always",
      after: "never",
      says: "an accepted newest token is replaced: never",
      shortens: null,
      revives: null,
    },
    {
      path: "unrotated",
      before: "repeat",
      after: "omit",
      says: "where none is issued, the answer's refresh token is: omit",
      shortens: null,
      revives: null,
    },
    {
      path: "register",
      before: "100, superseded: keep",
      after: "100, superseded: drop",
      says: "past tokens listed: 100, superseded: drop",
      shortens: null,
      revives: null,
    },
  ]);
});

test("[C21] the diff of option off to on warns that a token in hand is replaced when presented", () => {
  const [rotate] = diffPolicies(OFF, ON);
  assert.equal(rotate?.path, "rotate");
  assert.equal(rotate?.shortens, "a token that was repeated is now replaced when presented");
});

test("[ISS-50] the diff of two equal policies is empty, of two different ones never", () => {
  fc.assert(
    fc.property(policyJson, policyJson, (one, two) => {
      const [before, after] = [policyOf(one), policyOf(two)];
      assert.deepEqual(diffPolicies(before, before), []);
      const same = JSON.stringify(formatPolicy(before)) === JSON.stringify(formatPolicy(after));
      assert.equal(diffPolicies(before, after).length === 0, same);
    }),
    { numRuns: 500 },
  );
});

const SHORTER: readonly (readonly [path: string, longer: unknown, shorter: unknown])[] = [
  ["overlap.atLeast", { overlap: { atLeast: "1 h" } }, { overlap: { atLeast: "30 min" } }],
  ["overlap.reach", { overlap: { reach: 3 } }, { overlap: { reach: 2 } }],
  ["overlap.untilUsed", { overlap: { untilUsed: true } }, {}],
  ["overlap.atMost", {}, { overlap: { atMost: "1 d" } }],
  ["retry.limit", {}, { retry: { limit: 3 } }],
  ["retry.streak", { retry: { streak: 9 } }, { retry: { streak: 8 } }],
  ["usedFor", { usedFor: "1 h" }, { usedFor: "600 s" }],
  ["expiry.lifetime", {}, { expiry: { lifetime: "1 d" } }],
  ["expiry.idle", { expiry: { idle: "180 d" } }, { expiry: { idle: "30 d" } }],
  [
    "expiry.authorization",
    { expiry: { authorization: "2 d" } },
    { expiry: { authorization: "1 d" } },
  ],
  ["access.max", {}, { access: { max: 1 } }],
];

for (const [path, longer, shorter] of SHORTER) {
  test(`[ISS-50] the diff says that a lesser ${path} shortens, and that a greater one could revive`, () => {
    const [down] = diffPolicies(policyOf(longer), policyOf(shorter));
    assert.equal(down?.path, path);
    assert.notEqual(down?.shortens, null);
    assert.equal(down?.revives, null);
    const [up] = diffPolicies(policyOf(shorter), policyOf(longer));
    assert.equal(up?.shortens, null);
    assert.notEqual(up?.revives, null);
  });
}

const HARSHER: readonly (readonly [path: string, milder: unknown, harsher: unknown])[] = [
  ["firstUse", {}, { firstUse: "refreshOrAccess" }],
  ["retry.answer", {}, { retry: { answer: "new" } }],
  ["retry.answer", {}, { retry: { answer: { currentFor: "1 h" } } }],
  ["siblings", { siblings: { branches: 2 } }, {}],
  ["replay.action", { replay: { action: "refuse" } }, {}],
  ["replay.accessTokens", { replay: { accessTokens: "keep" } }, {}],
  ["replay.sparing", {}, { replay: { sparing: 0 } }],
  ["caps.client", {}, { caps: [{ per: "client", max: 5 }] }],
  ["code.lifetime", {}, { code: { lifetime: "10 s" } }],
  ["code.replay", { code: { replay: "refuse" } }, {}],
  ["code.parallel", {}, { code: { parallel: "lastOpened" } }],
  ["access.ends", {}, { access: { ends: "superseded" } }],
  ["rotate", { rotate: { every: "1 d" } }, { rotate: { every: "1 h" } }],
];

for (const [path, milder, harsher] of HARSHER) {
  test(`[ISS-50] the diff warns of ${path} from ${JSON.stringify(milder)} to ${JSON.stringify(harsher)}`, () => {
    const [change] = diffPolicies(policyOf(milder), policyOf(harsher));
    assert.equal(change?.path, path);
    assert.notEqual(change?.shortens, null);
  });
}

test("[A13] the diff compares dated limits at every date of either", () => {
  const steps = (last: string) => ({
    expiry: { idle: [{ is: "180 d" }, { from: "2021-07-01", is: last }] },
  });
  const [change] = diffPolicies(policyOf(steps("90 d")), policyOf(steps("30 d")));
  assert.equal(change?.before, "180 d, 90 d from 2021-07-01");
  assert.equal(change?.after, "180 d, 30 d from 2021-07-01");
  assert.notEqual(change?.shortens, null);
  assert.equal(change?.revives, null);
});

test("[A14] the diff of the old-tokens flag says both: what revive would bring, what flag off ends", () => {
  const on = diffPolicies(EXACT, ALLOWED).at(-1);
  assert.match(on?.revives ?? "", /every token the chain ever issued/);
  const off = diffPolicies(ALLOWED, EXACT).at(-1);
  assert.match(off?.shortens ?? "", /without a record/);
});

test("[ISS-50] a field that touches no live token shortens nothing", () => {
  assert.deepEqual(
    diffPolicies(
      DEFAULT_POLICY,
      policyOf({ minInterval: "1 s", unrotated: "omit", register: { max: 5 } }),
    ).filter(({ shortens, revives }) => shortens !== null || revives !== null),
    [],
  );
  assert.deepEqual(paths({}, { quota: [{ per: "chain", max: 1, window: { day: "UTC" } }] }), [
    "quota",
  ]);
});

// --- dry run ------------------------------------------------------------------------------------------------

const run = (play: Play, policy: Policy, revive = false) =>
  dryRun(play.chain(), play.revisions, { policy, revive }, play.now);

test("[C21] a dry run names the tokens a change would end, and those it would end sooner", () => {
  const { play } = fourTokens();
  play.wait(30 * SECOND);
  const third = NOON + 3 * MINUTE;
  assert.deepEqual(run(play, NARROW), {
    ended: [0, 1],
    revived: [],
    sooner: [{ serial: 2, before: third + HOUR, after: third + MINUTE }],
    unrecorded: { ended: null, revived: null },
  });
  assert.deepEqual(play.revisions.length, 1, "nothing was changed");
});

test("[C21] a dry run of the option on and off ends nothing: the diff says what later presentations do", () => {
  const play = new Play(ON);
  play.wait(DAY).refresh(play.consent());
  const nothing = {
    ended: [],
    revived: [],
    sooner: [],
    unrecorded: { ended: null, revived: null },
  };
  assert.deepEqual(run(play, OFF), nothing);
  assert.deepEqual(run(new Twin(play).change(OFF), ON), nothing);
});

test("[A14] a dry run names ranges of tokens that have no record of their own", () => {
  const play = new Play({ ...EXACT, minInterval: 0 });
  let token = play.consent();
  while (token.serial < 40) token = play.wait(MINUTE).refresh(token);
  assert.deepEqual(run(play, ALLOWED).unrecorded, { ended: null, revived: null });
  const revived = run(play, ALLOWED, true);
  assert.deepEqual(
    revived.revived,
    [38],
    "dead, but still on record as one that a racer may present",
  );
  assert.deepEqual(revived.unrecorded, { ended: null, revived: { from: 0, through: 37 } });
  play.change(ALLOWED, { revive: true });
  assert.deepEqual(run(play, EXACT).unrecorded, { ended: { from: 0, through: 37 }, revived: null });
  assert.deepEqual(run(play, EXACT).ended, [38]);
});

test("[A13] a dry run gives the new end of a token whose limit falls, and Infinity for none", () => {
  const play = new Play(policyOf({}));
  play.consent();
  const shorter = policyOf({ expiry: { idle: "30 d" } });
  assert.deepEqual(run(play, shorter).sooner, [
    { serial: 0, before: Number.POSITIVE_INFINITY, after: NOON + 30 * DAY },
  ]);
});

test("[ISS-50] a revoked chain has nothing to lose and nothing to gain", () => {
  const { play } = fourTokens(ALLOWED_AT_ONCE);
  play.revoke();
  assert.deepEqual(run(play, NARROW, true), {
    ended: [],
    revived: [],
    sooner: [],
    unrecorded: { ended: null, revived: null },
  });
});

const ALLOWED_AT_ONCE: Policy = { ...ALLOWED, minInterval: 0 };

test("[C21] [ISS-50] a dry run foretells the change, and without revive it revives nothing", () => {
  fc.assert(
    fc.property(policyJson, steps(), policyJson, fc.boolean(), (policy, history, next, revive) => {
      const { play, issued } = playHistory(policyOf(policy), history);
      const change = { policy: { ...policyOf(next), caps: play.policy.caps }, revive };
      for (const [ordinal, chain] of play.chains) {
        const tokens = issued.filter((token) => token.ordinal === ordinal);
        const foretold = dryRun(chain, play.revisions, change, play.now);
        const revision: Revision = { ...change, revision: play.revisions.length + 1, at: play.now };
        const changed = new Twin(play);
        changed.revisions = [...play.revisions, revision];
        const within = (range: { from: number; through: number } | null, serial: number) =>
          range !== null && serial >= range.from && serial <= range.through;
        for (const token of tokens) {
          const [before, after] = [play.accepts(token), changed.accepts(token)];
          const { serial } = token;
          const { ended, revived, unrecorded } = foretold;
          if (before && !after)
            assert.ok(ended.includes(serial) || within(unrecorded.ended, serial));
          if (!before && after && play.scopes.authorization.revoked === null) {
            assert.ok(revived.includes(serial) || within(unrecorded.revived, serial));
          }
          if (!revive) assert.ok(before || !after, "nothing revives");
        }
        if (!revive) {
          assert.deepEqual(foretold.revived, []);
          assert.equal(foretold.unrecorded.revived, null);
        }
      }
    }),
    { numRuns: 500 },
  );
});
