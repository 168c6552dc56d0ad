/**
 * Random policies, as JSON that `parsePolicy` accepts. What a draw combines wrongly is repaired, not thrown away:
 * dropping it would make the rarer values rarer still.
 */

import fc from "fast-check";
import { parsePolicy, policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";

/** A policy in JSON, loose enough to be repaired. */
export type PolicyJson = { [field: string]: unknown } & {
  rotate?: unknown;
  overlap?: { atLeast?: unknown; reach?: unknown; untilUsed?: boolean; atMost?: unknown };
  retry?: { answer?: unknown; limit?: unknown; streak?: unknown };
  replay?: { action?: string; accessTokens?: string; sparing?: unknown };
  expiry?: { [limit: string]: unknown };
  access?: { [field: string]: unknown };
};

const optional = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

const short = fc.constantFrom("500 ms", "1 s", "2 s", "30 s", "60 s", "10 min");
const window_ = fc.oneof(fc.constant(0), short, fc.constantFrom("1 h", "1 d"));
const long = fc.constantFrom("1 s", "60 s", "600 s", "1 h", "1 d", "30 d", "forever");
const dated = fc.oneof(
  long,
  fc
    .array(fc.tuple(fc.constantFrom("2026-01-10", "2026-01-16", "2026-02-29"), long), {
      maxLength: 2,
    })
    .chain((steps) =>
      long.map((first) => [
        { is: first },
        ...[...new Map(steps.filter(([from]) => from !== "2026-02-29"))]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([from, is]) => ({ from, is })),
      ]),
    ),
);
const per = fc.constantFrom("clientAndSubject", "subject", "client");

const draft: fc.Arbitrary<PolicyJson> = optional({
  rotate: fc.oneof(
    { weight: 3, arbitrary: fc.constant("always") },
    fc.constant("never"),
    fc.record({ every: short }),
    fc.record({ fromFraction: fc.constantFrom(0.25, 0.5, 0.9) }),
  ),
  unrotated: fc.constantFrom("repeat", "omit"),
  overlap: optional({
    atLeast: fc.oneof(window_, fc.constant("forever")),
    reach: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant("all")),
    untilUsed: fc.boolean(),
    atMost: long,
  }),
  firstUse: fc.constantFrom("refresh", "refreshOrAccess"),
  retry: optional({
    answer: fc.oneof(
      fc.constantFrom("current", "new"),
      fc.record({ currentFor: fc.constantFrom("500 ms", "30 s", "1 h") }),
    ),
    limit: fc.oneof(fc.constant("none"), fc.integer({ min: 1, max: 3 })),
    streak: fc.oneof(fc.constant("none"), fc.integer({ min: 1, max: 3 })),
  }),
  siblings: fc.oneof(
    fc.constant("displace"),
    fc.record({ branches: fc.integer({ min: 1, max: 8 }) }),
  ),
  usedFor: fc.oneof(fc.constant("none"), short),
  replay: optional({
    action: fc.constantFrom("refuse", "revokeChain", "revokeClientAndSubject"),
    accessTokens: fc.constantFrom("revoke", "keep"),
    sparing: window_,
  }),
  expiry: optional({ lifetime: dated, idle: dated, authorization: dated }),
  caps: fc.uniqueArray(
    fc.record({
      per,
      max: fc.integer({ min: 1, max: 4 }),
      over: fc.constantFrom("evictOldest", "evictLeastRecent", "refuse"),
    }),
    { selector: (cap) => cap.per, maxLength: 3 },
  ),
  minInterval: fc.oneof(fc.constant(0), short),
  quota: fc.array(
    fc.record({
      per: fc.constantFrom("chain", "clientAndSubject", "client"),
      max: fc.integer({ min: 1, max: 20 }),
      window: fc.oneof(
        fc.record({ sliding: fc.constantFrom("1 s", "60 s", "1 h") }),
        fc.record({ day: fc.constantFrom("UTC", "Europe/Amsterdam") }),
      ),
      counts: fc.constantFrom("granted", "all"),
    }),
    { maxLength: 2 },
  ),
  code: optional({
    lifetime: short,
    replay: fc.constantFrom("refuse", "revokeChain"),
    parallel: fc.constantFrom("each", "lastOpened"),
  }),
  access: optional({
    lifetime: long,
    form: fc.constantFrom("opaque", "jwt", "refreshToken"),
    ends: fc.constantFrom("own", "superseded", "notOpen"),
    max: fc.oneof(fc.constant("none"), fc.integer({ min: 1, max: 5 })),
  }),
  register: fc.oneof(
    fc.constant("off"),
    fc.record({ max: fc.integer({ min: 1, max: 5 }), superseded: fc.constantFrom("drop", "keep") }),
  ),
}) as fc.Arbitrary<PolicyJson>;

/** One repair for each refused combination, by the path under which it is reported. */
const repairs: Readonly<Record<string, (json: PolicyJson) => PolicyJson>> = {
  "retry.answer": (json) => ({ ...json, siblings: { branches: 2 } }),
  "overlap.reach": (json) =>
    json.overlap?.reach === "all"
      ? { ...json, overlap: { ...json.overlap, atLeast: "forever" } }
      : { ...json, overlap: { ...json.overlap, reach: 1 } },
  retry: (json) => ({ ...json, retry: { ...json.retry, limit: "none", streak: "none" } }),
  usedFor: (json) => ({ ...json, usedFor: "none" }),
  "retry.streak": (json) => ({ ...json, retry: { ...json.retry, streak: "none" } }),
  "access.form": (json) => ({
    ...json,
    firstUse: "refresh",
    access: { ...json.access, ends: "own" },
    replay: { ...json.replay, accessTokens: "keep" },
  }),
  "access.max": (json) => ({ ...json, access: { ...json.access, max: "none" } }),
  "rotate.fromFraction": (json) => ({ ...json, expiry: { ...json.expiry, lifetime: "1 d" } }),
};

function repaired(json: PolicyJson, tries = 12): PolicyJson {
  const parsed = parsePolicy(json);
  if (parsed.ok) return json;
  const problem = parsed.problems[0];
  const repair = problem && repairs[problem.path];
  if (!repair || tries === 0) {
    throw new Error(`no repair for ${JSON.stringify(parsed.problems)} of ${JSON.stringify(json)}`);
  }
  return repaired(repair(json), tries - 1);
}

/** JSON that `parsePolicy` accepts; every field's every value occurs. */
export const policyJson: fc.Arbitrary<PolicyJson> = draft.map((json) => repaired(json));

export const anyPolicy: fc.Arbitrary<Policy> = policyJson.map((json) => policyOf(json));
