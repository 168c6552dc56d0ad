/**
 * What may go wrong, each once at any point where it can: the network, the remote, the processes, the machine, the
 * store, the clock, and people. A fault is named by where it strikes.
 */

export const FAULTS = {
  notSent: "the request is not sent: no name, no connection, no handshake",
  requestLost: "the request is lost on its way",
  requestDelayed: "the request arrives after the deadline, within its life",
  requestDoubled: "the network delivers the request twice, at once",
  requestDoubledLate: "the network delivers the request again, later within its life",
  requestStale: "the network delivers the request again after two later generations",
  serverErrorBefore: "the remote fails before it acts",
  serverErrorAfter: "the remote acts and answers with an error",
  rateLimited: "the remote refuses for its load",
  answerLost: "the answer is lost on its way",
  answerLate: "the answer arrives after the deadline",
  answerCut: "the answer is cut before its refresh token is whole",
  crashIdle: "a process dies with nothing on its way",
  crashBeforeSend: "a process dies between intent and first byte",
  crashAfterSend: "a process dies while its request is on its way",
  crashBeforeJournal: "a process dies with an answer in memory only",
  crashBeforeCommit: "a process dies between journal and commit",
  crashAfterCommit: "a process dies right after its commit",
  machineOff: "the machine goes off in an exchange and is back a day later",
  machineLost: "the machine is lost with its journal in an exchange; the store is elsewhere",
  storeDown: "the store takes no write when an answer is to be committed",
  commitUnknown: "the store commits and the acknowledgement is lost",
  journalFails: "the journal cannot take an answer",
  storeForgets: "the store loses what it was given last, a moment ago",
  storeRestored: "the store is restored from a backup one generation old",
  pauseBeforeSend: "a process stands still between intent and first byte, beyond its lease",
  pauseAtSend:
    "a process stands still between its check of the lease and the first byte, beyond its lease",
  pauseBeforeJournal: "a process stands still with an answer in memory, beyond its lease",
  pauseBeforeCommit: "a process stands still between journal and commit, beyond its lease",
  clockForward: "our wall clock jumps an hour ahead",
  clockBack: "our wall clock jumps an hour back",
  remoteForgets: "the remote loses its last grant",
  usedElsewhere: "somebody else presents a copy of the current token",
  revokedByOwner: "the owner revokes the authorization",
} as const;

export type Fault = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly Fault[];

/** Faults that break an assumption on time which no protocol can do without. */
export const TIMING: ReadonlySet<Fault> = new Set([
  "requestStale",
  "pauseAtSend",
  "clockForward",
  "clockBack",
]);

/** After these our own store is older than what has happened. */
export const FALLBACK: ReadonlySet<Fault> = new Set(["storeForgets", "storeRestored"]);

/** What people did, and what only they can guard against. */
export const OPERATOR: ReadonlySet<Fault> = new Set([
  "storeForgets",
  "storeRestored",
  "usedElsewhere",
  "revokedByOwner",
]);

/**
 * Faults that are searched in pairs. The others stand alone: people's doing, a broken assumption that every protocol
 * makes, or nothing under way; and a store that falls back, which takes more worlds than all other pairs together.
 */
export const PAIRED: readonly Fault[] = FAULT_NAMES.filter(
  (fault) => !TIMING.has(fault) && !OPERATOR.has(fault) && fault !== "crashIdle",
);
