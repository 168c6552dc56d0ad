/**
 * The refresh_token grant: a refresh token is presented. RFC 6749, section 6
 *
 * 1. A token that its outer MAC does not confirm is refused before anything is read.
 * 2. Confirmed by its chain's secret and bound to its client, it goes to the kernel, whose word is written and answered.
 * 3. Scope may only narrow. A wider request is refused after the kernel's word, of which then nothing is written:
 *    asking for too much burns nothing, and replay is punished whatever else the request says.
 */

import { present } from "../kernel/authorization.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { ClientRecord } from "../store/records.ts";
import { grantedEvent, refusedEvents } from "./events.ts";
import { type Decided, type Desk, newAttempt, outcomeOf, refused } from "./granting.ts";
import type { TokenOutcome } from "./outcome.ts";
import { type IssuerRequest, parameterOf, parseScope } from "./request.ts";
import type { Candidate } from "./token-format.ts";
import { decideOnChain, type Room, type Verdict } from "./transaction.ts";

export const SCOPE_EXPECTED = "scope values of printable ASCII, one space between them";

export async function grantRefresh(
  desk: Desk,
  client: ClientRecord,
  { parameters }: IssuerRequest,
): Promise<TokenOutcome> {
  const { clientId } = client;
  const text = parameterOf(parameters, "refresh_token");
  if (text === undefined) {
    return refused(desk, { reason: "parameterMissing", parameter: "refresh_token" }, { clientId });
  }
  const scopeText = parameterOf(parameters, "scope");
  const scope = scopeText === undefined ? undefined : parseScope(scopeText);
  if (scopeText !== undefined && !scope) {
    const refusal = { reason: "parameterInvalid", parameter: "scope", expected: SCOPE_EXPECTED };
    return refused(desk, refusal as Refusal, { clientId });
  }
  const token = desk.tokens.read("refresh", text);
  if (!token) {
    return refused(desk, { reason: "tokenMalformed", parameter: "refresh_token" }, { clientId });
  }
  const attempt = newAttempt(desk.random);
  const target = { ...token, subject: undefined };
  const decided = await decideOnChain<Decided>(desk, client, target, attempt, (room) =>
    decide(desk, room, token, scope, attempt),
  );
  const trace = { clientId, chain: token.key, presented: token.serial };
  return outcomeOf(desk, client, "refresh_token", decided, trace);
}

function decide(
  desk: Desk,
  room: Room,
  token: Candidate,
  scope: readonly string[] | undefined,
  attempt: string,
): Verdict<Decided> {
  const { row, client, scopes, revisions, now } = room;
  const refuse = (refusal: Refusal): Verdict<Decided> => ({ result: { refusal } });
  if (!row || !desk.tokens.confirms(token, row.secret)) {
    return refuse({ reason: "tokenUnknown", parameter: "refresh_token" });
  }
  if (row.client !== client.clientId) {
    return refuse({ reason: "tokenOfAnotherClient", parameter: "refresh_token" });
  }
  const { ordinal, key } = token;
  const decision = present({ scopes, ordinal, chain: row.chain, token, revisions, now, attempt });
  if (!decision.granted) {
    const { refusal, after } = decision;
    return { result: { refusal }, after, events: refusedEvents(key, refusal) };
  }
  const wider = (scope ?? []).filter((value) => !row.scope.includes(value));
  if (wider.length > 0) return refuse({ reason: "scopeWidened", scopes: wider });
  const { answer, after } = decision;
  const granted = {
    answer,
    chain: token,
    secret: row.secret,
    grantedScope: row.scope,
    scope: scope ?? row.scope,
    refreshable: true,
  };
  const events = [grantedEvent(key, answer, { presented: token.serial })];
  return { result: { granted, at: now }, after, events };
}
