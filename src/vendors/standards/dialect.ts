/** The dialect of the standards: RFC 6749, sections 5.1 and 5.2, and nothing else. */

import {
  ACCESS_TOKEN,
  type Dialect,
  EXPIRES_IN,
  REFRESH_TOKEN,
  SCOPE,
  tokenType,
} from "../../http/dialect.ts";

export const STANDARD_DIALECT: Dialect = {
  name: "rfc",
  refusals: {
    // The one missing parameter with a registered error of its own. RFC 6749, section 3.3
    parameterMissing: ({ parameter }) =>
      parameter === "scope"
        ? {
            status: 400,
            error: "invalid_scope",
            description: "scope is missing and has no default",
          }
        : {
            status: 400,
            error: "invalid_request",
            description: `missing parameter '${parameter}'`,
          },
  },
  errorKeys: ["error", "error_description"],
  fields: [ACCESS_TOKEN, tokenType("Bearer"), EXPIRES_IN, REFRESH_TOKEN, SCOPE],
  revokedBody: "",
};
