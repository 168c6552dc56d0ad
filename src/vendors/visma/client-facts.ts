/**
 * Visma eAccounting, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("developer.visma.com, eAccounting API: authentication", "2026-11-21");

export const VISMA_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  visma: {
    policies: ["visma"],
    tokenEndpoint: documented("https://identity.vismaonline.com/connect/token"),
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
