/**
 * Policies that name no vendor: what the standards ask for, and what Keten recommends.
 *
 * `handshake` is a two-phase commit between server and client. Whoever lost the answer asks again, however much
 * later, and gets the same successor; once the successor is used the predecessor is dead, and replay bites.
 */

import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";

const handshake = {
  overlap: { untilUsed: true, atLeast: "30 s" },
  retry: { streak: 8 },
  replay: { sparing: "60 s" },
};

export const STANDARD_POLICIES: Readonly<Record<string, Policy>> = {
  /** Rotation with replay detection, no overlap at all. RFC 9700, section 4.14.2 */
  strict: policyOf({ access: { ends: "superseded" } }),
  /** No rotation: confidential, sender-constrained clients. FAPI 2.0 Security Profile, section 5.3.2.1 */
  fapi2: policyOf({ rotate: "never", unrotated: "omit" }, { client: "senderConstrained" }),
  /** What the relay's consumers get: one refresh token that never changes, repeated in every answer. */
  relay: policyOf({ rotate: "never" }),
  /** A refresh token for years, an access token for ten minutes. */
  "long-refresh": policyOf({
    rotate: "never",
    unrotated: "omit",
    expiry: { lifetime: "1826 d" },
    access: { lifetime: "600 s" },
  }),
  /** Each refresh token is the access token until the next refresh: there is no other. */
  "refresh-as-access": policyOf({ access: { form: "refreshToken", ends: "notOpen" } }),
  /** Recommended: a lost answer costs nothing, and a thief in step is found within eight generations. */
  handshake: policyOf(handshake),
  /** The same, where resource servers report the first use of an access token. */
  "handshake-observed": policyOf({
    ...handshake,
    overlap: { untilUsed: true, atLeast: "60 s" },
    firstUse: "refreshOrAccess",
  }),
};
