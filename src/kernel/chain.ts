/**
 * The chain: all refresh tokens that descend from one grant, as one value of bounded size.
 *
 * 1. A chain knows its tokens by serial. It keeps entries only for those about which a question is still open:
 *    leaves, what stands within reach behind them, what is open until its child is used, and what died so
 *    recently that a racer may still present it. At most `KEEP`; usually two or three, however often it rotated.
 * 2. The accepted set at an instant is: nothing, if revoked; else every entry that is open and not ended; and,
 *    where the policy holds every serial open, each serial from `floor` to `last` that has no entry.
 * 3. `judge` answers from that set and from the least interval, and changes nothing. `accept` makes the next
 *    value of the chain; `punish` is the declared effect of replay. Quotas and wide revocation are decided by
 *    `authorization.ts`, between the two.
 * 4. Nothing dead revives: not by time, not by a retry, not by a change of policy unless the change says so.
 *
 * Presenting a token, first match answers: chain revoked; serial ahead of the record; not open (spared or
 * replayed); ended; too early; then accepted. RFC 6749, section 6; RFC 9700, section 4.14.2.
 */

import { SERIAL_MAX, type Serial } from "./ids.ts";
import { branchesOf, holdsEverySerialOpen, KEEP, type Policy, type Revision } from "./policy.ts";
import type { Counters } from "./quota.ts";
import type { ChainRefusal, EndedBy, RevokedBy } from "./refusal.ts";
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
  /** Tokens as a vendor's surface lists them, newest last; empty unless the policy keeps a register. No rule reads it. */
  readonly register: readonly Registered[];
}

