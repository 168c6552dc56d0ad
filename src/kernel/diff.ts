/**
 * What a change of policy does, before it is made, field by field in plain words. `dry-run.ts` tries it on one chain.
 *
 * 1. A field that differs is listed once, with what it shortens for tokens that live now and what it could bring back.
 *    What could come back does so only if the change says `revive`; else what is dead stays dead.
 * 2. Where two values cannot be ranked, the change is said to shorten: a warning too many costs less than one too few.
 */

import {
  branchesOf,
  type Cap,
  holdsEverySerialOpen,
  type Per,
  type Policy,
  type Quota,
} from "./policy.ts";
import { type Dated, type Duration, FOREVER, formatDuration, stepAt } from "./time.ts";

export interface PolicyChange {
  /** The field, such as `overlap.atLeast`. */
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** What holds from now on, as a sentence. */
  readonly says: string;
  /** What tokens that live now lose; null if nothing. */
  readonly shortens: string | null;
  /** What tokens that are dead now may gain if the change says `revive`; null if nothing. */
  readonly revives: string | null;
}

/** One field: how it reads, what it means, and what a change of it does. */
interface Field {
  readonly path: string;
  readonly text: (policy: Policy) => string;
  readonly says: (text: string) => string;
  readonly shortens?: (before: Policy, after: Policy) => string | null | false;
  readonly revives?: (before: Policy, after: Policy) => string | null | false;
}

// --- how values read ------------------------------------------------------------------------------------

const span = (duration: Duration): string => String(formatDuration(duration));

const count = (value: number, word = "none"): string =>
  Number.isFinite(value) ? `${value}` : word;

function datedText(steps: Dated<Duration>): string {
  return steps
    .map(({ from, value }) =>
      Number.isFinite(from)
        ? `${span(value)} from ${new Date(from).toISOString().slice(0, 10)}`
        : span(value),
    )
    .join(", ");
}

function rotateText({ rotate }: Policy): string {
  if (typeof rotate === "string") return rotate;
  return "every" in rotate
    ? `after ${span(rotate.every)}`
    : `from ${rotate.fromFraction} of its lifetime`;
}

function answerText({ retry: { answer } }: Policy): string {
  return typeof answer === "string" ? answer : `current for ${span(answer.currentFor)}, then new`;
}

function windowText({ window }: Quota): string {
  return "day" in window ? `day (${window.day})` : span(window.sliding);
}

const quotaText = ({ quota }: Policy): string =>
  quota
    .map((each) => `${each.max} ${each.counts} per ${each.per} and ${windowText(each)}`)
    .join(", ") || "none";

const capOf = (policy: Policy, per: Per): Cap | undefined =>
  policy.caps.find((cap) => cap.per === per);

function registerText({ register }: Policy): string {
  return register === "off" ? "off" : `${register.max}, superseded: ${register.superseded}`;
}

// --- how values rank ------------------------------------------------------------------------------------

/** A field whose greater value lets tokens live longer. */
function longer(
  path: string,
  value: (policy: Policy) => number,
  text: (value: number) => string,
  words: {
    readonly says: (text: string) => string;
    readonly less: string;
    readonly more: string | null;
  },
): Field {
  return {
    path,
    text: (policy) => text(value(policy)),
    says: words.says,
    shortens: (before, after) => value(after) < value(before) && words.less,
    revives: (before, after) => value(after) > value(before) && words.more,
  };
}

/** A limit that may be dated: compared at every date at which either value changes. */
function limit(name: keyof Policy["expiry"], since: string): Field {
  const compare = (before: Policy, after: Policy, differs: (a: number, b: number) => boolean) => {
    const [old, now] = [before.expiry[name], after.expiry[name]];
    return [...old, ...now].some(({ from }) => differs(stepAt(old, from), stepAt(now, from)));
  };
  return {
    path: `expiry.${name}`,
    text: (policy) => datedText(policy.expiry[name]),
    says: (text) => `a token ends so long after ${since}: ${text}`,
    shortens: (before, after) =>
      compare(before, after, (old, now) => now < old) &&
      `tokens end earlier after ${since}, those that are older already end at once`,
    revives: (before, after) =>
      compare(before, after, (old, now) => now > old) &&
      `tokens that ended so long after ${since}, where the record still knows them`,
  };
}

const ROTATES = ["never", "sometimes", "always"];

function rotatesOftener(before: Policy, after: Policy): boolean {
  const rank = ({ rotate }: Policy) =>
    ROTATES.indexOf(typeof rotate === "string" ? rotate : "sometimes");
  if (rank(after) !== rank(before)) return rank(after) > rank(before);
  const [old, now] = [before.rotate, after.rotate];
  if (typeof old === "string" || typeof now === "string") return false;
  if ("every" in old && "every" in now) return now.every < old.every;
  if ("fromFraction" in old && "fromFraction" in now) return now.fromFraction < old.fromFraction;
  return true;
}

