/**
 * Linear, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("linear.app/developers/oauth-2-0-authentication", "2026-11-21");

export const LINEAR_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  linear: {
    policies: ["linear"],
    tokenEndpoint: documented("https://api.linear.app/oauth/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
