/**
 * What is true of every chain and every authorization that the kernel made, whatever happened to it.
 *
 * 1. An invariant is a name, a sentence and a pure question. `brokenInvariants` answers with the names of those that
 *    do not hold: none, unless the kernel has a fault or the record was altered.
 * 2. A bound that a policy sets is reached when the policy next issues: until then a chain may stand as an earlier
 *    policy left it. `earlier` names those policies; without it the newest alone must hold.
 * 3. Orders in time hold as far as the clock was in order: `clockStep` is the most it may have gone back.
 * 4. The chain must be settled under the policy's revision, as for `judge`.
 */

import type { Authorization, Tally } from "./authorization.ts";
import {
  ACCESS_REVOKED_MAX,
  type Chain,
  type Entry,
  isAccepted,
  type Registered,
} from "./chain.ts";
import { SERIAL_MAX, type Serial } from "./ids.ts";
import { CAP_MAX, REGISTER_MAX } from "./parse-policy.ts";
import { branchesOf, holdsEverySerialOpen, KEEP, type Per, type Policy } from "./policy.ts";
import type { Counters } from "./quota.ts";
import type { Duration, Instant } from "./time.ts";

export interface Past {
  /** Policies under which the record was written before the newest. */
  readonly earlier?: readonly Policy[];
  /** How far the clock may have stepped back. */
  readonly clockStep?: Duration;
}

interface Facts {
  readonly chain: Chain;
  readonly policy: Policy;
  /** The newest policy and those before it. */
  readonly policies: readonly Policy[];
  readonly now: Instant;
  /** Whether two instants are in order, as far as the clock was; an absent one is. */
  readonly inOrder: (first: Instant | null, second: Instant | null) => boolean;
}

interface Invariant<F> {
  readonly name: string;
  readonly says: string;
  readonly holds: (facts: F) => boolean;
}

const isLeaf = (entry: Entry): boolean => entry.supersededAt === null;

const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

const isInstant = (value: number | null): boolean => value === null || Number.isSafeInteger(value);

const rises = (values: readonly number[]): boolean =>
  values.every((value, index) => index === 0 || value > (values[index - 1] as number));

const entryOf = (chain: Chain, serial: Serial | null): Entry | undefined =>
  chain.entries.find((entry) => entry.serial === serial);

const greatest = (values: readonly number[]): number => Math.max(...values);

/** The register's refresh tokens, and its access tokens. */
const registers = ({
  register,
}: Chain): readonly [readonly Registered[], readonly Registered[]] => [
  register.filter(({ access }) => access === null),
  register.filter(({ access }) => access !== null),
];

/** Links lead to older tokens only. Where they do not, following them may never end. */
const parentsAreOlder = (chain: Chain): boolean =>
  chain.entries.every(
    ({ serial, parent }) => parent === null || (isWhole(parent) && parent < serial),
  );

/** The recorded tokens that are accepted; none is asked about where links may run in a circle. */
function accepted(chain: Chain, policy: Policy, now: Instant): readonly Entry[] {
  if (!parentsAreOlder(chain)) return [];
  return chain.entries.filter((entry) => isAccepted(chain, policy, entry, now));
}

/** At most so many tokens are open; no bound where every serial is. */
function openMax({ policy, policies }: Facts): number {
  if (holdsEverySerialOpen(policy)) return Number.POSITIVE_INFINITY;
  if (policy.overlap.untilUsed) return KEEP;
  return Math.min(KEEP, greatest(policies.map(branchesOf)) * (policy.overlap.reach + 1));
}