/** How long a retry is answered with the successor given before. */
function currentFor({ retry: { answer } }: Policy): Duration {
  if (answer === "current") return FOREVER;
  return answer === "new" ? 0 : answer.currentFor;
}

const later = <T>(order: readonly T[], before: T, after: T): boolean =>
  order.indexOf(after) > order.indexOf(before);

const ACTIONS = ["refuse", "revokeChain", "revokeClientAndSubject"] as const;
const ENDS = ["own", "notOpen", "superseded"] as const;

function capField(per: Per): Field {
  const max = (policy: Policy) => capOf(policy, per)?.max ?? Number.POSITIVE_INFINITY;
  return {
    path: `caps.${per}`,
    text: (policy) => {
      const cap = capOf(policy, per);
      return cap ? `${cap.max}, over: ${cap.over}` : "none";
    },
    says: (text) => `live chains per ${per}: ${text}`,
    shortens: (before, after) => {
      const over = capOf(after, per)?.over;
      if (!over || over === "refuse") return null;
      const evicts = max(after) < max(before) || over !== capOf(before, per)?.over;
      return evicts && "a new grant may end a chain that would have lived";
    },
    revives: (before, after) =>
      max(after) === FOREVER && max(before) < FOREVER && "chains pushed out by the cap",
  };
}

const BRIEF = "where the record still knows them";

const FIELDS: readonly Field[] = [
  {
    path: "rotate",
    text: rotateText,
    says: (text) => `an accepted newest token is replaced: ${text}`,
    shortens: (before, after) =>
      rotatesOftener(before, after) && "a token that was repeated is now replaced when presented",
  },
  {
    path: "unrotated",
    text: ({ unrotated }) => unrotated,
    says: (text) => `where none is issued, the answer's refresh token is: ${text}`,
  },
  longer("overlap.atLeast", ({ overlap }) => overlap.atLeast, span, {
    says: (text) => `a replaced token stays open for at least ${text}`,
    less: "replaced tokens close earlier, those replaced longer ago at once",
    more: `tokens replaced less long ago, ${BRIEF}`,
  }),
  longer(
    "overlap.reach",
    ({ overlap }) => overlap.reach,
    (value) => count(value, "all"),
    {
      says: (text) => `so many generations behind the newest token stay open: ${text}`,
      less: "tokens more generations behind close at once",
      more: `tokens fewer generations behind, ${BRIEF}`,
    },
  ),
  longer(
    "overlap.untilUsed",
    ({ overlap }) => Number(overlap.untilUsed),
    (value) => `${value === 1}`,
    {
      says: (text) => `a replaced token stays open until its successor is used: ${text}`,
      less: "replaced tokens whose successor was not used yet close once their time is over",
      more: `replaced tokens whose successor was not used yet, ${BRIEF}`,
    },
  ),
  longer("overlap.atMost", ({ overlap }) => overlap.atMost, span, {
    says: (text) => `a replaced token waits for its successor's use for at most ${text}`,
    less: "replaced tokens whose successor is not used close earlier",
    more: `replaced tokens whose successor was not used in time, ${BRIEF}`,
  }),
  {
    path: "firstUse",
    text: ({ firstUse }) => firstUse,
    says: (text) => `a token counts as used by: ${text}`,
    shortens: (_, after) =>
      after.firstUse === "refreshOrAccess" &&
      "predecessors close, and usedFor begins, when an access token is used",
  },
  {
    path: "retry.answer",
    text: answerText,
    says: (text) => `a replaced token that is still open is answered with: ${text}`,
    shortens: (before, after) =>
      currentFor(after) < currentFor(before) &&
      "a successor that was handed out is displaced when its predecessor is presented again",
  },
  longer(
    "retry.limit",
    ({ retry }) => retry.limit,
    (value) => count(value),
    {
      says: (text) => `a replaced token may be presented again so often: ${text}`,
      less: "tokens presented again too often close at once",
      more: `tokens that were presented again too often, ${BRIEF}`,
    },
  ),
  longer(
    "retry.streak",
    ({ retry }) => retry.streak,
    (value) => count(value),
    {
      says: (text) => `so many generations in a row may be presented again: ${text}`,
      less: "the next presentation of a replaced token may count as replay",
      more: "replaced tokens that one generation too many had closed",
    },
  ),
  longer("siblings", branchesOf, (value) => (value === 1 ? "displace" : `${value} branches`), {
    says: (text) => `newest tokens that live side by side: ${text}`,
    less: "the oldest branches end when the next token is issued",
    more: null,
  }),
  longer("usedFor", ({ usedFor }) => usedFor, span, {
    says: (text) => `a token ends so long after its first use: ${text}`,
    less: "tokens in use end earlier, those used longer ago at once",
    more: `tokens that ended so long after their first use, ${BRIEF}`,
  }),
  {
    path: "replay.action",
    text: ({ replay }) => replay.action,
    says: (text) => `a dead token that is presented leads to: ${text}`,
    shortens: (before, after) =>
      later(ACTIONS, before.replay.action, after.replay.action) &&
      "presenting a dead token ends live ones that it spared before",
  },
  {
    path: "replay.accessTokens",
    text: ({ replay }) => replay.accessTokens,
    says: (text) => `access tokens of a chain ended by replay: ${text}`,
    shortens: (_, after) =>
      after.replay.accessTokens === "revoke" && "access tokens end with a chain",
  },
  longer("replay.sparing", ({ replay }) => replay.sparing, span, {
    says: (text) => `a token dead for less than this is only refused: ${text}`,
    less: "a late duplicate counts as replay earlier",
    more: null,
  }),
  limit("lifetime", "its issue"),
  limit("idle", "its last use"),
  limit("authorization", "the grant"),
  capField("clientAndSubject"),
  capField("subject"),
  capField("client"),
  {
    path: "minInterval",
    text: ({ minInterval }) => span(minInterval),
    says: (text) => `least time between two grants of a chain: ${text}`,
  },
  {
    path: "quota",
    text: quotaText,
    says: (text) => `token calls are limited to: ${text}`,
  },
  longer("code.lifetime", ({ code }) => code.lifetime, span, {
    says: (text) => `a code may be redeemed for ${text}`,
    less: "open codes end earlier, older ones at once",
    more: null,
  }),
  {
    path: "code.replay",
    text: ({ code }) => code.replay,
    says: (text) => `a code redeemed twice leads to: ${text}`,
    shortens: (_, after) =>
      after.code.replay === "revokeChain" && "redeeming a code again ends the chain it began",
  },
  {
    path: "code.parallel",
    text: ({ code }) => code.parallel,
    says: (text) => `of several open codes may be redeemed: ${text}`,
    shortens: (_, after) =>
      after.code.parallel === "lastOpened" && "open codes but the last end at once",
  },
  {
    path: "access.lifetime",
    text: ({ access }) => span(access.lifetime),
    says: (text) => `access tokens issued from now on live for ${text}`,
  },
  {
    path: "access.form",
    text: ({ access }) => access.form,
    says: (text) => `access tokens issued from now on have the form: ${text}`,
  },
  {
    path: "access.ends",
    text: ({ access }) => access.ends,
    says: (text) => `an access token ends with its own time or its refresh token's: ${text}`,
    shortens: (before, after) =>
      later(ENDS, before.access.ends, after.access.ends)
        ? "access tokens of replaced refresh tokens end at once"
        : "all access tokens end at once: which of them were dead is not on record",
    revives: (before, after) =>
      later(ENDS, after.access.ends, before.access.ends) &&
      "access tokens of replaced refresh tokens",
  },
  longer(
    "access.max",
    ({ access }) => access.max,
    (value) => count(value),
    {
      says: (text) => `access tokens of a chain that live at once: ${text}`,
      less: "all but the newest access tokens end at once",
      more: "older access tokens that newer ones had ended",
    },
  ),
  {
    path: "register",
    text: registerText,
    says: (text) => `past tokens listed: ${text}`,
  },
];

