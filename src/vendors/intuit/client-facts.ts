/**
 * Intuit, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "developer.intuit.com, OAuth 2.0: discovery document and sample refresh",
  "2026-11-21",
);

export const INTUIT_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  intuit: {
    policies: ["intuit"],
    tokenEndpoint: documented("https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"),
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
