/**
 * Atlassian, from the client's side. A dead token is refused with `invalid_grant` as registered, but with status 403.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens",
  "2026-11-21",
);

export const ATLASSIAN_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  atlassian: {
    policies: ["atlassian"],
    tokenEndpoint: documented("https://auth.atlassian.com/oauth/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
