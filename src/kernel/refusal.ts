/**
 * Every reason to refuse, as one tagged union with its evidence.
 *
 * 1. A refusal is a return value, never an exception: refusing is the kernel's daily work.
 * 2. The wire gets the least of it: `oauthError` maps each reason to a registered error code and a neutral
 *    sentence. A reason without a mapping does not compile. Vendors respell it in their dialect.
 * 3. No refusal changes a chain, except the declared effect of replay and of a quota that counts all calls.
 */

import type { Ordinal, Serial } from "./ids.ts";
import type { Duration, Instant } from "./time.ts";

/** Which limit ended a token. `policyChange`: it was dead when its policy was replaced. */
export type EndedBy = "lifetime" | "idle" | "authorization" | "usedFor" | "policyChange";

/** Why a chain was revoked. */
export type RevokedBy = "replay" | "client" | "owner" | "operator" | "codeReplay";

/** What presenting a dead token did. */
export type ReplayEffect = "none" | "chainRevoked" | "clientAndSubjectRevoked";

export type ChainRefusal =
  | {
      readonly reason: "chainRevoked";
      readonly by: RevokedBy | "cap" | "clientAndSubject";
      readonly at: Instant | null;
    }
  /** The token is newer than its record: the store was rolled back. Raises an alarm. */
  | { readonly reason: "serialAhead"; readonly serial: Serial; readonly last: Serial }
  /** Dead for less than `sparing`: a race, not theft. */
  | { readonly reason: "superseded"; readonly serial: Serial; readonly diedAt: Instant }
  | { readonly reason: "replayed"; readonly serial: Serial; readonly effect: ReplayEffect }
  | {
      readonly reason: "tokenExpired";
      readonly by: EndedBy;
      /** When it ended; null where only the fact is known. */
      readonly at: Instant | null;
    }
  | { readonly reason: "tooEarly"; readonly notBefore: Instant }
  | {
      readonly reason: "quotaExceeded";
      readonly per: string;
      readonly max: number;
      readonly resetsAt: Instant;
    };

export type CodeRefusal =
  | { readonly reason: "codeExpired"; readonly at: Instant }
  | {
      readonly reason: "codeReplayed";
      readonly ordinal: Ordinal;
      readonly effect: Exclude<ReplayEffect, "clientAndSubjectRevoked">;
    }
  /** Another code was opened later for the same client and subject, and only the last may be redeemed. */
  | { readonly reason: "codeOvertaken"; readonly ordinal: Ordinal; readonly opened: Ordinal }
  | { readonly reason: "codeRevoked"; readonly ordinal: Ordinal }
  | { readonly reason: "redirectUriDiffers" }
  | { readonly reason: "codeVerifierDiffers" }
  | { readonly reason: "capReached"; readonly per: string; readonly max: number };

export type TokenRefusal =
  /** Not a token of ours at all: garbage, guessed, cut, or from another deployment. Nothing was looked up. */
  | {
      readonly reason: "tokenMalformed";
      readonly parameter: "code" | "refresh_token" | "token";
    }
  /** Ours by its outer mark, but no such chain, or the chain's secret does not confirm it. */
  | { readonly reason: "tokenUnknown"; readonly parameter: "code" | "refresh_token" | "token" }
  | {
      readonly reason: "tokenOfAnotherClient";
      readonly parameter: "code" | "refresh_token" | "token";
    }
  | { readonly reason: "scopeWidened"; readonly scopes: readonly string[] };

export type ClientRefusal =
  | {
      readonly reason: "clientUnknown";
      readonly clientId: string | null;
      readonly by: "body" | "basic" | "none";
    }
  | { readonly reason: "clientSecretWrong"; readonly by: "body" | "basic" | "none" }
  | { readonly reason: "clientAuthenticatedTwice" }
  | { readonly reason: "grantNotAllowed"; readonly grantType: string }
  /** Registered by one tenant and not approved: accounts of others may not authorize it. */
  | { readonly reason: "clientNotApproved" }
  | { readonly reason: "resourceOwnerWrong" };

