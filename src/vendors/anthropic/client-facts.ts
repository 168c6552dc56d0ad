/**
 * Anthropic, from the client's side: a public client. A dead token is refused with `invalid_grant` as registered.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const reported = sourced(
  "docs.curate-me.ai/runbooks/oauth-token-rotation: an undocumented endpoint",
  "2026-11-22",
);

export const ANTHROPIC_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  anthropic: {
    policies: ["anthropic"],
    tokenEndpoint: reported("https://platform.claude.com/v1/oauth/token"),
    clientAuthentication: reported("body"),
    readings: [],
  },
};
