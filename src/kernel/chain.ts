/**
 * The chain: all refresh tokens that descend from one grant, as one value of bounded size.
 *
 * 1. A chain knows its tokens by serial. It keeps entries only for those about which a question is still open:
 *    leaves, what stands within reach behind them, what is open until its child is used, and what died so
 *    recently that a racer may still present it. At most `KEEP`; usually two or three, however often it rotated.
 * 2. The accepted set at an instant is: nothing, if revoked; else every entry that is open and not ended; and,
 *    where the policy holds every serial open, each serial from `floor` to `last` that has no entry.
 * 3. This file asks questions and revokes. `present.ts` makes the next value when a token is presented,
 *    `policy-change.ts` when the policy changes.
 * 4. Nothing dead revives: not by time, not by a retry, not by a change of policy unless the change says so.
 */

import type { Serial } from "./ids.ts";
import { holdsEverySerialOpen, type Per, type Policy } from "./policy.ts";
import type { Counters } from "./quota.ts";
import type { EndedBy, RevokedBy } from "./refusal.ts";
import { FOREVER, type Instant, stepAt } from "./time.ts";

export interface Entry {
  readonly serial: Serial;
  /** The token whose presentation issued this one; null for the first, or where that is no longer known. */
  readonly parent: Serial | null;
  readonly issuedAt: Instant;
  readonly firstUsedAt: Instant | null;
  readonly lastUsedAt: Instant | null;
  /** When it stopped being a leaf: its child was issued, or a sibling displaced it. */
  readonly supersededAt: Instant | null;
  /** When a child of it was first used; for a displaced leaf, when it was displaced. */
  readonly childUsedAt: Instant | null;
  /** How often it was accepted after it was superseded; Infinity once it is closed for good. */
  readonly retries: number;
}

export interface Revocation {
  readonly at: Instant;
  readonly by: RevokedBy;
  readonly accessTokens: "revoke" | "keep";
}

export interface Chain {
  /** The newest serial issued. */
  readonly last: Serial;
  /** Serials below this have no claim to be accepted without an entry. */
  readonly floor: Serial;
  readonly grantAt: Instant;
  /** The last grant of any kind, code redemption included. */
  readonly lastGrantAt: Instant;
  /** The policy revision under which this value was last settled. */
  readonly revision: number;
  readonly revoked: Revocation | null;
  /** Scopes whose cap it was granted under: it lives only while each of them lists it. */
  readonly cappedBy: readonly Per[];
  /** Generations in a row that were retried. */
  readonly streak: number;
  /** The attempt that wrote this value, so that an unknown commit can be read back. */
  readonly attempt: string;
  /** Number of the newest access token. */
  readonly accessLast: number;
  /** Access tokens numbered below this are dead. */
  readonly accessFloor: number;
  /** Single access tokens revoked before their end. */
  readonly accessRevoked: readonly { readonly number: number; readonly until: Instant }[];
  readonly counters: Counters;
  /** In order of serial. */
  readonly entries: readonly Entry[];
  /**
   * Tokens as a vendor's surface lists them, refresh tokens and then access tokens, newest last; empty unless the
   * policy keeps a register. What is revoked is not listed. No rule reads it.
   */
  readonly register: readonly Registered[];
}

export interface Registered extends Presented {
  /** The access token's number; null for a refresh token. */
  readonly access: number | null;
  /** When it ends by its lifetime; Infinity for never. */
  readonly expiresAt: Instant;
}

/** A refresh token as its own bytes describe it, once they have been verified. */
export interface Presented {
  readonly serial: Serial;
  readonly issuedAt: Instant;
}

export interface AccessGrant {
  readonly serial: Serial;
  /** Unique in its chain. */
  readonly number: number;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
}

/** What a granted request is answered with. */
export interface Answer {
  /** The refresh token of the answer; null where the policy omits it. Same serial and instant, same token. */
  readonly refresh: Presented | null;
  readonly access: AccessGrant;
  /** What happened: a child was issued, the newest leaf was given again, or nothing rotated. */
  readonly kind: "granted" | "rotated" | "retried" | "repeated";
}

export interface Accepted {
  readonly chain: Chain;
  readonly answer: Answer;
}

