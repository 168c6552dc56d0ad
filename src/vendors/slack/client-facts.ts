/**
 * Slack, from the client's side. Refusals come with status 200; `invalid_refresh_token` is a code that is known.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("docs.slack.dev/authentication/using-token-rotation", "2026-11-21");

export const SLACK_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  slack: {
    policies: ["slack"],
    tokenEndpoint: documented("https://slack.com/api/oauth.v2.access"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
