/**
 * One chain at the remote, and actors who present its tokens: no network, no processes, no faults. What the questions
 * about a policy alone are asked of.
 *
 * 1. Every decision is the production kernel's. What is ours here is which values are one and the same state.
 * 2. Two plays are equal if no rule can tell them apart: of serials only the order counts, instants count from now, and
 *    what is older than every duration of the policy is just old.
 * 3. A rule changes its mind only at instants that lie one of the policy's durations after something recorded: between
 *    two of them nothing new can happen, so that a search needs only them and the instants right before.
 * 4. Quotas are left out, unless asked for: a calendar makes every day another state. An end that no refresh can move is
 *    left out of a search and told beside its result.
 */

import { type Chain, type Entry, entryOf, isOpen } from "../kernel/chain.ts";
import { holdsEverySerialOpen, type Policy, type Revision } from "../kernel/policy.ts";
import { accessUsed } from "../kernel/present.ts";
import {
  type Dated,
  type Duration,
  FOREVER,
  formatDuration,
  type Instant,
  stepAt,
} from "../kernel/time.ts";
import {
  accepts,
  beginRemote,
  presentTo,
  type Remote,
  revisionsOf,
  serialOf,
  type Token,
} from "./remote.ts";

/** No play begins before this. */
const EARLIEST: Instant = 1_800_000_000_000;

export interface Play {
  readonly now: Instant;
  readonly remote: Remote;
}

/** The rules of a play: a policy without what is left out. */
export interface Rules {
  readonly policy: Policy;
  readonly revisions: readonly Revision[];
  readonly ages: Ages;
  readonly begin: Instant;
}

/** Durations that a rule compares an age with, by what the age is counted from; none is without end. */
type Ages = Readonly<Record<Since, readonly Duration[]>>;
type Since =
  | Exclude<keyof Entry, "serial" | "parent" | "retries">
  | keyof Pick<Chain, "grantAt" | "lastGrantAt">;

/** What became of a presented token. */
export interface Presentation {
  readonly play: Play;
  /** The token that the client has now; undefined if it was refused. */
  readonly token: Token | undefined;
  /** Why it was refused. */
  readonly refusal: string | null;
}

// --- what is left out -----------------------------------------------------------------------------------

const never: Dated<Duration> = [{ from: Number.NEGATIVE_INFINITY, value: FOREVER }];

/** The end that no refresh can move, counted from the grant. */
export function fixedEnd(policy: Policy): {
  readonly after: Duration;
  readonly by: "authorization" | "lifetime";
} {
  const begin = beginOf(policy);
  const authorization = stepAt(policy.expiry.authorization, begin);
  const lifetime = policy.rotate === "never" ? stepAt(policy.expiry.lifetime, begin) : FOREVER;
  return lifetime < authorization
    ? { after: lifetime, by: "lifetime" }
    : { after: authorization, by: "authorization" };
}

/** The rules of a policy for a search: without quotas, the register, and the end that no refresh can move. */
export function rulesFor(policy: Policy): Rules {
  const { expiry } = policy;
  const lifetime = policy.rotate === "never" ? never : expiry.lifetime;
  const limits = { ...expiry, lifetime, authorization: never };
  return rulesOf({ ...policy, quota: [], register: "off", expiry: limits });
}

/** The rules of a policy as it is. */
export function rulesOf(policy: Policy): Rules {
  const begin = beginOf(policy);
  const { overlap, retry, usedFor, replay, expiry, minInterval, rotate } = policy;
  const { sparing } = replay;
  const lifetime = stepAt(expiry.lifetime, begin);
  const idle = stepAt(expiry.idle, begin);
  const turn = rotateAge(rotate, lifetime);
  const currentFor = typeof retry.answer === "string" ? FOREVER : retry.answer.currentFor;
  const spared = [0, overlap.atLeast, overlap.atMost].map((open) => open + sparing);
  const finite = (...all: Duration[]) => all.filter((each) => each > 0 && each < FOREVER);
  const ages: Ages = {
    issuedAt: finite(lifetime, turn),
    firstUsedAt: finite(usedFor),
    lastUsedAt: finite(idle, sparing),
    supersededAt: finite(overlap.atLeast, overlap.atMost, currentFor, ...spared),
    childUsedAt: finite(sparing),
    grantAt: finite(stepAt(expiry.authorization, begin)),
    lastGrantAt: finite(minInterval),
  };
  return { policy, revisions: revisionsOf(policy), ages, begin };
}

