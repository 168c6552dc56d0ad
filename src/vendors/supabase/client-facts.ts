/**
 * Supabase Auth, from the client's side: its own session protocol, of which only the rule is kept here. Every project has
 * an address of its own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const byTheStandard = sourced("RFC 6749, section 2.3.1: what every server must take", "2026-11-21");

export const SUPABASE_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  supabase: {
    policies: ["supabase"],
    tokenEndpoint: null,
    clientAuthentication: byTheStandard("basic"),
    readings: [],
  },
};
