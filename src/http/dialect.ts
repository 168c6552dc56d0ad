/**
 * Dialects: how one and the same decision is spelled on the wire.
 *
 * 1. A dialect is data: a row per refusal that a vendor spells its own way, and the fields of a token response in their
 *    order. What has no row is spelled as the standards say.
 * 2. Every answer says `no-store`. RFC 6749, section 5.1
 * 3. A description holds only the characters that RFC 6749, section 5.2, allows, whatever was in the request.
 */

import type { TokenResponse } from "../issuer/outcome.ts";
import { oauthError, type Refusal } from "../kernel/refusal.ts";
import { type Duration, type Instant, SECOND } from "../kernel/time.ts";

/** An answer ready to be written. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An error response in a vendor's words. */
export interface Spelling {
  readonly status: number;
  readonly error: string;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members, after the two that every error has. */
  readonly more?: Readonly<Record<string, string>>;
}

type Row<R> = Spelling | ((refusal: R, at: Instant) => Spelling);

/** By reason; an absent row is spelled as the standards say. */
export type Refusals = {
  readonly [K in Refusal["reason"]]?: Row<Extract<Refusal, { readonly reason: K }>>;
};

/** One field of a token response; undefined leaves it out. */
export interface Field {
  readonly name: string;
  readonly value: (response: TokenResponse) => string | number | undefined;
}

export interface Dialect {
  readonly name: string;
  readonly refusals: Refusals;
  /** The order of the two keys of an error. */
  readonly errorKeys:
    | readonly ["error", "error_description"]
    | readonly ["error_description", "error"];
  readonly fields: readonly Field[];
  /** Body of an answered revocation. */
  readonly revokedBody: string;
}

// --- fields that dialects choose from -------------------------------------------------------------------

export const ACCESS_TOKEN: Field = { name: "access_token", value: (r) => r.accessToken };
export const REFRESH_TOKEN: Field = {
  name: "refresh_token",
  value: (r) => r.refreshToken ?? undefined,
};
/** Left out where there is none. */
export const SCOPE: Field = {
  name: "scope",
  value: (r) => (r.scope.length > 0 ? r.scope.join(" ") : undefined),
};
export const SCOPE_ALWAYS: Field = { name: "scope", value: (r) => r.scope.join(" ") };
export const tokenType = (text: string): Field => ({ name: "token_type", value: () => text });
/** Whole seconds, as a number. */
export const EXPIRES_IN: Field = {
  name: "expires_in",
  value: (r) => secondsOf(r.expiresIn, Math.floor),
};
/** What is left of the lifetime when the answer is written: always a moment less, so one second less in whole ones. */
export const EXPIRES_IN_LEFT: Field = {
  name: "expires_in",
  value: (r) => secondsOf(r.expiresIn, (seconds) => Math.max(0, Math.ceil(seconds) - 1)),
};
export const EXPIRES_IN_TEXT: Field = {
  name: "expires_in",
  value: (r) => secondsOf(r.expiresIn, Math.floor)?.toString(),
};

function secondsOf(lifetime: Duration, round: (seconds: number) => number): number | undefined {
  return Number.isFinite(lifetime) ? round(lifetime / SECOND) : undefined;
}

// --- spelling -------------------------------------------------------------------------------------------

const HEADERS: Readonly<Record<string, string>> = {
  "content-type": "application/json",
  "cache-control": "no-store",
  pragma: "no-cache",
};

/** Any JSON as an answer of these endpoints. */
export const jsonAnswer = (status: number, value: unknown): WireAnswer => ({
  status,
  headers: HEADERS,
  body: JSON.stringify(value),
});

export function spellGranted(dialect: Dialect, response: TokenResponse): WireAnswer {
  const body: Record<string, string | number> = {};
  for (const { name, value } of dialect.fields) {
    const field = value(response);
    if (field !== undefined) body[name] = field;
  }
  return jsonAnswer(200, { ...response.more, ...body });
}

export const spellRevoked = (dialect: Dialect): WireAnswer => ({
  status: 200,
  headers: HEADERS,
  body: dialect.revokedBody,
});

export function spellRefusal(dialect: Dialect, refusal: Refusal, at: Instant): WireAnswer {
  const row = dialect.refusals[refusal.reason] as Row<Refusal> | undefined;
  const spelling =
    row === undefined
      ? standardSpelling(refusal, at)
      : typeof row === "function"
        ? row(refusal, at)
        : row;
  return errorAnswer(dialect, spelling, requiredHeaders(refusal, spelling.status));
}

/** An operating failure: nothing was granted, or nobody knows; the same request may be sent again. */
export function spellFailure(dialect: Dialect, retryable: boolean): WireAnswer {
  const spelling = retryable
    ? { status: 503, error: "temporarily_unavailable", description: "try again" }
    : { status: 500, error: "server_error", description: "the server failed" };
  return errorAnswer(dialect, spelling, retryable ? { "retry-after": "1" } : {});
}

/** The standards' spelling of a refusal, for rows that change only a part of it. */
function standardSpelling(refusal: Refusal, at: Instant): Spelling {
  const { retryAfter, ...spelling } = oauthError(refusal, at);
  if (retryAfter === undefined || !Number.isFinite(retryAfter)) return spelling;
  const seconds = Math.max(1, Math.ceil(retryAfter / SECOND));
  return { ...spelling, headers: { "retry-after": String(seconds) } };
}

function errorAnswer(
  dialect: Dialect,
  { status, error, description, headers, more }: Spelling,
  required: Readonly<Record<string, string>>,
): WireAnswer {
  const fields = { error, error_description: description && safeText(description) };
  const body: Record<string, string> = {};
  for (const key of dialect.errorKeys) if (fields[key]) body[key] = fields[key];
  return {
    status,
    headers: { ...HEADERS, ...required, ...headers },
    body: JSON.stringify({ ...body, ...more }),
  };
}

/** What HTTP itself asks for, whatever the dialect. RFC 9110, sections 10.2.1 and 11.6.1 */
function requiredHeaders(refusal: Refusal, status: number): Readonly<Record<string, string>> {
  if (refusal.reason === "methodWrong") return { allow: refusal.expected };
  if (status === 401) return { "www-authenticate": 'Basic realm="oauth", charset="UTF-8"' };
  return {};
}

/** A text with only the characters that an `error_description` may have. RFC 6749, section 5.2 */
function safeText(text: string): string {
  return text.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "?");
}