function rotateAge(rotate: Policy["rotate"], lifetime: Duration): Duration {
  if (typeof rotate === "string") return FOREVER;
  return "every" in rotate ? rotate.every : Math.ceil(rotate.fromFraction * lifetime);
}

/** After every date at which a value of the policy changes. */
const beginOf = ({ expiry }: Policy): Instant =>
  Math.max(
    EARLIEST,
    ...[expiry.lifetime, expiry.idle, expiry.authorization].flatMap((steps) =>
      steps.map(({ from }) => (Number.isFinite(from) ? from : EARLIEST)),
    ),
  );

// --- acting ---------------------------------------------------------------------------------------------

/** A chain right after its grant, and its first token. */
export function beginPlay({ policy, begin }: Rules): { play: Play; token: Token } {
  const { remote, first } = beginRemote(policy, begin);
  return { play: { now: begin, remote }, token: first };
}

export const wait = ({ now, remote }: Play, duration: Duration): Play => ({
  now: now + duration,
  remote,
});

/** Presents a token. Who refreshes uses the new access token at once: where that counts as use, it is noted. */
export function presented({ now, remote }: Play, rules: Rules, token: Token): Presentation {
  const after = presentTo(remote, rules.revisions, token, now);
  const { result } = after;
  if (result.class !== "answered") {
    const refusal = result.class === "refusedUnspent" ? result.error : result.class;
    return { play: { now, remote: after.remote }, token: undefined, refusal };
  }
  const held = result.refresh?.print ?? token;
  const chain = accessUsed(after.remote.chain, rules.policy, serialOf(held), now);
  return { play: { now, remote: { ...after.remote, chain } }, token: held, refusal: null };
}

/** Like `presented`, but the answer is lost: nobody uses its access token. */
export function presentedInVain({ now, remote }: Play, rules: Rules, token: Token): Play {
  return { now, remote: presentTo(remote, rules.revisions, token, now).remote };
}

export const isAccepted = ({ remote, now }: Play, { policy }: Rules, token: Token): boolean =>
  accepts(remote, policy, token, now);

export const isRevoked = ({ remote }: Play): boolean =>
  remote.chain.revoked !== null || remote.authorization.revoked !== null;

/** The tokens that the chain's record names and that are accepted now. */
export function acceptedTokens(play: Play, rules: Rules): readonly Token[] {
  return play.remote.chain.entries
    .map(({ serial, issuedAt }) => `${serial}@${issuedAt}`)
    .filter((token) => isAccepted(play, rules, token));
}

// --- moments --------------------------------------------------------------------------------------------

const OPEN_AGES = ["issuedAt", "firstUsedAt", "lastUsedAt", "supersededAt", "childUsedAt"] as const;
const CLOSED_AGES = ["lastUsedAt", "supersededAt", "childUsedAt"] as const;

/** What an entry's ages are counted from. A closed token stays closed: only how long it is spared is still open. */
function instantsOf(
  entry: Entry,
  { now, remote }: Play,
  { policy }: Rules,
): readonly (readonly [Since, Instant | null])[] {
  if (isOpen(remote.chain, policy, entry, now)) {
    // The idle limit counts from the issue of a token that was never used.
    const idleSince = entry.lastUsedAt ?? entry.issuedAt;
    return OPEN_AGES.map((name) => [name, name === "lastUsedAt" ? idleSince : entry[name]]);
  }
  if (policy.replay.sparing === 0) return [];
  return CLOSED_AGES.map((name) => [name, entry[name]]);
}

