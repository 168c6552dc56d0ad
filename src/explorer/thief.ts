/**
 * How long a thief with one copied token goes unnoticed.
 *
 * Theory. The client refreshes whenever its access token ends, with the newest token it has. The thief holds one copied
 * token and what it gets for it. A *round* is one refresh of the client with all that the thief does since the one
 * before. The thief is *noticed* when the client is refused or the chain is ended. It is *shut out* when nothing that it
 * holds is accepted and nobody was told.
 *
 * 1. In step the thief refreshes once in every round: right before the client, or right after it.
 * 2. A thief that is free does what is best for it: it presents, up to twice in a round, any token it holds, at any
 *    instant at which a rule may change its mind, or nothing. Rounds count until its last access token unnoticed; a
 *    thief that never comes back is nobody's concern.
 * 3. States are compared by value, so "for ever" is proven by a cycle, and a number by there being none.
 */

import type { Policy } from "../kernel/policy.ts";
import { type Duration, FOREVER, SECOND } from "../kernel/time.ts";
import {
  beginPlay,
  isAccepted,
  isRevoked,
  keyOf,
  momentsAfter,
  type Play,
  presented,
  type Rules,
  refusalWords,
  rulesFor,
  tokenName,
  wait,
} from "./chain-play.ts";
import type { Token } from "./remote.ts";

export type Copied = "current" | "superseded";
export type Moves = "before" | "after" | "everyOther" | "freely";

export const COPIED: readonly Copied[] = ["current", "superseded"];
export const MOVES: readonly Moves[] = ["before", "after", "everyOther", "freely"];

export interface ThiefFate {
  readonly copied: Copied;
  readonly moves: Moves;
  /**
   * `unnoticed`: for ever. `noticed`: the client is refused or the chain is ended. `shutOut`: refused for good, and
   * nobody is told. `bounded`: whatever it does, it gets nothing after this refresh. `noSuchToken`: none is replaced.
   */
  readonly ends: "unnoticed" | "noticed" | "shutOut" | "bounded" | "noSuchToken";
  /** The client's refresh at which it ends, the first after the theft being 1; Infinity for never. */
  readonly refreshes: number;
  /** From the theft; Infinity for never. */
  readonly after: Duration;
  /** Access tokens that the thief got; Infinity for no end. */
  readonly gains: number;
  /** By what it is noticed: why the client was refused, or that the chain was ended; null if it is not. */
  readonly sign: string | null;
  /** Whether the thief still has a token that is accepted when it is noticed. */
  readonly keepsToken: boolean;
  readonly story: readonly string[];
  /** Whether every way was looked at. */
  readonly isComplete: boolean;
}

/** Just before or after. */
const SHORTLY: Duration = SECOND;
const STATES_MAX = 20_000;
const ACTS_MAX = 2;
/** Of what it got the thief keeps the newest few; older ones are dead or as good. */
const HELD_MAX = 3;

interface State {
  readonly play: Play;
  /** Since the client's last refresh. */
  readonly since: Duration;
  readonly client: Token;
  /** What the thief holds, newest first. */
  readonly thief: readonly Token[];
  readonly round: number;
}

/** The client's refresh and all that the thief did since the one before, or right after it. */
interface Round {
  readonly says: readonly string[];
  readonly gains: number;
  /** What comes next; null once the thief is noticed. */
  readonly next: State | null;
  readonly sign: string | null;
  readonly keepsToken: boolean;
}

/** All fates of a thief under a policy. */
export function thiefFates(policy: Policy): readonly ThiefFate[] {
  const rules = rulesFor(policy);
  return COPIED.flatMap((copied) => MOVES.map((moves) => fateOf(rules, copied, moves)));
}

export function fateOf(rules: Rules, copied: Copied, moves: Moves): ThiefFate {
  const begun = theft(rules, copied);
  if (!begun) return { ...NOTHING, copied, moves };
  const fate = moves === "freely" ? freeFate(rules, begun) : steadyFate(rules, begun, moves);
  return { ...fate, copied, moves };
}

type Fate = Omit<ThiefFate, "copied" | "moves">;

const NOTHING: Fate = {
  ends: "noSuchToken",
  refreshes: 0,
  after: 0,
  gains: 0,
  sign: null,
  keepsToken: false,
  story: [],
  isComplete: true,
};

/** The client has refreshed a few times, and a token is copied. Undefined where no token was ever replaced. */
function theft(rules: Rules, copied: Copied): State | undefined {
  let { play, token } = beginPlay(rules);
  let before = token;
  for (let times = 0; times < 3; times += 1) {
    const { play: after, token: next } = presented(wait(play, periodOf(rules)), rules, token);
    if (next === undefined) return undefined;
    if (next !== token) before = token;
    [play, token] = [after, next];
  }
  if (copied === "superseded" && before === token) return undefined;
  const thief = [copied === "current" ? token : before];
  return { play, since: 0, client: token, thief, round: 0 };
}

