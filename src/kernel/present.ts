/**
 * Presenting a refresh token: what a chain answers, and what it is afterwards.
 *
 * 1. `judge` answers from the accepted set and from the least interval, and changes nothing. First match answers:
 *    chain revoked; serial ahead of the record; not open (spared or replayed); ended; too early; else accepted.
 * 2. `accept` makes the next value of the chain; `punish` is the declared effect of replay. Quotas and wide revocation
 *    are decided by `authorization.ts`, between the two.
 *
 * RFC 6749, section 6; RFC 9700, section 4.14.2.
 */

import {
  type Accepted,
  type AccessGrant,
  type Answer,
  type Chain,
  diedAt,
  type Entry,
  endedBy,
  entryOf,
  findOrAssume,
  isAccepted,
  isLeaf,
  isOpen,
  isWithin,
  type Presented,
  type Registered,
  revoke,
  rotates,
  streakExhausted,
} from "./chain.ts";
import { SERIAL_MAX, type Serial } from "./ids.ts";
import { branchesOf, holdsEverySerialOpen, KEEP, type Policy } from "./policy.ts";
import type { ChainRefusal } from "./refusal.ts";
import { type Instant, stepAt } from "./time.ts";

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
  return { chain: register(next, policy, access, now), answer: { kind, refresh, access } };
}

/** The chain with its register brought up to date: at most so many refresh tokens, and so many access tokens. */
function register(chain: Chain, policy: Policy, granted: AccessGrant, now: Instant): Chain {
  if (policy.register === "off")
    return chain.register.length > 0 ? { ...chain, register: [] } : chain;
  const { max, superseded } = policy.register;
  const before = chain.register.filter(({ access }) => access === null);
  const listed = new Set(before.map(({ serial }) => serial));
  const refresh: readonly Registered[] = [
    ...before,
    ...chain.entries
      .filter(({ serial, issuedAt }) => issuedAt === now && !listed.has(serial))
      .map(({ serial, issuedAt }) => ({
        serial,
        issuedAt,
        expiresAt: issuedAt + stepAt(policy.expiry.lifetime, issuedAt),
        access: null,
      })),
  ];
  const kept =
    superseded === "keep" ? refresh : refresh.filter((row) => isAccepted(chain, policy, row, now));
  const { number, ...times } = granted;
  const access = [...chain.register, { ...times, access: number }].filter(
    (row) => row.access !== null && row.expiresAt > now,
  );
  return { ...chain, register: [...kept.slice(-max), ...access.slice(-max)] };
}

/** Forgets entries about which no question is open. */
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
  return {
    ...chain,
    entries: needed.length > KEEP ? withoutOldest(chain, policy, needed, now) : needed,
    accessRevoked: chain.accessRevoked.filter(({ until }) => until > now),
  };
}

/** As many entries as are kept: without the oldest superseded ones, and of these the closed ones first. */
function withoutOldest(
  chain: Chain,
  policy: Policy,
  entries: readonly Entry[],
  now: Instant,
): readonly Entry[] {
  const superseded = entries.filter((entry) => !isLeaf(entry));
  const closed = superseded.filter((entry) => !isOpen(chain, policy, entry, now));
  const open = superseded.filter((entry) => !closed.includes(entry));
  const dropped = new Set([...closed, ...open].slice(0, entries.length - KEEP));
  return entries.filter((entry) => !dropped.has(entry));
}

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
    cappedBy: policy.caps.map(({ per }) => per),
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

/** The declared effect of replay on this chain. Same value if there is none. */
export function punish(chain: Chain, policy: Policy, now: Instant, attempt: string): Chain {
  if (policy.replay.action === "refuse") return chain;
  const { accessTokens } = policy.replay;
  return { ...revoke(chain, { at: now, by: "replay", accessTokens }), attempt };
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