/** The instants to come at which a rule may change its mind if nobody acts, in order. */
export function momentsAfter(play: Play, rules: Rules): readonly Instant[] {
  const { entries, grantAt, lastGrantAt } = play.remote.chain;
  const since = [
    ["grantAt", grantAt] as const,
    ["lastGrantAt", lastGrantAt] as const,
    ...entries.flatMap((entry) => instantsOf(entry, play, rules)),
  ];
  const all = since.flatMap(([name, at]) =>
    at === null ? [] : rules.ages[name].map((duration) => at + duration),
  );
  return [...new Set(all.filter((at) => at > play.now))].sort((a, b) => a - b);
}

// --- plays as keys --------------------------------------------------------------------------------------

/** The play and the tokens that its actors hold, as a text: equal texts, equal futures. */
export function keyOf(play: Play, rules: Rules, tokens: readonly (readonly Token[])[]): string {
  const { now, remote } = play;
  const { chain } = remote;
  if (isRevoked(play)) return "revoked";
  const { ages, policy } = rules;
  const age = (since: Since, at: Instant | null) =>
    at === null ? "-" : Math.min(now - at, Math.max(0, ...ages[since]));
  const entries = chain.entries.map((entry) => {
    const parent = rankOf(chain, entry.parent);
    const retries = retriesKey(entry, policy.retry.limit);
    const own = instantsOf(entry, play, rules).map(([since, at]) => age(since, at));
    const uses = [entry.firstUsedAt, entry.supersededAt, entry.childUsedAt].map(
      (at) => at === null,
    );
    return [parent, retries, ...uses, ...own].join(" ");
  });
  const held = tokens.map((each) => each.map((token) => tokenKey(play, rules, token)).join());
  const streak = Number.isFinite(policy.retry.streak) ? chain.streak : "-";
  const since = [age("grantAt", chain.grantAt), age("lastGrantAt", chain.lastGrantAt)];
  return [...since, streak, ...entries, ...held].join(";");
}

/** Where the record has a serial; -1 where it has not. */
const rankOf = ({ entries }: Chain, serial: number | null): number =>
  entries.findIndex((entry) => entry.serial === serial);

/** Retries as far as a rule asks for them: whether there was one, the limit, and what is closed for good. */
function retriesKey({ retries }: Entry, limit: number): number {
  if (retries === Number.POSITIVE_INFINITY) return retries;
  return Math.min(retries, Number.isFinite(limit) ? limit : 1);
}

/** A token without a record is open for ever, or dead for ever. */
function tokenKey({ now, remote }: Play, { policy, ages }: Rules, token: Token): string {
  const serial = serialOf(token);
  const rank = rankOf(remote.chain, serial);
  if (rank >= 0) return String(rank);
  if (!holdsEverySerialOpen(policy)) return "dead";
  return `open ${Math.min(now - Number(token.split("@")[1]), Math.max(0, ...ages.issuedAt))}`;
}

// --- words ----------------------------------------------------------------------------------------------

export const tokenName = (token: Token): string => `token ${serialOf(token) + 1}`;

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
];

/** A duration for people: at most two units. */
export function spanOf(duration: Duration): string {
  if (duration === FOREVER) return "for ever";
  if (duration < 1000) return duration === 0 ? "0 s" : String(formatDuration(duration));
  let rest = duration;
  const parts: string[] = [];
  for (const [name, length] of UNITS) {
    const whole = Math.floor(rest / length);
    if (whole === 0 || parts.length === 2) continue;
    parts.push(`${whole} ${name}`);
    rest -= whole * length;
  }
  return parts.join(" ");
}

/** Why a chain refused, for people. */
export function refusalWords(reason: string | null, { remote }: Play): string {
  switch (reason) {
    case "replayed":
      return remote.chain.revoked ? "refused as replay, which ends the chain" : "refused as used";
    case "superseded":
      return "refused as replaced";
    case "chainRevoked":
      return "refused: the chain has been ended";
    case "tokenExpired":
      return "refused as expired";
    case "tooEarly":
      return "refused as too early";
    case "quotaExceeded":
      return "refused: too many requests";
    default:
      return `refused: ${reason}`;
  }
}

/** The chain's newest token: what a client that lost nothing holds. */
export function newestToken({ remote: { chain } }: Play): Token | undefined {
  const entry: Chain["entries"][number] | undefined = entryOf(chain, chain.last);
  return entry && `${entry.serial}@${entry.issuedAt}`;
}
