/**
 * Okta, from the client's side. Every organization has an address of its own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "developer.okta.com/docs/guides/refresh-tokens: the sample requests authenticate by header",
  "2026-11-21",
);

export const OKTA_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  okta: {
    policies: ["okta"],
    tokenEndpoint: null,
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
