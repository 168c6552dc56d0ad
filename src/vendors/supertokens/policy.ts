/**
 * SuperTokens. A used token may come again for 30 s (0 to 300): it gets a new child, and the child before is displaced.
 * Any other reuse ends the session. A token ends after 100 days, an access token after an hour, unless set otherwise.
 *
 * Source: supertokens/supertokens-core, version 12; its config.yaml for the times.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const SUPERTOKENS_POLICIES: Readonly<Record<string, Policy>> = {
  supertokens: policyOf({
    overlap: { atLeast: "30 s" },
    retry: { answer: "new" },
    replay: { sparing: 0 },
    expiry: { lifetime: "100 d" },
    access: { lifetime: "1 h" },
  }),
};
