/**
 * Salesforce, by the connected app's setting; rotation is mandatory for packaged apps from 2026.
 *
 * 1. Without rotation the token stays and the answer has none; with it, reuse revokes the current token and its access
 *    tokens.
 * 2. A user approves an app five times; the sixth approval revokes the oldest.
 * 3. Access tokens live as long as the organization's sessions, 15 minutes to 24 hours: the shortest stands here. How long a
 *    refresh token lives is a setting as well: no end.
 *
 * Sources: help.salesforce.com, "Refresh Token Rotation", "Manage OAuth access policies"; for the five approvals, Oracle's
 * connector documentation.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const app = {
  caps: [{ per: "clientAndSubject", max: 5, over: "evictOldest" }],
  access: { lifetime: "15 min" },
};

export const SALESFORCE_POLICIES: Readonly<Record<string, Policy>> = {
  salesforce: policyOf({ ...app, rotate: "never", unrotated: "omit" }),
  "salesforce-rotation": policyOf({ ...app, replay: { sparing: 0 } }),
};
