/**
 * The authorization: one client acting for one subject, over all its chains.
 *
 * 1. Codes and chains share one number: code k, once redeemed, becomes chain k. So a replayed code is known by
 *    the chain it began, however long ago, and no list of used codes is kept.
 * 2. Everything up to `revoked.through` is dead. Revoking a client and subject is one write, whatever the number
 *    of chains.
 * 3. A chain granted under a cap is alive only while the capped scope lists it, also when the cap is changed or taken
 *    away: what it pushed out stays dead. A cap counts the chains granted under one: introducing it ends none.
 * 4. A decision is made from values and returns values; `after` names what must be written, all or nothing.
 *    A refusal's `after` is empty, but for the declared effect of replay and of quotas that count all calls.
 */

import { type Answer, aliveUntil, type Chain, type Presented, revoke } from "./chain.ts";
import { type ChainKey, chainKey, type Ordinal } from "./ids.ts";
import { type Cap, newest, type Per, type Policy, type Quota, type Revision } from "./policy.ts";
import { settle } from "./policy-change.ts";
import { accept, begin, judge, punish } from "./present.ts";
import { type Counters, counted, quotaOpensAt } from "./quota.ts";
import type { ChainRefusal, CodeRefusal, Refusal } from "./refusal.ts";
import type { Instant } from "./time.ts";

/** A chain as a capped scope lists it. */
export interface LiveChain {
  readonly key: ChainKey;
  readonly grantAt: Instant;
  readonly usedAt: Instant;
  /** When it ends if nobody presents it again. */
  readonly until: Instant;
}

/** What is counted over a scope: a client and subject, a subject, or a client. */
export interface Tally {
  /** The living chains that were granted under a cap, in order of grant. */
  readonly live: readonly LiveChain[];
  readonly counters: Counters;
}

export const NEW_TALLY: Tally = { live: [], counters: {} };

export interface Authorization extends Tally {
  readonly id: string;
  /** Number of the code opened last. */
  readonly opened: Ordinal;
  readonly revoked: {
    readonly through: Ordinal;
    readonly at: Instant;
    readonly accessTokens: "revoke" | "keep";
  } | null;
}

export const newAuthorization = (id: string): Authorization => ({
  id,
  opened: 0,
  revoked: null,
  ...NEW_TALLY,
});

/** The records a decision reads. Subject and client are needed only where the policy counts over them. */
export interface Scopes {
  readonly authorization: Authorization;
  readonly subject?: Tally | undefined;
  readonly client?: Tally | undefined;
}

/** What a decision changes. */
export interface After {
  readonly chain?: Chain;
  readonly authorization?: Authorization;
  readonly subject?: Tally;
  readonly client?: Tally;
}

export type Decision<R extends Refusal> =
  | { readonly granted: true; readonly answer: Answer; readonly after: After }
  | { readonly granted: false; readonly refusal: R; readonly after: After };

/** Which wider scopes are counted over, or were when a chain was granted, so that their records must be read. */
export function scopesOf(
  revisions: readonly Revision[],
): readonly Exclude<Per, "clientAndSubject">[] {
  const caps = revisions.flatMap(({ policy }) => policy.caps);
  const counted = [...caps, ...newest(revisions).policy.quota].map(({ per }) => per);
  return (["subject", "client"] as const).filter((per) => counted.includes(per));
}

// --- presenting a refresh token -------------------------------------------------------------------------

export interface Presentation {
  readonly scopes: Scopes;
  readonly ordinal: Ordinal;
  readonly chain: Chain;
  readonly token: Presented;
  readonly revisions: readonly Revision[];
  readonly now: Instant;
  readonly attempt: string;
}

/**
 * Decides on a presented refresh token.
 *
 * @see RFC 6749, section 6; RFC 9700, section 4.14.2
 */
export function present(request: Presentation): Decision<ChainRefusal> {
  const { scopes, ordinal, revisions, token, now, attempt } = request;
  const { policy } = newest(revisions);
  const chain = settle(request.chain, revisions);
  const dead = deadByScope(scopes, ordinal, chain);
  if (dead) return refuse(dead, countRefused(scopes, chain, policy, now));
  const judgement = judge(chain, policy, token, now);
  if ("refusal" in judgement) {
    const after = countRefused(scopes, chain, policy, now);
    if (!judgement.replay) return refuse(judgement.refusal, after);
    const room = { ...request, scopes: { ...scopes, ...after }, chain: after.chain ?? chain };
    const effect = punishment(room, policy);
    return refuse(judgement.refusal, { ...after, ...effect });
  }
  const exceeded = exceededQuota(scopes, chain, policy, now);
  if (exceeded) return refuse(exceeded, countRefused(scopes, chain, policy, now));
  const accepted = accept(chain, policy, judgement.entry, now, attempt);
  const after = countGranted(scopes, accepted.chain, policy, now);
  const key = chainKey(scopes.authorization.id, ordinal);
  return {
    granted: true,
    answer: accepted.answer,
    after: {
      ...after,
      ...touchListings({ ...scopes, ...after }, key, accepted.chain, policy, now),
    },
  };
}

