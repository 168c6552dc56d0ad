/**
 * OpenAM, from the client's side. Every deployment has an address of its own. A failure of its own is told with status
 * 400 and the code `server_error`, which proves nothing about the token.
 */

import type { ClientFacts } from "../client-facts.ts";
import { OPENAM_POLICIES } from "./policy.ts";

const CHECKED_ON = "2026-11-21";

/** Only version 11 has a code of its own for it. */
const EXPIRED = {
  value: { error: "expired_token", about: "token" as const },
  source: "OAuthProblemException of tag forgerock/11.0.0",
  checkedOn: "2026-11-22",
};

export const OPENAM_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = Object.fromEntries(
  Object.keys(OPENAM_POLICIES).map((name) => [
    name,
    {
      policies: [name] as const,
      tokenEndpoint: null,
      clientAuthentication: {
        value: "basic" as const,
        source:
          "ClientAuthenticator of tags forgerock/12.0.0 and 13.0.0: both ways, never together",
        checkedOn: CHECKED_ON,
      },
      readings: [
        ...(name === "openam-11" ? [EXPIRED] : []),
        {
          value: {
            error: "invalid_request",
            description: "token was issued to a different client",
            about: "client" as const,
          },
          source: "GrantTypeHandler of tags forgerock/12.0.0 and 13.0.0",
          checkedOn: CHECKED_ON,
        },
      ],
    },
  ]),
);
