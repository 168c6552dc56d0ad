/**
 * Notion, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("developers.notion.com/reference/refresh-a-token", "2026-11-21");

export const NOTION_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  notion: {
    policies: ["notion"],
    tokenEndpoint: documented("https://api.notion.com/v1/oauth/token"),
    clientAuthentication: documented("basic"),
    readings: [],
  },
};
