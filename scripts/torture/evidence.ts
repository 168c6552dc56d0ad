/**
 * What Keten's data directory says once Keten has ended: its records, events and journals, opened with its own key, in
 * this process only. Tokens are shown to the stand-in and to nobody else.
 *
 * 1. It changes nothing that Keten would miss, and sends nothing to a token endpoint.
 * 2. When an answer was durable is the earlier of its journal entry and the event that settled it. A file of the journal
 *    may have been swept, but not before all of it was settled.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { openDeployment } from "../../src/cli/deployment.ts";
import { systemDisk } from "../../src/env/disk.ts";
import { Secret } from "../../src/env/secret.ts";
import { systemClock, systemRandom } from "../../src/env/system.ts";
import type { Holding } from "../../src/kernel/holding.ts";
import { classify } from "../../src/kernel/outcome.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { type JournalEntry, openJournal } from "../../src/keychain/journal.ts";
import { openKeyFile } from "../../src/keychain/key-file.ts";
import { keyedDigest } from "../../src/keychain/keyed-digest.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { createVault, type Vault } from "../../src/keychain/token-endpoint.ts";
import type { ConnectionRecord } from "../../src/store/connection-record.ts";
import type { StoredEvent } from "../../src/store/events.ts";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import type { Store } from "../../src/store/store.ts";
import type { HeldToken, Recorded } from "./trace.ts";

/** What is known of one connection from Keten's side. */
export interface Testimony {
  readonly record: ConnectionRecord;
  readonly attempts: readonly Recorded[];
  /** Every refresh token that Keten can still lay hands on. */
  readonly tokens: readonly { readonly place: HeldToken["place"]; readonly token: Secret }[];
}

const PAGE = 1000;

/** Reads a data directory that nobody uses any more. */
export async function readEvidence(dataDir: string): Promise<readonly Testimony[]> {
  const random = systemRandom;
  const deployment = openDeployment({ dataDir, random, timeScale: undefined, now: Date.now });
  const { timeScale: scale, timeOrigin: origin = 0, id: deploymentId } = deployment;
  const clock = systemClock({ scale, ...(scale === 1 ? {} : { origin }) });
  const real = (at: Instant): Instant => (scale === 1 ? at : origin + (at - origin) / scale);
  const keyPath = join(dataDir, "keten.key");
  if (!existsSync(keyPath)) throw new Error(`there is no key in "${dataDir}"`);
  const key = openKeyFile({ keyPath, checkPath: `${keyPath}-check`, random });
  const sealer = createSealer({ keys: [key], deploymentId, random });
  const vault = createVault(sealer, keyedDigest(key, "connection tokens"));
  const directory = join(dataDir, "journal");
  const journal = openJournal({ directory, owner: "judge", sealer, clock, disk: systemDisk });
  const store = await openSqliteStore({ path: join(dataDir, "keten.db"), clock });
  try {
    const { entries, faults } = await journal.entries();
    for (const { file, position, what } of faults) {
      if (what === "sealed") throw new Error(`journal ${file} at ${position} does not open`);
    }
    const events = Map.groupBy(await allEvents(store), ({ about }) => about);
    const records = await allConnections(store);
    return records.map((record) => {
      const own = entries.filter(({ answer }) => answer.chainId === record.holding.chainId);
      const attempts = attemptsIn(events.get(record.name) ?? [], record, own, real);
      return { record, attempts, tokens: tokensOf(vault, record, own) };
    });
  } finally {
    await store.close();
    journal.close();
  }
}

async function allEvents(store: Store): Promise<readonly StoredEvent[]> {
  const all: StoredEvent[] = [];
  for (;;) {
    const page = await store.events(all.at(-1)?.number ?? 0, PAGE);
    all.push(...page);
    if (page.length === 0) return all;
  }
}

async function allConnections(store: Store): Promise<readonly ConnectionRecord[]> {
  const all: ConnectionRecord[] = [];
  let after: string | undefined;
  do {
    const page = await store.list("connection", {}, after);
    all.push(...page.records.map(({ record }) => record));
    after = page.next;
  } while (after !== undefined);
  return all;
}

/** The refresh token in a journaled answer; undefined for a refusal. */
function tokenIn({ answer }: JournalEntry, record: ConnectionRecord): string | undefined {
  const { status, headers, body, complete } = answer;
  const report = { kind: "answered", status, headers, body: body.reveal(), complete } as const;
  const outcome = classify(report, record.provider.readings);
  const tokens = outcome.class === "answered" ? outcome.tokens : undefined;
  return tokens?.refresh ?? undefined;
}

function attemptsIn(
  events: readonly StoredEvent[],
  record: ConnectionRecord,
  entries: readonly JournalEntry[],
  real: (at: Instant) => Instant,
): readonly Recorded[] {
  const durable = new Map<string, Instant>();
  const note = (attempt: string, at: Instant): void => {
    durable.set(attempt, Math.min(durable.get(attempt) ?? Number.POSITIVE_INFINITY, real(at)));
  };
  for (const entry of entries) {
    if (tokenIn(entry, record) !== undefined) note(entry.answer.attemptId, entry.at);
  }
  for (const { type, data, at } of events) {
    const isSettled = type === "attempt.ended" || type === "token.parked";
    if (isSettled && data.outcome === "answered") note(String(data.attempt), at);
  }
  return events
    .filter(({ type }) => type === "attempt.begun")
    .map(({ data, at }) => ({
      attempt: String(data.attempt),
      owner: String(data.owner),
      sent: real(at),
      serial: Number(data.serial),
      why: String(data.why),
      durable: durable.get(String(data.attempt)) ?? null,
    }));
}

function tokensOf(
  vault: Vault,
  record: ConnectionRecord,
  entries: readonly JournalEntry[],
): Testimony["tokens"] {
  const { chainId, current, predecessor, parked }: Holding = record.holding;
  const open = (token: { readonly by: string; readonly sealed: string }): Secret =>
    vault.open("refreshToken", chainId, token.by, token.sealed);
  return [
    { place: "current" as const, token: open(current) },
    ...(predecessor ? [{ place: "predecessor" as const, token: open(predecessor) }] : []),
    ...parked.map((token) => ({ place: "parked" as const, token: open(token) })),
    ...entries.flatMap((entry) => {
      const token = tokenIn(entry, record);
      return token === undefined ? [] : [{ place: "journal" as const, token: new Secret(token) }];
    }),
  ];
}
