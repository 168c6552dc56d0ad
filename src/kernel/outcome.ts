/**
 * What a token-endpoint answer proves about the refresh token that was presented.
 *
 * 1. Four classes. *Not sent*: no byte reached the server. *Refused unspent*: the server says no, and the token is
 *    as it was. *Answered*: a token response. *In doubt*: the token may be spent and its successor unknown.
 * 2. Only proof moves an outcome out of doubt. A 5xx, a cut or unreadable answer, silence: all stay in doubt,
 *    for a server may commit and fail to say so.
 * 3. `invalid_grant` is a refusal that spends nothing *now*; what it says of earlier requests is `holding.ts`'s
 *    question. It is the only refusal that speaks of the token; all others speak of time, load, client or address.
 * 4. Every body is searched for tokens, error answers and cut answers too: a successor is never thrown away for
 *    the status it came with.
 * 5. What a provider writes differently is data (`Reading`), looked at before the registered codes.
 */

import { DAY, type Duration, SECOND } from "./time.ts";

/** A final report of an exchange, without anything a class does not depend on. */
export type Report =
  | { readonly kind: "notSent" }
  | { readonly kind: "unanswered" }
  | {
      readonly kind: "answered";
      readonly status: number;
      /** Lower-case names. */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly complete: boolean;
    };

/** What a refusal is about. */
export type About =
  /** The refresh token: `invalid_grant` and its spellings. */
  | "token"
  /** The provider's least interval between refreshes. */
  | "tooEarly"
  /** Too many requests of any kind. */
  | "rate"
  /** Client authentication or the client's rights. */
  | "client"
  /** The request's form, which only we can mend. */
  | "request"
  /** No token endpoint there: moved, missing, or something in between answered. */
  | "endpoint";

export type Doubt =
  /** The connection ended without an answer. */
  | "unanswered"
  /** No answer before the deadline; whoever sent the request still listens. */
  | "overdue"
  | "serverError"
  /** The body was cut before the refresh token was whole. */
  | "cut"
  /** Success by its status, but no token response. */
  | "unreadable";

/** Tokens of an answer as the provider wrote them; secrets. */
export interface Tokens {
  readonly access: string | null;
  /** Null if the answer has none, or an empty one: the presented token stays (RFC 6749, section 6). */
  readonly refresh: string | null;
  /** Null where the answer does not say. */
  readonly expiresIn: Duration | null;
  readonly tokenType: string | null;
  readonly scope: string | null;
  /** Of `PASSED_ON`, what the answer has. */
  readonly more?: Readonly<Record<string, string>>;
}

/** Members of a token response besides the registered ones without which an access token is of no use; no secrets. */
const PASSED_ON = ["instance_url"];
const PASSED_ON_MAX = 1024;

export type Outcome =
  | { readonly class: "notSent" }
  | {
      readonly class: "refusedUnspent";
      readonly about: About;
      /** The registered code, or the provider's own; for evidence. */
      readonly error: string | null;
      readonly status: number;
      /** How long the server asks us to wait. */
      readonly retryAfter: Duration | null;
      /** A refresh token found inside the refusal. */
      readonly found: Tokens | null;
    }
  | { readonly class: "answered"; readonly tokens: Tokens }
  | {
      readonly class: "inDoubt";
      readonly why: Doubt;
      readonly status: number | null;
      readonly retryAfter: Duration | null;
      /** An access token that came whole although the refresh token did not. */
      readonly found: Tokens | null;
    };

/** How one provider spells a refusal. All given members must match. */
export interface Reading {
  readonly status?: number;
  readonly error?: string;
  /** A part of the description, in lower case. */
  readonly description?: string;
  readonly about: About;
}

/** Error codes and what they speak of, RFC 6749 section 5.2 first, then spellings seen in the field. */
const CODES: Readonly<Record<string, About>> = {
  invalid_grant: "token",
  invalid_client: "client",
  unauthorized_client: "client",
  invalid_request: "request",
  unsupported_grant_type: "request",
  invalid_scope: "request",
  slow_down: "rate",
  temporarily_unavailable: "rate",
  invalid_token: "token",
  bad_refresh_token: "token",
  invalid_refresh_token: "token",
  token_expired: "token",
  expired_token: "token",
};

/** Statuses below 500 whose sender may have acted on the request before it gave up. */
const DOUBTFUL_STATUSES = new Set([408, 499]);
/** Statuses from 500 on that prove that no token endpoint acted. */
const PROVING_STATUSES = new Set([501, 505]);

