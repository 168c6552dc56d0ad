/**
 * What a policy alone allows: how many tokens of a chain live at once, whether a client that lost one answer goes on,
 * and whether a well-behaved client always has a token that is accepted. Each is searched to its end.
 */

import { deadByScope, openCode, redeem } from "../kernel/authorization.ts";
import type { Chain } from "../kernel/chain.ts";
import { chainKey } from "../kernel/ids.ts";
import { type Cap, KEEP, type Policy } from "../kernel/policy.ts";
import { DAY, type Duration, FOREVER } from "../kernel/time.ts";
import {
  acceptedTokens,
  beginPlay,
  fixedEnd,
  isAccepted,
  isRevoked,
  keyOf,
  momentsAfter,
  type Play,
  presented,
  presentedInVain,
  type Rules,
  refusalWords,
  rulesFor,
  rulesOf,
  spanOf,
  tokenName,
  wait,
} from "./chain-play.ts";
import { beginRemote, type Token } from "./remote.ts";

const STATES_MAX = 30_000;

// --- live tokens ----------------------------------------------------------------------------------------

export interface LiveTokens {
  /** What is counted over: where a cap limits the chains of a scope, that scope; else one chain. */
  readonly per: Cap["per"] | "chain";
  /** Accepted at one time, at most; Infinity where there is no bound. */
  readonly most: number;
  readonly perChain: number;
  /** How they come to be, as short as it can be told. */
  readonly story: readonly string[];
  readonly isComplete: boolean;
}

/** The most tokens that are accepted at one time, whoever presents what, and when. */
export function liveTokens(policy: Policy): LiveTokens {
  // Only what is accepted is presented here, so how long a dead token is spared is nothing to this search.
  const rules = rulesFor({ ...policy, replay: { ...policy.replay, sparing: 0 } });
  const chain = liveOfChain(rules);
  const cap = (["clientAndSubject", "subject", "client"] as const)
    .map((per) => policy.caps.find((each) => each.per === per))
    .find((each) => each !== undefined);
  if (!cap) return { per: "chain", most: chain.perChain, ...chain };
  const chains = liveChains(rules, cap);
  const story = chains === 1 ? chain.story : [`${chains} consents, of which none ends another`];
  const { perChain, isComplete } = chain;
  return { per: cap.per, most: chains * perChain, perChain, isComplete, story };
}

interface Seen {
  readonly play: Play;
  readonly from: number;
  readonly says: string;
}

function liveOfChain(rules: Rules): Pick<LiveTokens, "perChain" | "story" | "isComplete"> {
  const found: Seen[] = [{ play: beginPlay(rules).play, from: -1, says: "" }];
  const known = new Set<string>();
  let most = 0;
  let at = 0;
  let end = 0;
  for (; at < found.length && found.length < STATES_MAX; at += 1) {
    const { play } = found[at] as Seen;
    const live = liveNow(play, rules);
    if (live > most) [most, end] = [live, at];
    if (most > KEEP) break;
    for (const { says, to } of nextPlays(play, rules)) {
      const key = `${liveNow(to, rules)} ${keyOf(to, rules, [])}`;
      if (known.has(key)) continue;
      known.add(key);
      found.push({ play: to, from: at, says });
    }
  }
  const story: string[] = [];
  for (let step = end; step > 0; step = found[step]?.from ?? 0) story.push(found[step]?.says ?? "");
  const isUnbounded = most > KEEP;
  return {
    perChain: isUnbounded ? Number.POSITIVE_INFINITY : most,
    story: isUnbounded ? ["every refresh adds one, and none is closed"] : story.reverse(),
    isComplete: isUnbounded || found.length < STATES_MAX,
  };
}

/** Tokens without a record are open only where every serial is: more than a record holds shows that there is no bound. */
function liveNow(play: Play, rules: Rules): number {
  const { begin } = rules;
  const { entries, last } = play.remote.chain;
  const recorded = new Set(entries.map(({ serial }) => serial));
  let live = acceptedTokens(play, rules).length;
  for (let serial = 0; serial < last; serial += 1) {
    if (!recorded.has(serial) && isAccepted(play, rules, `${serial}@${begin}`)) live += 1;
  }
  return live;
}

/**
 * Everybody acts as early as a rule allows: time by itself only ever closes a token, so whoever wants many open at once
 * gains nothing by waiting beyond such an instant.
 */
