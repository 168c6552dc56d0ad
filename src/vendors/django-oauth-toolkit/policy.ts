/**
 * django-oauth-toolkit.
 *
 * 1. By default tokens rotate, there is no grace and no protection against reuse: a used token is only refused. Access
 *    tokens live ten hours; a refresh revokes the one before.
 * 2. With `REFRESH_TOKEN_GRACE_PERIOD_SECONDS` (a setting: two minutes here) a used token gets the same successor again;
 *    with `REFRESH_TOKEN_REUSE_PROTECTION`, reuse after that revokes the family.
 * 3. Known faults of the grace over several generations (issues 702, 1617) are not played.
 *
 * Source: django-oauth-toolkit.readthedocs.io, Settings.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const access = { lifetime: "36000 s", ends: "superseded" };

export const DJANGO_OAUTH_TOOLKIT_POLICIES: Readonly<Record<string, Policy>> = {
  "django-oauth-toolkit": policyOf({ replay: { action: "refuse", sparing: 0 }, access }),
  "django-oauth-toolkit-grace": policyOf({ overlap: { atLeast: "120 s" }, access }),
};
