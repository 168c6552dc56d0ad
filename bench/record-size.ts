/**
 * How long a chain's row is after one refresh and after a million.
 *
 * 1. The store is the real one, in SQLite, and every refresh goes through the issuer: client, token, decision, commit,
 *    tokens of the answer. Only the clock is set by hand: each refresh comes one access token's lifetime after the one
 *    before, which is the pace of an ordinary client.
 * 2. A million refreshes over a thousand chains, all of which refresh at the same instant; then one of them is taken on
 *    to a million of its own, with many decisions of the kernel in one commit, since one after the other would take the
 *    disk an hour.
 * 3. Counted is what SQLite holds of a chain: id, owner and bytes of its row. What is reported is the longest row.
 */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../src/env/clock.ts";
import { systemClock } from "../src/env/system.ts";
import { present } from "../src/kernel/authorization.ts";
import type { Chain } from "../src/kernel/chain.ts";
import { DAY, type Instant } from "../src/kernel/time.ts";
import { openSqliteStore } from "../src/store/sqlite/engine.ts";
import { keyOf, type Store } from "../src/store/store.ts";
import { type BenchClient, type BenchIssuer, openBenchIssuer } from "./issuer.ts";

export interface RecordSizes {
  /** Of the longest row, after every chain was refreshed once. */
  readonly bytesAfterOne: number;
  /** Of the longest row, after `refreshes` in all and so many on one chain. */
  readonly bytesAfterAll: number;
  readonly refreshes: number;
  readonly chains: number;
  readonly newestSerial: number;
  readonly seconds: number;
}

export interface RecordSizeOptions {
  readonly directory: string;
  readonly preset: string;
  readonly chains: number;
  readonly refreshes: number;
  readonly client: BenchClient;
  readonly onProgress: (done: number, seconds: number) => void;
}

/** Decisions of one chain in one commit. */
const STEPS = 1000;
const PROGRESS_EVERY_MS = 2000;
/** Sizes count records only: a short log of events keeps the file small. */
const RETENTION = { ageMs: 90 * DAY, count: 10_000 };

interface HandClock extends Clock {
  pass(milliseconds: number): void;
}

function handClock(): HandClock {
  const real = systemClock();
  let now = Date.UTC(2025, 0, 1);
  return {
    ...real,
    now: () => now,
    pass: (milliseconds) => {
      now += milliseconds;
    },
  };
}

export async function measureRecordSizes(options: RecordSizeOptions): Promise<RecordSizes> {
  const { directory, preset, chains, refreshes, client, onProgress } = options;
  const startedAt = performance.now();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  const path = join(directory, "sizes.db");
  const clock = handClock();
  const store = await openSqliteStore({ path, clock, retention: RETENTION });
  try {
    const opened = await openBenchIssuer({ store, clock, preset, chains, client });
    const pace = opened.provider.policy.access.lifetime;
    let { tokens } = opened;
    const refreshAll = async (): Promise<void> => {
      clock.pass(pace);
      tokens = await Promise.all(tokens.map((token) => refresh(opened, client, token)));
    };
    await refreshAll();
    const bytesAfterOne = longestRow(path);
    let toldAt = performance.now();
    for (let done = chains; done < refreshes; done += chains) {
      await refreshAll();
      if (performance.now() - toldAt < PROGRESS_EVERY_MS) continue;
      toldAt = performance.now();
      onProgress(done + chains, seconds());
    }
    const newestSerial = await takeOn(store, opened, refreshes, clock, pace);
    const bytesAfterAll = longestRow(path);
    return { bytesAfterOne, bytesAfterAll, refreshes, chains, newestSerial, seconds: seconds() };
  } finally {
    await store.close();
  }
}

async function refresh(
  { issuer }: BenchIssuer,
  { clientId, clientSecret }: BenchClient,
  refreshToken: string,
): Promise<string> {
  const outcome = await issuer.token({
    parameters: {
      grant_type: "refresh_token",
      client_id: clientId,
      client_secret: clientSecret,
      refresh_token: refreshToken,
    },
  });
  if (!outcome.granted) throw new Error(`a refresh was refused: ${outcome.refusal.reason}`);
  return outcome.response.refreshToken ?? "";
}

/** Takes one chain on to a serial, at the same pace; answers the serial it has then. */
async function takeOn(
  store: Store,
  { provider }: BenchIssuer,
  serial: number,
  clock: HandClock,
  pace: number,
): Promise<number> {
  const { records } = await store.list("chain", {});
  const key = keyOf("chain", records[0]?.id ?? "");
  const revisions = [{ revision: 1, policy: provider.policy, at: 0, revive: false }];
  const step = (chain: Chain, now: Instant): Chain => {
    const newest = chain.entries.at(-1);
    if (!newest) throw new Error("a chain has no token");
    const authorization = { id: "", opened: 1, revoked: null, live: [], counters: {} };
    const { attempt } = chain;
    const scopes = { authorization };
    const request = { scopes, ordinal: 1, chain, token: newest, revisions, now, attempt };
    const { after, granted } = present(request);
    if (!granted || !after.chain) throw new Error("a refresh was refused");
    return after.chain;
  };
  for (;;) {
    const last = await store.update([key], ([row], now) => {
      if (!row) throw new Error("the chain is gone");
      let { chain } = row;
      for (let i = 1; i <= STEPS && chain.last < serial; i += 1)
        chain = step(chain, now + i * pace);
      return { result: chain.last, writes: [{ ...row, chain }] };
    });
    clock.pass(STEPS * pace);
    if (last >= serial) return last;
  }
}

function longestRow(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const row = db
      .prepare(
        `SELECT max(octet_length(id) + coalesce(octet_length(owner), 0) + length(bytes)) AS longest
         FROM _keten_records WHERE kind = 'chain'`,
      )
      .get();
    return Number(row?.longest);
  } finally {
    db.close();
  }
}
