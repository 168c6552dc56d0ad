/**
 * Amazon Cognito, from the client's side. Every user pool has an address of its own.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("docs.aws.amazon.com, The token issuer endpoint", "2026-11-21");

export const COGNITO_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  cognito: {
    policies: ["cognito", "cognito-rotation"],
    tokenEndpoint: null,
    clientAuthentication: documented("basic"),
    readings: [],
  },
  "cognito-rotation": {
    policies: ["cognito-rotation"],
    tokenEndpoint: null,
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
