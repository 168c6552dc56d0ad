/** Google, from the client's side. Its refusals are spelled as registered. */

import type { ClientFacts } from "../client-facts.ts";
import { GOOGLE_POLICIES } from "./policy.ts";

const SOURCE = "developers.google.com/identity/protocols/oauth2/web-server";
const CHECKED_ON = "2026-11-21";

export const GOOGLE_CLIENT_FACTS: Readonly<Record<string, ClientFacts>> = Object.fromEntries(
  Object.keys(GOOGLE_POLICIES).map((name) => [
    name,
    {
      policies: [name] as const,
      tokenEndpoint: {
        value: "https://oauth2.googleapis.com/token",
        source: SOURCE,
        checkedOn: CHECKED_ON,
      },
      clientAuthentication: { value: "body" as const, source: SOURCE, checkedOn: CHECKED_ON },
      readings: [],
    },
  ]),
);
