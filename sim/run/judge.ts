/**
 * The judge of a history: a second, simpler oracle, that looks at the ledger and never at Keten's reasons.
 *
 * A chain is *keepable* while the provider accepts a token that is ours. A connection that was given up, or does not
 * come back once the faults have stopped, is judged by the moment in which it ceased to be keepable for good:
 *
 * 1. It never did: what is at hand is accepted. *Avoidable*.
 * 2. A request of ours was refused as replay, and that ended the chain: *avoidable*, unless the network delivered it twice
 *    (*unavoidable*), or it took longer than we take a request to live, or a clock jumped under it (*timing*). It is
 *    *unavoidable* too where it was a guess: between two tokens of which nothing could tell which lives (`byGuess`). What
 *    had been displaced unheard by a copy that the network made, or by a request that it had held up for too long, is
 *    classed as that (`byStray`).
 * 3. A request was granted and its answer never became ours: *unavoidable*; but *avoidable* if an older token was
 *    presented while a newer one was at hand, or if another request of ours ended the chain while the answer was on its
 *    way; then *held* if the answer waited at a process that stood still, and *timing* if it took longer than it is waited for.
 * 4. The one process that had the answer died: *unavoidable* if it died in the moment in which the answer came or a disk
 *    failed under it; else it read a token and did not keep it: *avoidable*.
 * 5. Time ran out: *operator* for the fixed end of a grant; *avoidable* if a process that wakes by itself lived through it
 *    with all the time in the world, no fault and a token; else *timing*.
 * 6. Somebody revoked it or consented again: *operator*.
 */

import { overlapOf } from "../../src/kernel/doubt.ts";
import type { Serial } from "../../src/kernel/ids.ts";
import { branchesOf } from "../../src/kernel/policy.ts";
import { FOREVER } from "../../src/kernel/time.ts";
import { byGuess } from "./guess.ts";
import {
  type Arrival,
  type Kept,
  type Ledger,
  livedAt,
  type Mark,
  type Sent,
  type State,
} from "./ledger.ts";
import type { Profile } from "./profile.ts";
import { AGAIN_MS, type Finding, finding, REACTION_MS, told, WINDOW_MARGIN_MS } from "./verdict.ts";

/** Something that may have ended what was keepable. */
type Turn = { readonly mark: Mark } & (
  | { readonly what: "state"; readonly state: State }
  | { readonly what: "delivery" }
  | { readonly what: "death"; readonly serials: readonly Serial[] }
  | { readonly what: "end" }
);

/** The class of one connection that does not live any more. */
export function classify(ledger: Ledger, profile: Profile, kept: Kept, end: Mark): Finding {
  const last = ledger.acceptedOurs(kept, kept.states.length - 1, end);
  if (last.length > 0) {
    return finding("avoidable", `given up with serial ${last.join(", ")} at hand, still accepted`);
  }
  const turns = turnsOf(kept, end);
  for (let i = turns.length - 1; i > 0; i -= 1) {
    const before = turns[i - 1] as Turn;
    const after = turns[i] as Turn;
    const state = ledger.stateAt(kept, before.mark);
    const just = { at: after.mark.at, number: after.mark.number - 0.5 };
    const keepable = ledger.acceptedOurs(kept, state, just);
    const was = ledger.acceptedOurs(kept, state, before.mark);
    if (keepable.length === 0 && was.length === 0) continue;
    const isOperator = after.what === "state" && typeof after.state.by !== "object";
    const stray = isOperator ? undefined : byStray(ledger, kept, after.mark);
    if (stray) return stray;
    return keepable.length > 0
      ? byTurn(ledger, kept, after, keepable)
      : byTime(ledger, profile, kept, before.mark, after.mark, was);
  }
  return finding("operator", "no token of it was ever accepted");
}

function turnsOf(kept: Kept, end: Mark): readonly Turn[] {
  const turns: Turn[] = kept.states.map((state) => ({ what: "state", mark: state.mark, state }));
  for (const { came, durable, host, serial } of kept.deliveries) {
    turns.push({ what: "delivery", mark: came });
    if (durable) turns.push({ what: "delivery", mark: durable });
    if (host.died) turns.push({ what: "death", mark: host.died, serials: [serial] });
  }
  turns.push({ what: "end", mark: end });
  return turns.sort((a, b) => a.mark.number - b.mark.number);
}

