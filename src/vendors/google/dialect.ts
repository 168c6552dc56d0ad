/**
 * Google's wire format. Source: developers.google.com/identity/protocols/oauth2; the error as applications recorded it.
 * `expires_in` is one second less than the lifetime. A dead refresh token, whatever killed it, is expired or revoked.
 */

import {
  ACCESS_TOKEN,
  type Dialect,
  EXPIRES_IN_LEFT,
  REFRESH_TOKEN,
  SCOPE,
  tokenType,
} from "../../http/dialect.ts";

const DEAD = {
  status: 400,
  error: "invalid_grant",
  description: "Token has been expired or revoked.",
};

export const GOOGLE_DIALECT: Dialect = {
  name: "google",
  refusals: {
    chainRevoked: DEAD,
    serialAhead: DEAD,
    superseded: DEAD,
    replayed: DEAD,
    tokenExpired: DEAD,
    tokenMalformed: DEAD,
    tokenUnknown: DEAD,
    tokenOfAnotherClient: DEAD,
  },
  errorKeys: ["error", "error_description"],
  fields: [ACCESS_TOKEN, EXPIRES_IN_LEFT, REFRESH_TOKEN, SCOPE, tokenType("Bearer")],
  revokedBody: "{}",
};
