/**
 * Microsoft Entra ID, from the client's side: the address that serves every tenant. Refusals carry an AADSTS number in their
 * description; the registered code is enough to read them.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced(
  "learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow",
  "2026-11-21",
);

export const ENTRA_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  entra: {
    policies: ["entra"],
    tokenEndpoint: documented("https://login.microsoftonline.com/common/oauth2/v2.0/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
  "entra-spa": {
    policies: ["entra-spa"],
    tokenEndpoint: documented("https://login.microsoftonline.com/common/oauth2/v2.0/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
