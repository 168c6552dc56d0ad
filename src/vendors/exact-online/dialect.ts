/**
 * Exact Online's wire format. Sources: support.exactonline.com, OAuth step 3 (token response, documented errors); errors
 * as observed: picqer/exact-php-client issues 300, 471, 573, 617, 640, websmurf/laravel-exact-online issues 23 and 31;
 * forums.invantive.com t/2227 (the replayed code).
 *
 * 1. `expires_in` is a string: clients check it with string functions.
 * 2. Some refusals repeat their description in a header `Reason`.
 * 3. Where sources disagree, the observed wording is the default and the documented one an option. Options are read at
 *    each answer: a stand-in's are changed while it runs.
 * 4. No source records how a quota is refused, nor the status of an unknown client: the first is spelled as the standards
 *    say, the second as a wrong secret is.
 */

import {
  ACCESS_TOKEN,
  type Dialect,
  EXPIRES_IN_TEXT,
  type Field,
  REFRESH_TOKEN,
  type Spelling,
} from "../../http/dialect.ts";
import type { Instant } from "../../kernel/time.ts";

export interface ExactOnlineDialectOptions {
  /** A refresh before its time: 400 with a header, as observed; or 401, as documented. */
  readonly tooEarly?: "observed" | "documented";
  /** Status of "Old refresh token used.": 401 in most traces, 400 in one. */
  readonly oldTokenStatus?: 401 | 400;
  /** `bearer` in live samples, `Bearer` in the documentation. */
  readonly tokenType?: "bearer" | "Bearer";
  /** An expired refresh token: 400, as observed; or 401, as documented without a body. */
  readonly expired?: "observed" | "documented";
}

const CHAIN_ID = "Token is not allowed, because of invalid or empty chainId";
const TOO_EARLY = "Rate limit exceeded: access_token not expired";

const chainIdError: Spelling = {
  status: 400,
  error: "invalid_grant",
  description: CHAIN_ID,
  headers: { reason: `Unknown: ${CHAIN_ID}` },
};

const tooEarlyErrors: Readonly<Record<"observed" | "documented", Spelling>> = {
  observed: {
    status: 400,
    error: "access_denied",
    description: TOO_EARLY,
    headers: { reason: `TooEarlyToRefreshTokens: ${TOO_EARLY}` },
  },
  documented: {
    status: 401,
    error: "access_denied",
    description: "Access Token not expired",
    headers: { reason: "Access Token not expired" },
  },
};

const EXPIRED_STATUS = { observed: 400, documented: 401 } as const;

export function exactOnlineDialect(
  options: ExactOnlineDialectOptions | (() => ExactOnlineDialectOptions) = {},
): Dialect {
  const chosen = typeof options === "function" ? options : () => options;
  const old = (): Spelling => ({
    status: chosen().oldTokenStatus ?? 401,
    error: "unauthorized_client",
    description: "Old refresh token used.",
  });
  const tokenType: Field = {
    name: "token_type",
    value: () => chosen().tokenType ?? "bearer",
  };
  return {
    name: "exact-online",
    refusals: {
      chainRevoked: old,
      serialAhead: old,
      superseded: old,
      replayed: old,
      tokenExpired: ({ at: endedAt, by }, now) =>
        endedAt === null || by === "usedFor"
          ? old()
          : {
              ...invalidRequest(
                `The refresh token expired at ${usDate(endedAt)} and it is now ${usDate(now)}.`,
              ),
              status: EXPIRED_STATUS[chosen().expired ?? "observed"],
            },
      tokenMalformed: ({ parameter }) => (parameter === "code" ? codeInvalid : chainIdError),
      tokenUnknown: ({ parameter }) => (parameter === "code" ? codeInvalid : chainIdError),
      tokenOfAnotherClient: ({ parameter }) => (parameter === "code" ? codeInvalid : chainIdError),
      codeOvertaken: chainIdError,
      codeReplayed: invalidRequest(
        "This message has already been processed.  This could indicate a replay attack in progress.",
      ),
      tooEarly: () => tooEarlyErrors[chosen().tooEarly ?? "observed"],
      clientUnknown: ({ clientId }) => ({
        status: 401,
        error: "invalid_client",
        description: `Client with identifier '${clientId ?? ""}' not found.`,
      }),
      grantNotAllowed: {
        status: 401,
        error: "unauthorized_client",
        description:
          "The client is not authorized to request an authorization code using this method and/or authorization grant type.",
      },
    },
    errorKeys: ["error", "error_description"],
    fields: [ACCESS_TOKEN, tokenType, EXPIRES_IN_TEXT, REFRESH_TOKEN],
    revokedBody: "",
  };
}

const invalidRequest = (description: string): Spelling => ({
  status: 400,
  error: "invalid_request",
  description,
});

const codeInvalid: Spelling = {
  status: 400,
  error: "invalid_grant",
  description: "the authorization code is not active",
};

/** `10/11/2022 9:18:20 PM`, in UTC: no source tells the zone. */
export function usDate(at: Instant): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = date.getUTCHours();
  const day = `${date.getUTCMonth() + 1}/${date.getUTCDate()}/${date.getUTCFullYear()}`;
  const time = `${hours % 12 || 12}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${day} ${time} ${hours < 12 ? "AM" : "PM"}`;
}
