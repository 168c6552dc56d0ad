/**
 * The authorization_code grant: opening a code and redeeming it. RFC 6749, section 4.1.3; RFC 7636
 *
 * 1. A code says all about itself, sealed; only whether it was used is read, and that is whether its chain began.
 * 2. The redirect URI and the code verifier are checked before the transaction. A code that was opened without a
 *    challenge takes no verifier (RFC 9700, section 2.1.1: no downgrade); a public client's code always has one.
 * 3. Redeeming writes the chain's row with its sealed secret, in the transaction that decides.
 */

import { newAuthorization, openCode, redeem } from "../kernel/authorization.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { ClientRecord } from "../store/records.ts";
import { keyOf } from "../store/store.ts";
import { type Code, challengeOf, redirectUriHash } from "./code-format.ts";
import { grantedEvent, refusedEvents } from "./events.ts";
import {
  type Decided,
  type Desk,
  newAttempt,
  newChainSecret,
  outcomeOf,
  refused,
} from "./granting.ts";
import { SALT_BYTES } from "./keys.ts";
import type { TokenOutcome } from "./outcome.ts";
import { matchesRedirect } from "./redirect-uri.ts";
import { type IssuerRequest, type Parameters, parameterOf } from "./request.ts";
import { authorizationIdOf } from "./token-format.ts";
import { decideOnChain, type Room, type Verdict } from "./transaction.ts";

/** A consent that was given: for whom, to what. */
export interface Consent {
  readonly clientId: string;
  readonly subject: string;
  /** Default: all of the client's. */
  readonly scope?: readonly string[] | undefined;
  /** What the owner picked: a vendor's companies, or resource indicators (RFC 8707). Default: all. */
  readonly resources?: readonly string[] | undefined;
  /** Whether a refresh token is granted, too; default true. */
  readonly refreshable?: boolean | undefined;
  /** The tenant of the owner's account, where accounts have one: an app may be confined to its own. */
  readonly tenant?: string | null | undefined;
  /** The redirect URI of the authorization request, if it had one: then the token request must repeat it. */
  readonly redirectUri?: string | undefined;
  /** The S256 code challenge. */
  readonly codeChallenge?: string | undefined;
}

/** Opens a code. The pages that ask the owner call this once they have their answer. */
export async function open(
  desk: Desk,
  client: ClientRecord,
  consent: Consent,
): Promise<{ readonly code: string } | { readonly refusal: Refusal }> {
  const { clientId, subject, redirectUri, codeChallenge, refreshable = true } = consent;
  const refusal = refuseConsent(client, consent, "authorization_code");
  if (refusal) return { refusal };
  const authorizationId = authorizationIdOf(desk.realm, clientId, subject);
  const salt = desk.random.bytes(SALT_BYTES);
  const opened = await desk.store.update(
    [keyOf("authorization", authorizationId)],
    ([row], now) => {
      const authorization = openCode(row ?? newAuthorization(authorizationId));
      const result = { ordinal: authorization.opened, openedAt: now };
      return { result, writes: [authorization] };
    },
  );
  const code = {
    authorizationId,
    ...opened,
    clientId,
    subject,
    ...grantedTo(client, consent),
    refreshable,
    redirectUri: redirectUri === undefined ? null : redirectUriHash(redirectUri),
    challenge: codeChallenge ?? null,
  };
  return { code: desk.codes.write(code, salt) };
}

/** Scope and resources of a consent, each value once and sorted. */
export const grantedTo = (
  client: ClientRecord,
  { scope, resources }: Pick<Consent, "scope" | "resources">,
): Pick<Beginning, "scope" | "resources"> => ({
  scope: [...new Set(scope ?? client.scope)].sort(),
  resources: [...new Set(resources)].sort(),
});

