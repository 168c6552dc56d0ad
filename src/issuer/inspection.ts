/**
 * Looking at chains from inside: what a stand-in's log and a judge ask. Changes nothing, counts as no use, and is not
 * for the wire.
 */

import { deadByScope } from "../kernel/authorization.ts";
import { isAccepted } from "../kernel/chain.ts";
import type { ChainKey, Serial } from "../kernel/ids.ts";
import { holdsEverySerialOpen } from "../kernel/policy.ts";
import { settle } from "../kernel/policy-change.ts";
import type { Instant } from "../kernel/time.ts";
import type { ChainRecord } from "../store/records.ts";
import type { Desk } from "./granting.ts";
import { isActive, look, lookAt } from "./introspect.ts";

/** What a token is. */
export interface Inspection {
  readonly kind: "refresh" | "access";
  readonly chain: ChainKey;
  readonly serial: Serial;
  readonly issuedAt: Instant;
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
  readonly revoked: string | null;
  /** When the chain may be refreshed next, by its least interval. */
  readonly notBefore: Instant;
}

export async function inspectToken(desk: Desk, text: string): Promise<Inspection | undefined> {
  for (const kind of ["refresh", "access"] as const) {
    const token = desk.tokens.read(kind, text);
    const room = token && (await look(desk, token));
    if (!token || !room) continue;
    const { key, serial, issuedAt } = token;
    return { kind, chain: key, serial, issuedAt, accepted: isActive(room, token) };
  }
  return undefined;
}

export async function inspectChains(desk: Desk): Promise<readonly InspectedChain[]> {
  const found: InspectedChain[] = [];
  let after: string | undefined;
  do {
    const page = await desk.store.list("chain", {}, after);
    for (const { id, record } of page.records) {
      const inspected = record.realm === desk.realm && (await inspectChain(desk, id, record));
      if (inspected) found.push(inspected);
    }
    after = page.next;
  } while (after !== undefined);
  return found;
}

async function inspectChain(
  desk: Desk,
  key: ChainKey,
  row: ChainRecord,
): Promise<InspectedChain | undefined> {
  const dot = key.lastIndexOf(".");
  const name = { authorizationId: key.slice(0, dot), ordinal: Number(key.slice(dot + 1)) };
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
    revoked: dead?.reason === "chainRevoked" ? dead.by : (chain.revoked?.by ?? null),
    notBefore: chain.lastGrantAt + policy.minInterval,
  };
}
