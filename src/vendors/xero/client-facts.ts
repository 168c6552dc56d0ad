/**
 * Xero, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "developer.xero.com/documentation/guides/oauth2/auth-flow",
  "2026-11-21",
);

export const XERO_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  xero: {
    policies: ["xero"],
    tokenEndpoint: documented("https://identity.xero.com/connect/token"),
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
