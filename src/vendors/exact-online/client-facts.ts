/**
 * Exact Online, from the client's side. The vendor documents the happy path; how it refuses is known from the issue
 * trackers of its client libraries, which agree.
 */

import type { Reading } from "../../kernel/outcome.ts";
import type { ClientFacts, Fact } from "../client-facts.ts";
import { EXACT_ONLINE_POLICIES } from "./policy.ts";

const CHECKED_ON = "2026-11-21";

const reading = (source: string, value: Reading): Fact<Reading> => ({
  value,
  source,
  checkedOn: CHECKED_ON,
});

/** The Dutch site; other countries' sites differ in the last label. */
const TOKEN_ENDPOINT: Fact<string> = {
  value: "https://start.exactonline.nl/api/oauth2/token",
  source: "support.exactonline.com, OAuth step 3",
  checkedOn: CHECKED_ON,
};

/** The call that every client begins with. */
const PROBE_ENDPOINT: Fact<string> = {
  value: "https://start.exactonline.nl/api/v1/current/Me?$select=CurrentDivision",
  source: "support.exactonline.com, REST reference, Me",
  checkedOn: CHECKED_ON,
};

const READINGS: readonly Fact<Reading>[] = [
  reading("picqer/exact-php-client issues 300, 640, 644", {
    error: "unauthorized_client",
    description: "old refresh token used",
    about: "token",
  }),
  reading("websmurf/laravel-exact-online issue 31", {
    error: "access_denied",
    description: "access_token not expired",
    about: "tooEarly",
  }),
  reading("support.exactonline.com, OAuth step 3: the documented spelling", {
    description: "access token not expired",
    about: "tooEarly",
  }),
  reading("picqer/exact-php-client issues 471, 573", { description: "chainid", about: "token" }),
  reading("websmurf/laravel-exact-online issue 23", {
    error: "invalid_request",
    description: "the refresh token expired at",
    about: "token",
  }),
  reading("picqer/exact-php-client issue 617: the wrong country's site, or a mistyped client id", {
    description: "' not found.",
    about: "client",
  }),
];

/** In doubt between the vendor's two published rules, the holder keeps to both. */
const POLICIES: Readonly<Record<string, ClientFacts["policies"]>> = {
  "exact-online": ["exact-online", "exact-online-10min"],
};

export const EXACT_ONLINE_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = Object.fromEntries(
  Object.keys(EXACT_ONLINE_POLICIES).map((name) => [
    name,
    {
      policies: POLICIES[name] ?? [name],
      tokenEndpoint: TOKEN_ENDPOINT,
      probeEndpoint: PROBE_ENDPOINT,
      clientAuthentication: {
        value: "body" as const,
        source: "support.exactonline.com, OAuth step 3",
        checkedOn: CHECKED_ON,
      },
      readings: READINGS,
    },
  ]),
);
