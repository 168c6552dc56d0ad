/**
 * Many histories, one after the other, and what came of them together.
 *
 * The seeds that ever failed are run first. The hash of a campaign covers the hashes of all its histories, in order; its
 * seed gives theirs.
 */

import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { FAULTS, type FaultName } from "./faults.ts";
import { type Failure, type History, runHistory } from "./history.ts";
import { keptSeeds } from "./kept-seeds.ts";
import { drawProfile } from "./profile.ts";
import { LOSS_CLASSES, type LossClass } from "./verdict.ts";

export interface CampaignOptions {
  readonly seed: string;
  readonly histories: number;
  /** Runs the kept seeds before them; default true. */
  readonly withKept?: boolean;
  readonly onProgress?: (done: number, tally: Tally) => void;
  /** Called as soon as a history fails. */
  readonly onFailure?: (failed: Failed) => void;
  readonly everyMs?: number;
  /** Ends it early. */
  readonly isEnough?: (tally: Tally) => boolean;
  /** Stops after so many failing histories. */
  readonly failuresMost?: number;
}

/** Holding statuses that the code can reach at present. */
export const STATUSES = [
  ...["imported", "fresh", "redeeming", "uncertain"],
  ...["forked", "held", "refused", "blocked", "lost"],
] as const;

export const WHYS = ["due", "resend", "lastResort", "candidate"] as const;

export interface Failed {
  readonly seed: string;
  readonly failures: readonly Failure[];
}

/** What a campaign has seen so far. */
export class Tally {
  histories = 0;
  refreshes = 0;
  handOuts = 0;
  events = 0;
  readonly failed: Failed[] = [];
  readonly failures: Record<Failure["kind"], number> = {
    ...{ avoidable: 0, stuck: 0, doubleSpend: 0, storm: 0, error: 0 },
  };
  readonly faults = new Map<FaultName, number>(FAULTS.map((name) => [name, 0]));
  readonly statuses = new Map<string, number>(STATUSES.map((name) => [name, 0]));
  readonly whys = new Map<string, number>(WHYS.map((name) => [name, 0]));
  readonly losses = new Map<LossClass, number>(LOSS_CLASSES.map((name) => [name, 0]));
  readonly #hash = createHash("sha256");

  add(history: History): void {
    const { counts, failures } = history;
    this.histories += 1;
    this.refreshes += history.refreshes;
    this.handOuts += history.handOuts;
    this.events += history.events;
    this.#hash.update(`${history.seed} ${history.hash}\n`);
    if (failures.length > 0) this.failed.push({ seed: history.seed, failures });
    for (const { kind } of failures) this.failures[kind] += 1;
    addTo(this.faults, counts.faults);
    addTo(this.statuses, counts.statuses);
    addTo(this.whys, counts.whys);
    addTo(this.losses, counts.losses);
    this.statuses.set("imported", (this.statuses.get("imported") ?? 0) + 1);
  }

  digest(): string {
    return this.#hash.copy().digest("hex").slice(0, 32);
  }

  /** What should occur in a campaign of some thousand histories, and did not. */
  get missing(): readonly string[] {
    const seen = [this.faults, this.statuses, this.whys];
    return seen.flatMap((counts) =>
      [...counts].filter(([, count]) => count === 0).map(([name]) => name),
    );
  }
}

function addTo<Name extends string>(
  sum: Map<Name, number>,
  counts: Readonly<Partial<Record<Name, number>>>,
): void {
  for (const name of Object.keys(counts) as Name[]) {
    sum.set(name, (sum.get(name) ?? 0) + (counts[name] ?? 0));
  }
}

export async function runCampaign(options: CampaignOptions): Promise<Tally> {
  const { seed, histories, withKept = true, everyMs = 5000, failuresMost = 20 } = options;
  const tally = new Tally();
  const kept = withKept ? keptSeeds().map((one) => one.seed) : [];
  let toldAt = performance.now();
  const total = kept.length + histories;
  for (let i = 0; i < total && tally.failed.length < failuresMost; i += 1) {
    const own = i < kept.length ? (kept[i] as string) : `${seed}-${i - kept.length}`;
    const before = tally.failed.length;
    tally.add(await runHistory(drawProfile(own)));
    for (const failed of tally.failed.slice(before)) options.onFailure?.(failed);
    if (options.isEnough?.(tally)) break;
    // Lets the runtime look at rejections that nobody handled, and at signals.
    await setImmediate();
    if (performance.now() - toldAt < everyMs) continue;
    toldAt = performance.now();
    options.onProgress?.(i + 1, tally);
  }
  return tally;
}