/** The client refreshes when its access token ends, but no sooner than it may. */
export const periodOf = ({ policy }: Rules): Duration =>
  Math.max(policy.access.lifetime, policy.minInterval, 4 * SHORTLY);

// --- acts -----------------------------------------------------------------------------------------------

interface Act {
  readonly state: State;
  readonly says: string;
  readonly gained: boolean;
}

const at = (state: State, since: Duration): State => ({
  ...state,
  play: wait(state.play, since - state.since),
  since,
});

function steal(rules: Rules, state: State, token: Token): Act {
  const { play, token: got, refusal } = presented(state.play, rules, token);
  const name = `the thief presents ${tokenName(token)}`;
  if (got === undefined) {
    const says = `${name}: ${refusalWords(refusal, play)}`;
    return { state: { ...state, play }, says, gained: false };
  }
  const thief = [...new Set([got, ...state.thief])].slice(0, HELD_MAX);
  const says = `${name} and gets ${got === token ? "it again" : tokenName(got)}`;
  return { state: { ...state, play, thief }, says, gained: true };
}

/** The client's refresh. */
function refresh(rules: Rules, before: State): Round {
  const state = at(before, periodOf(rules));
  const { play, token, refusal } = presented(state.play, rules, state.client);
  const name = `the client presents ${tokenName(state.client)}`;
  if (token === undefined) {
    const keepsToken = state.thief.some((held) => isAccepted(play, rules, held));
    const sign = `the client is ${refusalWords(refusal, play)}`;
    const says = [`${name}: ${refusalWords(refusal, play)}`];
    return { says, gains: 0, next: null, sign, keepsToken };
  }
  const says = `${name} and gets ${token === state.client ? "it again" : tokenName(token)}`;
  const next = { ...state, play, since: 0, client: token, round: state.round + 1 };
  return { says: [says], gains: 0, next, sign: null, keepsToken: false };
}

/** The thief has presented a dead token, and that has told. */
const ENDED: Round = {
  says: [],
  gains: 0,
  next: null,
  sign: "the chain is ended as the thief presents a dead token",
  keepsToken: false,
};

/** The client's refresh, after some acts of the thief. */
function roundOf(rules: Rules, state: State, acts: readonly Act[]): Round {
  const says = acts.map((act) => act.says);
  const gains = acts.filter(({ gained }) => gained).length;
  const last = acts.at(-1)?.state ?? state;
  if (isRevoked(last.play)) return { ...ENDED, says, gains };
  const round = refresh(rules, last);
  return { ...round, says: [...says, ...round.says], gains };
}

// --- a thief in step ------------------------------------------------------------------------------------

function steadyRound(rules: Rules, state: State, moves: Moves): Round {
  const [newest] = state.thief;
  const comes = moves !== "everyOther" || state.round % 2 === 0;
  if (newest === undefined || !comes) return roundOf(rules, state, []);
  if (moves !== "after") {
    const ready = at(state, periodOf(rules) - SHORTLY);
    return roundOf(rules, ready, [steal(rules, ready, newest)]);
  }
  const round = refresh(rules, state);
  if (!round.next) return round;
  const act = steal(rules, at(round.next, SHORTLY), newest);
  const says = [...round.says, act.says];
  if (isRevoked(act.state.play)) return { ...ENDED, says };
  return { ...round, says, gains: act.gained ? 1 : 0, next: act.state };
}

/** The one way that a thief in step goes, to its end or around. */
function steadyFate(rules: Rules, begun: State, moves: Moves): Fate {
  const known = new Map<string, number>();
  const story: string[] = [];
  let state = begun;
  let gains = 0;
  let lastGain = 0;
  for (;;) {
    const key = `${state.round % 2} ${stateKey(rules, state)}`;
    const gainsBefore = known.get(key);
    if (gainsBefore !== undefined) {
      const goesOn = gains > gainsBefore;
      const rounds = goesOn ? Number.POSITIVE_INFINITY : lastGain;
      const ends = goesOn ? "unnoticed" : "shutOut";
      const all = goesOn ? Number.POSITIVE_INFINITY : gains;
      return fate(rules, ends, rounds, all, null, [...story, "and so on, for ever"]);
    }
    known.set(key, gains);
    const round = steadyRound(rules, state, moves);
    gains += round.gains;
    if (round.gains > 0) lastGain = state.round + 1;
    story.push(...round.says);
    if (!round.next) {
      return fate(rules, "noticed", state.round + 1, gains, round, story);
    }
    state = round.next;
  }
}

function fate(
  rules: Rules,
  ends: ThiefFate["ends"],
  refreshes: number,
  gains: number,
  last: Pick<Round, "sign" | "keepsToken"> | null,
  story: readonly string[],
): Fate {
  const after = refreshes === Number.POSITIVE_INFINITY ? FOREVER : refreshes * periodOf(rules);
  const { sign = null, keepsToken = false } = last ?? {};
  return { ends, refreshes, after, gains, sign, keepsToken, story, isComplete: true };
}