/** What is wrong with a consent, whatever it is answered with. */
export function refuseConsent(
  client: ClientRecord,
  { subject, scope, redirectUri, codeChallenge, tenant }: Consent,
  grantType: "authorization_code" | "implicit",
): Refusal | undefined {
  const wrong = (parameter: string, expected: string): Refusal => ({
    reason: "parameterInvalid",
    parameter,
    expected,
  });
  if (!client.grantTypes.includes(grantType)) return { reason: "grantNotAllowed", grantType };
  if (!client.approved && tenant !== undefined && tenant !== client.tenant) {
    return { reason: "clientNotApproved" };
  }
  if (!isSubject(subject)) return wrong("subject", SUBJECT_EXPECTED);
  if (redirectUri !== undefined && !matchesRedirect(client.redirectUris, redirectUri)) {
    return wrong("redirect_uri", "a redirect URI that the client registered");
  }
  const wider = (scope ?? []).filter((value) => !client.scope.includes(value));
  if (wider.length > 0) return { reason: "scopeWidened", scopes: wider };
  if (codeChallenge === undefined) {
    const needed = client.kind === "public" && grantType === "authorization_code";
    return needed ? { reason: "parameterMissing", parameter: "code_challenge" } : undefined;
  }
  if (/^[A-Za-z0-9_-]{43}$/.test(codeChallenge)) return undefined;
  return wrong("code_challenge", "an S256 challenge of 43 characters");
}

const SUBJECT_EXPECTED = "1 to 256 characters";
export const isSubject = (subject: string): boolean => subject.length >= 1 && subject.length <= 256;

/** Redeems a code. */
export async function grantCode(
  desk: Desk,
  client: ClientRecord,
  { parameters }: IssuerRequest,
): Promise<TokenOutcome> {
  const { clientId } = client;
  const text = parameterOf(parameters, "code");
  if (text === undefined) {
    return refused(desk, { reason: "parameterMissing", parameter: "code" }, { clientId });
  }
  const code = desk.codes.read(text);
  if (!code) return refused(desk, { reason: "tokenMalformed", parameter: "code" }, { clientId });
  const refusal = refuseCode(client, code, parameters);
  if (refusal) return refused(desk, refusal, { clientId });
  const attempt = newAttempt(desk.random);
  const sealSecret = newChainSecret(desk);
  const decided = await decideOnChain<Decided>(desk, client, code, attempt, (room) =>
    beginChain(room, code, sealSecret, attempt, "authorization_code"),
  );
  const trace = { clientId, chain: `${code.authorizationId}.${code.ordinal}` };
  return outcomeOf(desk, client, "authorization_code", decided, trace);
}

/** What can be refused from the code alone. */
function refuseCode(client: ClientRecord, code: Code, parameters: Parameters): Refusal | undefined {
  if (code.clientId !== client.clientId) {
    return { reason: "tokenOfAnotherClient", parameter: "code" };
  }
  if (code.redirectUri !== null) {
    const uri = parameterOf(parameters, "redirect_uri");
    if (uri === undefined) return { reason: "parameterMissing", parameter: "redirect_uri" };
    if (redirectUriHash(uri) !== code.redirectUri) return { reason: "redirectUriDiffers" };
  }
  const verifier = parameterOf(parameters, "code_verifier");
  if (code.challenge === null) {
    return verifier === undefined ? undefined : { reason: "codeVerifierDiffers" };
  }
  if (verifier === undefined) return { reason: "parameterMissing", parameter: "code_verifier" };
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) {
    const expected = "43 to 128 unreserved characters";
    return { reason: "parameterInvalid", parameter: "code_verifier", expected };
  }
  return challengeOf(verifier) === code.challenge ? undefined : { reason: "codeVerifierDiffers" };
}

/** What a chain begins from: a code, or a grant that opens and redeems at once. */
export interface Beginning {
  readonly authorizationId: string;
  readonly ordinal: number;
  readonly openedAt: number;
  readonly subject: string;
  readonly scope: readonly string[];
  readonly resources: readonly string[];
  readonly refreshable: boolean;
}

/** Decides on the beginning of a chain; the row it begins holds the sealed secret. */
export function beginChain(
  room: Room,
  code: Beginning,
  sealSecret: (chain: Beginning) => string,
  attempt: string,
  grantType: string,
): Verdict<Decided> {
  const { client, scopes, revisions, row, key, now } = room;
  const { subject, scope, resources, refreshable } = code;
  const granted = { scope, resources, refreshable };
  const chain = row?.chain;
  const decision = redeem({ scopes, code, chain, refreshable, revisions, now, attempt });
  if (!decision.granted) {
    const { refusal, after } = decision;
    return { result: { refusal }, after, events: refusedEvents(key, refusal) };
  }
  const { answer, after } = decision;
  const secret = sealSecret(code);
  const { realm, clientId } = client;
  return {
    result: {
      granted: { answer, chain: code, secret, grantedScope: scope, scope, refreshable },
      at: now,
    },
    after,
    begins: { client: clientId, subject, realm, ...granted, grantType, secret },
    events: [grantedEvent(key, answer, { client: clientId, subject, grantType })],
  };
}