export interface Registered extends Presented {
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

const isLeaf = (entry: Entry): boolean => entry.supersededAt === null;

const entryOf = (chain: Chain, serial: Serial | null): Entry | undefined =>
  serial === null ? undefined : chain.entries.find((entry) => entry.serial === serial);

/** Whether an entry is at most so many parent links behind a leaf. A parent's serial is below its child's. */
function isWithin(reach: number, chain: Chain, target: Entry): boolean {
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
function isOpen(chain: Chain, policy: Policy, entry: Entry, now: Instant): boolean {
  if (entry.supersededAt === null) return true;
  if (entry.retries >= policy.retry.limit) return false;
  if (streakExhausted(chain, policy, entry)) return false;
  const { atLeast, reach, untilUsed, atMost } = policy.overlap;
  const age = Math.max(0, now - entry.supersededAt);
  if (age < atLeast && isWithin(reach, chain, entry)) return true;
  return untilUsed && entry.childUsedAt === null && age < atMost;
}

/** Whether retrying this token would be one generation in a row too many. */
function streakExhausted(chain: Chain, policy: Policy, entry: Entry): boolean {
  return entry.supersededAt !== null && entry.retries === 0 && chain.streak >= policy.retry.streak;
}

/** Which limit has ended an entry, and when; null while none has. */
function endedBy(
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
function findOrAssume(chain: Chain, policy: Policy, token: Presented): Entry | undefined {
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
function diedAt(chain: Chain, policy: Policy, entry: Entry): Instant {
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
function rotates(policy: Policy, leaf: Entry, now: Instant): boolean {
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

// --- presenting a refresh token -------------------------------------------------------------------------

/** A presented token that the chain itself would accept, or why not. `replay` tells what `punish` must do. */
export type Judgement =
  | { readonly entry: Entry }
  | { readonly refusal: ChainRefusal; readonly replay: boolean };

const refused = (refusal: ChainRefusal): Judgement => ({ refusal, replay: false });

/**
 * Judges a presented token against the chain; changes nothing.
 * The chain must be settled under the policy's revision.
 */
export function judge(chain: Chain, policy: Policy, token: Presented, now: Instant): Judgement {
  const { serial } = token;
  if (chain.revoked) {
    const { by, at } = chain.revoked;
    return refused({ reason: "chainRevoked", by, at });
  }
  if (serial > chain.last) return refused({ reason: "serialAhead", serial, last: chain.last });
  const entry = findOrAssume(chain, policy, token);
  if (!entry) {
    // The newest token has no entry only if it was dead when its policy changed: nobody can have replayed it.
    if (serial === chain.last)
      return refused({ reason: "tokenExpired", by: "policyChange", at: null });
    return replayed(policy, serial);
  }
  if (!isOpen(chain, policy, entry, now)) {
    if (streakExhausted(chain, policy, entry)) return replayed(policy, serial);
    const died = diedAt(chain, policy, entry);
    const spared = now - died < policy.replay.sparing;
    return spared
      ? refused({ reason: "superseded", serial, diedAt: died })
      : replayed(policy, serial);
  }
  const ended = endedBy(chain, policy, entry, now);
  if (ended) return refused({ reason: "tokenExpired", ...ended });
  const notBefore = chain.lastGrantAt + policy.minInterval;
  if (now < notBefore) return refused({ reason: "tooEarly", notBefore });
  return { entry };
}

function replayed(policy: Policy, serial: Serial): Judgement {
  const effect =
    policy.replay.action === "refuse"
      ? "none"
      : policy.replay.action === "revokeChain"
        ? "chainRevoked"
        : "clientAndSubjectRevoked";
  return { refusal: { reason: "replayed", serial, effect }, replay: true };
}

/**
 * Accepts an entry that `judge` let through: notes its use, issues or repeats, and forgets what no longer matters.
 * Keeps: entries sorted and at most `KEEP`; at most `siblings` leaves; `last` never falls.
 */
export function accept(
  chain: Chain,
  policy: Policy,
  entry: Entry,
  now: Instant,
  attempt: string,
): Accepted {
  const retry = !isLeaf(entry);
  const parent = entryOf(chain, entry.parent);
  const streak = retry
    ? chain.streak + (entry.retries === 0 ? 1 : 0)
    : parent && parent.retries > 0
      ? chain.streak
      : 0;
  const endsStreak = chain.streak >= policy.retry.streak && streak < chain.streak;
  const mayReopen = retry ? policy.overlap.reach > 1 : endsStreak;
  const closed = mayReopen ? closeForGood(chain, policy, retry, now) : chain;
  const change = { retries: entry.retries + (retry ? 1 : 0), lastUsedAt: now };
  const used: Chain = {
    ...noteUse(closed, entry, now, change),
    lastGrantAt: now,
    attempt,
    streak,
  };
  if (!retry && !rotates(policy, entry, now)) {
    const refresh = policy.unrotated === "repeat" ? presentedOf(entry) : null;
    return answered(used, policy, "repeated", entry.serial, refresh, now);
  }
  const again = retry ? leafToRepeat(used, policy, entry, now) : undefined;
  if (again) return answered(used, policy, "retried", again.serial, presentedOf(again), now);
  const next = issueChild(used, policy, entry.serial, now);
  const refresh = { serial: next.last, issuedAt: now };
  return answered(next, policy, retry ? "retried" : "rotated", next.last, refresh, now);
}

const presentedOf = ({ serial, issuedAt }: Entry): Presented => ({ serial, issuedAt });

/**
 * Closes for good what is closed and what follows could reopen: a retry's new child brings within reach what had
 * fallen behind, an accepted leaf ends the streak that had closed its parent.
 */
function closeForGood(chain: Chain, policy: Policy, retry: boolean, now: Instant): Chain {
  const { reach } = policy.overlap;
  const reopens = (entry: Entry): boolean =>
    retry
      ? !isWithin(reach, chain, entry) && !isOpen(chain, policy, entry, now)
      : streakExhausted(chain, policy, entry);
  const entries = chain.entries.map((entry) =>
    reopens(entry) ? { ...entry, retries: Number.POSITIVE_INFINITY } : entry,
  );
  return { ...chain, entries };
}

/** Notes the use of an entry, the first one at its parent too. */
function noteUse(chain: Chain, entry: Entry, now: Instant, change: Partial<Entry>): Chain {
  const noted: Entry = { ...entry, ...change, firstUsedAt: entry.firstUsedAt ?? now };
  const entries = chain.entries.map((other) =>
    other.serial === entry.serial
      ? noted
      : entry.firstUsedAt === null && other.serial === entry.parent
        ? { ...other, childUsedAt: other.childUsedAt ?? now }
        : other,
  );
  if (!entryOf(chain, entry.serial)) {
    entries.push(noted);
    entries.sort((a, b) => a.serial - b.serial);
  }
  return { ...chain, entries };
}

/** The leaf that a retry is answered with; undefined where the policy wants a new child, or no leaf lives. */
function leafToRepeat(chain: Chain, policy: Policy, entry: Entry, now: Instant): Entry | undefined {
  const { answer } = policy.retry;
  if (answer === "new") return undefined;
  if (answer !== "current" && now - (entry.supersededAt ?? now) >= answer.currentFor) {
    return undefined;
  }
  const alive = chain.entries.filter(
    (other) => isLeaf(other) && endedBy(chain, policy, other, now) === null,
  );
  return alive.findLast((leaf) => descendsFrom(chain, leaf, entry)) ?? alive.at(-1);
}

function descendsFrom(chain: Chain, leaf: Entry, ancestor: Entry): boolean {
  for (let at: Entry | undefined = leaf; at; at = entryOf(chain, at.parent)) {
    if (at.serial === ancestor.serial) return true;
  }
  return false;
}

/** Issues `last` + 1 as a child of a serial, and drops the leaves that are too many. */
function issueChild(chain: Chain, policy: Policy, parent: Serial, now: Instant): Chain {
  const serial = chain.last + 1;
  if (serial > SERIAL_MAX) throw new RangeError(`a chain holds at most ${SERIAL_MAX} tokens`);
  const child: Entry = {
    serial,
    parent,
    issuedAt: now,
    firstUsedAt: null,
    lastUsedAt: null,
    supersededAt: null,
    childUsedAt: null,
    retries: 0,
  };
  const others = chain.entries.map((entry) =>
    entry.serial === parent ? { ...entry, supersededAt: entry.supersededAt ?? now } : entry,
  );
  const leaves = others.filter(isLeaf);
  const dropped = new Set(leaves.slice(0, Math.max(0, leaves.length - (branchesOf(policy) - 1))));
  const entries = others.map((entry) =>
    dropped.has(entry) ? { ...entry, supersededAt: now, childUsedAt: now } : entry,
  );
  return { ...chain, last: serial, entries: [...entries, child] };
}

/** The answer with a new access token of the answered serial, and the chain pruned. */
function answered(
  chain: Chain,
  policy: Policy,
  kind: Answer["kind"],
  serial: Serial,
  refresh: Presented | null,
  now: Instant,
): Accepted {
  const access: AccessGrant = {
    serial,
    number: chain.accessLast + 1,
    issuedAt: now,
    expiresAt: Math.min(
      now + policy.access.lifetime,
      chain.grantAt + stepAt(policy.expiry.authorization, chain.grantAt),
    ),
  };
  const next = prune({ ...chain, accessLast: access.number }, policy, now);
  return { chain: register(next, policy, now), answer: { kind, refresh, access } };
}

/** The chain with its register brought up to date. */
function register(chain: Chain, policy: Policy, now: Instant): Chain {
  if (policy.register === "off")
    return chain.register.length > 0 ? { ...chain, register: [] } : chain;
  const { max, superseded } = policy.register;
  const newest = chain.entries.filter(({ issuedAt }) => issuedAt === now);
  const listed = new Set(chain.register.map(({ serial }) => serial));
  const rows = [
    ...chain.register,
    ...newest
      .filter(({ serial }) => !listed.has(serial))
      .map(({ serial, issuedAt }) => ({
        serial,
        issuedAt,
        expiresAt: issuedAt + stepAt(policy.expiry.lifetime, issuedAt),
      })),
  ];
  const kept =
    superseded === "keep" ? rows : rows.filter((row) => isAccepted(chain, policy, row, now));
  return { ...chain, register: kept.slice(-max) };
}

/** Forgets entries about which no question is open; beyond `KEEP`, the oldest superseded. */
function prune(chain: Chain, policy: Policy, now: Instant): Chain {
  const { reach, untilUsed, atMost } = policy.overlap;
  const links = Number.isFinite(reach) ? reach : 1;
  const needed = chain.entries.filter((entry) => {
    // Where every serial is open, those below the floor are so by their entry alone.
    if (holdsEverySerialOpen(policy) && entry.serial < chain.floor) return true;
    if (entry.supersededAt === null || isWithin(links, chain, entry)) return true;
    const age = now - entry.supersededAt;
    if (untilUsed && entry.childUsedAt === null && age < atMost) return true;
    return (
      !holdsEverySerialOpen(policy) && now - diedAt(chain, policy, entry) < policy.replay.sparing
    );
  });
  let excess = needed.length - KEEP;
  const entries = needed.filter((entry) => isLeaf(entry) || excess-- <= 0);
  return {
    ...chain,
    entries,
    accessRevoked: chain.accessRevoked.filter(({ until }) => until > now),
  };
}

// --- other events ---------------------------------------------------------------------------------------

/** Begins a chain with serial 0. */
export function begin(policy: Policy, revision: number, now: Instant, attempt: string): Accepted {
  const first: Entry = {
    serial: 0,
    parent: null,
    issuedAt: now,
    firstUsedAt: null,
    lastUsedAt: null,
    supersededAt: null,
    childUsedAt: null,
    retries: 0,
  };
  const chain: Chain = {
    last: 0,
    floor: 0,
    grantAt: now,
    lastGrantAt: now,
    revision,
    revoked: null,
    streak: 0,
    attempt,
    accessLast: 0,
    accessFloor: 0,
    accessRevoked: [],
    counters: {},
    entries: [first],
    register: [],
  };
  return answered(chain, policy, "granted", 0, presentedOf(first), now);
}

/** The chain, revoked. A chain revoked already keeps its first cause; its access tokens only ever lose. */
export function revoke(chain: Chain, revocation: Revocation): Chain {
  if (!chain.revoked) return { ...chain, revoked: revocation };
  if (revocation.accessTokens === "keep" || chain.revoked.accessTokens === "revoke") return chain;
  return { ...chain, revoked: { ...chain.revoked, accessTokens: "revoke" } };
}

/** The declared effect of replay on this chain. Same value if there is none. */
export function punish(chain: Chain, policy: Policy, now: Instant, attempt: string): Chain {
  if (policy.replay.action === "refuse") return chain;
  const { accessTokens } = policy.replay;
  return { ...revoke(chain, { at: now, by: "replay", accessTokens }), attempt };
}

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

/**
 * Notes that an access token of a serial was accepted by a resource server. Returns the same value unless that
 * was the first use of the serial and the policy counts it: one durable write at first use only.
 */
export function accessUsed(chain: Chain, policy: Policy, serial: Serial, now: Instant): Chain {
  if (policy.firstUse !== "refreshOrAccess" || chain.revoked) return chain;
  const entry = entryOf(chain, serial);
  if (!entry || entry.firstUsedAt !== null) return chain;
  return noteUse(chain, entry, now, {});
}

/** Revokes one access token. When too many are listed, every access token as old as the oldest of them dies too. */
export function revokeAccess(chain: Chain, access: AccessGrant, now: Instant): Chain {
  const listed = chain.accessRevoked.filter(
    ({ number, until }) => until > now && number !== access.number,
  );
  const all = [...listed, { number: access.number, until: access.expiresAt }].sort(
    (a, b) => a.number - b.number,
  );
  if (all.length <= ACCESS_REVOKED_MAX) return { ...chain, accessRevoked: all };
  const [oldest, ...rest] = all;
  return {
    ...chain,
    accessFloor: Math.max(chain.accessFloor, (oldest?.number ?? 0) + 1),
    accessRevoked: rest,
  };
}

// --- change of policy -----------------------------------------------------------------------------------

/**
 * Settles a chain under the newest revision, going through every change since it was last touched.
 *
 * At each change, what was dead under the old revision is dropped and `floor` rises above every serial, so that
 * nothing revives; unless the change says `revive`, or both revisions hold every serial open with equal limits.
 * The value is the same whenever it is computed; it is written with the next accepted request.
 */
export function settle(chain: Chain, revisions: readonly Revision[]): Chain {
  let settled = chain;
  for (const [index, change] of revisions.entries()) {
    if (change.revision <= settled.revision) continue;
    const before = revisions[index - 1]?.policy;
    if (!before) throw new RangeError(`policy revision ${settled.revision} is not known any more`);
    settled = change.revive ? settled : dropDead(settled, before, change);
    settled = { ...settled, revision: change.revision };
  }
  return settled;
}

function dropDead(chain: Chain, before: Policy, { policy, at }: Revision): Chain {
  if (rulesOfLife(before) === rulesOfLife(policy)) return chain;
  const sameLimits =
    JSON.stringify([before.expiry, before.usedFor]) ===
    JSON.stringify([policy.expiry, policy.usedFor]);
  const allStayOpen = holdsEverySerialOpen(before) && holdsEverySerialOpen(policy) && sameLimits;
  return {
    ...chain,
    floor: allStayOpen ? chain.floor : chain.last + 1,
    accessFloor: Math.max(chain.accessFloor, accessFloorAfter(chain, before, policy)),
    entries: chain.entries.filter((entry) => isAccepted(chain, before, entry, at)),
  };
}

/** Access tokens numbered below this may be dead. Where `ends` weakens, the record cannot tell which are: all end. */
function accessFloorAfter(chain: Chain, before: Policy, after: Policy): number {
  const strength = ["own", "notOpen", "superseded"];
  const weakens = strength.indexOf(after.access.ends) < strength.indexOf(before.access.ends);
  return weakens ? chain.accessLast + 1 : chain.accessLast - before.access.max + 1;
}

/** What decides on whether a token lives, as text: where it stays the same, nothing needs to be dropped. */
function rulesOfLife({ overlap, firstUse, retry, usedFor, expiry, access }: Policy): string {
  return JSON.stringify([overlap, firstUse, retry, usedFor, expiry, access]);
}
