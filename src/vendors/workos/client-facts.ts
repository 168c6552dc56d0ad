/**
 * WorkOS AuthKit, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "workos.com/docs/authkit/session-resilience; workos.com/docs/reference/authkit/authentication",
  "2026-11-21",
);

export const WORKOS_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  workos: {
    policies: ["workos"],
    tokenEndpoint: documented("https://api.workos.com/user_management/authenticate"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
