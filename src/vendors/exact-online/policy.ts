/**
 * Exact Online's activation chain: accepted are the token activated last and the one requested last. Using a
 * token ends all before it; asking twice replaces the unused successor. Where sources disagree there is a preset
 * for each reading.
 *
 * Sources: support.exactonline.com, OAuth step 3 (lifetimes, 570 s between refreshes); forums.invantive.com
 * t/2227 (the chain, ten minutes in use, old tokens allowed per app), t/1040 (200 token calls a day, whose day's
 * time zone no source gives: that of the vendor's seat is assumed).
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const exactOnline = {
  overlap: { untilUsed: true },
  retry: { answer: "new" },
  replay: { action: "refuse" },
  expiry: { idle: "30 d" },
  caps: [{ per: "clientAndSubject", max: 1, over: "evictOldest" }],
  minInterval: "570 s",
  quota: [{ per: "clientAndSubject", max: 200, window: { day: "Europe/Amsterdam" } }],
  code: { lifetime: "180 s", replay: "refuse", parallel: "lastOpened" },
  access: { lifetime: "600 s" },
};

export const EXACT_ONLINE_POLICIES: Readonly<Record<string, Policy>> = {
  "exact-online": policyOf(exactOnline),
  /** A token in use lapses ten minutes after its first use. */
  "exact-online-10min": policyOf({ ...exactOnline, usedFor: "600 s" }),
  /** An app for which the vendor allows old refresh tokens: every one of the chain stays usable. */
  "exact-online-old-allowed": policyOf({
    ...exactOnline,
    overlap: { untilUsed: true, atLeast: "forever", reach: "all" },
  }),
};