const stateKey = (rules: Rules, { play, since, client, thief }: State): string =>
  `${since} ${keyOf(play, rules, [[client], thief])}`;

// --- a thief that does what is best for it ------------------------------------------------------------------

/** Every choice of a round: nothing, or up to so many acts that gain. */
function choices(
  rules: Rules,
  state: State,
  acts: readonly Act[] = [],
): readonly (readonly Act[])[] {
  if (acts.length === ACTS_MAX) return [acts];
  const further = momentsOf(rules, state).flatMap((since) => {
    const ready = at(state, since);
    return state.thief.map((token) => steal(rules, ready, token)).filter(({ gained }) => gained);
  });
  return [acts, ...further.flatMap((act) => choices(rules, act.state, [...acts, act]))];
}

/** When a thief may act in a round: right at its beginning, right before its end, and around each change of mind. */
function momentsOf(rules: Rules, { play, since }: State): readonly Duration[] {
  const last = periodOf(rules) - SHORTLY;
  const changes = momentsAfter(play, rules)
    .map((moment) => since + moment - play.now)
    .flatMap((moment) => [moment - 1, moment]);
  const all = [Math.max(since, SHORTLY), ...changes, last];
  return [...new Set(all)].filter((moment) => moment >= since && moment <= last);
}

interface Node {
  readonly state: State;
  readonly ways: { readonly round: Round; readonly to: Node | null }[];
  /** Whether the thief can still gain from here. */
  canGain: boolean;
  /** Rounds until its last gain, at best; undefined until known. */
  best: { readonly rounds: number; readonly way: Node["ways"][number] | null } | undefined;
}

function freeFate(rules: Rules, begun: State): Fate {
  const { nodes, isComplete } = reachable(rules, begun);
  spreadGains(nodes);
  const first = nodes[0] as Node;
  if (!first.canGain) return { ...fate(rules, "shutOut", 0, 0, null, []), isComplete };
  if (hasCycle(nodes)) {
    const endless = Number.POSITIVE_INFINITY;
    return { ...fate(rules, "unnoticed", endless, endless, null, []), isComplete };
  }
  const story: string[] = [];
  let gains = 0;
  let last: Round | null = null;
  const rounds = bestOf(first);
  for (let node: Node | null = first; node?.best?.way; node = node.best.way.to) {
    const { round }: { round: Round } = node.best.way;
    story.push(...round.says);
    gains += round.gains;
    last = round;
  }
  return { ...fate(rules, "bounded", rounds, gains, last, story), isComplete };
}

/** Every state that can be reached, each once. */
function reachable(rules: Rules, begun: State): { nodes: readonly Node[]; isComplete: boolean } {
  const nodes: Node[] = [];
  const byKey = new Map<string, Node>();
  const enter = (state: State): Node => {
    const key = stateKey(rules, state);
    const known = byKey.get(key);
    if (known) return known;
    const node: Node = { state, ways: [], canGain: false, best: undefined };
    byKey.set(key, node);
    nodes.push(node);
    return node;
  };
  enter(begun);
  for (let i = 0; i < nodes.length && nodes.length < STATES_MAX; i += 1) {
    const { state, ways } = nodes[i] as Node;
    for (const acts of choices(rules, state)) {
      const round = roundOf(rules, state, acts);
      ways.push({ round, to: round.next && enter(round.next) });
    }
  }
  return { nodes, isComplete: nodes.length < STATES_MAX };
}

/** Tells every state from which a gain can be reached. */
function spreadGains(nodes: readonly Node[]): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of nodes) {
      const gains = node.ways.some(({ round, to }) => round.gains > 0 || to?.canGain);
      if (gains === node.canGain) continue;
      node.canGain = gains;
      changed = true;
    }
  }
}

/** Whether a thief can go round and still gain afterwards: states are taken away while nothing leads on from them. */
function hasCycle(nodes: readonly Node[]): boolean {
  const left = new Set(nodes.filter(({ canGain }) => canGain));
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of left) {
      if (node.ways.some(({ to }) => to && left.has(to))) continue;
      left.delete(node);
      changed = true;
    }
  }
  return left.size > 0;
}

/** Rounds until the last gain, at best. There is no cycle. */
function bestOf(node: Node): number {
  if (node.best) return node.best.rounds;
  let best: Exclude<Node["best"], undefined> = { rounds: 0, way: null };
  for (const way of node.ways) {
    const later = way.to?.canGain ? bestOf(way.to) : 0;
    const rounds = later > 0 ? later + 1 : way.round.gains > 0 ? 1 : 0;
    if (rounds > best.rounds) best = { rounds, way };
  }
  node.best = best;
  return best.rounds;
}
