/**
 * Revocation. RFC 7009
 *
 * 1. Authenticated, and bound to the client: a token of another client is refused and stays as it was.
 * 2. A token that is none of ours, or of a chain that is not there, is answered like one that was revoked.
 * 3. Any authentic refresh token of a chain revokes the chain with its access tokens, also a superseded one: whoever
 *    lost the newest token must still be able to end the grant. An access token is revoked alone.
 */

import { delist, revokeAll } from "../kernel/authorization.ts";
import { type AccessGrant, revokeAccess, revoke as revokeChain } from "../kernel/chain.ts";
import type { ChainKey, Serial } from "../kernel/ids.ts";
import type { Refusal, RevokedBy } from "../kernel/refusal.ts";
import type { Instant } from "../kernel/time.ts";
import type { ChainRecord, ClientRecord } from "../store/records.ts";
import { keyOf } from "../store/store.ts";
import { type Desk, newAttempt, refused } from "./granting.ts";
import type { RevocationOutcome } from "./outcome.ts";
import { type IssuerRequest, parameterOf } from "./request.ts";
import { authorizationIdOf, type Candidate } from "./token-format.ts";
import { decideOnChain, type Room, type Verdict } from "./transaction.ts";

type Revoked = { readonly done: true } | { readonly refusal: Refusal };

export async function revokeToken(
  desk: Desk,
  client: ClientRecord,
  { parameters }: IssuerRequest,
): Promise<RevocationOutcome> {
  const { clientId } = client;
  const text = parameterOf(parameters, "token");
  if (text === undefined) {
    return refused(desk, { reason: "parameterMissing", parameter: "token" }, { clientId });
  }
  const token = desk.tokens.read("refresh", text) ?? desk.tokens.read("access", text);
  if (!token) return { granted: true };
  const attempt = newAttempt(desk.random);
  const target = { ...token, subject: undefined };
  const revoked = await decideOnChain<Revoked>(desk, client, target, attempt, (room) =>
    decide(desk, room, token, attempt),
  );
  if (!("refusal" in revoked)) return { granted: true };
  return refused(desk, revoked.refusal, { clientId, chain: token.key });
}

function decide(desk: Desk, room: Room, token: Candidate, attempt: string): Verdict<Revoked> {
  const { row, client, now } = room;
  const done: Verdict<Revoked> = { result: { done: true } };
  if (!row || !desk.tokens.confirms(token, row.secret)) return done;
  if (row.client !== client.clientId) {
    return { result: { refusal: { reason: "tokenOfAnotherClient", parameter: "token" } } };
  }
  const about = token.key;
  const { access, serial } = token;
  return access
    ? { ...done, ...endOfAccess(row, about, access, now, attempt) }
    : { ...done, ...endOfChain(row, about, serial, "client", room, attempt) };
}

/** What is written where one access token ends before its time. */
export function endOfAccess(
  { chain }: ChainRecord,
  about: ChainKey,
  access: AccessGrant,
  now: Instant,
  attempt: string,
): Pick<Verdict<unknown>, "after" | "events"> {
  const data = { serial: access.serial, access: access.number };
  return {
    after: { chain: { ...revokeAccess(chain, access, now), attempt } },
    events: [{ type: "access.revoked", about, data }],
  };
}

/** What is written where a chain ends; nothing where it has ended already. */
export function endOfChain(
  { chain }: ChainRecord,
  about: ChainKey,
  serial: Serial,
  by: RevokedBy,
  { scopes, now }: Pick<Room, "scopes" | "now">,
  attempt: string,
): Pick<Verdict<unknown>, "after" | "events"> {
  const revoked = revokeChain(chain, { at: now, by, accessTokens: "revoke" });
  if (revoked === chain) return {};
  const after = { chain: { ...revoked, attempt }, ...delist(scopes, about) };
  return { after, events: [{ type: "chain.revoked", about, data: { by, serial } }] };
}

/** Revokes every chain and open code of a client and subject, with their access tokens. */
export async function revokeAuthorization(
  desk: Desk,
  { clientId, subject }: { readonly clientId: string; readonly subject: string },
): Promise<void> {
  const id = authorizationIdOf(desk.realm, clientId, subject);
  await desk.store.update([keyOf("authorization", id)], ([row], now) => {
    // Whoever never asked the owner has nothing that could be revoked.
    if (!row) return { result: undefined };
    const authorization = revokeAll(row, now, "revoke");
    const data = { client: clientId, through: authorization.opened };
    const events = [{ type: "authorization.revoked", about: id, data } as const];
    return { result: undefined, writes: [authorization], events };
  });
}
