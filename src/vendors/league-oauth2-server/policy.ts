/**
 * league/oauth2-server, as proposed: a used token gets the same successor again for a grace (its length is a setting: half
 * a minute here); afterwards it is `invalid_grant`, and the family is revoked.
 *
 * Source: thephpleague/oauth2-server#1506, a proposal.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const LEAGUE_POLICIES: Readonly<Record<string, Policy>> = {
  "league-oauth2-server": policyOf({
    overlap: { atLeast: "30 s" },
    replay: { sparing: 0 },
    access: { lifetime: "1 h" },
  }),
};