function byTurn(ledger: Ledger, kept: Kept, turn: Turn, keepable: readonly Serial[]): Finding {
  switch (turn.what) {
    case "state": {
      const { by } = turn.state;
      if (by === "operator") return finding("operator", "revoked, or replaced by another consent");
      if (by === "grant") return finding("operator", "ended by another grant");
      if (by === "use") return finding("avoidable", "an access token was used too early");
      return by.granted
        ? byGrant(ledger, kept, turn.state, by, keepable)
        : byReplay(ledger, kept, by, turn.mark, keepable);
    }
    case "death":
      return byDeath(kept, turn.mark, keepable);
    default:
      return finding("avoidable", "ceased to be keepable although nothing happened");
  }
}

/**
 * The last grant before a mark was of a copy that the network made, or of a request that it held up for longer than one
 * lives: it got a successor of its own, which no process has that lives, nor the record; or which is taken for older
 * than it is.
 */
function byStray(ledger: Ledger, kept: Kept, mark: Mark): Finding | undefined {
  const grants = kept.arrivals.filter(
    ({ granted, arrived }) => granted && arrived.number < mark.number,
  );
  const last = grants.at(-1);
  if (!last) return undefined;
  const { request, arrived, answered } = last;
  const isStale = arrived.at - request.recordedAt >= ledger.options.requestLifeMs;
  if (!last.isDuplicate && !isStale) return undefined;
  const isHeardOf = grants.some((other) => other !== last && other.answered === answered);
  const isOurs = kept.deliveries.some(
    ({ serial, settled, host }) =>
      serial === answered &&
      ((settled !== null && settled.number < mark.number) || livedAt(host, mark)),
  );
  // Whoever has both prefers what a request brought that was sent when this one had to be dead.
  const isMisplaced = grants.some(
    (other) => other.request.recordedAt - request.recordedAt >= ledger.options.requestLifeMs,
  );
  const isKnown = isHeardOf || (isOurs && !isMisplaced);
  return isKnown ? undefined : brokenTime(ledger, last);
}

/** What broke the assumptions of time under a request; undefined if nothing did. */
function brokenTime(
  ledger: Ledger,
  { request, isDuplicate, arrived }: Arrival,
): Finding | undefined {
  if (isDuplicate) return finding("unavoidable", `the network delivered ${told(request)} twice`);
  const took = arrived.at - request.recordedAt;
  const { requestLifeMs, policy, scale } = ledger.options;
  const overlap = overlapOf(policy);
  // A window that is narrower than a request may live closes before a slow one arrives: whoever repeats that in time
  // and whoever waits for it lose, each in the other case.
  const windowMs = overlap === 0 ? requestLifeMs : overlap / scale;
  if (took >= Math.min(requestLifeMs, windowMs)) {
    return finding("timing", `${told(request)} arrived ${Math.round(took)} ms after it was sent`);
  }
  const earlier = request.of.requests.filter(({ id }) => id <= request.id);
  const since = earlier.at(-2)?.sent.number ?? 0;
  const jumped = ledger.clockFaults.some(({ number }) => number > since);
  if (jumped) return finding("timing", `a clock jumped or stood still before ${told(request)}`);
  return undefined;
}

