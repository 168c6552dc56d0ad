/**
 * HubSpot, from the client's side. Version 1 of its token endpoint ends on 16 February 2027. Some refusals have no `error`
 * but only a status of the vendor's own, `BAD_REFRESH_TOKEN`: nothing is concluded from these.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "developers.hubspot.com/docs/api-reference/2026-03/authentication/oauth-tokens",
  "2026-11-22",
);

export const HUBSPOT_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  hubspot: {
    policies: ["hubspot"],
    tokenEndpoint: documented("https://api.hubapi.com/oauth/2026-03/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
