/**
 * Zoho, from the client's side: the address of the data centre in the United States; others differ in their last label, and
 * the answer to the code says which one to use.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("zoho.com/accounts/protocol/oauth", "2026-11-21");

export const ZOHO_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  zoho: {
    policies: ["zoho"],
    tokenEndpoint: documented("https://accounts.zoho.com/oauth/v2/token"),
    clientAuthentication: documented("body"),
    readings: [
      documented({ error: "invalid_code", about: "token" }),
      documented({ error: "Access Denied", about: "rate" }),
    ],
  },
};
