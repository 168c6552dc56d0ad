/**
 * OpenAI, from the client's side: a public client. The code of a refusal stands in an object, with status 401.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const reported = sourced(
  "openai/codex, codex-rs/login; NousResearch/hermes-agent pull request 5612",
  "2026-11-22",
);

export const OPENAI_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  openai: {
    policies: ["openai"],
    tokenEndpoint: reported("https://auth.openai.com/oauth/token"),
    clientAuthentication: reported("body"),
    readings: [reported({ error: "refresh_token_reused", about: "token" })],
  },
};
