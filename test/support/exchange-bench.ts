/** A real exchange over real sockets, with a manual clock, a disk in memory and a log that is kept. */

import assert from "node:assert/strict";
import type { Exchange, ExchangeRequest, RawAnswer } from "../../src/env/exchange.ts";
import { type HttpPostOptions, httpPost, type Posting } from "../../src/env/http-post.ts";
import { Secret } from "../../src/env/secret.ts";
import { systemRandom } from "../../src/env/system.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { DataKey } from "../../src/keychain/data-key.ts";
import { inProcessExchange } from "../../src/keychain/exchange.ts";
import { openJournal } from "../../src/keychain/journal.ts";
import { createSealer } from "../../src/keychain/seal.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";
import { type MemoryDisk, memoryDisk } from "./memory-disk.ts";
import { recordingLog } from "./recording-log.ts";

export const BODY = "grant_type=refresh_token&refresh_token=rt-canary-1";
export const TOKENS = '{"access_token":"at-2","refresh_token":"rt-canary-2"}';

export interface ExchangeBench {
  readonly exchange: Exchange;
  readonly clock: ManualClock;
  readonly disk: MemoryDisk;
  readonly log: ReturnType<typeof recordingLog>;
  /** The requests begun so far. */
  readonly postings: readonly Posting[];
  /** What the journal holds by now. */
  journaled(): Promise<readonly RawAnswer[]>;
}

export function exchangeBench(options: Partial<HttpPostOptions> = {}): ExchangeBench {
  const clock = manualClock();
  const disk = memoryDisk();
  const log = recordingLog();
  const keys = [new DataKey(Buffer.alloc(32, 1))] as const;
  const sealer = createSealer({ keys, deploymentId: "d1", random: systemRandom });
  const journal = openJournal({ directory: "/j", owner: "me", sealer, clock, disk });
  const http = httpPost({ clock, ...options });
  const postings: Posting[] = [];
  const post: typeof http = (request) => {
    const posting = http(request);
    postings.push(posting);
    return posting;
  };
  return {
    ...{ clock, disk, log, postings },
    exchange: inProcessExchange({ post, journal, clock, log }),
    journaled: async () => (await journal.entries()).entries.map(({ answer }) => answer),
  };
}

export function requestTo(url: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  return {
    chainId: "c1",
    attemptId: "a1",
    url,
    headers: { Accept: "application/json" },
    body: new Secret(BODY),
    deadlineMs: 30 * SECOND,
    beforeFirstByte: () => {},
    ...more,
  };
}

/** For `onLate` where no answer may come late. */
export const never = (): void => assert.fail("no late answer was expected");

/** Looks again each turn of the event loop until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