const refuse = <R extends Refusal>(refusal: R, after: After = {}): Decision<R> => ({
  granted: false,
  refusal,
  after,
});

/** Whether a chain has died with its authorization, or was pushed out by a cap. */
export function deadByScope(scopes: Scopes, ordinal: Ordinal, chain: Chain): ChainRefusal | null {
  const { revoked, id } = scopes.authorization;
  if (revoked && ordinal <= revoked.through) {
    return { reason: "chainRevoked", by: "clientAndSubject", at: revoked.at };
  }
  // A chain revoked by itself was delisted, and says its own cause.
  if (chain.revoked) return null;
  for (const per of chain.cappedBy) {
    const listed = tallyOf(scopes, per).live.some(({ key }) => key === chainKey(id, ordinal));
    if (!listed) return { reason: "chainRevoked", by: "cap", at: null };
  }
  return null;
}

/** The effect of replay, on the chain or on all chains of the client and subject. */
function punishment(request: Presentation, policy: Policy): After {
  const { scopes, ordinal, now, attempt } = request;
  if (policy.replay.action === "refuse") return {};
  const chain = punish(request.chain, policy, now, attempt);
  const punished: After = { chain, ...delist(scopes, chainKey(scopes.authorization.id, ordinal)) };
  if (policy.replay.action === "revokeChain") return punished;
  const authorization = punished.authorization ?? scopes.authorization;
  return { ...punished, authorization: revokeAll(authorization, now, policy.replay.accessTokens) };
}

/** Revokes every chain and every open code of a client and subject. RFC 7009, section 2.1. */
export function revokeAll(
  authorization: Authorization,
  now: Instant,
  accessTokens: "revoke" | "keep",
): Authorization {
  const { revoked, opened } = authorization;
  // What was revoked with its access tokens does not get them back.
  const revokes = accessTokens === "revoke" || revoked?.accessTokens === "revoke";
  return {
    ...authorization,
    live: [],
    revoked: { through: opened, at: now, accessTokens: revokes ? "revoke" : "keep" },
  };
}

// --- codes ----------------------------------------------------------------------------------------------

/** Opens a code: takes the next number. The code itself carries all else that must be known of it. */
export function openCode(authorization: Authorization): Authorization {
  return { ...authorization, opened: authorization.opened + 1 };
}

export interface Redemption {
  readonly scopes: Scopes;
  readonly code: { readonly ordinal: Ordinal; readonly openedAt: Instant };
  /** The chain of the code's number, if it began already. */
  readonly chain: Chain | undefined;
  /** False for an access token alone: without a refresh token it holds no place under a cap, and is in no register. */
  readonly refreshable?: boolean;
  readonly revisions: readonly Revision[];
  readonly now: Instant;
  readonly attempt: string;
}

/**
 * Redeems a code: makes serial 0 of its chain and applies the caps. A second redemption is replay.
 *
 * @see RFC 6749, section 4.1.2; RFC 9700, section 4.2.4
 */
export function redeem(request: Redemption): Decision<CodeRefusal | ChainRefusal> {
  const { scopes, code, revisions, now, attempt, refreshable = true } = request;
  const { policy, revision } = newest(revisions);
  const { opened, revoked, id } = scopes.authorization;
  const { ordinal } = code;
  const decline = (refusal: CodeRefusal | ChainRefusal): Decision<CodeRefusal | ChainRefusal> =>
    refuse(refusal, countRefused(scopes, undefined, policy, now));
  if (request.chain) {
    const chain = settle(request.chain, revisions);
    return refuseReplayedCode(request, chain, policy);
  }
  if (ordinal > opened || (revoked && ordinal <= revoked.through)) {
    return decline({ reason: "codeRevoked", ordinal });
  }
  const expiresAt = code.openedAt + policy.code.lifetime;
  if (now >= expiresAt) return decline({ reason: "codeExpired", at: expiresAt });
  if (policy.code.parallel === "lastOpened" && ordinal < opened) {
    return decline({ reason: "codeOvertaken", ordinal, opened });
  }
  const exceeded = exceededQuota(scopes, undefined, policy, now);
  if (exceeded) return decline(exceeded);
  const rules: Policy = refreshable ? policy : { ...policy, caps: [], register: "off" };
  const begun = begin(rules, revision, now, attempt);
  const after = countGranted(scopes, begun.chain, policy, now);
  const admitted = admit({ ...scopes, ...after }, chainKey(id, ordinal), begun.chain, rules);
  if ("refusal" in admitted) return decline(admitted.refusal);
  return { granted: true, answer: begun.answer, after: { ...after, ...admitted.after } };
}

function refuseReplayedCode(
  { scopes, code: { ordinal }, now, attempt }: Redemption,
  chain: Chain,
  policy: Policy,
): Decision<CodeRefusal> {
  if (policy.code.replay === "refuse") {
    return refuse({ reason: "codeReplayed", ordinal, effect: "none" });
  }
  const revoked = revoke(chain, { at: now, by: "codeReplay", accessTokens: "revoke" });
  return refuse(
    { reason: "codeReplayed", ordinal, effect: "chainRevoked" },
    {
      chain: { ...revoked, attempt },
      ...delist(scopes, chainKey(scopes.authorization.id, ordinal)),
    },
  );
}

