/**
 * LinkedIn, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "learn.microsoft.com/linkedin/shared/authentication/programmatic-refresh-tokens",
  "2026-11-21",
);

export const LINKEDIN_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  linkedin: {
    policies: ["linkedin"],
    tokenEndpoint: documented("https://www.linkedin.com/oauth/v2/accessToken"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
