/**
 * Ory Hydra, from the client's side. Every deployment has an address of its own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "ory/hydra: token_endpoint_auth_method is client_secret_basic unless a client is registered otherwise",
  "2026-11-21",
);

export const HYDRA_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  hydra: {
    policies: ["hydra", "hydra-grace"],
    tokenEndpoint: null,
    clientAuthentication: documented("basic"),
    readings: [],
  },
  "hydra-grace": {
    policies: ["hydra-grace"],
    tokenEndpoint: null,
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