// --- caps -----------------------------------------------------------------------------------------------

const PERS: readonly Per[] = ["clientAndSubject", "subject", "client"];

/** Lists a new chain under every cap; what gives way is no longer listed, and so dead. */
function admit(
  scopes: Scopes,
  key: ChainKey,
  chain: Chain,
  policy: Policy,
): { readonly after: After } | { readonly refusal: CodeRefusal } {
  const now = chain.grantAt;
  const listed: LiveChain = { key, grantAt: now, usedAt: now, until: aliveUntil(chain, policy) };
  let after: After = {};
  for (const cap of policy.caps) {
    const tally = tallyOf({ ...scopes, ...after }, cap.per);
    const living = tally.live.filter(({ until }) => until > now);
    if (cap.over === "refuse" && living.length >= cap.max) {
      return { refusal: { reason: "capReached", per: cap.per, max: cap.max } };
    }
    const live = [...makeRoom(tally.live, cap), listed];
    after = { ...after, ...put(cap.per, { ...tally, live }) };
  }
  return { after };
}

/** The lists without a chain that was revoked: it holds no place under a cap. Part of every revocation of one chain. */
export function delist(scopes: Scopes, key: ChainKey): After {
  let after: After = {};
  for (const per of PERS) {
    const tally = tallyOf(scopes, per);
    const live = tally.live.filter((listed) => listed.key !== key);
    if (live.length < tally.live.length) after = { ...after, ...put(per, { ...tally, live }) };
  }
  return after;
}

/** The listed chains that stay when one more is admitted. */
function makeRoom(chains: readonly LiveChain[], cap: Cap): readonly LiveChain[] {
  const excess = chains.length - (cap.max - 1);
  if (excess <= 0) return chains;
  const at = cap.over === "evictOldest" ? "grantAt" : cap.over === "refuse" ? "until" : "usedAt";
  const first = new Set(chains.toSorted((a, b) => a[at] - b[at]).slice(0, excess));
  return chains.filter((chain) => !first.has(chain));
}

/** Where a cap asks who was used last, or who still lives, an accepted refresh is noted in its list. */
function touchListings(
  scopes: Scopes,
  key: ChainKey,
  chain: Chain,
  policy: Policy,
  now: Instant,
): After {
  let after: After = {};
  for (const cap of policy.caps) {
    const tally = tallyOf({ ...scopes, ...after }, cap.per);
    if (cap.over === "evictOldest") continue;
    const live = tally.live.map((listed) =>
      listed.key === key ? { ...listed, usedAt: now, until: aliveUntil(chain, policy) } : listed,
    );
    after = { ...after, ...put(cap.per, { ...tally, live }) };
  }
  return after;
}

function tallyOf(scopes: Scopes, per: Per): Tally {
  if (per === "clientAndSubject") return scopes.authorization;
  return scopes[per] ?? NEW_TALLY;
}

/** A changed tally, under the name of its record. An authorization's tally is the authorization. */
function put(per: Per, tally: Tally): After {
  return per === "clientAndSubject" ? { authorization: tally as Authorization } : { [per]: tally };
}

// --- quotas ---------------------------------------------------------------------------------------------

function countersOf(scopes: Scopes, chain: Chain | undefined, per: Quota["per"]): Counters {
  if (per === "chain") return chain?.counters ?? {};
  return tallyOf(scopes, per).counters;
}

function exceededQuota(
  scopes: Scopes,
  chain: Chain | undefined,
  policy: Policy,
  now: Instant,
): ChainRefusal | null {
  for (const quota of policy.quota) {
    const resetsAt = quotaOpensAt(quota, countersOf(scopes, chain, quota.per), now);
    const { per, max } = quota;
    if (resetsAt > now) return { reason: "quotaExceeded", per, max, resetsAt };
  }
  return null;
}

/** The chain and the scopes with one more granted call counted; always names the chain. */
function countGranted(scopes: Scopes, chain: Chain, policy: Policy, now: Instant): After {
  return { chain, ...countCall(scopes, chain, policy, now, () => true) };
}

/** What a refused call changes: the counters of quotas that count all calls, and nothing else. */
function countRefused(
  scopes: Scopes,
  chain: Chain | undefined,
  policy: Policy,
  now: Instant,
): After {
  return countCall(scopes, chain, policy, now, ({ counts }) => counts === "all");
}

function countCall(
  scopes: Scopes,
  chain: Chain | undefined,
  policy: Policy,
  now: Instant,
  counts: (quota: Quota) => boolean,
): After {
  let after: After = {};
  for (const per of new Set(policy.quota.filter(counts).map((quota) => quota.per))) {
    const quotas = policy.quota.filter((quota) => quota.per === per);
    const counters = counted(quotas, countersOf(scopes, chain, per), now, counts);
    if (per !== "chain") after = { ...after, ...put(per, { ...tallyOf(scopes, per), counters }) };
    else if (chain) after = { ...after, chain: { ...chain, counters } };
  }
  return after;
}