/** Whether tokens end by the same limits under two policies. */
export function sameLimits(a: Policy, b: Policy): boolean {
  return JSON.stringify([a.expiry, a.usedFor]) === JSON.stringify([b.expiry, b.usedFor]);
}

/** What holds of no field alone: tokens of which there is no record. */
function unrecordedChange(before: Policy, after: Policy): PolicyChange | null {
  const [was, is] = [holdsEverySerialOpen(before), holdsEverySerialOpen(after)];
  if (was === is && (!is || sameLimits(before, after))) return null;
  return {
    path: "overlap",
    before: was ? "every token of a chain is open" : "only recorded tokens are open",
    after: is ? "every token of a chain is open" : "only recorded tokens are open",
    says: is
      ? "every token that a chain issues from now on stays open"
      : "a replaced token is open only while its chain's record names it",
    shortens: was ? "older tokens without a record of their own end at once" : null,
    revives: is ? "every token the chain ever issued since its last change without revive" : null,
  };
}

/** What differs between two policies, in the order of the fields; empty if nothing does. */
export function diffPolicies(before: Policy, after: Policy): readonly PolicyChange[] {
  const changes = FIELDS.flatMap((field) => {
    const [was, is] = [field.text(before), field.text(after)];
    if (was === is) return [];
    const change: PolicyChange = {
      path: field.path,
      before: was,
      after: is,
      says: field.says(is),
      shortens: field.shortens?.(before, after) || null,
      revives: field.revives?.(before, after) || null,
    };
    return [change];
  });
  const unrecorded = unrecordedChange(before, after);
  return unrecorded ? [...changes, unrecorded] : changes;
}
