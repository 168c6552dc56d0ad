/**
 * What a row says of its record besides the bytes, so that rows can be listed without reading all of them.
 *
 * 1. `owner` is what the record belongs to; `list` finds all records of a kind with one owner.
 * 2. `due` is when somebody must look at the record again; `list` finds what falls due before an instant.
 * 3. Both are made from the record alone, here and nowhere else. A kind that is listed by neither has null.
 */

import type { Instant } from "../kernel/time.ts";
import { inRealm } from "./realm-key.ts";
import type { Kind, Records } from "./records.ts";

export interface Columns {
  readonly owner: string | null;
  readonly due: Instant | null;
}

const NEITHER: Columns = { owner: null, due: null };

const COLUMNS: { readonly [K in Kind]: (record: Records[K]) => Columns } = {
  /** Belongs to its realm. */
  account: ({ realm }) => ({ owner: realm, due: null }),
  /** Found by its key: client and subject are in its id. */
  authorization: () => NEITHER,
  /** Belongs to its client, by that client's key. */
  chain: ({ realm, client }) => ({ owner: inRealm(realm, client), due: null }),
  /** Belongs to its realm. */
  client: ({ realm }) => ({ owner: realm, due: null }),
  connection: ({ due }) => ({ owner: null, due: Number.isFinite(due) ? due : null }),
  /** Belongs to its connection. */
  consumer: ({ connection }) => ({ owner: connection, due: null }),
  deployment: () => NEITHER,
  tally: () => NEITHER,
};

export function columnsOf<K extends Kind>(kind: K, record: Records[K]): Columns {
  return COLUMNS[kind](record);
}
