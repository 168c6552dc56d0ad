/**
 * Looking at chains from inside: what a stand-in's log and a judge ask. Changes nothing, counts as no use, and is not
 * for the wire.
 */

import { deadByScope } from "../kernel/authorization.ts";
import { type Chain, isAccepted } from "../kernel/chain.ts";
import type { ChainKey, Serial } from "../kernel/ids.ts";
import { holdsEverySerialOpen } from "../kernel/policy.ts";
import { settle } from "../kernel/policy-change.ts";
import type { ChainRefusal } from "../kernel/refusal.ts";
import type { Instant } from "../kernel/time.ts";
import { everyRecord } from "../store/every.ts";
import type { ChainRecord } from "../store/records.ts";
import type { Desk } from "./granting.ts";
import { isActive, look, lookAt } from "./introspect.ts";
import { chainNameOf } from "./token-format.ts";

/** What a token is. */
export interface Inspection {
  readonly kind: "refresh" | "access";
  readonly chain: ChainKey;
  readonly serial: Serial;
  readonly issuedAt: Instant;
  /** The access token's number in its chain; null for a refresh token. */
  readonly number: number | null;
  /** Whether it would be accepted now, limits of rate aside. */
  readonly accepted: boolean;
}

export interface InspectedChain {
  readonly chain: ChainKey;
  readonly client: string;
  readonly subject: string;
  readonly last: Serial;
  /** Serials that would be accepted now, limits of rate aside. */
  readonly accepted: readonly Serial[];
  /** From this serial on all are accepted; null where each is listed. */
  readonly acceptedFrom: Serial | null;
  /** What revoked it, and when, where that is known. */
  readonly revoked: string | null;
  readonly revokedAt: Instant | null;
  readonly grantAt: Instant;
  /** The last grant of any kind. */
  readonly lastGrantAt: Instant;
  /** How many access tokens were issued, and when the newest ends by itself. */
  readonly accessTokens: number;
  readonly accessEndsAt: Instant;
  /** When the chain may be refreshed next, by its least interval. */
  readonly notBefore: Instant;
}

export async function inspectToken(desk: Desk, text: string): Promise<Inspection | undefined> {
  for (const kind of ["refresh", "access"] as const) {
    const token = desk.tokens.read(kind, text);
    const room = token && (await look(desk, token));
    if (!token || !room) continue;
    const { key, serial, issuedAt, access } = token;
    const number = access?.number ?? null;
    return { kind, chain: key, serial, issuedAt, number, accepted: isActive(room, token) };
  }
  return undefined;
}

export async function inspectChains(desk: Desk): Promise<readonly InspectedChain[]> {
  const found: InspectedChain[] = [];
  for await (const { id, record } of everyRecord(desk.store, "chain")) {
    const inspected = record.realm === desk.realm && (await inspectChain(desk, id, record));
    if (inspected) found.push(inspected);
  }
  return found;
}

async function inspectChain(
  desk: Desk,
  key: ChainKey,
  row: ChainRecord,
): Promise<InspectedChain | undefined> {
  const name = chainNameOf(key);
  const room = await lookAt(desk, name, row);
  if (!room) return undefined;
  const { policy, revisions, scopes, now } = room;
  const chain = settle(row.chain, revisions);
  const dead = deadByScope(scopes, name.ordinal, chain);
  const all = !dead && !chain.revoked && holdsEverySerialOpen(policy);
  const accepted = chain.entries.filter((entry) => isAccepted(chain, policy, entry, now));
  return {
    chain: key,
    client: row.client,
    subject: row.subject,
    last: chain.last,
    accepted: dead ? [] : accepted.map(({ serial }) => serial),
    acceptedFrom: all ? chain.floor : null,
    ...revocationOf(dead, chain),
    grantAt: chain.grantAt,
    lastGrantAt: chain.lastGrantAt,
    accessTokens: chain.accessLast,
    accessEndsAt: chain.lastGrantAt + policy.access.lifetime,
    notBefore: chain.lastGrantAt + policy.minInterval,
  };
}

function revocationOf(
  dead: ChainRefusal | null,
  { revoked }: Chain,
): Pick<InspectedChain, "revoked" | "revokedAt"> {
  if (dead?.reason === "chainRevoked") return { revoked: dead.by, revokedAt: dead.at };
  return { revoked: revoked?.by ?? null, revokedAt: revoked?.at ?? null };
}