function byReplay(
  ledger: Ledger,
  kept: Kept,
  arrival: Arrival,
  mark: Mark,
  keepable: readonly Serial[],
): Finding {
  const broken = brokenTime(ledger, arrival);
  if (broken) return broken;
  const { request } = arrival;
  const { sent, presented } = request;
  const stale = ledger.stateAt(kept, sent);
  const wasOpen = ledger.accepted(kept, stale, [presented], sent.at).length > 0;
  const marginMs = (WINDOW_MARGIN_MS - REACTION_MS) / ledger.options.scale;
  const stillOpen = ledger.accepted(kept, stale, [presented], mark.at).length > 0;
  if (wasOpen && !stillOpen && arrival.arrived.at - sent.at > marginMs) {
    return finding("timing", `${told(request)} took longer than the margin of its window`);
  }
  // What came while the request was on its way could not keep it from being sent.
  const since = kept.deliveries.filter(
    ({ serial, came }) => keepable.includes(serial) && came.number > sent.number,
  );
  const allCame = keepable.every((serial) => since.some((one) => one.serial === serial));
  const { holdMs } = ledger.options;
  if (allCame && since.every((one) => sent.at - one.arrival.request.recordedAt >= holdMs)) {
    return finding(
      "timing",
      `the answer with serial ${keepable} took longer than it is waited for`,
    );
  }
  if (keepable.every((serial) => isInDoubt(kept, serial, request))) {
    return finding("unavoidable", `${told(request)} was a guess: serial ${keepable} was in doubt`);
  }
  const { policy, known } = ledger.options;
  const mayDisplace = branchesOf(policy) > 1 && known.some((told) => branchesOf(told) === 1);
  if (mayDisplace && keepable.every((serial) => serial < presented)) {
    return finding("unavoidable", `serial ${keepable} is displaced under a policy it may follow`);
  }
  const guessed = byGuess(ledger, kept, request, keepable);
  if (guessed) return guessed;
  const what = `${told(request)} was taken for replay (${arrival.reason})`;
  return finding("avoidable", `${what} while serial ${keepable.join(", ")} was at hand`);
}

/** Whether a token was presented before in a request that nobody heard of: it may have been spent. */
const isInDoubt = (kept: Kept, serial: Serial, { id }: Sent): boolean =>
  serial > 0 &&
  kept.requests.some(
    (one) =>
      one.presented === serial &&
      one.id < id &&
      !kept.deliveries.some(({ arrival }) => arrival.request === one) &&
      !kept.arrivals.some(({ request, reason }) => request === one && reason !== null),
  );

/** Granted, and what it brought did not become ours, or not in time. */
function byGrant(
  ledger: Ledger,
  kept: Kept,
  state: State,
  arrival: Arrival,
  keepable: readonly Serial[],
): Finding {
  const { request, answered } = arrival;
  const broken = brokenTime(ledger, arrival);
  if (broken) return broken;
  const newer = keepable.filter((serial) => serial > request.presented);
  const atHand = ledger
    .acceptedOurs(kept, ledger.stateAt(kept, request.sent), request.sent)
    .filter((serial) => newer.includes(serial));
  if (atHand.length > 0) {
    return finding(
      "avoidable",
      `${told(request)} was sent with serial ${atHand.join(", ")} at hand`,
    );
  }
  const killer = kept.states.find(
    ({ mark, by }) => mark.number > state.mark.number && typeof by === "object" && !by.granted,
  );
  const came = kept.deliveries.find(({ serial }) => serial === answered);
  const kill = killer && typeof killer.by === "object" ? killer.by : undefined;
  const pause = ledger.pauses.find(
    ({ host, from, until }) =>
      host === request.host && until > state.mark.at && (!killer || from.at <= killer.mark.at),
  );
  const died = request.host.died;
  const waits = arrival.isComing && pause !== undefined && died === null;
  const isComing = came !== undefined || waits;
  if (kill && isComing && (!came || came.came.number > (killer?.mark.number ?? 0))) {
    const kills = brokenTime(ledger, kill);
    if (kills) return kills;
    if (pause && kill.request.sent.at - request.recordedAt >= ledger.options.holdMs) {
      return finding(
        "held",
        `serial ${answered} waited at ${request.host.name}, which stood still`,
      );
    }
    if (kill.request.sent.at - request.recordedAt >= ledger.options.holdMs) {
      return finding(
        "timing",
        `the answer with serial ${answered} took longer than it is waited for`,
      );
    }
    if (isPressed(ledger, kept, request)) {
      return finding("timing", `${told(request)} would have come too late under another policy`);
    }
    return finding(
      "avoidable",
      `${told(kill.request)} ended the chain while serial ${answered} was on its way to us`,
    );
  }
  return finding("unavoidable", `serial ${answered} was granted and its answer never came to us`);
}

