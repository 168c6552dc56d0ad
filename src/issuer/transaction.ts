/**
 * One decision, one transaction: reads the rows that a decision needs, runs it, and writes what it names.
 *
 * 1. The rows are the client (its policy as it is now), the authorization, the chain, and the tallies over subject and
 *    client where the policy counts over them. A policy that changed since asks for the rows that it needs.
 * 2. A decision may run more than once. What it uses besides its rows was drawn before: attempt, secret, salt.
 * 3. An unknown commit is read back: the chain's row names the attempt that wrote it. If it is ours, the answer stands;
 *    if not, nothing is known and nothing is answered.
 */

import { KetenError } from "../env/error.ts";
import {
  type After,
  NEW_TALLY,
  newAuthorization,
  type Scopes,
  scopesOf,
} from "../kernel/authorization.ts";
import type { Chain } from "../kernel/chain.ts";
import { type ChainKey, chainKey, type Ordinal } from "../kernel/ids.ts";
import { newest, type Policy, type Revision } from "../kernel/policy.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { Instant } from "../kernel/time.ts";
import type { KetenEvent } from "../store/events.ts";
import { inRealm } from "../store/realm-key.ts";
import type { ChainRecord, ClientRecord } from "../store/records.ts";
import { type Key, keyOf, type Rows, type Store, type Writes } from "../store/store.ts";
import type { Clients } from "./clients.ts";

/** What a decision reads. */
export interface Room {
  readonly client: ClientRecord;
  readonly revisions: readonly Revision[];
  readonly policy: Policy;
  readonly scopes: Scopes;
  readonly row: ChainRecord | undefined;
  readonly key: ChainKey;
  readonly now: Instant;
}

/** What a decision says: a result for the caller, and what changes. */
export interface Verdict<R> {
  readonly result: R;
  readonly after?: After;
  /** The row of a chain that begins; where one exists, `after.chain` is put into it. */
  readonly begins?: Omit<ChainRecord, "chain">;
  readonly events?: readonly KetenEvent[];
}

export interface Target {
  readonly authorizationId: string;
  /** The chain's number; undefined for the next one of the authorization. */
  readonly ordinal: Ordinal | undefined;
  /** Whose authorization it is; undefined where the chain's own row must say. */
  readonly subject: string | undefined;
}

type TokenKeys = readonly [
  Key<"client">,
  Key<"authorization">,
  Key<"chain">,
  ...(readonly Key<"tally">[]),
];

export interface Transactor {
  readonly store: Store;
  readonly realm: string;
  readonly clients: Clients;
}

/** Where there is no chain yet, its key is not known before the authorization was read. */
const UNKNOWN_ORDINAL = 0;

/**
 * Runs a decision on a chain. Guarantees on failure: nothing was written, or nobody knows (`commit_unknown`).
 *
 * @throws KetenError as `Store.update` does
 */
export async function decideOnChain<R>(
  { store, realm, clients }: Transactor,
  authenticated: ClientRecord,
  target: Target,
  attempt: string,
  decide: (room: Room) => Verdict<R>,
): Promise<R | { readonly refusal: Refusal }> {
  let last:
    | { readonly result: R | { readonly refusal: Refusal }; readonly key: string }
    | undefined;
  const keysFor = (
    revisions: readonly Revision[],
    ordinal: Ordinal,
    subject: string,
  ): TokenKeys => [
    clients.key(authenticated.clientId),
    keyOf("authorization", target.authorizationId),
    keyOf("chain", chainKey(target.authorizationId, ordinal)),
    ...scopesOf(revisions).map((per) =>
      keyOf(
        "tally",
        per === "client"
          ? `client:${inRealm(realm, authenticated.clientId)}`
          : `subject:${inRealm(realm, subject)}`,
      ),
    ),
  ];
  const keys = keysFor(
    clients.revisionsOf(authenticated),
    target.ordinal ?? UNKNOWN_ORDINAL,
    target.subject ?? "",
  );
  let asked: TokenKeys = keys;
  const run = (rows: Rows<TokenKeys>, now: Instant) => {
    const [client, stored, row] = rows;
    if (!clients.unchanged(authenticated, client)) {
      const refusal: Refusal = { reason: "clientSecretWrong", by: "none" };
      last = { result: { refusal }, key: "" };
      return { result: last.result };
    }
    const authorization = stored ?? newAuthorization(target.authorizationId);
    const revisions = clients.revisionsOf(client);
    const { policy } = newest(revisions);
    const ordinal = target.ordinal ?? authorization.opened + 1;
    const subject = target.subject ?? row?.subject ?? "";
    const needed = keysFor(revisions, ordinal, subject);
    if (!sameKeys(needed, asked)) {
      asked = needed;
      return { need: needed };
    }
    const scopes = { authorization, ...talliesOf(revisions, rows) };
    const key = needed[2].id;
    const verdict = decide({ client, revisions, policy, scopes, row, key, now });
    last = { result: verdict.result, key };
    const writes = writesOf(verdict, revisions, row);
    const { result, events = [] } = verdict;
    return writes ? { result, writes, events } : { result, events };
  };
  try {
    return await store.update<TokenKeys, R | { readonly refusal: Refusal }>(keys, run);
  } catch (error) {
    if (!last || !(error instanceof KetenError) || error.code !== "commit_unknown") throw error;
    const written = await store.read(keyOf("chain", last.key));
    if (written?.chain.attempt === attempt) return last.result;
    throw error;
  }
}

function sameKeys(a: TokenKeys, b: TokenKeys): boolean {
  return a.length === b.length && a.every(({ id }, i) => id === b[i]?.id);
}

/** The tallies, in the order in which `scopesOf` names their keys. */
function talliesOf(
  revisions: readonly Revision[],
  rows: Rows<TokenKeys>,
): Omit<Scopes, "authorization"> {
  const names = scopesOf(revisions);
  if (names.length === 0) return {};
  const tallies = rows.slice(3) as Rows<readonly Key<"tally">[]>;
  return Object.fromEntries(names.map((per, i) => [per, tallies[i] ?? NEW_TALLY]));
}

/** What a verdict writes, key by key; undefined if nothing. */
function writesOf<R>(
  { after = {}, begins }: Verdict<R>,
  revisions: readonly Revision[],
  row: ChainRecord | undefined,
): Writes<TokenKeys> | undefined {
  const { chain, authorization } = after;
  const tallies = scopesOf(revisions).map((per) => after[per]);
  if (!chain && !authorization && tallies.every((tally) => !tally)) return undefined;
  return [undefined, authorization, chain && recordOf(chain, row ?? begins), ...tallies];
}

function recordOf(chain: Chain, row: Omit<ChainRecord, "chain"> | undefined): ChainRecord {
  if (!row) throw new TypeError("a decision named a chain that has no row and does not begin");
  return { ...row, chain };
}
