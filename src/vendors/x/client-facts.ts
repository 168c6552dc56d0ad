/**
 * X, from the client's side. A dead token is refused as if the request were malformed.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "docs.x.com, OAuth 2.0: confidential clients need the header",
  "2026-11-21",
);
const reported = sourced("trypostit/trypost issue 126", "2026-11-21");

export const X_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  x: {
    policies: ["x"],
    tokenEndpoint: documented("https://api.x.com/2/oauth2/token"),
    clientAuthentication: documented("basic"),
    readings: [
      reported({
        error: "invalid_request",
        description: "value passed for the token was invalid",
        about: "token",
      }),
    ],
  },
};
