/**
 * HubSpot. The refresh token stays the same until the app is uninstalled; answers repeat it. An access token lives 30
 * minutes.
 *
 * Source: developers.hubspot.com, OAuth guide and changelog.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const HUBSPOT_POLICIES: Readonly<Record<string, Policy>> = {
  hubspot: policyOf({ rotate: "never", access: { lifetime: "30 min" } }),
};
