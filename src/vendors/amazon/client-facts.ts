/**
 * Login with Amazon, from the client's side. The client secret must be renewed every 180 days.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "developer-docs.amazon.com/sp-api, Connect to the Selling Partner API",
  "2026-11-21",
);

export const AMAZON_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  amazon: {
    policies: ["amazon"],
    tokenEndpoint: documented("https://api.amazon.com/auth/o2/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
