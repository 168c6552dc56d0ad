/**
 * Slack, for apps with token rotation. A refresh brings a new pair. An access token lives 12 hours, and at most two of them
 * are live.
 *
 * A few refresh tokens are said to coexist; that is not relied on: the old one is dead at once, and its reuse ends the
 * chain.
 *
 * Source: docs.slack.dev/authentication/using-token-rotation.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

export const SLACK_POLICIES: Readonly<Record<string, Policy>> = {
  slack: policyOf({ access: { lifetime: "12 h", max: 2 } }),
};
