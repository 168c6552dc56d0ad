/**
 * A million refreshes of a thousand chains, over SQLite in a real file: the records stay as long as they were.
 *
 * 1. Every refresh goes through the issuer: client, token, decision, commit, tokens of the answer. All chains refresh at
 *    the same instant, an access token's lifetime (or the policy's least interval) after the time before, so that
 *    commits are shared and no second of the campaign is spent on waiting.
 * 2. What the records need is read after every tenth round. Constant means: the second half of the campaign never needed
 *    more bytes than the first half did, nor more records.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchIssuer, openBenchIssuer } from "../../bench/issuer.ts";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import { manualClock } from "../../test/support/manual-clock.ts";
import { type Campaign, type OnProgress, Violations } from "./campaign.ts";

export interface RefreshesOptions {
  readonly chains: number;
  /** Of all chains together. */
  readonly refreshes: number;
  readonly preset: string;
  readonly onProgress?: OnProgress;
}

interface Size {
  readonly records: number;
  readonly bytes: number;
}

const CLIENT = { clientId: "client", clientSecret: "the client's own secret" };
const SAMPLE_EVERY = 10;
/** Rounds until what a chain keeps of its youngest tokens is kept of as many as there will ever be. */
const WARM_UP_ROUNDS = 20;
const EVENTS = { ageMs: Number.POSITIVE_INFINITY, count: 10_000 };

export async function runRefreshes(options: RefreshesOptions): Promise<Campaign> {
  const { chains, refreshes, preset, onProgress } = options;
  const directory = mkdtempSync(join(tmpdir(), "keten-stress-"));
  const clock = manualClock();
  const path = join(directory, "issuer.db");
  const store = await openSqliteStore({ path, clock, retention: EVENTS });
  try {
    const opened = await openBenchIssuer({ store, clock, preset, chains, client: CLIENT });
    const { policy } = opened.provider;
    const paceMs = Math.max(policy.minInterval, policy.access.lifetime);
    const rounds = Math.max(2 * WARM_UP_ROUNDS, Math.ceil(refreshes / chains));
    const samples: Size[] = [];
    let { tokens } = opened;
    const startedAt = performance.now();
    for (let round = 1; round <= rounds; round += 1) {
      clock.advance(paceMs);
      tokens = await Promise.all(tokens.map((token) => refresh(opened, token)));
      if (round % SAMPLE_EVERY !== 0) continue;
      if (round >= WARM_UP_ROUNDS) samples.push(await store.size());
      onProgress?.(round * chains, rounds * chains, preset);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const perSecond = Math.round((rounds * chains) / seconds);
    return judgeSizes(samples, { preset, chains, refreshes: rounds * chains, perSecond });
  } finally {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function refresh({ issuer }: BenchIssuer, refreshToken: string): Promise<string> {
  const outcome = await issuer.token({
    parameters: {
      grant_type: "refresh_token",
      refresh_token: refreshToken,
      client_id: CLIENT.clientId,
      client_secret: CLIENT.clientSecret,
    },
  });
  if (!outcome.granted) throw new Error(`a refresh was refused: ${outcome.refusal.reason}`);
  return outcome.response.refreshToken ?? refreshToken;
}

function judgeSizes(
  samples: readonly Size[],
  about: { readonly chains: number; readonly [name: string]: unknown },
): Campaign {
  const violations = new Violations();
  const half = samples.length >> 1;
  const [early, late] = [samples.slice(0, half), samples.slice(half)];
  const most = (sizes: readonly Size[], what: keyof Size): number =>
    Math.max(...sizes.map((size) => size[what]));
  for (const what of ["records", "bytes"] as const) {
    if (most(late, what) > most(early, what)) {
      violations.add(`${what} grew from ${most(early, what)} to ${most(late, what)}`);
    }
  }
  const bytesPerChain = {
    least: Math.min(...samples.map(({ bytes }) => bytes)) / about.chains,
    most: most(samples, "bytes") / about.chains,
  };
  const figures = { ...about, records: most(samples, "records"), bytesPerChain };
  return { figures, violations: violations.texts };
}
