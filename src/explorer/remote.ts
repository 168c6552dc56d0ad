/**
 * The remote of the model: an authorization server with one chain of one client, by the production kernel.
 *
 * A token is written `serial@issuedAt`: its print, its seal and itself are one and the same text here.
 */

import {
  type Authorization,
  newAuthorization,
  openCode,
  present,
  redeem,
} from "../kernel/authorization.ts";
import {
  type Chain,
  entryOf,
  isAccepted,
  isLeaf,
  type Presented,
  revoke,
} from "../kernel/chain.ts";
import type { Policy, Revision } from "../kernel/policy.ts";
import { accessUsed } from "../kernel/present.ts";
import type { ChainRefusal } from "../kernel/refusal.ts";
import type { Result } from "../kernel/settle.ts";
import type { Instant } from "../kernel/time.ts";

export interface Remote {
  readonly authorization: Authorization;
  readonly chain: Chain;
}

export type Token = string;

const ORDINAL = 1;

const write = ({ serial, issuedAt }: Presented): Token => `${serial}@${issuedAt}`;

function read(token: Token): Presented {
  const at = token.indexOf("@");
  return { serial: Number(token.slice(0, at)), issuedAt: Number(token.slice(at + 1)) };
}

export const serialOf = (token: Token): number => read(token).serial;

export const revisionsOf = (policy: Policy): readonly Revision[] => [
  { revision: 1, policy, at: 0, revive: false },
];

/** A chain as it begins, and its first token. */
export function beginRemote(policy: Policy, now: Instant): { remote: Remote; first: Token } {
  const revisions = revisionsOf(policy);
  const opened = openCode(newAuthorization("a"));
  const redeemed = redeem({
    scopes: { authorization: opened },
    code: { ordinal: ORDINAL, openedAt: now },
    chain: undefined,
    revisions,
    now,
    attempt: "grant",
  });
  if (!redeemed.granted || !redeemed.after.chain || !redeemed.answer.refresh) {
    throw new TypeError("a new code is redeemed");
  }
  const { chain, authorization = opened } = redeemed.after;
  return { remote: { chain, authorization }, first: write(redeemed.answer.refresh) };
}

/**
 * Whether a token would be accepted now, were it not for the least interval and for quotas. A remote that has forgotten
 * a grant gives its serial to another token: of that the first is no copy.
 */
export function accepts({ chain }: Remote, policy: Policy, token: Token, now: Instant): boolean {
  const presented = read(token);
  const entry = entryOf(chain, presented.serial);
  if (entry && entry.issuedAt !== presented.issuedAt) return false;
  return isAccepted(chain, policy, presented, now);
}

/** What the remote becomes and answers when a token is presented. */
export function presentTo(
  remote: Remote,
  revisions: readonly Revision[],
  token: Token,
  now: Instant,
): { readonly remote: Remote; readonly result: Result } {
  const decision = present({
    scopes: { authorization: remote.authorization },
    ordinal: ORDINAL,
    chain: remote.chain,
    token: read(token),
    revisions,
    now,
    attempt: "r",
  });
  const { chain = remote.chain, authorization = remote.authorization } = decision.after;
  const after = chain === remote.chain && authorization === remote.authorization;
  const next = after ? remote : { chain, authorization };
  if (!decision.granted) return { remote: next, result: refused(decision.refusal) };
  const { refresh, access } = decision.answer;
  const fresh = refresh && { sealed: write(refresh), print: write(refresh) };
  return {
    remote: next,
    result: {
      class: "answered",
      refresh: fresh,
      access: { sealed: `access ${access.number}` },
      expiresIn: access.expiresAt - access.issuedAt,
      tokenType: "Bearer",
      scope: null,
    },
  };
}

/** The remote after the newest access token of a refresh token was used, which may count as that one's first use. */
export function usedAccess(remote: Remote, policy: Policy, token: Token, now: Instant): Remote {
  const { serial, issuedAt } = read(token);
  const entry = entryOf(remote.chain, serial);
  const isActive = entry?.issuedAt === issuedAt && (policy.access.ends === "own" || isLeaf(entry));
  const chain = isActive ? accessUsed(remote.chain, policy, serial, now) : remote.chain;
  return chain === remote.chain ? remote : { ...remote, chain };
}

function refused({ reason }: ChainRefusal): Result {
  const about = reason === "tooEarly" ? "tooEarly" : reason === "quotaExceeded" ? "rate" : "token";
  return {
    class: "refusedUnspent",
    about,
    error: reason,
    status: 400,
    retryAfter: null,
    found: null,
  };
}

/** The chain, ended by its owner. */
export const revokedByOwner = ({ authorization, chain }: Remote, now: Instant): Remote => ({
  authorization,
  chain: revoke(chain, { at: now, by: "owner", accessTokens: "revoke" }),
});
