/**
 * Twinfield, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("developers.twinfield.com, OpenID Connect authentication", "2026-11-21");

export const TWINFIELD_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  twinfield: {
    policies: ["twinfield"],
    tokenEndpoint: documented("https://login.twinfield.com/auth/authentication/connect/token"),
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