function nextPlays(play: Play, rules: Rules): { says: string; to: Play }[] {
  const next = acceptedTokens(play, rules).flatMap((token) => {
    const name = tokenName(token);
    const used = presented(play, rules, token);
    const got = used.token;
    if (got === undefined) return [];
    const gives = got === token ? "stays" : `gives ${tokenName(got)}`;
    const unused = { says: `${name} ${gives}`, to: presentedInVain(play, rules, token) };
    if (rules.policy.firstUse === "refresh") return [unused];
    return [unused, { says: `${name} ${gives}, whose access token is used`, to: used.play }];
  });
  const [moment] = momentsAfter(play, rules);
  if (moment === undefined) return next;
  const pause = moment - play.now;
  return [...next, { says: `${spanOf(pause)} pass`, to: wait(play, pause) }];
}

/** Chains that live at once under a cap: one consent after another, until one more makes no more. */
function liveChains({ policy, revisions, begin: now }: Rules, cap: Cap): number {
  if (cap.per !== "clientAndSubject") return cap.max;
  let { authorization } = beginRemote(policy, now).remote;
  const chains: Chain[] = [];
  for (let before = -1; ; ) {
    const ordinal = chains.length + 2;
    authorization = { ...openCode(authorization), opened: ordinal };
    const granted = redeem({
      scopes: { authorization },
      code: { ordinal, openedAt: now },
      chain: undefined,
      revisions,
      now,
      attempt: "grant",
    });
    if (!granted.granted || !granted.after.chain) return chains.length + 1;
    authorization = granted.after.authorization ?? authorization;
    chains.push(granted.after.chain);
    const live = chains.filter((chain, i) => !deadByScope({ authorization }, i + 2, chain)).length;
    const first = authorization.live.some(({ key }) => key === chainKey("a", 1)) ? 1 : 0;
    if (live + first <= before) return before;
    before = live + first;
  }
}

// --- recovery -------------------------------------------------------------------------------------------

export interface Recovery {
  /** From when on after the loss asking again is answered; Infinity for never. */
  readonly from: Duration;
  /** From when on it is refused, if nobody asked before; Infinity for never. */
  readonly until: Duration;
  /** What happens to who asks too late, or at all if nothing recovers. */
  readonly otherwise: string | null;
  readonly story: readonly string[];
}

/** What becomes of a client that loses the answer to one refresh and asks again, however much later. */
export function recovery(policy: Policy): Recovery {
  const rules = rulesOf({ ...policy, quota: [], register: "off" });
  const { play, token } = settledClient(rules);
  const period = policy.access.lifetime;
  const due = wait(play, Math.max(period, policy.minInterval));
  const lost = presentedInVain(due, rules, token);
  const waits = [
    0,
    ...momentsAfter(lost, rules).flatMap((at) => [at - 1 - lost.now, at - lost.now]),
  ];
  const tries = [...new Set(waits), (waits.at(-1) ?? 0) + DAY].filter((pause) => pause >= 0);
  const asked = tries.map((pause) => ({ pause, ...askedAgain(wait(lost, pause), rules, token) }));
  const first = asked.findIndex(({ goesOn }) => goesOn);
  const begun = [`the client presents ${tokenName(token)}, which is granted; the answer is lost`];
  if (first === -1) {
    const [now] = asked;
    const story = [...begun, `it asks again at once: ${now?.says}`];
    return { from: FOREVER, until: FOREVER, otherwise: now?.says ?? null, story };
  }
  const from = asked[first]?.pause ?? 0;
  const late = asked.slice(first).find(({ goesOn }) => !goesOn);
  const when = from === 0 ? "at once" : `after ${spanOf(from)}`;
  const tooLate = late ? [`it asks again only after ${spanOf(late.pause)}: ${late.says}`] : [];
  const early = asked
    .slice(0, first)
    .map(
      ({ says, pause }) =>
        `it asks again ${pause === 0 ? "at once" : `after ${spanOf(pause)}`}: ${says}`,
    );
  return {
    from,
    until: late?.pause ?? FOREVER,
    otherwise: late?.says ?? null,
    story: [
      ...begun,
      ...early.slice(0, 1),
      `it asks again ${when}: ${asked[first]?.says}`,
      ...tooLate,
    ],
  };
}

