/**
 * A refresh-token policy, as data.
 *
 * Words. Tokens of a chain carry a *serial* 0, 1, 2 … in order of issue (siblings differ). The *parent* is the
 * token whose presentation issued it. A *leaf* has no child; a token with a child is *superseded*. *First use*
 * is when a token is first accepted at the token endpoint or, where `firstUse` says so, when an access token of
 * its serial is first accepted by a registered resource server.
 *
 * 1. Every field has a default; a policy names only what differs. The default is strict rotation with replay
 *    detection (RFC 9700, section 4.14.2).
 * 2. No vendor is named here or in any rule. Vendors are presets: values of this type.
 * 3. The value below is what rules read. `parse-policy.ts` makes it from JSON and refuses what cannot hold.
 */

import { type Dated, type Duration, FOREVER, type Instant, MINUTE, SECOND } from "./time.ts";

/** The scope over which live chains or token calls are counted. */
export type Per = "clientAndSubject" | "subject" | "client";

export interface Cap {
  readonly per: Per;
  /** How many chains may live at once. */
  readonly max: number;
  /** What gives way when a code is redeemed beyond `max`. */
  readonly over: "evictOldest" | "evictLeastRecent" | "refuse";
}

export interface Quota {
  readonly per: "chain" | "clientAndSubject" | "client";
  readonly max: number;
  /** A sliding window, or the calendar day of a zone. */
  readonly window: { readonly sliding: Duration } | { readonly day: string };
  /** Whether refused calls count too. That count is then the one thing a refusal changes. */
  readonly counts: "granted" | "all";
}

export interface Policy {
  /** Whether an accepted leaf issues a child: always, never, if issued so long ago, if that part of `expiry.lifetime` has passed. */
  readonly rotate:
    | "always"
    | "never"
    | { readonly every: Duration }
    | { readonly fromFraction: number };
  /** With no child issued, the answer repeats the presented token or has none. */
  readonly unrotated: "repeat" | "omit";
  /** When a superseded token is still open: for `atLeast`, if at most `reach` links behind a leaf; or until its child is used, at most `atMost`. */
  readonly overlap: {
    readonly atLeast: Duration;
    /** Parent links; `Infinity` for all. */
    readonly reach: number;
    readonly untilUsed: boolean;
    readonly atMost: Duration;
  };
  readonly firstUse: "refresh" | "refreshOrAccess";
  readonly retry: {
    /** An open superseded token gets the newest leaf again, or a new child, or the first for `currentFor` and then the second. */
    readonly answer: "current" | "new" | { readonly currentFor: Duration };
    /** Retries after which the token is closed; `Infinity` for none. */
    readonly limit: number;
    /** Generations in a row that may be retried; the next retry counts as replay. `Infinity` for none. */
    readonly streak: number;
  };
  /** A new child drops every other leaf, or up to so many leaves live and the oldest is dropped. */
  readonly siblings: "displace" | { readonly branches: number };
  /** Any token ends so long after its first use. */
  readonly usedFor: Duration;
  readonly replay: {
    readonly action: "refuse" | "revokeChain" | "revokeClientAndSubject";
    readonly accessTokens: "revoke" | "keep";
    /** A token dead for less than this is refused only: a race is not theft. */
    readonly sparing: Duration;
  };
  /** From the token's own issue; from its last acceptance (else issue); from the grant. The step in force at issue holds. */
  readonly expiry: {
    readonly lifetime: Dated<Duration>;
    readonly idle: Dated<Duration>;
    readonly authorization: Dated<Duration>;
  };
  readonly caps: readonly Cap[];
  /** Least time between the chain's last grant, code redemption included, and the next. */
  readonly minInterval: Duration;
  readonly quota: readonly Quota[];
  readonly code: {
    readonly lifetime: Duration;
    readonly replay: "refuse" | "revokeChain";
    /** With several codes open at once for one client and subject: each may be redeemed, or only the one opened last. */
    readonly parallel: "each" | "lastOpened";
  };
  readonly access: {
    readonly lifetime: Duration;
    readonly form: "opaque" | "jwt" | "refreshToken";
    /** At its own end; once its serial is superseded; once its serial is no longer open. */
    readonly ends: "own" | "superseded" | "notOpen";
    /** How many of the newest access tokens live; `Infinity` for all. */
    readonly max: number;
  };
  /** A bounded list of past tokens for a vendor's surface. No decision reads it. */
  readonly register: "off" | { readonly max: number; readonly superseded: "drop" | "keep" };
}

const never: Dated<Duration> = [{ from: Number.NEGATIVE_INFINITY, value: FOREVER }];

export const DEFAULT_POLICY: Policy = {
  rotate: "always",
  unrotated: "repeat",
  overlap: { atLeast: 0, reach: 1, untilUsed: false, atMost: FOREVER },
  firstUse: "refresh",
  retry: { answer: "current", limit: Number.POSITIVE_INFINITY, streak: Number.POSITIVE_INFINITY },
  siblings: "displace",
  usedFor: FOREVER,
  replay: { action: "revokeChain", accessTokens: "revoke", sparing: 2 * SECOND },
  expiry: { lifetime: never, idle: never, authorization: never },
  caps: [],
  minInterval: 0,
  quota: [],
  code: { lifetime: 60 * SECOND, replay: "revokeChain", parallel: "each" },
  access: {
    lifetime: 10 * MINUTE,
    form: "opaque",
    ends: "own",
    max: Number.POSITIVE_INFINITY,
  },
  register: "off",
};

/** At most so many entries in a chain's record, under every policy. */
export const KEEP = 16;

/** Whether every token a chain ever issued stays open: then serials need no entry to be accepted. */
export function holdsEverySerialOpen(policy: Policy): boolean {
  return policy.overlap.atLeast === FOREVER && policy.overlap.reach === Number.POSITIVE_INFINITY;
}

/** How many leaves a chain may have. */
export function branchesOf(policy: Policy): number {
  return policy.siblings === "displace" ? 1 : policy.siblings.branches;
}

/** One revision of a client's policy; revisions are numbered from 1 in order of `at`. */
export interface Revision {
  readonly revision: number;
  readonly policy: Policy;
  readonly at: Instant;
  /** Whether tokens that were dead under the revision before may be accepted again. */
  readonly revive: boolean;
}

/** The newest revision. */
export function newest(revisions: readonly Revision[]): Revision {
  const revision = revisions.at(-1);
  if (!revision) throw new TypeError("a policy needs at least one revision");
  return revision;
}
