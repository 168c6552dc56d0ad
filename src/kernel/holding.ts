/**
 * The holder's machine: what a keychain holds of one connection.
 *
 * 1. A request is recorded before its first byte (`intend.ts`); what to do next is asked of `plan.ts`; what came of it is
 *    taken in by `settle.ts`. Between any two of them, a crash leaves a named state.
 * 2. Two counters: a token's *serial* counts the different refresh tokens the provider gave us; the *generation*
 *    counts the access tokens we handed out. Some providers return the same refresh token for ever.
 * 3. Tokens are sealed before they get here. Two tokens are the same iff their prints are: a keyed digest.
 * 4. Nothing here ever drops a token that a provider's policy may still accept.
 */

import {
  accessLifetimeOf,
  type Knowledge,
  minIntervalOf,
  refreshEndsAccess,
  refreshLifetimeOf,
  silenceWithin,
} from "./doubt.ts";
import type { BlockCause, LossCause } from "./loss.ts";
import type { Doubt } from "./outcome.ts";
import type { Policy } from "./policy.ts";
import type { Duration, Instant } from "./time.ts";

export type Status =
  /** A token was brought in and never presented by us: its refusal would be no loss. */
  | "imported"
  /** The newest answer is ours. Whether its access token still lives is a question of time. */
  | "fresh"
  /** A request is on its way. */
  | "redeeming"
  /** A request was sent and not answered: the token may be spent. */
  | "uncertain"
  /** Two different successors are at hand, of which one may have displaced the other. */
  | "forked"
  /** Another live holder may own a successor: we wait for it, until a deadline. */
  | "held"
  /** The provider refused a token, and that is not yet believed: others are tried. */
  | "refused"
  /** The token is unspent, but the provider will have none of it until somebody acts. */
  | "blocked"
  /** No token at hand is accepted: a new authorization grant is needed. */
  | "lost"
  | "disconnecting"
  | "revoked";

export interface Held {
  readonly sealed: string;
  /** Keyed digest of the token: equal prints, equal tokens. */
  readonly print: string;
  /** The attempt that brought it, or `IMPORTED`; part of the seal's context. */
  readonly by: string;
  readonly serial: number;
}

export interface Access {
  readonly sealed: string;
  readonly by: string;
  readonly tokenType: string;
  readonly scope: string | null;
  /** Its own end, counted from before the request was sent: early rather than late. */
  readonly expiresAt: Instant;
  /** What else the answer said that whoever uses the token needs: no secret. */
  readonly more?: Readonly<Record<string, string>>;
}

export type Why = "due" | "resend" | "lastResort" | "candidate";

/** What became of the process that sent a request: dead for certain, or past its time and not known to be. */
export type OwnerDoubt = "ownerGone" | "ownerSilent";

/** An instant in milliseconds since a boot; unscaled. */
export interface BootInstant {
  readonly id: string;
  readonly at: number;
}

export interface Attempt {
  readonly id: string;
  readonly epoch: number;
  readonly owner: string;
  /** The print of the token it presents. */
  readonly print: string;
  readonly why: Why;
  /** Recorded before the first byte. */
  readonly sentAt: Instant;
  /** From then on its request cannot be processed any more. */
  readonly deadAt: Instant;
  /** The same by the time since a boot, which nobody sets. */
  readonly boot: BootInstant;
  /** Null while its owner may still report; else why its outcome is not known. */
  readonly doubt: Doubt | OwnerDoubt | null;
}

/** Whether a request is open for want of any answer, and not for what its answer said. */
export const isUnheard = ({ doubt }: Attempt): boolean =>
  isListenedFor(doubt) || doubt === "unanswered" || doubt === "ownerGone";

/** Whether a process may be alive that would hear the answer. */
export const isListenedFor = (doubt: Attempt["doubt"]): boolean =>
  doubt === null || doubt === "overdue" || doubt === "ownerSilent";

/** From then on nobody will hear an answer: the request is dead, and whoever sent it has been waited for. */
export const heardUntil = ({ sentAt, deadAt, doubt }: Attempt, { hold }: Settings): Instant =>
  isListenedFor(doubt) ? Math.max(deadAt, sentAt + hold) : deadAt;

/** From then on another may take its sender for silent: it is dead by then, or its window would close otherwise. */
export const silentAt = ({ sentAt, deadAt }: Attempt, knowledge: Knowledge): Instant =>
  Math.min(deadAt, sentAt + silenceWithin(knowledge));

export interface Parked extends Held {
  /** When its answer came. */
  readonly at: Instant;
}

export interface Lease {
  readonly owner: string;
  /** Identity of the boot that `until` counts in. */
  readonly boot: string;
  /** Milliseconds since that boot. */
  readonly until: number;
}