export const CHAIN_INVARIANTS: readonly Invariant<Facts>[] = [
  {
    name: "1 sorted",
    says: "Entries stand in order of serial, and no serial has two.",
    holds: ({ chain }) => rises(chain.entries.map(({ serial }) => serial)),
  },
  {
    name: "2 bounded",
    says: "There are at most KEEP entries, at most ACCESS_REVOKED_MAX access tokens revoked singly, and each half of the register within the policy's bound.",
    holds: ({ chain, policies }) =>
      chain.entries.length <= KEEP &&
      chain.accessRevoked.length <= ACCESS_REVOKED_MAX &&
      registers(chain).every(
        ({ length }) =>
          length <=
            greatest(policies.map(({ register }) => (register === "off" ? 0 : register.max))) &&
          length <= REGISTER_MAX,
      ),
  },
  {
    name: "3 leaves",
    says: "There are at most as many leaves as the policy has branches.",
    holds: ({ chain, policies }) =>
      chain.entries.filter(isLeaf).length <= greatest(policies.map(branchesOf)),
  },
  {
    name: "4 last",
    says: "No serial is above the newest, and the newest is within the format's bound.",
    holds: ({ chain }) =>
      isWhole(chain.last) &&
      chain.last <= SERIAL_MAX &&
      chain.entries.every(({ serial }) => isWhole(serial) && serial <= chain.last),
  },
  {
    name: "5 floor",
    says: "The floor is at most one above the newest serial.",
    holds: ({ chain }) => isWhole(chain.floor) && chain.floor <= chain.last + 1,
  },
  {
    name: "6 parents",
    says: "A parent is older than its child; a parent that is recorded is superseded, and was when the child was issued.",
    holds: ({ chain, inOrder }) =>
      parentsAreOlder(chain) &&
      chain.entries.every(({ parent, issuedAt }) => {
        const recorded = parent === null ? undefined : entryOf(chain, parent);
        return (
          !recorded || (recorded.supersededAt !== null && inOrder(recorded.supersededAt, issuedAt))
        );
      }),
  },
  {
    name: "7 order",
    says: "A token is issued, then used, then superseded, then its child is used; none of it before the grant or after now.",
    holds: ({ chain, now, inOrder }) =>
      inOrder(chain.grantAt, chain.lastGrantAt) &&
      inOrder(chain.lastGrantAt, now) &&
      chain.entries.every(
        ({ issuedAt, firstUsedAt, lastUsedAt, supersededAt, childUsedAt }) =>
          inOrder(chain.grantAt, issuedAt) &&
          [issuedAt, firstUsedAt, lastUsedAt, supersededAt, childUsedAt].every((at) =>
            inOrder(at, now),
          ) &&
          inOrder(issuedAt, firstUsedAt) &&
          inOrder(firstUsedAt, lastUsedAt) &&
          inOrder(issuedAt, supersededAt) &&
          inOrder(supersededAt, childUsedAt) &&
          (lastUsedAt === null || firstUsedAt !== null),
      ),
  },
  {
    name: "8 leaf",
    says: "A leaf has no child, so no use of one, and was never retried.",
    holds: ({ chain }) =>
      chain.entries.filter(isLeaf).every(({ childUsedAt, retries }) => {
        return childUsedAt === null && retries === 0;
      }),
  },
  {
    name: "9 retries",
    says: "No token was retried oftener than the policy allows; Infinity marks one that is closed for good.",
    holds: ({ chain, policies }) =>
      chain.entries.every(
        ({ retries }) =>
          retries === Number.POSITIVE_INFINITY ||
          (isWhole(retries) && retries <= greatest(policies.map(({ retry }) => retry.limit))),
      ),
  },
  {
    name: "10 streak",
    says: "No more generations in a row were retried than the policy allows.",
    holds: ({ chain, policies }) =>
      isWhole(chain.streak) && chain.streak <= greatest(policies.map(({ retry }) => retry.streak)),
  },
  {
    name: "11 revoked",
    says: "A revoked chain accepts nothing, and was revoked neither before its grant nor after now.",
    holds: ({ chain, policy, now, inOrder }) =>
      chain.revoked === null ||
      (inOrder(chain.grantAt, chain.revoked.at) &&
        inOrder(chain.revoked.at, now) &&
        accepted(chain, policy, now).length === 0),
  },
  {
    name: "12 open",
    says: "At most branches x (reach + 1) tokens are accepted; at most KEEP where one stays open until its child is used.",
    holds: (facts) => accepted(facts.chain, facts.policy, facts.now).length <= openMax(facts),
  },
  {
    name: "13 newest",
    says: "The newest token is recorded as a leaf, unless it was dead when its policy changed.",
    holds: ({ chain, policies }) => {
      const leaf = entryOf(chain, chain.last);
      if (leaf) return isLeaf(leaf);
      return chain.last < chain.floor || policies.some(holdsEverySerialOpen);
    },
  },
  {
    name: "14 access",
    says: "Access tokens are numbered from 1 without a gap; those revoked singly were issued, and are listed in order.",
    holds: ({ chain }) =>
      isWhole(chain.accessLast) &&
      isWhole(chain.accessFloor) &&
      chain.accessFloor <= chain.accessLast + 1 &&
      rises(chain.accessRevoked.map(({ number }) => number)) &&
      chain.accessRevoked.every(({ number }) => isWhole(number) && number <= chain.accessLast),
  },
  {
    name: "15 instants",
    says: "Every instant is a whole number of milliseconds, so that a record reads back as it was written.",
    holds: ({ chain }) =>
      isInstant(chain.grantAt) &&
      isInstant(chain.lastGrantAt) &&
      chain.entries.every(({ issuedAt, firstUsedAt, lastUsedAt, supersededAt, childUsedAt }) =>
        [issuedAt, firstUsedAt, lastUsedAt, supersededAt, childUsedAt].every(isInstant),
      ),
  },
  {
    name: "16 counters",
    says: "A sliding counter holds at most as many calls as its quota allows, a day's counter counts no further.",
    holds: ({ chain, policies }) => countersHold(chain.counters, policies, "chain"),
  },
  {
    name: "17 register",
    says: "The register stands in order, refresh tokens by serial and then access tokens by number, and names only tokens that were issued.",
    holds: ({ chain }) => {
      const [refresh, access] = registers(chain);
      return (
        rises(refresh.map(({ serial }) => serial)) &&
        rises(access.map((row) => row.access ?? -1)) &&
        access.every((row) => isWhole(row.access ?? -1) && (row.access ?? 0) <= chain.accessLast) &&
        chain.register.every(({ serial }) => isWhole(serial) && serial <= chain.last) &&
        chain.register.findLastIndex((row) => row.access === null) < refresh.length
      );
    },
  },
];

