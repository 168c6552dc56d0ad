/**
 * A million token requests, most of them wrong in one or several ways, through real sockets; and some thousands of
 * connections whose bytes are no HTTP at all.
 *
 * 1. No status is 500 or more, every request is answered, the server lives on.
 * 2. Nothing is consumed: no refused request writes a row, and no row is written that is nobody's.
 * 3. The same seed gives the same requests and the same answers, however they are interleaved: every client has a stream
 *    and owners of its own, and time passes only between rounds. The digest says whether that is so.
 * 4. A request that replays a spent token is not among them: its effect is declared, and checked elsewhere.
 */

import { hash } from "node:crypto";
import type { Store } from "../../src/store/store.ts";
import { startKeten } from "../../test/conformance/keten-server.ts";
import { Stream } from "../run/random-stream.ts";
import { breakHttp } from "./broken-http.ts";
import { type Campaign, inRounds, type OnProgress, Violations } from "./campaign.ts";
import { type CountingStore, countingStore } from "./counting-store.ts";
import { FuzzClient } from "./fuzz-client.ts";
import { openWires } from "./wire.ts";

export interface FuzzOptions {
  /** Over all presets together. */
  readonly requests: number;
  readonly seed: string;
  readonly presets?: readonly string[];
  readonly onProgress?: OnProgress;
}

const PRESETS = ["strict", "handshake", "exact-online", "openam-13", "google-100"];
const CLIENTS = 8;
/** Requests of each client between two steps of time. */
const ROUND = 100;
const STEP_MAX_MS = 20 * 60_000;
/** Of a preset's requests, one in so many connections is broken on purpose. */
const BROKEN_SHARE = 50;

interface Totals {
  granted: number;
  refused: number;
  broken: number;
  readonly digests: string[];
}

export async function runFuzz(options: FuzzOptions): Promise<Campaign> {
  const { requests, seed, presets = PRESETS } = options;
  const violations = new Violations();
  const totals: Totals = { granted: 0, refused: 0, broken: 0, digests: [] };
  const startedAt = performance.now();
  const rounds = Math.ceil(requests / presets.length / CLIENTS / ROUND);
  for (const preset of presets) await fuzzPreset(preset, rounds, options, totals, violations);
  const seconds = (performance.now() - startedAt) / 1000;
  const count = rounds * ROUND * CLIENTS * presets.length;
  const perSecond = Math.round(count / seconds);
  const { granted, refused, broken, digests } = totals;
  const digest = hash("sha256", digests.join("\n")).slice(0, 16);
  const figures = { presets, requests: count, granted, refused, broken, seed, digest, perSecond };
  return { figures, violations: violations.texts };
}

async function fuzzPreset(
  preset: string,
  rounds: number,
  { seed, onProgress }: FuzzOptions,
  totals: Totals,
  violations: Violations,
): Promise<void> {
  const { send, close } = openWires();
  let counted: CountingStore | undefined;
  const wrap = (store: Store): Store => {
    counted = countingStore(store);
    return counted.store;
  };
  const server = await startKeten(preset, { send, wrap, seed });
  if (!counted) throw new TypeError("the store was not wrapped");
  const parts = { server, counted, violations };
  const setUp = counted.keys();
  const names = Array.from({ length: CLIENTS }, (_, i) => `${seed}/${preset}/${i}`);
  const clients = names.map((name) => new FuzzClient({ ...parts, seed: name }));
  const time = new Stream(`${seed}/${preset}`, "time");
  const passTime = async (round: number): Promise<void> => {
    server.pass(time.whole(0, STEP_MAX_MS));
    for (const client of clients) await client.renew();
    server.pass(server.declares.paceMs);
    for (const client of clients) await client.reopen();
    const done = (round + 1) * ROUND * CLIENTS;
    onProgress?.(done, rounds * ROUND * CLIENTS, preset);
  };
  const work = async (client: FuzzClient): Promise<void> => {
    for (let i = 0; i < ROUND; i += 1) await client.one();
  };
  await passTime(-1);
  await inRounds(clients, rounds, work, passTime);
  const known = new Set([...setUp, ...clients.flatMap((client) => [...client.rows])]);
  const others = [...counted.keys()].filter((key) => !known.has(key));
  if (others.length > 0) violations.add(`${preset}: ${others.length} rows that are nobody's`);
  const broken = Math.ceil((rounds * ROUND * CLIENTS) / BROKEN_SHARE);
  await breakHttp({ ...parts, seed, connections: broken, ...(onProgress ? { onProgress } : {}) });
  totals.broken += broken;
  for (const client of clients) {
    client.settleDigest();
    totals.digests.push(client.digest);
    totals.granted += client.granted;
    totals.refused += client.refused;
    client.close();
  }
  close();
  await server.close();
}
