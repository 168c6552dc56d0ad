/** What a check of a policy has found, in words and as JSON. */

import { spanOf } from "../explorer/chain-play.ts";
import type { Bounds, Check, Verdict } from "../explorer/check.ts";
import { FAULT_WORDS, type HabitRisk } from "../explorer/habit-risks.ts";
import type { ThiefFate } from "../explorer/thief.ts";
import { type Duration, FOREVER, formatDuration } from "../kernel/time.ts";

export const SCOPES = {
  chain: "chain",
  clientAndSubject: "client and subject",
  subject: "subject",
  client: "client",
} as const;

const VERDICTS: Readonly<Record<Verdict, string>> = {
  holds: ": holds",
  refuted: ": refuted",
  unproven: ": not proven, there are too many ways",
  unstated: "",
};

const indented = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`);

/** The whole result; stories only where something is refuted or lost. */
export function checkLines(check: Check, bounds: Bounds): readonly string[] {
  return [
    ...liveLines(check, bounds),
    ...recoveryLines(check, bounds),
    ...wellBehavedLines(check),
    "what a habit risks",
    ...check.habits.flatMap((risk) => [`  ${habitLine(risk)}`, ...indented(risk.story)]),
    `what Keten risks under the same faults: ${keeperWords(check)}`,
    ...indented(check.keeper.story),
    "how long a thief with one copied token goes unnoticed",
    ...thiefLines(check).map((line) => `  ${line}`),
  ];
}

/** The results in a few lines, without stories. */
export function shortLines(check: Check): readonly string[] {
  const free = (copied: string) =>
    check.thief.find((fate) => fate.copied === copied && fate.moves === "freely");
  const [current, superseded] = [free("current"), free("superseded")];
  return [
    liveWords(check),
    `a client that lost an answer ${recoveryWords(check)}`,
    `a well-behaved client ${wellBehavedWords(check)}`,
    ...check.habits.map(({ says, verdict }) => `${says}: ${verdict}`),
    `Keten as the keeper: ${keeperWords(check)}`,
    ...(current ? [`a thief with the current token, at its best: ${fateWords(current)}`] : []),
    ...(superseded
      ? [`a thief with the token before it, at its best: ${fateWords(superseded)}`]
      : []),
  ];
}

// --- bounds ---------------------------------------------------------------------------------------------

function liveWords({ live: { most, per, isComplete } }: Check): string {
  const scope = SCOPES[per];
  if (most === Number.POSITIVE_INFINITY) return `live tokens of a ${scope}: without bound`;
  return `live tokens of a ${scope}: ${isComplete ? "at most" : "at least"} ${most}`;
}

function liveLines(check: Check, { live: bound }: Bounds): string[] {
  const { verdict, story, per } = check.live;
  const stated =
    bound === undefined
      ? []
      : [
          `at most ${bound} live ${bound === 1 ? "token" : "tokens"} of a ${SCOPES[per]}${VERDICTS[verdict]}`,
        ];
  const tells = verdict === "refuted" || check.live.most === Number.POSITIVE_INFINITY;
  return [...stated, liveWords(check), ...(tells ? indented(story) : [])];
}

function recoveryWords({ recovery: { from, until, otherwise } }: Check): string {
  if (from === FOREVER) return `never goes on: it is ${otherwise}`;
  const after = from === 0 ? "goes on at once" : `goes on only after ${spanOf(from)}`;
  if (until === FOREVER) return `${after}, and however late it asks again`;
  return `${after}, and only if it asks again within ${spanOf(until)}: else it is ${otherwise}`;
}

function recoveryLines(check: Check, { recoverMs: bound }: Bounds): string[] {
  const { verdict, story, from } = check.recovery;
  const stated =
    bound === undefined
      ? []
      : [`a client that lost an answer recovers within ${spanOf(bound)}${VERDICTS[verdict]}`];
  const tells = verdict === "refuted" || from === FOREVER;
  const found = `a client that lost an answer ${recoveryWords(check)}`;
  return [...stated, found, ...(tells ? indented(story) : [])];
}

function wellBehavedWords({ wellBehaved: { verdict, after, by } }: Check): string {
  if (verdict === "holds") return "always has a token that is accepted";
  if (verdict === "refuted") return "can be without a token that is accepted: refuted";
  const counted = by === "lifetime" ? "the only token it gets ends" : "the authorization ends";
  return `has a token that is accepted until ${counted}, ${spanOf(after)} after the grant`;
}

function wellBehavedLines(check: Check): string[] {
  const { verdict, story } = check.wellBehaved;
  const line = `a well-behaved client ${wellBehavedWords(check)}`;
  return [line, ...(verdict === "refuted" ? indented(story) : [])];
}

// --- habits, keeper, thief --------------------------------------------------------------------------------

function habitLine({ says, verdict, lostBy, isLostAnyway, isComplete }: HabitRisk): string {
  const cut = isComplete ? "" : " (not every way was looked at)";
  if (isLostAnyway) return `${says}: lost, although nothing goes wrong${cut}`;
  if (verdict === "kept") return `${says}: kept${cut}`;
  const causes = lostBy.map((fault) => FAULT_WORDS[fault]);
  return `${says}: lost if ${causes.join(", or if ")}${cut}`;
}

function keeperWords({ keeper: { avoidable, remaining, isComplete } }: Check): string {
  const cut = isComplete ? "" : " (not every way was looked at)";
  const named = (isMeant: boolean) =>
    remaining
      .filter((risk) => (risk.class === "avoidable") === isMeant)
      .map(({ fault }) => FAULT_WORDS[fault])
      .join(", or ");
  const ours = avoidable === 0 ? "no avoidable loss" : `avoidable losses if ${named(true)}`;
  const rest = named(false);
  const theirs =
    rest === "" ? "nothing else can lose the chain" : `what nobody could keep: ${rest}`;
  return `${ours}, and ${theirs}${cut}`;
}

const MOVES: Readonly<Record<ThiefFate["moves"], string>> = {
  before: "in step, right before the client",
  after: "in step, right after the client",
  everyOther: "not in step, at every other refresh",
  freely: "whatever it does",
};

function thiefLines({ thief }: Check): string[] {
  const lines = (copied: ThiefFate["copied"], title: string) => {
    const fates = thief.filter((fate) => fate.copied === copied);
    if (fates.every(({ ends }) => ends === "noSuchToken")) return [`${title}: there is none`];
    return [title, ...fates.map((fate) => `  ${MOVES[fate.moves]}: ${fateWords(fate)}`)];
  };
  return [
    ...lines("current", "the current token is copied"),
    ...lines("superseded", "the token that it replaced is copied"),
  ];
}

function fateWords(fate: ThiefFate): string {
  const { ends, refreshes, after, gains, sign, keepsToken, moves, isComplete } = fate;
  const cut = isComplete ? "" : " (not every way was looked at)";
  const when = `at the client's refresh ${refreshes}, after ${spanOf(after)}`;
  const still = keepsToken ? ", and the thief's token still works" : "";
  switch (ends) {
    case "unnoticed":
      return `for ever${cut}`;
    case "noticed": {
      const nothing = gains === 0 ? "it gets nothing and is " : "";
      return `${nothing}noticed ${when}: ${sign}${still}${cut}`;
    }
    case "bounded": {
      const told = sign === null ? "" : `: then ${sign}${still}`;
      return `it gets its last access token ${when} at the latest${told}${cut}`;
    }
    case "shutOut": {
      const nothing = moves === "freely" ? "it gets nothing" : "it is refused, and nobody is told";
      return `${gains === 0 ? nothing : `refused after ${spanOf(after)}, and nobody is told`}${cut}`;
    }
    case "noSuchToken":
      return "there is none";
  }
}

// --- JSON -----------------------------------------------------------------------------------------------

/** Null where there is no bound. */
const count = (value: number): number | null => (Number.isFinite(value) ? value : null);

const duration = (value: Duration): string | 0 => formatDuration(value);

/** The result for machines. Durations are written as in a policy; a number is null where there is no bound. */
export function checkJson(name: string, check: Check, bounds: Bounds): Record<string, unknown> {
  const { live, recovery, wellBehaved, habits, keeper, thief } = check;
  return {
    policy: name,
    holds: check.holds,
    live: {
      ...live,
      bound: bounds.live ?? null,
      most: count(live.most),
      perChain: count(live.perChain),
    },
    recovery: {
      ...recovery,
      bound: bounds.recoverMs === undefined ? null : duration(bounds.recoverMs),
      recovers: recovery.from !== FOREVER,
      from: duration(recovery.from),
      until: duration(recovery.until),
    },
    wellBehaved: { ...wellBehaved, after: duration(wellBehaved.after) },
    habits,
    keten: keeper,
    thief: thief.map((fate) => ({
      ...fate,
      refreshes: count(fate.refreshes),
      gains: count(fate.gains),
      after: duration(fate.after),
    })),
  };
}
