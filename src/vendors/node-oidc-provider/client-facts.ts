/**
 * node-oidc-provider, from the client's side. Every deployment has an address of its own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "panva/node-oidc-provider, clientDefaults: client_secret_basic",
  "2026-11-21",
);

export const NODE_OIDC_PROVIDER_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  "node-oidc-provider": {
    policies: ["node-oidc-provider"],
    tokenEndpoint: null,
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
