/**
 * Dropbox, from the client's side.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("developers.dropbox.com/oauth-guide", "2026-11-21");

export const DROPBOX_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  dropbox: {
    policies: ["dropbox"],
    tokenEndpoint: documented("https://api.dropboxapi.com/oauth2/token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
