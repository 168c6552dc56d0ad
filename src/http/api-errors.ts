/**
 * The API's errors: one shape, and one table from codes to statuses.
 *
 * 1. A body is `{"error", "message", …evidence}`: a code for machines, a sentence for people, evidence for operators.
 * 2. Bad input is a 4xx that names what was wrong, where, and what was expected. It is never a 5xx, and nothing of it is
 *    repeated that could be a secret: neither values nor names that are not plain words.
 * 3. A 503 has `Retry-After`; asking again later may help and does no harm.
 * 4. What is lost for good is 410: the same request will never succeed, and somebody has to act.
 * 5. What nobody foresaw is a 500 without details; those are in the log.
 */

import type { FastifyError } from "fastify";
import { type ErrorCode, KetenError } from "../env/error.ts";

export interface ApiFault {
  readonly status: number;
  readonly body: {
    readonly error: string;
    readonly message: string;
    readonly [more: string]: unknown;
  };
  readonly headers: Readonly<Record<string, string>>;
}

const STATUSES: Readonly<Record<ErrorCode, number>> = {
  request_invalid: 400,
  config_invalid: 422,
  policy_invalid: 422,
  api_key_wrong: 401,
  connection_unknown: 404,
  connection_exists: 409,
  consumer_unknown: 404,
  connection_lost: 410,
  connection_unavailable: 503,
  draining: 503,
  store_unavailable: 503,
  store_closed: 503,
  commit_unknown: 503,
  journal_unavailable: 503,
  server_unreachable: 503,
  store_unsafe: 500,
  seal_broken: 500,
  key_wrong: 500,
  key_unsafe: 500,
  place_changed: 500,
};

/** Codes whose sentence is written for callers; of the others only the code is told. */
const TOLD = new Set<ErrorCode>([
  ...(["request_invalid", "config_invalid", "policy_invalid", "api_key_wrong"] as const),
  ...(["connection_unknown", "connection_exists", "connection_lost"] as const),
  ...(["connection_unavailable", "consumer_unknown", "draining"] as const),
]);

export function apiFault(
  status: number,
  error: string,
  message: string,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): ApiFault {
  return { status, body: { error, message, ...more }, headers };
}

/** What is told of an error; undefined if nobody foresaw it. */
export function faultOf(error: unknown): ApiFault | undefined {
  if (error instanceof KetenError) return faultOfKeten(error);
  const known = error as Partial<FastifyError>;
  if (known.validation && known.validationContext) {
    const { where, message } = explainInvalid(known.validationContext, known.validation[0]);
    return apiFault(400, "request_invalid", message, { where });
  }
  const explained = known.code === undefined ? undefined : FRAMEWORK[known.code];
  if (explained) return apiFault(explained.status, "request_invalid", explained.message);
  const status = known.statusCode ?? 500;
  if (status < 400 || status >= 500) return undefined;
  return apiFault(status, "request_invalid", "the request is malformed; expected HTTP with JSON");
}

function faultOfKeten(error: KetenError): ApiFault {
  const status = STATUSES[error.code];
  const message = TOLD.has(error.code) ? error.message : "the keychain cannot do this now";
  const retryAfter = status === 503 ? retryAfterOf(error) : undefined;
  return apiFault(
    status,
    error.code,
    message,
    TOLD.has(error.code) ? evidenceOf(error) : {},
    retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
  );
}

/** Whole seconds of real time, at least one. RFC 9110, section 10.2.3 */
function retryAfterOf({ evidence }: KetenError): number {
  const { retryAfterMs } = evidence;
  return typeof retryAfterMs === "number" ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : 1;
}

/** Evidence as the wire writes it: snake case, seconds, instants as Unix seconds. */
function evidenceOf(error: KetenError): Record<string, unknown> {
  const { retryAfterMs, since, ...rest } = error.evidence;
  return {
    ...rest,
    ...(typeof since === "number" ? { since: Math.floor(since / 1000) } : {}),
    ...(retryAfterMs === undefined ? {} : { retry_after: retryAfterOf(error) }),
  };
}

/** What the framework finds wrong before a route sees the request. */
const FRAMEWORK: Readonly<Record<string, { readonly status: number; readonly message: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    message: 'the content type is not supported; expected "application/json"',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, message: "the body is too large; expected 64 KiB" },
  FST_ERR_CTP_EMPTY_JSON_BODY: { status: 400, message: "the body is empty; expected JSON" },
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, message: "the body is no JSON" },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    message: "the body has another length than its header says",
  },
  FST_ERR_BAD_URL: { status: 400, message: "the path is malformed; expected valid UTF-8 in %XX" },
  FST_ERR_ASYNC_CONSTRAINT: { status: 400, message: "the request is malformed" },
};

interface Invalid {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** The first thing wrong, in words; the validator's own words may quote the input. */
function explainInvalid(
  context: string,
  invalid: Invalid | undefined,
): { readonly where: string; readonly message: string } {
  const place = context === "querystring" ? "query" : context;
  const path = (invalid?.instancePath ?? "").split("/").filter(Boolean);
  const { keyword = "", params = {} } = invalid ?? {};
  const member = keyword === "required" ? String(params.missingProperty) : undefined;
  const where = [place, ...path, ...(member === undefined ? [] : [member])].join(".");
  return { where, message: `"${where}" ${wordsFor(keyword, params, place)}` };
}

function wordsFor(
  keyword: string,
  params: Readonly<Record<string, unknown>>,
  place: string,
): string {
  switch (keyword) {
    case "required":
      return "is missing; expected it as documented";
    case "type":
      return place === "body" && params.type === "object"
        ? "is of another type; expected a JSON object"
        : `is of another type; expected ${String(params.type)}`;
    case "pattern":
      return 'is malformed; expected 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit';
    case "minLength":
      return "is empty; expected text";
    case "maxLength":
      return `is too long; expected at most ${String(params.limit)} characters`;
    case "minimum":
      return `is too small; expected at least ${String(params.limit)}`;
    case "additionalProperties":
      return place === "querystring" || place === "query"
        ? "has parameters; expected none"
        : `has ${unknownMember(params.additionalProperty)}; expected only the documented ones`;
    case "anyOf":
    case "const":
    case "enum":
      return "is unknown; expected one of the documented values";
    default:
      return "is not as documented";
  }
}

/** A member's name is told only if it looks like a word, for it might be anything. */
function unknownMember(name: unknown): string {
  return typeof name === "string" && /^[a-zA-Z_-]{1,32}$/.test(name)
    ? `the unknown member "${name}"`
    : "an unknown member";
}
