/**
 * What an owner granted, and the tokens that come of it: for the owner's own page and for a vendor's surface.
 *
 * 1. An owner's chains are found by their clients: each client and owner have one authorization, which counts its
 *    chains. Nothing reads the chains of others.
 * 2. Tokens are listed from the chains' registers. A refresh token is a function of its chain, serial and instant, so
 *    its text can be told again. An access token's scope may have been narrowed, which no register says: it is listed
 *    by a handle that names it and opens nothing.
 */

import type { AccessGrant, Chain, Registered } from "../kernel/chain.ts";
import { type ChainKey, chainKey, type Serial } from "../kernel/ids.ts";
import { settle } from "../kernel/policy-change.ts";
import type { RevokedBy } from "../kernel/refusal.ts";
import type { Instant } from "../kernel/time.ts";
import { everyRecord } from "../store/every.ts";
import type { ChainRecord } from "../store/records.ts";
import { keyOf } from "../store/store.ts";
import { type Desk, newAttempt } from "./granting.ts";
import { isActive, type Look, lookAt } from "./introspect.ts";
import { endOfAccess, endOfChain } from "./revoke.ts";
import { authorizationIdOf, type ChainName, chainNameOf } from "./token-format.ts";
import { decideOnChain, type Room, type Verdict } from "./transaction.ts";

/** One client that an owner let in. */
export interface Grant {
  readonly clientId: string;
  readonly scope: readonly string[];
  readonly resources: readonly string[];
  /** When the newest of its living chains was granted, and when one was last refreshed. */
  readonly grantedAt: Instant;
  readonly usedAt: Instant;
}

export interface ListedToken {
  readonly kind: "refresh" | "access";
  /** A refresh token's text; an access token's handle. */
  readonly id: string;
  readonly chain: ChainKey;
  readonly serial: Serial;
  readonly issuedAt: Instant;
  /** Infinity for never. */
  readonly expiresAt: Instant;
  /** Whether it would be accepted now. */
  readonly accepted: boolean;
  /** The access token's number; null for a refresh token. */
  readonly access: number | null;
  readonly clientId: string;
  readonly subject: string;
  readonly scope: readonly string[];
  readonly grantType: string;
}

/** How many of an authorization's newest chains are looked at: those before them were displaced or forgotten long ago. */
const CHAINS_MAX = 200;

interface Found {
  readonly name: ChainName;
  readonly room: Look;
}

/** Newest first for each client. */
async function* chainsOfOwner(desk: Desk, subject: string): AsyncGenerator<Found> {
  for await (const { clientId } of desk.clients.list()) {
    const authorizationId = authorizationIdOf(desk.realm, clientId, subject);
    const authorization = await desk.store.read(keyOf("authorization", authorizationId));
    const { opened = 0, revoked = null } = authorization ?? {};
    const first = Math.max(revoked?.through ?? 0, opened - CHAINS_MAX);
    for (let ordinal = opened; ordinal > first; ordinal -= 1) {
      const name = { authorizationId, ordinal };
      const row = await desk.store.read(keyOf("chain", chainKey(authorizationId, ordinal)));
      const room = row && (await lookAt(desk, name, row));
      if (room) yield { name, room };
    }
  }
}

async function* allChains(desk: Desk): AsyncGenerator<Found> {
  for await (const { id, record } of everyRecord(desk.store, "chain")) {
    const found = record.realm === desk.realm && (await foundOf(desk, id, record));
    if (found) yield found;
  }
}

async function foundOf(desk: Desk, key: ChainKey, row: ChainRecord): Promise<Found | undefined> {
  const name = chainNameOf(key);
  const room = await lookAt(desk, name, row);
  return room && { name, room };
}

export async function listGrants(desk: Desk, subject: string): Promise<readonly Grant[]> {
  const grants = new Map<string, Grant>();
  for await (const { name, room } of chainsOfOwner(desk, subject)) {
    const { row, revisions } = room;
    const chain = settle(row.chain, revisions);
    if (!isAlive(chain, name, room)) continue;
    const { client: clientId, scope, resources } = row;
    const known = grants.get(clientId);
    grants.set(clientId, {
      clientId,
      scope: [...new Set([...(known?.scope ?? []), ...scope])].sort(),
      resources: [...new Set([...(known?.resources ?? []), ...resources])].sort(),
      grantedAt: Math.max(known?.grantedAt ?? 0, chain.grantAt),
      usedAt: Math.max(known?.usedAt ?? 0, chain.lastGrantAt),
    });
  }
  return [...grants.values()];
}

