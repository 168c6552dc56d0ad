/**
 * Box, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("developer.box.com/guides/authentication/tokens/refresh", "2026-11-21");

export const BOX_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  box: {
    policies: ["box"],
    tokenEndpoint: documented("https://api.box.com/oauth2/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
