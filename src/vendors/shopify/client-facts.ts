/**
 * Shopify, from the client's side. Every shop has an address of its own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "shopify.dev, offline access tokens: client id and secret in the request",
  "2026-11-21",
);

export const SHOPIFY_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  shopify: {
    policies: ["shopify"],
    tokenEndpoint: null,
    clientAuthentication: documented("body"),
    readings: [],
  },
};
