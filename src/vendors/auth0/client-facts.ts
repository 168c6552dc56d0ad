/**
 * Auth0, from the client's side. Every tenant has an address of its own. Whether it allows a leeway cannot be seen from
 * outside, so a client keeps to both rules.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "auth0.com/docs, Authentication API, Get Token: client id and secret as body parameters",
  "2026-11-21",
);

export const AUTH0_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  auth0: {
    policies: ["auth0", "auth0-leeway"],
    tokenEndpoint: null,
    clientAuthentication: documented("body"),
    readings: [],
  },
  "auth0-leeway": {
    policies: ["auth0-leeway"],
    tokenEndpoint: null,
    clientAuthentication: documented("body"),
    readings: [],
  },
};