/** Whether a chain can still bring an access token, or the one it brought lives. */
function isAlive(chain: Chain, { ordinal }: ChainName, room: Look): boolean {
  if (!room.row.refreshable) {
    const { revoked } = room.scopes.authorization;
    const isRevoked = chain.revoked !== null || ordinal <= (revoked?.through ?? 0);
    return !isRevoked && room.now < chain.lastGrantAt + room.policy.access.lifetime;
  }
  return chain.entries.some((entry) => isActive(room, { ...entry, ordinal, access: null }));
}

export async function listTokens(
  desk: Desk,
  subject: string | undefined,
): Promise<readonly ListedToken[]> {
  const tokens: ListedToken[] = [];
  const chains = subject === undefined ? allChains(desk) : chainsOfOwner(desk, subject);
  for await (const { name, room } of chains) {
    tokens.push(...room.row.chain.register.map((row) => listed(desk, name, room, row)));
  }
  return tokens;
}

function listed(desk: Desk, name: ChainName, room: Look, row: Registered): ListedToken {
  const { client: clientId, subject, scope, grantType, secret } = room.row;
  const chain = chainKey(name.authorizationId, name.ordinal);
  const { serial, issuedAt, expiresAt, access: number } = row;
  const access = accessOf(row);
  return {
    kind: access ? "access" : "refresh",
    id: access ? `${chain}.${access.number}` : desk.tokens.refreshToken(name, secret, row),
    chain,
    serial,
    issuedAt,
    expiresAt,
    accepted: isActive(room, { ordinal: name.ordinal, serial, issuedAt, access }),
    access: number,
    clientId,
    subject,
    scope,
    grantType,
  };
}

const accessOf = ({ access, ...times }: Registered): AccessGrant | null =>
  access === null ? null : { ...times, number: access };

/**
 * Revokes a listed access token alone, or the whole chain of a refresh token. One that was dead when it was listed is
 * only taken off the list: whoever tidies up means nothing that lives. One that lived then ends its chain, also if it
 * was superseded since.
 */
export async function revokeListed(desk: Desk, token: ListedToken): Promise<void> {
  const { chain: key, clientId, subject } = token;
  // As the store has it: a row at hand whose secret was replaced elsewhere would not pass for the client.
  const client = await desk.store.read(desk.clients.key(clientId));
  if (!client) return;
  const attempt = newAttempt(desk.random);
  const target = { ...chainNameOf(key), subject };
  await decideOnChain<{ readonly done: true }>(desk, client, target, attempt, (room) =>
    revocationOf(token, room, attempt),
  );
}

function revocationOf(
  token: ListedToken,
  { row, scopes, now }: Room,
  attempt: string,
): Verdict<{ readonly done: true }> {
  const done: Verdict<{ readonly done: true }> = { result: { done: true } };
  if (!row) return done;
  const { chain: about, serial } = token;
  const access = accessOf(token);
  if (access) {
    return { ...done, ...endOfAccess(row, about, access, now, attempt) };
  }
  if (!token.accepted) {
    const register = row.chain.register.filter(
      (listed) => listed.access !== null || listed.serial !== serial,
    );
    return { ...done, after: { chain: { ...row.chain, register, attempt } } };
  }
  return { ...done, ...endOfChain(row, about, serial, "owner", { scopes, now }, attempt) };
}

/** Which chains of an owner end, and who ends them. */
export interface Ending {
  readonly subject: string;
  readonly by: RevokedBy;
  /** Of which scope; all unless given. */
  readonly isMeant?: (scope: readonly string[]) => boolean;
}

/** Ends the living chains of an owner that are meant, each by itself. Answers how many. */
export async function endChains(desk: Desk, ending: Ending): Promise<number> {
  const { subject, by, isMeant = () => true } = ending;
  let ended = 0;
  for await (const { name, room } of chainsOfOwner(desk, subject)) {
    const chain = settle(room.row.chain, room.revisions);
    if (!isMeant(room.row.scope) || !isAlive(chain, name, room)) continue;
    const attempt = newAttempt(desk.random);
    const about = chainKey(name.authorizationId, name.ordinal);
    const target = { ...name, subject };
    await decideOnChain(desk, room.client, target, attempt, ({ row, ...now }) => ({
      result: { done: true },
      ...(row ? endOfChain(row, about, row.chain.last, by, now, attempt) : {}),
    }));
    ended += 1;
  }
  return ended;
}