/** Whether the token in doubt ends, under another policy that may be in force, before its answer was waited for. */
function isPressed({ options }: Ledger, kept: Kept, { recordedAt, sent }: Sent): boolean {
  const { known, scale, holdMs } = options;
  const came = kept.deliveries.filter((one) => one.came.number < sent.number);
  const from = came.at(-1)?.arrival.request.recordedAt ?? kept.begun.at;
  const ends = known
    .filter(({ rotate, replay }) => rotate !== "never" && replay.action !== "refuse")
    .flatMap(({ expiry }) => [...expiry.lifetime, ...expiry.idle])
    .map(({ value }) => from + value / scale);
  return ends.some((end) => end > recordedAt && end < recordedAt + holdMs);
}

function byDeath(kept: Kept, mark: Mark, keepable: readonly Serial[]): Finding {
  const gone = kept.deliveries.filter(
    ({ host, serial }) => host.died?.number === mark.number && keepable.includes(serial),
  );
  const kept1 = gone.find(({ came, host }) => {
    const atOnce = came.at === mark.at;
    const failed = host.diskFault !== null && host.diskFault.number > came.number;
    return !atOnce && !failed;
  });
  if (kept1) {
    return finding(
      "avoidable",
      `serial ${kept1.serial} came to ${kept1.host.name} and was not made durable before it died`,
    );
  }
  return finding("unavoidable", "the process that had the answer died before it was durable");
}

/** A limit of time ended the last token of ours. */
function byTime(
  ledger: Ledger,
  profile: Profile,
  kept: Kept,
  from: Mark,
  until: Mark,
  serials: readonly Serial[],
): Finding {
  const { policy, timing, scale } = profile;
  const what = `serial ${serials.join(", ")} came to its end by time`;
  if (Number.isFinite(policy.expiry.authorization[0]?.value ?? Number.POSITIVE_INFINITY)) {
    return finding("operator", `${what}: the grant's fixed end`);
  }
  if (policy.rotate === "never" && (policy.expiry.lifetime[0]?.value ?? 0) < FOREVER) {
    return finding("operator", `${what}: the token's fixed end, which no refresh moves`);
  }
  const endAt = endOf(ledger, kept, from, until, serials);
  // Time in which no process lived is nobody's.
  const absence = ledger.absences.find((one) => one.from.at <= from.at && one.until > from.at);
  const start = (absence?.until ?? from.at) + timing.deadlineMs;
  const slackMs = AGAIN_MS + (40_000 + ledger.interval) / scale;
  const struck = [...kept.faults, ...ledger.clockFaults].some(
    ({ number, at }) => number > from.number && at <= endAt,
  );
  const stoodStill = ledger.pauses.some((one) => one.until > from.at && one.from.at <= endAt);
  // Who refreshes only when asked wakes by itself for a request in doubt alone.
  const { by } = kept.states[ledger.stateAt(kept, from)] ?? { by: "grant" };
  const answered = typeof by === "object" ? by.answered : null;
  const isInDoubt = answered !== null && !kept.deliveries.some(({ serial }) => serial === answered);
  const wakes = profile.isStarted && (profile.mode === "proactive" || isInDoubt);
  if (wakes && !struck && !stoodStill && endAt - start > slackMs) {
    return finding(
      "avoidable",
      `${what}, with ${Math.round(endAt - start)} ms and no fault before`,
    );
  }
  return finding("timing", what);
}

/** The true time at which serials ceased to be accepted, within a millisecond. */
function endOf(
  ledger: Ledger,
  kept: Kept,
  from: Mark,
  until: Mark,
  serials: readonly Serial[],
): number {
  const state = ledger.stateAt(kept, from);
  let [alive, dead] = [from.at, until.at];
  while (dead - alive > 1) {
    const middle = (alive + dead) / 2;
    if (ledger.accepted(kept, state, serials, middle).length > 0) alive = middle;
    else dead = middle;
  }
  return alive;
}