/** Access tokens revoked one by one, at most so many; beyond, all older ones die with them. */
export const ACCESS_REVOKED_MAX = 16;

// --- questions ------------------------------------------------------------------------------------------

export const isLeaf = (entry: Entry): boolean => entry.supersededAt === null;

export const entryOf = (chain: Chain, serial: Serial | null): Entry | undefined =>
  serial === null ? undefined : chain.entries.find((entry) => entry.serial === serial);

/** Whether an entry is at most so many parent links behind a leaf. A parent's serial is below its child's. */
export function isWithin(reach: number, chain: Chain, target: Entry): boolean {
  if (reach === Number.POSITIVE_INFINITY) return true;
  for (const leaf of chain.entries) {
    let at: Entry | undefined = isLeaf(leaf) ? leaf : undefined;
    for (let links = 0; at && links <= reach && at.serial >= target.serial; links += 1) {
      if (at.serial === target.serial) return true;
      at = entryOf(chain, at.parent);
    }
  }
  return false;
}

/** Whether an entry is open: a leaf, or within its overlap and not yet retried too often. */
export function isOpen(chain: Chain, policy: Policy, entry: Entry, now: Instant): boolean {
  if (entry.supersededAt === null) return true;
  if (entry.retries >= policy.retry.limit) return false;
  if (streakExhausted(chain, policy, entry)) return false;
  const { atLeast, reach, untilUsed, atMost } = policy.overlap;
  const age = Math.max(0, now - entry.supersededAt);
  if (age < atLeast && isWithin(reach, chain, entry)) return true;
  return untilUsed && entry.childUsedAt === null && age < atMost;
}

/** Whether retrying this token would be one generation in a row too many. */
export function streakExhausted(chain: Chain, policy: Policy, entry: Entry): boolean {
  return entry.supersededAt !== null && entry.retries === 0 && chain.streak >= policy.retry.streak;
}

/** Which limit has ended an entry, and when; null while none has. */
export function endedBy(
  chain: Chain,
  policy: Policy,
  entry: Entry,
  now: Instant,
): { by: EndedBy; at: Instant } | null {
  const { lifetime, idle, authorization } = policy.expiry;
  const ends: readonly (readonly [EndedBy, Instant])[] = [
    ["lifetime", entry.issuedAt + stepAt(lifetime, entry.issuedAt)],
    ["idle", (entry.lastUsedAt ?? entry.issuedAt) + stepAt(idle, entry.issuedAt)],
    ["authorization", chain.grantAt + stepAt(authorization, chain.grantAt)],
    ["usedFor", (entry.firstUsedAt ?? FOREVER) + policy.usedFor],
  ];
  for (const [by, at] of ends) if (now >= at) return { by, at };
  return null;
}

/** The entry of a serial, or the one it would have where the policy holds every serial open. */
export function findOrAssume(chain: Chain, policy: Policy, token: Presented): Entry | undefined {
  const entry = entryOf(chain, token.serial);
  if (entry || !holdsEverySerialOpen(policy) || token.serial < chain.floor) return entry;
  return {
    serial: token.serial,
    parent: null,
    issuedAt: token.issuedAt,
    firstUsedAt: null,
    lastUsedAt: null,
    supersededAt: token.issuedAt,
    childUsedAt: token.issuedAt,
    retries: 0,
  };
}

/** Whether a serial is in the accepted set. The oracle of the property tests asks nothing else. */
export function isAccepted(chain: Chain, policy: Policy, token: Presented, now: Instant): boolean {
  if (chain.revoked || token.serial > chain.last) return false;
  const entry = findOrAssume(chain, policy, token);
  return (
    entry !== undefined &&
    isOpen(chain, policy, entry, now) &&
    endedBy(chain, policy, entry, now) === null
  );
}

/** When an entry that is not open stopped being so. */
export function diedAt(chain: Chain, policy: Policy, entry: Entry): Instant {
  const supersededAt = entry.supersededAt ?? FOREVER;
  if (entry.retries >= policy.retry.limit) return entry.lastUsedAt ?? supersededAt;
  const { atLeast, untilUsed, atMost } = policy.overlap;
  const byTime = Math.min(supersededAt + atLeast, beyondReachAt(chain, policy, entry));
  const byUse = untilUsed
    ? Math.min(entry.childUsedAt ?? FOREVER, supersededAt + atMost)
    : supersededAt;
  return Math.max(byTime, byUse);
}

