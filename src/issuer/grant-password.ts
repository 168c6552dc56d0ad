/**
 * Grants without a code: the password and implicit grants, where a realm opts in, and the grant that a control call
 * makes.
 *
 * 1. No code is shown, but one is opened and redeemed in one transaction: the chain has its number like any other.
 * 2. The owner is authenticated before the transaction, and scope is settled before it.
 * 3. A control call may backdate its grant, which a stand-in needs so that its first token can be refreshed at once.
 */

import { newAuthorization, openCode } from "../kernel/authorization.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { Duration } from "../kernel/time.ts";
import type { ClientRecord } from "../store/records.ts";
import {
  type Beginning,
  beginChain,
  type Consent,
  grantedTo,
  isSubject,
  refuseConsent,
} from "./grant-code.ts";
import { SCOPE_EXPECTED } from "./grant-refresh.ts";
import {
  type Decided,
  type Desk,
  newAttempt,
  newChainSecret,
  outcomeOf,
  refused,
} from "./granting.ts";
import type { TokenOutcome } from "./outcome.ts";
import type { GrantType } from "./realm.ts";
import { type IssuerRequest, type Parameters, parameterOf, parseScope } from "./request.ts";
import { authorizationIdOf } from "./token-format.ts";
import { decideOnChain, type Room, type Verdict } from "./transaction.ts";

/** RFC 6749, section 4.3.2. Exists for vendors' realms only (RFC 9700, section 2.4). */
export async function grantPassword(
  desk: Desk,
  client: ClientRecord,
  { parameters }: IssuerRequest,
): Promise<TokenOutcome> {
  const { clientId } = client;
  const username = parameterOf(parameters, "username");
  const password = parameterOf(parameters, "password");
  const missing = username === undefined ? "username" : "password";
  if (username === undefined || password === undefined) {
    return refused(desk, { reason: "parameterMissing", parameter: missing }, { clientId });
  }
  const scope = scopeFor(desk, client, parameters);
  if ("refusal" in scope) return refused(desk, scope.refusal, { clientId });
  const subject = await desk.realmSettings.authenticateOwner?.(username, password);
  if (subject === undefined || !isSubject(subject)) {
    return refused(desk, { reason: "resourceOwnerWrong" }, { clientId });
  }
  return grantDirectly(desk, client, {
    ...grantedTo(client, { scope: scope.values }),
    subject,
    refreshable: true,
    grantType: "password",
  });
}

/** An access token at once and no refresh token, for the answer of the authorization endpoint. RFC 6749, section 4.2 */
export async function grantAccess(
  desk: Desk,
  client: ClientRecord,
  consent: Consent,
): Promise<TokenOutcome> {
  const { clientId, subject } = consent;
  const refusal = refuseConsent(client, consent, "implicit");
  if (refusal) return refused(desk, refusal, { clientId });
  const granted = grantedTo(client, consent);
  const grant = { ...granted, subject, refreshable: false, grantType: "implicit" } as const;
  return grantDirectly(desk, client, grant);
}

/** The requested scope, or the client's own where none is named. */
function scopeFor(
  desk: Desk,
  client: ClientRecord,
  parameters: Parameters,
): { readonly values: readonly string[] } | { readonly refusal: Refusal } {
  const text = parameterOf(parameters, "scope");
  if (text === undefined) {
    if (client.scope.length > 0 || !desk.realmSettings.scopeRequired) {
      return { values: client.scope };
    }
    return { refusal: { reason: "parameterMissing", parameter: "scope" } };
  }
  const values = parseScope(text);
  if (!values) {
    return {
      refusal: { reason: "parameterInvalid", parameter: "scope", expected: SCOPE_EXPECTED },
    };
  }
  const wider = values.filter((value) => !client.scope.includes(value));
  return wider.length > 0 ? { refusal: { reason: "scopeWidened", scopes: wider } } : { values };
}

export interface DirectGrant
  extends Pick<Beginning, "subject" | "scope" | "resources" | "refreshable"> {
  readonly grantType: GrantType;
  /** How long ago it was made; 0 for now. */
  readonly age?: Duration;
}

/** Opens and redeems at once. */
export async function grantDirectly(
  desk: Desk,
  client: ClientRecord,
  grant: DirectGrant,
): Promise<TokenOutcome> {
  const authorizationId = authorizationIdOf(desk.realm, client.clientId, grant.subject);
  const attempt = newAttempt(desk.random);
  const sealSecret = newChainSecret(desk);
  const target = { authorizationId, ordinal: undefined, subject: grant.subject };
  const decide = (room: Room): Verdict<Decided> => {
    const opened = openCode(room.scopes.authorization ?? newAuthorization(authorizationId));
    const now = room.now - (grant.age ?? 0);
    const code = { ...grant, authorizationId, ordinal: opened.opened, openedAt: now };
    const scopes = { ...room.scopes, authorization: opened };
    const verdict = beginChain(
      { ...room, scopes, now },
      code,
      sealSecret,
      attempt,
      grant.grantType,
    );
    if ("refusal" in verdict.result) return verdict;
    return { ...verdict, after: { authorization: opened, ...verdict.after } };
  };
  const decided = await decideOnChain<Decided>(desk, client, target, attempt, decide);
  return outcomeOf(desk, client, grant.grantType, decided, { clientId: client.clientId });
}
