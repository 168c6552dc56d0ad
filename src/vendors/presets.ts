/** Every preset policy by name. A preset is data: no rule knows which one it follows. */

import type { Policy } from "../kernel/policy.ts";
import { EXACT_ONLINE_POLICIES } from "./exact-online/policy.ts";
import { GOOGLE_POLICIES } from "./google/policy.ts";
import { OPENAM_POLICIES } from "./openam/policy.ts";
import { STANDARD_POLICIES } from "./standards/policy.ts";

export const PRESETS: Readonly<Record<string, Policy>> = {
  ...STANDARD_POLICIES,
  ...OPENAM_POLICIES,
  ...EXACT_ONLINE_POLICIES,
  ...GOOGLE_POLICIES,
};