export type RequestRefusal =
  | { readonly reason: "methodWrong"; readonly method: string; readonly expected: string }
  | { readonly reason: "contentTypeWrong"; readonly contentType: string | null }
  | { readonly reason: "parameterMissing"; readonly parameter: string }
  | { readonly reason: "parameterRepeated"; readonly parameter: string }
  | { readonly reason: "credentialsInUri"; readonly parameter: string }
  | { readonly reason: "parameterInvalid"; readonly parameter: string; readonly expected: string }
  | { readonly reason: "grantTypeUnsupported"; readonly grantType: string }
  | { readonly reason: "realmUnknown"; readonly realm: string };

/** Refusals of a token endpoint that hands out another server's tokens. None of them says that a token is dead. */
export type RelayRefusal =
  | {
      readonly reason: "upstreamUnavailable";
      /** The state of the connection, or what else is in the way. */
      readonly state: string;
      readonly retryAfter: Duration;
    }
  | {
      readonly reason: "connectionLost";
      readonly cause: string;
      /** Where its owner connects it again. */
      readonly reconnectUri: string;
    }
  | { readonly reason: "scopeNarrower" }
  | { readonly reason: "tokenTypeUnsupported" }
  | { readonly reason: "addressNotAllowed" }
  | { readonly reason: "askedTooOften"; readonly retryAfter: Duration };

export type Refusal =
  | ChainRefusal
  | CodeRefusal
  | TokenRefusal
  | ClientRefusal
  | RequestRefusal
  | RelayRefusal;

/** An error response of RFC 6749, section 5.2, before any dialect. */
export interface OAuthError {
  readonly error:
    | "invalid_request"
    | "invalid_client"
    | "invalid_grant"
    | "unauthorized_client"
    | "unsupported_grant_type"
    | "invalid_scope"
    | "temporarily_unavailable"
    | "unsupported_token_type"
    | "access_denied"
    /** Ours: no registered code says that another server's grant has ended. */
    | "connection_lost";
  readonly description: string;
  /** HTTP status. */
  readonly status: 400 | 401 | 403 | 405 | 415 | 429 | 503;
  /** When the same request may succeed, where that is known. */
  readonly retryAfter?: Duration;
  /** Further members of the error, by name. */
  readonly more?: Readonly<Record<string, string>>;
}

const grant = (description: string): OAuthError => ({
  error: "invalid_grant",
  description,
  status: 400,
});
const scope = (description: string): OAuthError => ({
  error: "invalid_scope",
  description,
  status: 400,
});
const request = (description: string, status: 400 | 405 | 415 = 400): OAuthError => ({
  error: "invalid_request",
  description,
  status,
});

/**
 * The registered error of a refusal, with a sentence that tells a developer what was wrong and what was
 * expected and tells a stranger nothing: which of a dead token's causes applies stays in the log.
 *
 * @see RFC 6749, sections 4.1.2.1 and 5.2; RFC 6585, section 4 (429)
 */
