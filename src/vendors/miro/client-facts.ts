/**
 * Miro, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("developers.miro.com/docs/getting-started-with-oauth", "2026-11-21");

export const MIRO_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  miro: {
    policies: ["miro"],
    tokenEndpoint: documented("https://api.miro.com/v1/oauth/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
