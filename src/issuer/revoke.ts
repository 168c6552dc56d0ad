/**
 * Revocation. RFC 7009
 *
 * 1. Authenticated, and bound to the client: a token of another client is refused and stays as it was.
 * 2. A token that is none of ours, or of a chain that is not there, is answered like one that was revoked.
 * 3. Any authentic refresh token of a chain revokes the chain with its access tokens, also a superseded one: whoever
 *    lost the newest token must still be able to end the grant. An access token is revoked alone.
 */

import { delist, revokeAll } from "../kernel/authorization.ts";
import { revokeAccess, revoke as revokeChain } from "../kernel/chain.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { KetenEvent } from "../store/events.ts";
import type { ClientRecord } from "../store/records.ts";
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
  if (token.access) {
    const chain = { ...revokeAccess(row.chain, token.access, now), attempt };
    const data = { serial: token.serial, access: token.access.number };
    return { ...done, after: { chain }, events: [{ type: "access.revoked", about, data }] };
  }
  const revoked = revokeChain(row.chain, { at: now, by: "client", accessTokens: "revoke" });
  if (revoked === row.chain) return done;
  const event: KetenEvent = {
    type: "chain.revoked",
    about,
    data: { by: "client", serial: token.serial },
  };
  const after = { chain: { ...revoked, attempt }, ...delist(room.scopes, about) };
  return { ...done, after, events: [event] };
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