export function oauthError(refusal: Refusal, now: Instant): OAuthError {
  switch (refusal.reason) {
    case "chainRevoked":
    case "replayed":
    case "superseded":
    case "serialAhead":
      return grant("the refresh token is not active: it was replaced or revoked");
    case "tokenExpired":
      return grant("the refresh token has expired");
    case "tokenMalformed":
    case "tokenUnknown":
    case "tokenOfAnotherClient":
      return grant(`the ${refusal.parameter} was not issued to this client by this server`);
    case "tooEarly":
      return {
        error: "invalid_request",
        description: "too early: this chain may not be refreshed yet",
        status: 400,
        retryAfter: refusal.notBefore - now,
      };
    case "quotaExceeded":
      return {
        error: "temporarily_unavailable",
        description: `too many token requests: at most ${refusal.max} per ${refusal.per}`,
        status: 429,
        retryAfter: refusal.resetsAt - now,
      };
    case "codeExpired":
    case "codeReplayed":
    case "codeOvertaken":
    case "codeRevoked":
      return grant("the authorization code is not active: it expired, was used, or was replaced");
    case "redirectUriDiffers":
      return grant("redirect_uri differs from the one of the authorization request");
    case "codeVerifierDiffers":
      return grant("code_verifier does not match the code_challenge");
    case "capReached":
      return grant(`the authorization limit is reached: at most ${refusal.max} per ${refusal.per}`);
    case "scopeWidened":
      return scope("scope must not exceed what was granted");
    case "clientUnknown":
    case "clientSecretWrong":
      return { error: "invalid_client", description: "client authentication failed", status: 401 };
    case "clientAuthenticatedTwice":
      return request("client credentials are in the header and in the body: use one");
    case "grantNotAllowed":
      return {
        error: "unauthorized_client",
        description: "this client may not use this grant type",
        status: 400,
      };
    case "clientNotApproved":
      return {
        error: "unauthorized_client",
        description: "this client is not approved for accounts of other tenants",
        status: 400,
      };
    case "resourceOwnerWrong":
      return grant("resource owner authentication failed");
    default:
      return requestError(refusal);
  }
}

function requestError(refusal: RequestRefusal | RelayRefusal): OAuthError {
  switch (refusal.reason) {
    case "methodWrong":
      return request(`method not allowed: expected ${refusal.expected}`, 405);
    case "contentTypeWrong":
      return request("content type must be application/x-www-form-urlencoded", 415);
    case "parameterMissing":
      return request(`missing parameter "${refusal.parameter}"`);
    case "parameterRepeated":
      return request(`parameter "${refusal.parameter}" occurs more than once`);
    case "credentialsInUri":
      return request(`"${refusal.parameter}" must not be in the request URI: send it in the body`);
    case "parameterInvalid":
      return request(`parameter "${refusal.parameter}" is malformed: expected ${refusal.expected}`);
    case "grantTypeUnsupported":
      return {
        error: "unsupported_grant_type",
        description: "this grant type is not supported",
        status: 400,
      };
    case "realmUnknown":
      return request("there is no such realm");
    default:
      return relayError(refusal);
  }
}

/** So long a client should leave a grant alone that only its owner can renew. */
const LOST_RETRY_AFTER = 300_000;

function relayError(refusal: RelayRefusal): OAuthError {
  switch (refusal.reason) {
    case "upstreamUnavailable":
      return {
        error: "temporarily_unavailable",
        description: `no access token now: the connection is ${refusal.state}; keep the refresh token and ask again`,
        status: 503,
        retryAfter: refusal.retryAfter,
        more: { reason: refusal.state },
      };
    case "connectionLost":
      return {
        error: "connection_lost",
        description:
          "the grant at the provider has ended; keep the refresh token: it works again once the owner has connected the account anew",
        status: 503,
        retryAfter: LOST_RETRY_AFTER,
        more: { reason: refusal.cause, reconnect_uri: refusal.reconnectUri },
      };
    case "scopeNarrower":
      return scope(
        "an access token of this connection cannot be narrowed here: leave scope out, and narrow rights in a proxy before the API",
      );
    case "tokenTypeUnsupported":
      return {
        error: "unsupported_token_type",
        description:
          "access tokens of a provider are not revoked here: they end by themselves; revoke the refresh token",
        status: 400,
      };
    case "addressNotAllowed":
      return {
        error: "access_denied",
        description: "this client may not ask from this address",
        status: 403,
      };
    case "askedTooOften":
      return {
        error: "temporarily_unavailable",
        description: "this client asks too often: keep the access token until it ends",
        status: 429,
        retryAfter: refusal.retryAfter,
      };
  }
}
