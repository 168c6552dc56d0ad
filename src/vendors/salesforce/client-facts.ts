/**
 * Salesforce, from the client's side. Organizations may also be reached at an address of their own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("help.salesforce.com, OAuth 2.0 refresh token flow", "2026-11-21");

export const SALESFORCE_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  salesforce: {
    policies: ["salesforce", "salesforce-rotation"],
    tokenEndpoint: documented("https://login.salesforce.com/services/oauth2/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
  "salesforce-rotation": {
    policies: ["salesforce-rotation"],
    tokenEndpoint: documented("https://login.salesforce.com/services/oauth2/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
