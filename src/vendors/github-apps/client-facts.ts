/**
 * GitHub Apps, from the client's side. A dead token is refused with status 200 and `bad_refresh_token`, a code that is known.
 */

import { type ClientFacts, sourced } from "../client-facts.ts";

const documented = sourced("docs.github.com, Refreshing user access tokens", "2026-11-21");

export const GITHUB_APPS_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = {
  "github-apps": {
    policies: ["github-apps"],
    tokenEndpoint: documented("https://github.com/login/oauth/access_token"),
    clientAuthentication: documented("body"),
    readings: [],
  },
};
