/**
 * better-auth, from the client's side. Every deployment has an address of its own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const byTheStandard = sourced("RFC 6749, section 2.3.1: what every server must take", "2026-11-21");

export const BETTER_AUTH_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  "better-auth": {
    policies: ["better-auth"],
    tokenEndpoint: null,
    clientAuthentication: byTheStandard("basic"),
    readings: [],
  },
};
