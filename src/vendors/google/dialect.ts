/**
 * Google's wire format. Source: developers.google.com/identity/protocols/oauth2; the errors as applications recorded them.
 *
 * 1. `expires_in` is one second less than the lifetime.
 * 2. A dead refresh token, whatever killed it, is expired or revoked. Some twelve hours after its death the description
 *    says nothing any more (AlphaTiles issue 107). Where the hour of death is not on record, the first text stays.
 * 3. What an administrator's session control ended asks for a new login, by a subtype of its own.
 */

import {
  ACCESS_TOKEN,
  type Dialect,
  EXPIRES_IN_LEFT,
  REFRESH_TOKEN,
  SCOPE,
  type Spelling,
  tokenType,
} from "../../http/dialect.ts";
import { type Duration, HOUR, type Instant } from "../../kernel/time.ts";

const DEAD: Spelling = {
  status: 400,
  error: "invalid_grant",
  description: "Token has been expired or revoked.",
};
const LONG_DEAD: Spelling = { ...DEAD, description: "Bad Request" };
const LONG: Duration = 12 * HOUR;

const LOGIN_NEEDED: Spelling = {
  ...DEAD,
  description: "reauth related error (invalid_rapt)",
  more: { error_subtype: "invalid_rapt" },
};

const deadSince = (at: Instant | null, now: Instant): Spelling =>
  at !== null && now - at >= LONG ? LONG_DEAD : DEAD;

export const GOOGLE_DIALECT: Dialect = {
  name: "google",
  refusals: {
    chainRevoked: ({ by, at }, now) => (by === "operator" ? LOGIN_NEEDED : deadSince(at, now)),
    serialAhead: DEAD,
    superseded: DEAD,
    replayed: DEAD,
    tokenExpired: ({ at }, now) => deadSince(at, now),
    tokenMalformed: DEAD,
    tokenUnknown: DEAD,
    tokenOfAnotherClient: DEAD,
  },
  errorKeys: ["error", "error_description"],
  fields: [ACCESS_TOKEN, EXPIRES_IN_LEFT, REFRESH_TOKEN, SCOPE, tokenType("Bearer")],
  revokedBody: "{}",
};