/** Classifies the outcome of one request. Total: every report has exactly one class. */
export function classify(report: Report, readings: readonly Reading[] = []): Outcome {
  if (report.kind === "notSent") return { class: "notSent" };
  if (report.kind === "unanswered") {
    return { class: "inDoubt", why: "unanswered", status: null, retryAfter: null, found: null };
  }
  const { status, complete } = report;
  const json = complete ? parseObject(report.body) : undefined;
  const tokens = json ? tokensOf(json) : tokensInText(report.body);
  const retryAfter = retryAfterOf(report.headers);
  const error = json ? errorOf(json) : null;
  const serverError = status >= 500 && !PROVING_STATUSES.has(status);
  if (serverError || DOUBTFUL_STATUSES.has(status)) {
    if (tokens?.refresh && !error) return { class: "answered", tokens };
    return { class: "inDoubt", why: "serverError", status, retryAfter, found: tokens };
  }
  const refusal = (about: About): Outcome => {
    const found = tokens?.refresh ? tokens : null;
    return {
      class: "refusedUnspent",
      about,
      error: error && evidentCode(error.code),
      status,
      retryAfter,
      found,
    };
  };
  if (status >= 200 && status < 300) {
    if (error) return refusal(aboutOf(readings, status, error));
    return success(tokens, json !== undefined, status);
  }
  if (status === 429) return refusal("rate");
  if (error && status >= 400) return refusal(aboutOf(readings, status, error));
  if (tokens?.refresh && tokens.access) return { class: "answered", tokens };
  const own = readings.find((reading) => reading.status === status && !reading.error);
  return refusal(own && !own.description ? own.about : "endpoint");
}

/** A code for evidence, if it reads like words: what is put there instead may be a token. */
function evidentCode(code: string): string {
  return /^(?=.{1,48}$)[a-z]{1,24}(?:[_ .-][a-z]{1,24})*$/i.test(code) ? code : "unreadable code";
}

/** A 2xx answer without an error: a token response, whole or cut, or something that is none. */
function success(tokens: Tokens | null, whole: boolean, status: number): Outcome {
  const doubt = (why: Doubt): Outcome => ({
    class: "inDoubt",
    why,
    status,
    retryAfter: null,
    found: tokens,
  });
  if (whole) return tokens?.access ? { class: "answered", tokens } : doubt("unreadable");
  if (tokens?.refresh) return { class: "answered", tokens };
  return doubt(tokens ? "cut" : "unreadable");
}

function aboutOf(
  readings: readonly Reading[],
  status: number,
  error: { readonly code: string; readonly description: string },
): About {
  const own = readings.find(
    (reading) =>
      (reading.status === undefined || reading.status === status) &&
      (reading.error === undefined || reading.error === error.code) &&
      (reading.description === undefined || error.description.includes(reading.description)),
  );
  return own?.about ?? CODES[error.code] ?? (status === 401 ? "client" : "request");
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The error of an answer, also where a provider nests it or sends it with status 200. */
function errorOf(json: Record<string, unknown>): { code: string; description: string } | null {
  const { error } = json;
  const lower = (value: unknown) => (typeof value === "string" ? value.toLowerCase() : "");
  if (typeof error === "string" && error !== "") {
    return { code: error, description: lower(json.error_description) };
  }
  if (typeof error === "object" && error !== null) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    return { code: typeof code === "string" ? code : "", description: lower(message) };
  }
  return null;
}

const text = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;

function tokensOf(json: Record<string, unknown>): Tokens | null {
  const access = text(json.access_token);
  const refresh = text(json.refresh_token);
  if (access === null && refresh === null) return null;
  return {
    access,
    refresh,
    expiresIn: expiresInOf(json.expires_in),
    tokenType: text(json.token_type),
    scope: text(json.scope),
    ...moreOf(json),
  };
}

function moreOf(json: Record<string, unknown>): Pick<Tokens, "more"> {
  const found = PASSED_ON.flatMap((name) => {
    const value = text(json[name]);
    return value !== null && value.length <= PASSED_ON_MAX ? [[name, value] as const] : [];
  });
  return found.length === 0 ? {} : { more: Object.fromEntries(found) };
}

/** Seconds, as a number or in digits; some providers send a string. */
function expiresInOf(value: unknown): Duration | null {
  const seconds =
    typeof value === "string" && /^\d{1,12}$/.test(value) ? Number(value) : (value as number);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}

/** Tokens in a body that is cut or no JSON: members whose string is whole. */
function tokensInText(body: string): Tokens | null {
  const member = (name: string): string | null => {
    const match = new RegExp(`"${name}"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*")`).exec(body);
    return match?.[1] === undefined ? null : text(parseString(match[1]));
  };
  const access = member("access_token");
  const refresh = member("refresh_token");
  if (access === null && refresh === null) return null;
  const expiresIn = /"expires_in"\s*:\s*"?(\d{1,12})"?\s*[,}]/.exec(body)?.[1];
  return {
    access,
    refresh,
    expiresIn: expiresInOf(expiresIn),
    tokenType: member("token_type"),
    scope: member("scope"),
  };
}

function parseString(quoted: string): unknown {
  try {
    return JSON.parse(quoted);
  } catch {
    return undefined;
  }
}

/** Only the form in seconds: a date would need the server's clock; a day at most. RFC 9110, section 10.2.3 */
function retryAfterOf(headers: Readonly<Record<string, string>>): Duration | null {
  const value = headers["retry-after"];
  return value !== undefined && /^\d+$/.test(value) ? Math.min(Number(value) * SECOND, DAY) : null;
}