function countersHold(
  counters: Counters,
  policies: readonly Policy[],
  per: Policy["quota"][number]["per"],
): boolean {
  const quotas = policies.flatMap(({ quota }) => quota).filter((quota) => quota.per === per);
  const max = greatest([0, ...quotas.map((quota) => quota.max)]);
  return Object.values(counters).every((counter) =>
    "day" in counter ? isWhole(counter.count) && counter.count <= max : counter.calls.length <= max,
  );
}

function orderWithin(clockStep: Duration): Facts["inOrder"] {
  return (first, second) => first === null || second === null || first <= second + clockStep;
}

/** The names of the invariants that a chain breaks; none, unless there is a fault. */
export function brokenInvariants(
  chain: Chain,
  policy: Policy,
  now: Instant,
  { earlier = [], clockStep = 0 }: Past = {},
): readonly string[] {
  const inOrder = orderWithin(clockStep);
  const facts: Facts = { chain, policy, policies: [policy, ...earlier], now, inOrder };
  return CHAIN_INVARIANTS.filter(({ holds }) => !holds(facts)).map(({ name }) => name);
}

// --- what is counted over a scope -----------------------------------------------------------------------

interface TallyFacts {
  readonly tally: Tally;
  readonly per: Per;
  readonly policies: readonly Policy[];
  readonly now: Instant;
  readonly inOrder: Facts["inOrder"];
}

export const TALLY_INVARIANTS: readonly Invariant<TallyFacts>[] = [
  {
    name: "1 unique",
    says: "No chain is listed twice.",
    holds: ({ tally }) => {
      const keys = tally.live.map(({ key }) => key);
      return new Set(keys).size === keys.length;
    },
  },
  {
    name: "2 capped",
    says: "At most as many chains are listed as the cap admits.",
    holds: ({ tally, per, policies }) => {
      const caps = policies.flatMap((policy) => policy.caps).filter((cap) => cap.per === per);
      const listed = tally.live.length;
      return listed <= greatest([0, ...caps.map(({ max }) => max)]) && listed <= CAP_MAX;
    },
  },
  {
    name: "3 order",
    says: "A listed chain was granted, then used, and not after now.",
    holds: ({ tally, now, inOrder }) =>
      tally.live.every(({ grantAt, usedAt }) => inOrder(grantAt, usedAt) && inOrder(usedAt, now)),
  },
  {
    name: "4 counters",
    says: "A sliding counter holds at most as many calls as its quota allows, a day's counter counts no further.",
    holds: ({ tally, per, policies }) =>
      per === "subject" || countersHold(tally.counters, policies, per),
  },
];

/** The names of the invariants that the record of a scope breaks. */
export function brokenTallyInvariants(
  tally: Tally,
  per: Per,
  policy: Policy,
  now: Instant,
  { earlier = [], clockStep = 0 }: Past = {},
): readonly string[] {
  const policies = [policy, ...earlier];
  const facts: TallyFacts = { tally, per, policies, now, inOrder: orderWithin(clockStep) };
  return TALLY_INVARIANTS.filter(({ holds }) => !holds(facts)).map(({ name }) => name);
}

/**
 * The names of the invariants that an authorization breaks: those of its tally, and two of its own. Codes are numbered
 * from 1; nothing is revoked that was not opened.
 */
export function brokenAuthorizationInvariants(
  authorization: Authorization,
  policy: Policy,
  now: Instant,
  past: Past = {},
): readonly string[] {
  const { opened, revoked, id, live } = authorization;
  const broken = [...brokenTallyInvariants(authorization, "clientAndSubject", policy, now, past)];
  if (!isWhole(opened)) broken.push("5 opened");
  if (revoked && (!isWhole(revoked.through) || revoked.through > opened)) broken.push("6 revoked");
  const ordinals = live.map(({ key }) => key.slice(id.length + 1));
  if (ordinals.some((ordinal) => !(Number(ordinal) >= 1 && Number(ordinal) <= opened))) {
    broken.push("7 ordinals");
  }
  return broken;
}
