/**
 * Combinations of policy fields that promise what they cannot hold, as a table: where, whether, and why.
 *
 * A policy is refused if any row holds. Rows look at the policy alone, but for the kind of client that will hold the
 * tokens, and say what to change.
 */

import { branchesOf, holdsEverySerialOpen, KEEP, type Policy } from "./policy.ts";
import { FOREVER } from "./time.ts";

/** Who will hold the tokens: some combinations are refused only for clients that cannot keep a secret. */
export type ClientKind = "confidential" | "senderConstrained" | "public";

export interface Problem {
  /** Where, such as `overlap.atLeast` or `quota[0].window`; empty for the whole. */
  readonly path: string;
  /** What was wrong and what was expected. */
  readonly message: string;
}

interface Combination {
  readonly path: string;
  readonly wrong: (policy: Policy, client: ClientKind) => boolean;
  readonly message: string;
}

/** A sliding quota keeps the instants of its calls. */
const SLIDING_QUOTA_MAX = 256;

/** A retry may issue a child that drops a sibling, while only some tokens are open. */
const displacesOnRetry = (policy: Policy): boolean =>
  policy.retry.answer !== "current" &&
  policy.siblings === "displace" &&
  !holdsEverySerialOpen(policy);

const overlapsByTime = ({ overlap }: Policy): boolean => overlap.atLeast > 0;

const COMBINATIONS: readonly Combination[] = [
  {
    path: "retry.answer",
    wrong: (policy) => displacesOnRetry(policy) && policy.overlap.reach > 1,
    message:
      "a new child that displaces its siblings needs overlap.reach 1: it would cut off tokens between it and the one retried",
  },
  {
    path: "retry.answer",
    wrong: (policy) =>
      displacesOnRetry(policy) && overlapsByTime(policy) && policy.firstUse === "refreshOrAccess",
    message:
      "a new child that displaces its siblings needs overlap.atLeast 0 where access counts as use: it would displace a child in use",
  },
  {
    path: "retry.answer",
    wrong: (policy) =>
      displacesOnRetry(policy) && overlapsByTime(policy) && policy.rotate !== "always",
    message:
      "a new child that displaces its siblings needs overlap.atLeast 0 unless rotate is always: it would displace a child in use",
  },
  {
    path: "overlap.reach",
    wrong: ({ overlap }) =>
      overlap.reach === Number.POSITIVE_INFINITY && overlap.atLeast !== FOREVER,
    message:
      'reach "all" needs atLeast "forever": a record of bounded size cannot hold all tokens of a window',
  },
  {
    path: "overlap.reach",
    wrong: (policy) =>
      Number.isFinite(policy.overlap.reach) &&
      branchesOf(policy) * (policy.overlap.reach + 1) > KEEP,
    message: `branches x (reach + 1) must be at most ${KEEP}, the entries a record holds`,
  },
  {
    path: "retry",
    wrong: (policy) =>
      holdsEverySerialOpen(policy) &&
      (Number.isFinite(policy.retry.limit) || Number.isFinite(policy.retry.streak)),
    message: "limit and streak cannot be kept for tokens that are open for ever without a record",
  },
  {
    path: "usedFor",
    wrong: (policy) => holdsEverySerialOpen(policy) && policy.usedFor !== FOREVER,
    message: "first use cannot be kept for tokens that are open for ever without a record",
  },
  {
    path: "retry.streak",
    wrong: ({ retry }) => Number.isFinite(retry.streak) && retry.answer !== "current",
    message: 'a streak needs retry.answer "current"',
  },
  {
    path: "access.form",
    wrong: ({ access, replay, firstUse }) =>
      access.form === "jwt" &&
      (access.ends !== "own" || replay.accessTokens === "revoke" || firstUse !== "refresh"),
    message:
      'a jwt is checked without asking us: it needs access.ends "own", replay.accessTokens "keep" and firstUse "refresh"',
  },
  {
    path: "access.max",
    wrong: ({ access }) => access.form === "jwt" && Number.isFinite(access.max),
    message: "a jwt is checked without asking us: the number of live ones cannot be limited",
  },
  {
    path: "rotate.fromFraction",
    wrong: ({ rotate, expiry }) =>
      typeof rotate === "object" &&
      "fromFraction" in rotate &&
      expiry.lifetime.some(({ value }) => value === FOREVER),
    message: "a fraction of a lifetime needs expiry.lifetime",
  },
  {
    path: "rotate",
    wrong: ({ rotate }, client) => client === "public" && rotate === "never",
    message:
      "refresh tokens of public clients must rotate or be sender-constrained (RFC 9700, section 2.2.2)",
  },
  {
    path: "quota",
    wrong: ({ quota }) =>
      quota.some(({ window, max }) => "sliding" in window && max > SLIDING_QUOTA_MAX),
    message: `a sliding window counts at most ${SLIDING_QUOTA_MAX} calls: use a calendar day`,
  },
  {
    path: "caps",
    wrong: ({ caps }) => new Set(caps.map(({ per }) => per)).size < caps.length,
    message: "at most one cap per scope",
  },
];

/** The combinations that a policy must not have; empty for a policy that can be kept. */
export function combinations(policy: Policy, client: ClientKind = "confidential"): Problem[] {
  return COMBINATIONS.filter(({ wrong }) => wrong(policy, client)).map(({ path, message }) => ({
    path,
    message,
  }));
}
