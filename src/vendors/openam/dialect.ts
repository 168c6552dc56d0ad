/**
 * OpenAM's wire format. Sources: RestletConstants, OAuth2Filter, ClientAuthenticator, AccessTokenService,
 * TokenRevocationResource of openam-oauth2 at tags forgerock/12.0.0 and 13.0.0.
 *
 * `expires_in` is what is left in whole seconds when the answer is written: the lifetime less one. Errors put their
 * description first. A refresh token that is unknown, used, expired or of another realm is "grant is invalid".
 */

import {
  ACCESS_TOKEN,
  type Dialect,
  EXPIRES_IN_LEFT,
  REFRESH_TOKEN,
  SCOPE_ALWAYS,
  type Spelling,
  tokenType,
} from "../../http/dialect.ts";

const invalidRequest = (description: string): Spelling => ({
  status: 400,
  error: "invalid_request",
  description,
});
const invalidGrant = (description: string): Spelling => ({
  status: 400,
  error: "invalid_grant",
  description,
});

const GRANT_INVALID = invalidGrant("grant is invalid");
const CODE_INVALID = invalidGrant("The provided access grant is invalid, expired, or revoked.");

/** 401 by header, 400 in the body; the words are the same. */
const clientFailed = ({ by }: { readonly by: "body" | "basic" | "none" }): Spelling => ({
  status: by === "basic" ? 401 : 400,
  error: "invalid_client",
  description: "Client authentication failed",
});

export const OPENAM_DIALECT: Dialect = {
  name: "openam",
  refusals: {
    chainRevoked: GRANT_INVALID,
    serialAhead: GRANT_INVALID,
    superseded: GRANT_INVALID,
    replayed: GRANT_INVALID,
    tokenExpired: GRANT_INVALID,
    tokenMalformed: ({ parameter }) => (parameter === "code" ? CODE_INVALID : GRANT_INVALID),
    tokenUnknown: ({ parameter }) => (parameter === "code" ? CODE_INVALID : GRANT_INVALID),
    tokenOfAnotherClient: invalidRequest("Token was issued to a different client"),
    codeReplayed: CODE_INVALID,
    codeOvertaken: CODE_INVALID,
    codeRevoked: CODE_INVALID,
    codeExpired: invalidGrant("Authorization code expired."),
    scopeWidened: ({ scopes }) => ({
      status: 400,
      error: "invalid_scope",
      description: `Unknown/invalid scope(s): [${scopes.join(", ")}]`,
    }),
    clientUnknown: clientFailed,
    clientSecretWrong: clientFailed,
    clientAuthenticatedTwice: invalidRequest("Client authentication failed"),
    realmUnknown: ({ realm }) => ({
      status: 404,
      error: "not_found",
      description: `No OpenID Connect provider for realm ${realm}`,
    }),
    resourceOwnerWrong: invalidGrant("Resource owner authentication failed"),
    methodWrong: ({ method }) => ({
      status: 405,
      error: "method_not_allowed",
      description: `Required Method: POST found: ${method}`,
    }),
    contentTypeWrong: invalidRequest("Invalid Content Type"),
    parameterMissing: ({ parameter }) => {
      if (parameter === "grant_type") return invalidRequest("Grant type is not set");
      if (parameter !== "scope") return invalidRequest(`Missing parameter, '${parameter}'`);
      const description = "No scope requested and no default scope configured";
      return { status: 400, error: "invalid_scope", description };
    },
    grantTypeUnsupported: {
      status: 400,
      error: "unsupported_grant_type",
      description: "Grant type is not supported",
    },
  },
  errorKeys: ["error_description", "error"],
  fields: [ACCESS_TOKEN, REFRESH_TOKEN, SCOPE_ALWAYS, tokenType("Bearer"), EXPIRES_IN_LEFT],
  revokedBody: "{}",
};

/** Version 11 tells an expired token from others. Source: OAuthProblemException of tag forgerock/11.0.0. */
export const OPENAM_11_DIALECT: Dialect = {
  ...OPENAM_DIALECT,
  refusals: {
    ...OPENAM_DIALECT.refusals,
    tokenExpired: {
      status: 401,
      error: "expired_token",
      description: "The request contains a token no longer valid.",
    },
  },
};