/** A client in its daily work: it has refreshed a few times, each time when due. */
function settledClient(rules: Rules): { play: Play; token: Token } {
  const { policy } = rules;
  let { play, token } = beginPlay(rules);
  for (let times = 0; times < 2; times += 1) {
    const next = presented(
      wait(play, Math.max(policy.access.lifetime, policy.minInterval)),
      rules,
      token,
    );
    if (next.token === undefined) return { play, token };
    [play, token] = [next.play, next.token];
  }
  return { play, token };
}

/** Asking again helps if what it gives is good at the next refresh too. */
function askedAgain(play: Play, rules: Rules, token: Token): { goesOn: boolean; says: string } {
  const again = presented(play, rules, token);
  if (again.token === undefined) {
    return { goesOn: false, says: refusalWords(again.refusal, again.play) };
  }
  const later = wait(again.play, rules.policy.minInterval);
  const goesOn = isAccepted(later, rules, again.token);
  const got = again.token === token ? "the token stays" : `it gets ${tokenName(again.token)}`;
  return { goesOn, says: goesOn ? got : `${got}, which soon ends` };
}

// --- a well-behaved client ------------------------------------------------------------------------------

export interface WellBehaved {
  /** `ends`: at an end that the policy declares and no refresh can move. */
  readonly verdict: "holds" | "ends" | "refuted";
  /** When a token is missing for the first time, from the grant; Infinity for never. */
  readonly after: Duration;
  readonly by: string | null;
  readonly story: readonly string[];
}

/** One process, no faults, the newest token: it refreshes when its access token ends, or as early as it may. */
export function wellBehaved(policy: Policy): WellBehaved {
  const refuted = neverRefused(policy) ?? withinQuota(policy);
  if (refuted) return refuted;
  const { after, by } = fixedEnd(policy);
  if (after === FOREVER) return { verdict: "holds", after, by: null, story: [] };
  return {
    verdict: "ends",
    after,
    by,
    story: [`${spanOf(after)} after the grant no token is accepted`],
  };
}

interface Walk extends Seen {
  readonly token: Token;
}

/** Every way of a client that refreshes as early as it may or when its access token ends, until there is no new state. */
function neverRefused(policy: Policy): WellBehaved | null {
  const rules = rulesFor(policy);
  const { lifetime } = policy.access;
  const pauses = [...new Set([Math.min(policy.minInterval, lifetime), lifetime])];
  const found: Walk[] = [{ ...beginPlay(rules), from: -1, says: "" }];
  const known = new Set<string>();
  for (let at = 0; at < found.length && found.length < STATES_MAX; at += 1) {
    const { play, token } = found[at] as Walk;
    for (const pause of pauses) {
      const next = presented(wait(play, pause), rules, token);
      const says = `${spanOf(pause)} later the client presents ${tokenName(token)}`;
      if (next.token === undefined || isRevoked(next.play)) {
        const told: string[] = [`${says}: ${refusalWords(next.refusal, next.play)}`];
        for (let step = at; step > 0; step = found[step]?.from ?? 0)
          told.push(found[step]?.says ?? "");
        const after = next.play.now - rules.begin;
        return { verdict: "refuted", after, by: next.refusal, story: told.reverse() };
      }
      const key = keyOf(next.play, rules, [[next.token]]);
      if (known.has(key)) continue;
      known.add(key);
      found.push({ play: next.play, token: next.token, from: at, says });
    }
  }
  return null;
}

/** Two days' refreshes, one whenever an access token ends, under the quotas. */
function withinQuota(policy: Policy): WellBehaved | null {
  if (policy.quota.length === 0) return null;
  const rules = rulesOf({ ...policy, register: "off" });
  const period = Math.max(policy.access.lifetime, policy.minInterval, 1);
  let { play, token } = beginPlay(rules);
  for (let times = 1; times * period < Math.min(2 * DAY, fixedEnd(policy).after); times += 1) {
    const next = presented(wait(play, period), rules, token);
    if (next.token === undefined) {
      const story = [
        `the client refreshes every ${spanOf(period)}`,
        `refresh ${times}: ${refusalWords(next.refusal, next.play)}`,
      ];
      return { verdict: "refuted", after: times * period, by: next.refusal, story };
    }
    [play, token] = [next.play, next.token];
  }
  return null;
}
