/**
 * Keten itself as a program of the model: the decisions of the keychain's own steps (`keychain/step.ts`), which ask the
 * production kernel. What the model leaves out is the sealing: a token's seal is its print.
 */

import type { Knowledge } from "../kernel/doubt.ts";
import { type Attempt, importHolding, silentAt } from "../kernel/holding.ts";
import { formatPolicy } from "../kernel/parse-policy.ts";
import { type Result, settleAttempt } from "../kernel/settle.ts";
import { type Duration, type Instant, SECOND } from "../kernel/time.ts";
import { knowledgeOf, withHolding } from "../keychain/connection.ts";
import { DEFAULT_TIMING, defaultSettings } from "../keychain/defaults.ts";
import {
  decideStep,
  type Journaled,
  mayTell,
  needsJournals,
  needsJournalsToSettle,
  settleJournaled,
  timingFor,
} from "../keychain/step.ts";
import { epochOf } from "../keychain/token-endpoint.ts";
import type { ConnectionRecord } from "../store/connection-record.ts";
import type { Kept, Look, Program, Sending, Sight } from "./program.ts";
import type { Token } from "./remote.ts";

const SETTINGS = defaultSettings(1);

const { requestLifeMs } = DEFAULT_TIMING;
/** How soon a process looks again while another has the lease. */
const POLL: Duration = 10 * SECOND;
const JITTER = 0.5;
const CHAIN = "chain";

/** Keten, which takes its provider to follow one of some policies. */
export function ketenProgram(knowledge: Knowledge): Program<ConnectionRecord> {
  return {
    name: "keten",
    journals: true,
    keepsUncommitted: true,
    leaseMargin: timingFor(DEFAULT_TIMING, knowledge, 1).leaseMarginMs,
    begin: (first, now) => imported(knowledge, first, now),
    look,
    settle,
    renew,
    tokens,
    due: ({ due }) => due,
    rounds: ({ holding }) => holding.generation,
    settles: (record, sight) => heardBy(record, sight).map(({ attemptId }) => attemptId),
    isQuiet: ({ holding }) => holding.lease === null && holding.attempts.length === 0,
    seen: ({ holding }) => holding.epoch,
  };
}

function imported(knowledge: Knowledge, first: Token, now: number): ConnectionRecord {
  const holding = importHolding({ chainId: CHAIN, sealed: first, print: first, now });
  return {
    name: "model",
    createdAt: now,
    provider: {
      preset: null,
      tokenEndpoint: "https://model.invalid/token",
      clientAuthentication: "body",
      policies: knowledge.map((policy) => formatPolicy(policy)),
      readings: [],
    },
    clientId: "model",
    clientSecret: null,
    holding,
    due: now,
  };
}

/** What this process would read from its journals before it decides. */
function heardBy({ holding }: ConnectionRecord, { journals, seen }: Sight): readonly Journaled[] {
  const known = Math.max(seen, ...journals.map(({ attemptId }) => epochOf(attemptId)));
  return needsJournals(holding, seen < 0 ? known : seen) ? answersFor(holding, journals) : [];
}

const answersFor = (
  holding: ConnectionRecord["holding"],
  journals: readonly Kept[],
): readonly Journaled[] =>
  journals
    .filter((kept) => mayTell(holding, kept))
    .map(({ attemptId, at, result }) => ({ chainId: CHAIN, attemptId, at, result }));

function look(record: ConnectionRecord, sight: Sight): Look<ConnectionRecord> {
  const { owner, boot, dead, inFlight, now } = sight;
  const decided = decideStep(
    record,
    {
      heard: { journaled: heardBy(record, sight), dead },
      owner,
      boot,
      timing: DEFAULT_TIMING,
      scale: 1,
      poll: POLL,
      inFlight: inFlight.map(({ note }) => note as Attempt),
      newerThan: -1,
      settings: SETTINGS,
      // Told apart by when they were made; whoever made them, the worlds that follow are the same.
      unique: String(boot.at),
      jitter: JITTER,
    },
    now,
  );
  const { step } = decided;
  const store = decided.after ?? record;
  switch (step.kind) {
    case "send": {
      const { attempt, lease, timing } = step;
      const { id, print: token, why } = attempt;
      const isRecorded = why === "resend" || why === "lastResort";
      const { deadlineMs: deadline } = timing;
      const sending = {
        id,
        token,
        why,
        isRecorded,
        note: attempt,
        deadline,
        leaseUntil: lease.until,
      };
      return { do: "send", sending, store };
    }
    case "usable":
      return {
        ...{ do: "rest", until: store.due, why: "fresh", store, watches: false },
        handsOut: tokenOfAccess(store.holding),
      };
    case "wait":
      return step.why === "held"
        ? { do: "rest", until: heldUntil(store, now), why: step.why, store, watches: true }
        : { do: "rest", until: step.until, why: step.why, store, watches: false };
    case "stopped":
      return { do: "stop", why: `${store.holding.status} ${store.holding.cause}`, store };
  }
}

/** The refresh token that came with the access token at hand. */
function tokenOfAccess({ access, current, parked }: ConnectionRecord["holding"]): Token {
  const found = parked.find(({ by }) => by === access?.by) ?? current;
  return found.print;
}

/** Who waits for another process polls. The model wakes it when there is something to see, or when time is up. */
function heldUntil(record: ConnectionRecord, now: Instant): Instant {
  const { holding } = record;
  const knowledge = knowledgeOf(record);
  const ends = holding.attempts
    .map((attempt) => silentAt(attempt, knowledge))
    .filter((at) => at > now);
  return Math.min(now + requestLifeMs, ...ends);
}

function settle(
  record: ConnectionRecord,
  { id: attemptId, note }: Sending,
  result: Result,
  { now, journals }: Sight,
): ConnectionRecord {
  const others = needsJournalsToSettle(record.holding, attemptId, result)
    ? answersFor(record.holding, journals).filter((other) => other.attemptId !== attemptId)
    : [];
  const taken = settleJournaled(record, others, SETTINGS, JITTER, now);
  const attempt = note as Attempt;
  const { epoch } = attempt;
  const report = {
    chainId: CHAIN,
    attemptId,
    epoch,
    attempt,
    result,
    at: now,
    now,
    jitter: JITTER,
  };
  const { holding } = settleAttempt(taken.holding, knowledgeOf(record), SETTINGS, report);
  return withHolding(record, holding, SETTINGS, now);
}

function renew(record: ConnectionRecord, attemptId: string, sight: Sight): ConnectionRecord {
  const { owner, boot } = sight;
  const { lease, newest } = record.holding;
  if (newest !== attemptId || lease?.owner !== owner) return record;
  const { leaseMs } = timingFor(DEFAULT_TIMING, knowledgeOf(record), 1);
  const renewed = { owner, boot: boot.id, until: boot.at + leaseMs };
  return { ...record, holding: { ...record.holding, lease: renewed } };
}

function tokens({ holding }: ConnectionRecord): readonly Token[] {
  const { current, predecessor, parked } = holding;
  return [current, ...(predecessor ? [predecessor] : []), ...parked].map(({ print }) => print);
}
