/** What a policy in JSON may say, what it may not, and how each problem is reported. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ClientKind } from "../../src/kernel/combinations.ts";
import { formatPolicy, type Parsed, parsePolicy, policyOf } from "../../src/kernel/parse-policy.ts";
import { DEFAULT_POLICY } from "../../src/kernel/policy.ts";
import { DAY, FOREVER, SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { policyJson } from "./arbitrary-policy.ts";

const problems = (parsed: Parsed) => (parsed.ok ? [] : parsed.problems);
const pathsOf = (input: unknown, client?: ClientKind): readonly string[] =>
  problems(parsePolicy(input, client ? { client } : {})).map(({ path }) => path);

const cap = { per: "client", max: 1, over: "refuse" };
const quota = { per: "chain", max: 5, window: { day: "UTC" } };

const MALFORMED: readonly (readonly [input: unknown, paths: readonly string[]])[] = [
  // The whole.
  [null, [""]],
  ["strict", [""]],
  [[], [""]],
  [undefined, [""]],
  [{ rotates: "always" }, ["rotates"]],
  [{ Rotate: "always", over_lap: {} }, ["Rotate", "over_lap"]],
  // Words.
  [{ rotate: "sometimes" }, ["rotate"]],
  [{ rotate: true }, ["rotate"]],
  [{ rotate: {} }, ["rotate"]],
  [{ rotate: { every: "1 d", fromFraction: 0.5 } }, ["rotate"]],
  [{ rotate: { each: "1 d" } }, ["rotate"]],
  [{ rotate: { constructor: 1 } }, ["rotate"]],
  [JSON.parse('{"rotate":{"__proto__":1}}'), ["rotate"]],
  [JSON.parse('{"__proto__":{"rotate":"never"}}'), ["__proto__"]],
  [{ unrotated: "Repeat" }, ["unrotated"]],
  [{ firstUse: "access" }, ["firstUse"]],
  [{ siblings: { branches: 0 } }, ["siblings.branches"]],
  [{ siblings: "branches" }, ["siblings"]],
  [{ replay: { action: "ban", accessTokens: "maybe" } }, ["replay.action", "replay.accessTokens"]],
  [{ retry: { answer: "old" } }, ["retry.answer"]],
  [{ code: { replay: "revoke", parallel: "last" } }, ["code.replay", "code.parallel"]],
  [{ access: { form: "JWT", ends: "never" } }, ["access.form", "access.ends"]],
  // Durations: no bare number but 0, no unit unknown, nothing negative.
  [{ minInterval: 570 }, ["minInterval"]],
  [{ minInterval: "570" }, ["minInterval"]],
  [{ minInterval: "570s" }, ["minInterval"]],
  [{ minInterval: "-1 s" }, ["minInterval"]],
  [{ minInterval: "1.5 s" }, ["minInterval"]],
  [{ minInterval: "1 month" }, ["minInterval"]],
  [{ minInterval: "999999999999 d" }, ["minInterval"]],
  [{ minInterval: null }, ["minInterval"]],
  [{ usedFor: 0 }, ["usedFor"]],
  [{ usedFor: "0 s" }, ["usedFor"]],
  [{ access: { lifetime: 0 } }, ["access.lifetime"]],
  [{ rotate: { every: 0 } }, ["rotate.every"]],
  [{ retry: { answer: { currentFor: 0 } } }, ["retry.answer.currentFor"]],
  [{ overlap: { atMost: 0 } }, ["overlap.atMost"]],
  // Numbers.
  [{ overlap: { reach: 0 } }, ["overlap.reach"]],
  [{ overlap: { reach: 16 } }, ["overlap.reach"]],
  [{ overlap: { reach: 1.5 } }, ["overlap.reach"]],
  [{ overlap: { reach: "none" } }, ["overlap.reach"]],
  [{ overlap: { untilUsed: "yes" } }, ["overlap.untilUsed"]],
  [{ overlap: "30 s" }, ["overlap"]],
  [{ retry: { limit: 0, streak: -1 } }, ["retry.limit", "retry.streak"]],
  [{ rotate: { fromFraction: 1 } }, ["rotate.fromFraction"]],
  [{ rotate: { fromFraction: Number.NaN } }, ["rotate.fromFraction"]],
  [{ access: { max: 0 } }, ["access.max"]],
  [{ register: "on" }, ["register"]],
  [{ register: { max: 1001, superseded: "forget" } }, ["register.max", "register.superseded"]],
  [{ register: {} }, ["register.max"]],
  // Lists.
  [{ caps: cap }, ["caps"]],
  [
    { caps: [{ per: "chain", max: 0, over: "evict" }] },
    ["caps[0].per", "caps[0].max", "caps[0].over"],
  ],
  [{ caps: [{}] }, ["caps[0].per", "caps[0].max"]],
  [{ caps: [cap, cap, cap, cap] }, ["caps"]],
  [{ quota: [{ ...quota, window: "day" }] }, ["quota[0].window"]],
  [{ quota: [{ ...quota, window: { day: "Mars/Olympus" } }] }, ["quota[0].window.day"]],
  [
    { quota: [quota, { ...quota, window: { sliding: "0 s" }, counts: "some" }] },
    ["quota[1].window.sliding", "quota[1].counts"],
  ],
  [{ quota: [{ ...quota, per: "subject" }] }, ["quota[0].per"]],
  // Dates.
  [{ expiry: { idle: [] } }, ["expiry.idle"]],
  [{ expiry: { idle: [{ from: "2021-07-01", is: "30 d" }] } }, ["expiry.idle[0].from"]],
  [{ expiry: { idle: [{ is: "30 d" }, { is: "1 d" }] } }, ["expiry.idle[1].from"]],
  [
    { expiry: { idle: [{ is: "30 d" }, { from: "2021-02-29", is: "1 d" }] } },
    ["expiry.idle[1].from"],
  ],
  [
    {
      expiry: {
        idle: [{ is: "1 d" }, { from: "2022-01-01", is: "2 d" }, { from: "2021-01-01", is: "3 d" }],
      },
    },
    ["expiry.idle[2].from"],
  ],
  [
    { expiry: { lifetime: [{ is: 600 }, 7] } },
    ["expiry.lifetime[0].is", "expiry.lifetime[1].is", "expiry.lifetime[1].from"],
  ],
  [{ expiry: { absolute: "1 d" } }, ["expiry.absolute"]],
];

for (const [input, paths] of MALFORMED) {
  test(`[D01] refuses ${JSON.stringify(input) ?? "nothing"} at ${paths.join(", ") || "the whole"}`, () => {
    assert.deepEqual(pathsOf(input), paths);
    for (const { message } of problems(parsePolicy(input))) {
      assert.match(message, /expected|unknown field|missing|has always been in force/);
    }
  });
}

test("[D01] reports every problem at once, each with what was found and what was expected", () => {
  const parsed = parsePolicy({
    rotate: "maybe",
    overlap: { atLeast: 30, reach: "far" },
    quota: [{ per: "chain", max: 0, window: { day: "UTC" } }],
    colour: "red",
  });
  assert.deepEqual(problems(parsed), [
    {
      path: "colour",
      message: `unknown field, expected one of ${Object.keys(DEFAULT_POLICY).join(", ")}`,
    },
    {
      path: "rotate",
      message: 'expected "always" or "never" or {"every": …} or {"fromFraction": …}, got "maybe"',
    },
    {
      path: "overlap.atLeast",
      message:
        'expected a duration such as "500 ms", "30 s", "10 min", "12 h", "30 d", "forever" or 0, got 30',
    },
    { path: "overlap.reach", message: 'expected "all" or a whole number from 1 to 15, got "far"' },
    { path: "quota[0].max", message: "expected a whole number from 1 to 1000000, got 0" },
  ]);
});

test("[D01] never throws, whatever it is given", () => {
  const circular: { [field: string]: unknown } = {};
  circular.rotate = circular;
  for (const input of [
    circular,
    { minInterval: 10n },
    { rotate: Symbol("x") },
    { caps: [() => 1] },
  ]) {
    assert.equal(parsePolicy(input).ok, false);
  }
  fc.assert(fc.property(fc.anything({ withBigInt: true }), (input) => void parsePolicy(input)));
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...Object.keys(DEFAULT_POLICY)), fc.anything()),
      (input) => {
        parsePolicy(input);
      },
    ),
  );
});

// --- combinations that cannot hold what they promise ------------------------------------------------------

const COMBINATIONS: readonly (readonly [
  input: unknown,
  path: string,
  message: RegExp,
  client?: ClientKind,
])[] = [
  [{ retry: { answer: "new" }, overlap: { reach: 2 } }, "retry.answer", /needs overlap\.reach 1/],
  [
    { retry: { answer: { currentFor: "1 s" } }, overlap: { reach: 2 } },
    "retry.answer",
    /needs overlap\.reach 1/,
  ],
  [
    { retry: { answer: "new" }, overlap: { atLeast: "1 s" }, firstUse: "refreshOrAccess" },
    "retry.answer",
    /where access counts as use/,
  ],
  [
    { retry: { answer: "new" }, overlap: { atLeast: "1 s" }, rotate: { every: "1 h" } },
    "retry.answer",
    /unless rotate is always/,
  ],
  [{ overlap: { reach: "all" } }, "overlap.reach", /needs atLeast "forever"/],
  [
    { overlap: { reach: 3 }, siblings: { branches: 5 } },
    "overlap.reach",
    /branches x \(reach \+ 1\) must be at most 16/,
  ],
  [
    { overlap: { atLeast: "forever", reach: "all" }, retry: { limit: 1 } },
    "retry",
    /without a record/,
  ],
  [
    { overlap: { atLeast: "forever", reach: "all" }, retry: { streak: 1 } },
    "retry",
    /without a record/,
  ],
  [
    { overlap: { atLeast: "forever", reach: "all" }, usedFor: "1 h" },
    "usedFor",
    /without a record/,
  ],
  [{ retry: { answer: "new", streak: 2 } }, "retry.streak", /needs retry\.answer "current"/],
  [{ access: { form: "jwt" } }, "access.form", /checked without asking us/],
  [
    { access: { form: "jwt", ends: "superseded" }, replay: { accessTokens: "keep" } },
    "access.form",
    /access\.ends "own"/,
  ],
  [
    { access: { form: "jwt" }, replay: { accessTokens: "keep" }, firstUse: "refreshOrAccess" },
    "access.form",
    /firstUse "refresh"/,
  ],
  [
    { access: { form: "jwt", max: 1 }, replay: { accessTokens: "keep" } },
    "access.max",
    /cannot be limited/,
  ],
  [{ rotate: { fromFraction: 0.5 } }, "rotate.fromFraction", /needs expiry\.lifetime/],
  [{ rotate: "never" }, "rotate", /RFC 9700, section 2\.2\.2/, "public"],
  [{ quota: [{ ...quota, max: 257, window: { sliding: "1 h" } }] }, "quota", /use a calendar day/],
  [{ caps: [cap, { ...cap, max: 2 }] }, "caps", /at most one cap per scope/],
];

for (const [input, path, message, client] of COMBINATIONS) {
  test(`[D01] refuses the combination ${JSON.stringify(input)}`, () => {
    const found = problems(parsePolicy(input, client ? { client } : {}));
    assert.deepEqual(
      found.map((problem) => problem.path),
      [path],
    );
    assert.match(found[0]!.message, message);
  });
}

test("[ISS-03] a public client's tokens must rotate; a sender-constrained client's need not", () => {
  assert.deepEqual(pathsOf({ rotate: "never" }, "public"), ["rotate"]);
  assert.deepEqual(pathsOf({ rotate: "never" }, "senderConstrained"), []);
  assert.deepEqual(pathsOf({ rotate: { every: "1 d" } }, "public"), []);
});

test("[D01] what stands beside a refused combination is accepted", () => {
  const neighbours = [
    { retry: { answer: "new" }, overlap: { reach: 2 }, siblings: { branches: 2 } },
    { retry: { answer: "new" }, overlap: { atLeast: "1 s" } },
    { retry: { answer: "new" }, overlap: { atLeast: "forever", reach: "all", untilUsed: true } },
    { overlap: { reach: 3 }, siblings: { branches: 4 } },
    { overlap: { reach: 15 } },
    { access: { form: "jwt" }, replay: { accessTokens: "keep" } },
    { rotate: { fromFraction: 0.5 }, expiry: { lifetime: "1 d" } },
    { quota: [{ ...quota, max: 256, window: { sliding: "1 h" } }] },
  ];
  for (const input of neighbours) assert.deepEqual(pathsOf(input), [], JSON.stringify(input));
});

// --- reading and writing ------------------------------------------------------------------------------------

test("[D01] an empty policy is the default: strict rotation with replay detection", () => {
  assert.deepEqual(policyOf({}), DEFAULT_POLICY);
});

test("[D01] durations are read in their unit, dates as midnight UTC", () => {
  const policy = policyOf({
    minInterval: "570 s",
    usedFor: "none",
    expiry: { idle: [{ is: "180 d" }, { from: "2021-07-01", is: "30 d" }] },
  });
  assert.equal(policy.minInterval, 570 * SECOND);
  assert.equal(policy.usedFor, FOREVER);
  assert.deepEqual(policy.expiry.idle, [
    { from: Number.NEGATIVE_INFINITY, value: 180 * DAY },
    { from: Date.UTC(2021, 6, 1), value: 30 * DAY },
  ]);
});

for (const [name, policy] of Object.entries(PRESETS)) {
  test(`[D01] preset ${name} is written and read back the same`, () => {
    assert.deepEqual(policyOf(JSON.parse(JSON.stringify(formatPolicy(policy)))), policy);
  });
}

test("[D01] any policy is written and read back the same", () => {
  fc.assert(
    fc.property(policyJson, (json) => {
      const policy = policyOf(json);
      assert.deepEqual(policyOf(JSON.parse(JSON.stringify(formatPolicy(policy)))), policy);
    }),
    { numRuns: 500 },
  );
});

test("[D01] random policies use every value of every field", () => {
  const seen = new Set<string>();
  const note = (path: string, value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) note(path, item);
    else if (typeof value === "object" && value !== null) {
      seen.add(`${path} {}`);
      for (const [name, item] of Object.entries(value)) note(`${path}.${name}`, item);
    } else seen.add(`${path} ${typeof value === "number" && Number.isFinite(value) ? "n" : value}`);
  };
  for (const json of fc.sample(policyJson, { numRuns: 3000, seed: 1 })) note("", policyOf(json));
  const expected = [
    ".rotate always",
    ".rotate never",
    ".rotate.every n",
    ".rotate.fromFraction n",
    ".unrotated repeat",
    ".unrotated omit",
    ".overlap.atLeast n",
    ".overlap.atLeast Infinity",
    ".overlap.reach n",
    ".overlap.reach Infinity",
    ".overlap.untilUsed true",
    ".overlap.untilUsed false",
    ".overlap.atMost n",
    ".overlap.atMost Infinity",
    ".firstUse refresh",
    ".firstUse refreshOrAccess",
    ".retry.answer current",
    ".retry.answer new",
    ".retry.answer.currentFor n",
    ".retry.limit n",
    ".retry.limit Infinity",
    ".retry.streak n",
    ".retry.streak Infinity",
    ".siblings displace",
    ".siblings.branches n",
    ".usedFor n",
    ".usedFor Infinity",
    ".replay.action refuse",
    ".replay.action revokeChain",
    ".replay.action revokeClientAndSubject",
    ".replay.accessTokens revoke",
    ".replay.accessTokens keep",
    ".replay.sparing n",
    ".expiry.lifetime.from n",
    ".expiry.idle.from n",
    ".expiry.authorization.from n",
    ".expiry.lifetime.value Infinity",
    ".expiry.idle.value n",
    ".expiry.authorization.value n",
    ".caps.per clientAndSubject",
    ".caps.per subject",
    ".caps.per client",
    ".caps.over evictOldest",
    ".caps.over evictLeastRecent",
    ".caps.over refuse",
    ".minInterval n",
    ".quota.per chain",
    ".quota.per clientAndSubject",
    ".quota.per client",
    ".quota.window.sliding n",
    ".quota.window.day UTC",
    ".quota.window.day Europe/Amsterdam",
    ".quota.counts granted",
    ".quota.counts all",
    ".code.replay refuse",
    ".code.replay revokeChain",
    ".code.parallel each",
    ".code.parallel lastOpened",
    ".access.form opaque",
    ".access.form jwt",
    ".access.form refreshToken",
    ".access.ends own",
    ".access.ends superseded",
    ".access.ends notOpen",
    ".access.max n",
    ".access.max Infinity",
    ".register off",
    ".register.superseded drop",
    ".register.superseded keep",
  ];
  assert.deepEqual(
    expected.filter((value) => !seen.has(value)),
    [],
  );
});