/** When an entry fell more than `reach` links behind every leaf; FOREVER while it has not. */
function beyondReachAt(chain: Chain, policy: Policy, entry: Entry): Instant {
  const { reach } = policy.overlap;
  if (isWithin(reach, chain, entry)) return FOREVER;
  let at = entry;
  for (let links = 0; links < reach; links += 1) {
    const child = chain.entries.findLast((other) => other.parent === at.serial);
    if (!child) return at.childUsedAt ?? at.supersededAt ?? FOREVER;
    at = child;
  }
  return at.supersededAt ?? FOREVER;
}

/** Whether a leaf that is presented now issues a child. */
export function rotates(policy: Policy, leaf: Entry, now: Instant): boolean {
  const { rotate } = policy;
  if (rotate === "always") return true;
  if (rotate === "never") return false;
  if ("every" in rotate) return now - leaf.issuedAt >= rotate.every;
  const lifetime = stepAt(policy.expiry.lifetime, leaf.issuedAt);
  return now - leaf.issuedAt >= rotate.fromFraction * lifetime;
}

/** When the chain's newest leaf ends if nobody presents it again. */
export function aliveUntil(chain: Chain, policy: Policy): Instant {
  const leaf = chain.entries.findLast(isLeaf);
  if (!leaf || chain.revoked) return Number.NEGATIVE_INFINITY;
  return Math.min(
    leaf.issuedAt + stepAt(policy.expiry.lifetime, leaf.issuedAt),
    (leaf.lastUsedAt ?? leaf.issuedAt) + stepAt(policy.expiry.idle, leaf.issuedAt),
    chain.grantAt + stepAt(policy.expiry.authorization, chain.grantAt),
    (leaf.firstUsedAt ?? FOREVER) + policy.usedFor,
  );
}

// --- revoking -------------------------------------------------------------------------------------------

/** The chain, revoked. A chain revoked already keeps its first cause; its access tokens only ever lose. */
export function revoke(chain: Chain, revocation: Revocation): Chain {
  const kept = revocation.accessTokens === "keep" ? chain.register.filter(isAccessRow) : [];
  if (!chain.revoked) return { ...chain, revoked: revocation, register: kept };
  if (revocation.accessTokens === "keep" || chain.revoked.accessTokens === "revoke") return chain;
  return { ...chain, revoked: { ...chain.revoked, accessTokens: "revoke" }, register: kept };
}

const isAccessRow = ({ access }: Registered): boolean => access !== null;

/** Whether an access token is accepted. Revocation of its whole authorization is `authorization.ts`'s question. */
export function accessActive(
  chain: Chain,
  policy: Policy,
  access: AccessGrant,
  now: Instant,
): boolean {
  if (now >= access.expiresAt || access.number > chain.accessLast) return false;
  if (chain.revoked?.accessTokens === "revoke") return false;
  if (access.number < chain.accessFloor) return false;
  if (access.number <= chain.accessLast - policy.access.max) return false;
  if (chain.accessRevoked.some(({ number }) => number === access.number)) return false;
  if (policy.access.ends === "own") return true;
  const entry = findOrAssume(chain, policy, access);
  if (!entry) return false;
  return policy.access.ends === "superseded" ? isLeaf(entry) : isOpen(chain, policy, entry, now);
}

/** Revokes one access token. When too many are listed, every access token as old as the oldest of them dies too. */
export function revokeAccess(chain: Chain, access: AccessGrant, now: Instant): Chain {
  const listed = chain.accessRevoked.filter(
    ({ number, until }) => until > now && number !== access.number,
  );
  const all = [...listed, { number: access.number, until: access.expiresAt }].sort(
    (a, b) => a.number - b.number,
  );
  const register = chain.register.filter((row) => row.access !== access.number);
  if (all.length <= ACCESS_REVOKED_MAX) return { ...chain, accessRevoked: all, register };
  const [oldest, ...rest] = all;
  return {
    ...chain,
    register,
    accessFloor: Math.max(chain.accessFloor, (oldest?.number ?? 0) + 1),
    accessRevoked: rest,
  };
}
