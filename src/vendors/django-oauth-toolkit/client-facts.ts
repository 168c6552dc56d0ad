/**
 * django-oauth-toolkit, from the client's side. Every deployment has an address of its own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const byTheStandard = sourced("RFC 6749, section 2.3.1: what every server must take", "2026-11-21");

export const DJANGO_OAUTH_TOOLKIT_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  "django-oauth-toolkit": {
    policies: ["django-oauth-toolkit", "django-oauth-toolkit-grace"],
    tokenEndpoint: null,
    clientAuthentication: byTheStandard("basic"),
    readings: [],
  },
  "django-oauth-toolkit-grace": {
    policies: ["django-oauth-toolkit-grace"],
    tokenEndpoint: null,
    clientAuthentication: byTheStandard("basic"),
    readings: [],
  },
};