export interface Holding {
  /** New with each grant: answers for another chain are never committed. */
  readonly chainId: string;
  readonly status: Status;
  readonly since: Instant;
  /** Why it is lost or blocked. */
  readonly cause: LossCause | BlockCause | null;
  /** What the provider wrote, without secrets: an error code and a status. */
  readonly evidence: string | null;
  /** Nothing is sent before this. */
  readonly notBefore: Instant | null;
  /** A cure is certain only until this; null for no end. */
  readonly notAfter: Instant | null;
  readonly generation: number;
  readonly serials: number;
  readonly current: Held;
  readonly predecessor: (Held & { readonly supersededAt: Instant }) | null;
  readonly parked: readonly Parked[];
  readonly access: Access | null;
  readonly grantAt: Instant;
  /** The last success: the provider granted something between these two. Null before the first. */
  readonly refreshed: { readonly from: Instant; readonly to: Instant } | null;
  readonly epoch: number;
  readonly lease: Lease | null;
  /** Requests whose outcome is open, oldest first, at most `ATTEMPTS_MAX`. */
  readonly attempts: readonly Attempt[];
  /** The attempt recorded last, also when it is settled. */
  readonly newest: string | null;
  /** Prints that the provider refused since the last success. */
  readonly refused: readonly string[];
  /** Since the last success, a request was left without an answer. */
  readonly doubted: boolean;
  /** No successor is used before this: an earlier request may still arrive. */
  readonly quietUntil: Instant;
  /**
   * Requests for what the last success presented, by attempt, that may have been processed after it: they may have
   * displaced what it brought, of which the predecessor can tell; or have brought the successor that it did not.
   */
  readonly contested: readonly string[];
  /** Generations in a row that needed a retry. */
  readonly streak: number;
  /** Tries in a row that brought nothing; for back-off. */
  readonly failures: number;
}

/**
 * At most so many open requests. The oldest are forgotten, but for the first of each token; an answer that comes to them
 * is parked all the same.
 */
export const ATTEMPTS_MAX = 8;

export interface Settings {
  /** Refresh so long before the access token's end. */
  readonly lead: Duration;
  /** Kept clear of the edges of a provider's windows. */
  readonly margin: Duration;
  /** An access token with less left is not handed out. */
  readonly leastLeft: Duration;
  readonly backoff: { readonly first: Duration; readonly most: Duration };
  /** How long a request whose sender may still hear its answer holds back what could end the chain. */
  readonly hold: Duration;
}

/** Stands for the attempt that brought an imported token. */
export const IMPORTED = "0-import";

/** A connection as it begins: one token, never presented by us. */
export function importHolding(token: {
  readonly chainId: string;
  readonly sealed: string;
  readonly print: string;
  readonly now: Instant;
}): Holding {
  const { chainId, sealed, print, now } = token;
  return {
    chainId,
    status: "imported",
    since: now,
    cause: null,
    evidence: null,
    notBefore: null,
    notAfter: null,
    generation: 0,
    serials: 1,
    current: { sealed, print, by: IMPORTED, serial: 0 },
    predecessor: null,
    parked: [],
    access: null,
    grantAt: now,
    refreshed: null,
    epoch: 0,
    lease: null,
    attempts: [],
    newest: null,
    refused: [],
    doubted: false,
    quietUntil: Number.NEGATIVE_INFINITY,
    contested: [],
    streak: 0,
    failures: 0,
  };
}

// --- the access token -----------------------------------------------------------------------------------

/**
 * When the next refresh is due by time alone: a lead before the end of the access token, or of a refresh token that
 * ends unused; never earlier than the provider allows.
 */
export function dueAt(h: Holding, knowledge: Knowledge, settings: Settings): Instant {
  if (!h.access || !h.refreshed) return Number.NEGATIVE_INFINITY;
  // Half of its life at most, by what is known and by what was said: a token that was just fetched is never due.
  const life = Math.min(accessLifetimeOf(knowledge), h.access.expiresAt - h.refreshed.from);
  const lead = Math.min(settings.lead * (1 + spreadOf(h.chainId)), life / 2);
  const unused = refreshLifetimeOf(knowledge);
  // Half of its life is left for asking again.
  const keepBy = h.refreshed.from + unused / 2;
  const wanted = Math.min(h.access.expiresAt - lead, keepBy);
  return Math.max(wanted, h.refreshed.to + minIntervalOf(knowledge));
}

/** When the refresh token ends if it is not used, by the shortest reading: counted from the last success, or the grant. */
export const unusedUntil = (h: Holding, knowledge: readonly Policy[]): Instant =>
  (h.refreshed?.from ?? h.grantAt) + refreshLifetimeOf(knowledge);

/** A fraction of its own for each chain, 0 to 1: chains that were granted together are not refreshed together. */
function spreadOf(chainId: string): number {
  let hash = 0;
  for (const sign of chainId) hash = (hash * 31 + sign.charCodeAt(0)) % 4093;
  return hash / 4093;
}

/**
 * The access token's true end: its own, or the moment at which a refresh of ours may have ended it. Negative
 * infinity when there is none.
 */
export function accessEndsAt(h: Holding, knowledge: Knowledge, settings: Settings): Instant {
  if (!h.access || h.status === "lost" || h.status === "revoked") return Number.NEGATIVE_INFINITY;
  if (!refreshEndsAccess(knowledge)) return h.access.expiresAt;
  const sent = h.attempts[0]?.sentAt ?? dueAt(h, knowledge, settings);
  return Math.min(h.access.expiresAt, sent);
}

export const heldOnly = ({ sealed, print, by, serial }: Held): Held => ({
  sealed,
  print,
  by,
  serial,
});

/** The token at hand with a print. */
export function heldOf(h: Holding, print: string): Held | undefined {
  const found = [h.current, h.predecessor, ...h.parked].find((token) => token?.print === print);
  return found ? heldOnly(found) : undefined;
}
