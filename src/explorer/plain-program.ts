/**
 * The keepers that people write first, as programs of the model: a token is read, presented, and the answer written
 * back. They journal nothing, record no intent, and believe the first refusal. What they lose tells what the parts of
 * Keten are for.
 */

import type { Result } from "../kernel/settle.ts";
import { type Duration, type Instant, MINUTE, SECOND } from "../kernel/time.ts";
import { type Look, type Program, type Sending, type Sight, UNRECORDED } from "./program.ts";
import type { Token } from "./remote.ts";
import { DEADLINE } from "./world.ts";

export interface PlainStore {
  readonly token: Token;
  /** When the next refresh is due. */
  readonly due: Instant;
  readonly rounds: number;
  readonly version: number;
  readonly lock: { readonly owner: string; readonly until: Instant } | null;
  /** Whether a refusal was believed. */
  readonly isLost: boolean;
}

export interface Keeper {
  readonly name: string;
  /** `none`, or one in each process; one in the store with an end; the same, and a write only over what was read. */
  readonly lock: "none" | "store" | "lease";
  /** How long it waits after a request without an answer. */
  readonly retryAfter: Duration;
}

/** What people write, simplest first. */
export const KEEPERS = {
  "read, refresh, write": { lock: "none", retryAfter: 0 },
  "lock in the process": { lock: "none", retryAfter: 5 * SECOND },
  "lock with an end": { lock: "store", retryAfter: 5 * SECOND },
  "lease and compare-and-set": { lock: "lease", retryAfter: 5 * SECOND },
} as const satisfies Readonly<Record<string, Omit<Keeper, "name">>>;

const LOCK: Duration = 30 * SECOND;
const LEAD: Duration = 30 * SECOND;
const BUSY: Duration = 1 * MINUTE;

export function plainProgram(keeper: Keeper): Program<PlainStore> {
  return {
    name: keeper.name,
    ...UNRECORDED,
    begin: (token, now) => ({ token, due: now, rounds: 0, version: 0, lock: null, isLost: false }),
    look: (store, sight) => look(keeper, store, sight),
    settle: (store, sending, result, sight) => settle(keeper, store, sending, result, sight),
    tokens: ({ token }) => [token],
    due: ({ due, isLost }) => (isLost ? Number.POSITIVE_INFINITY : due),
    rounds: ({ rounds }) => rounds,
    isQuiet: ({ lock }) => lock === null,
  };
}

function look({ lock }: Keeper, store: PlainStore, { owner, now, boot }: Sight): Look<PlainStore> {
  if (store.isLost) return { do: "stop", why: "refused", store };
  const wait = (until: Instant, why: string) =>
    ({ do: "rest", until, why, store, watches: false }) as const;
  if (now < store.due) return { ...wait(store.due, "fresh"), handsOut: store.token };
  if (store.lock && boot.at < store.lock.until && store.lock.owner !== owner) {
    return wait(now + store.lock.until - boot.at, "locked");
  }
  const locked =
    lock === "none"
      ? store
      : { ...store, lock: { owner, until: boot.at + LOCK }, version: store.version + 1 };
  const sending: Sending = {
    id: `${boot.at}-${owner}`,
    token: store.token,
    why: "due",
    note: locked.version,
    deadline: DEADLINE,
    leaseUntil: Number.POSITIVE_INFINITY,
  };
  return { do: "send", sending, store: locked };
}

function settle(
  { lock, retryAfter }: Keeper,
  store: PlainStore,
  { note }: Sending,
  result: Result,
  { now }: Sight,
): PlainStore {
  if (lock === "lease" && store.version !== note) return store;
  const free = { ...store, lock: null };
  switch (result.class) {
    case "answered":
      return {
        ...free,
        token: result.refresh?.print ?? store.token,
        due: now + (result.expiresIn ?? 0) - LEAD,
        rounds: store.rounds + 1,
      };
    case "refusedUnspent":
      if (result.about === "token") return { ...free, isLost: true };
      return { ...free, due: now + BUSY };
    default:
      return { ...free, due: now + retryAfter };
  }
}
