/**
 * Keycloak, from the client's side. Every realm has an address of its own, and may revoke refresh tokens or not.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const byTheStandard = sourced("RFC 6749, section 2.3.1: what every server must take", "2026-11-21");

export const KEYCLOAK_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  keycloak: {
    policies: ["keycloak", "keycloak-revoke"],
    tokenEndpoint: null,
    clientAuthentication: byTheStandard("basic"),
    readings: [],
  },
  "keycloak-revoke": {
    policies: ["keycloak-revoke"],
    tokenEndpoint: null,
    clientAuthentication: byTheStandard("basic"),
    readings: [],
  },
};
