/**
 * What goes wrong in sixty days, drawn from the seed: the weather between Keten and the provider, kills and restarts of
 * processes, and a store that is busy. Each has a loop of its own in the run's time.
 */

import type { Clock } from "../../src/env/clock.ts";
import { type Duration, HOUR, type Instant, MINUTE, SECOND } from "../../src/kernel/time.ts";
import type { FaultInputs } from "../../src/sandbox/faults.ts";
import type { Stream } from "../run/random-stream.ts";
import { type Cluster, POINTS, STORE_TROUBLES } from "./cluster.ts";
import type { KetenProcess } from "./keten-process.ts";
import { HOLD_MS_MAX, type Vendor } from "./vendor.ts";

/** Rates of one request in a day like any other. Half of the requests take as long as requests do. */
const FAIR: FaultInputs = {
  hold: { rate: 0.5, minMs: 20, maxMs: 900 },
  "error-before": 0.006,
  reset: 0.006,
  "lost-answer": 0.008,
  "answer-late": { rate: 0.006, minMs: SECOND, maxMs: HOLD_MS_MAX },
  "error-after": 0.004,
  truncated: 0.004,
  html: 0.002,
  empty: 0.002,
};

const STORM: FaultInputs = {
  hold: { rate: 0.5, minMs: 20, maxMs: 9000 },
  "error-before": 0.08,
  reset: 0.08,
  "lost-answer": 0.1,
  "answer-late": { rate: 0.1, minMs: SECOND, maxMs: HOLD_MS_MAX },
  "error-after": 0.08,
  truncated: 0.05,
  html: 0.03,
  empty: 0.03,
};

/** Requests arrive late, by as much as they may: up to their whole life. */
const SLOW: FaultInputs = { hold: { rate: 1, minMs: SECOND, maxMs: 55 * SECOND } };

/** What a provider that is away says, or does not say; none of it was processed. */
const OUTAGES: readonly FaultInputs[] = [
  { "error-before": 1 },
  { reset: 1 },
  { "error-before": 0.5, reset: 1 },
];

/** The vendor's maintenance, daily at the same time, in UTC. */
const MAINTENANCE = { fromMs: 3 * HOUR, forMs: 30 * MINUTE };

/** How long a process is down at most. */
export const DOWN_MS_MAX: Duration = 4 * MINUTE;

export interface Ended {
  isOver: boolean;
}

/** The weather: mostly fair; storms, slow hours, outages, and maintenance every night. */
export async function weather(
  { cluster, vendor, stream }: { cluster: Cluster; vendor: Vendor; stream: Stream },
  run: Ended,
): Promise<void> {
  const { clock } = cluster;
  const during = async (faults: FaultInputs, forMs: Duration, isOutage: boolean) => {
    await vendor.setFaults(faults);
    await clock.sleep(forMs);
    if (isOutage) cluster.trouble();
  };
  while (!run.isOver) {
    const next = nextMaintenance(clock);
    await during(FAIR, Math.min(stream.between(HOUR, 16 * HOUR), next - clock.now()), false);
    if (clock.now() >= next) {
      cluster.count("maintenance");
      await during({ "error-before": 1 }, MAINTENANCE.forMs, true);
      continue;
    }
    if (run.isOver) return;
    const kind = stream.pick(["storm", "slow", "outage"] as const);
    cluster.count(kind);
    if (kind === "storm") await during(STORM, stream.between(HOUR, 3 * HOUR), false);
    else if (kind === "slow") await during(SLOW, stream.between(10 * MINUTE, 40 * MINUTE), false);
    else await during(stream.pick(OUTAGES), stream.between(MINUTE, 40 * MINUTE), true);
  }
}

function nextMaintenance({ now }: Clock): Instant {
  const day = 24 * HOUR;
  const today = now() - (now() % day) + MAINTENANCE.fromMs;
  return now() < today ? today : today + day;
}

export interface Restarts {
  kills: number;
  /** Ends in order. */
  stops: number;
  /** Times at which no process was left. */
  allDown: number;
}

/** Kills processes, and starts another in the place of each: at any time, and in the midst of a refresh. */
export async function restarts(
  { cluster, stream, done }: { cluster: Cluster; stream: Stream; done: Restarts },
  run: Ended,
): Promise<void> {
  const { clock } = cluster;
  const downMs = (): Duration => stream.skewed(2 * SECOND, DOWN_MS_MAX);
  const restart = async (place: number): Promise<void> => {
    cluster.places[place] = undefined;
    if (cluster.alive.length === 0) done.allDown += 1;
    await clock.sleep(downMs());
    if (!run.isOver) await cluster.startAt(place);
    if (cluster.alive.length === 1) cluster.trouble();
  };
  const kill = (process: KetenProcess): void => {
    const place = cluster.places.indexOf(process);
    if (place < 0) return;
    done.kills += 1;
    process.kill();
    void restart(place);
  };
  const stop = async (process: KetenProcess): Promise<void> => {
    const place = cluster.places.indexOf(process);
    done.stops += 1;
    cluster.places[place] = undefined;
    await process.stop();
    await restart(place);
  };
  while (!run.isOver) {
    await clock.sleep(stream.between(10 * MINUTE, 6 * HOUR));
    if (run.isOver || cluster.alive.length === 0) continue;
    const what = stream.weighted([
      ["caught", 10],
      ["killed", 4],
      ["stopped", 3],
      ["all", 1],
    ]);
    if (what === "caught") {
      const point = stream.pick(POINTS);
      const spring = (on: KetenProcess): void => {
        cluster.count(`killed: ${point}`);
        kill(on);
      };
      cluster.trap ??= { point, spring };
    } else if (what === "killed") kill(stream.pick(cluster.alive));
    else if (what === "stopped") await stop(stream.pick(cluster.alive));
    else for (const process of [...cluster.alive]) kill(process);
  }
}

/** Makes the store fail for a while, now or as soon as a refresh comes to some point. */
export async function storeTroubles(
  { cluster, stream }: { cluster: Cluster; stream: Stream },
  run: Ended,
): Promise<void> {
  const { clock } = cluster;
  while (!run.isOver) {
    await clock.sleep(stream.between(30 * MINUTE, 5 * HOUR));
    const trouble = stream.pick(STORE_TROUBLES);
    const begin = (): void => {
      cluster.count(`store ${trouble}`);
      cluster.store = { trouble, until: clock.now() + stream.skewed(SECOND / 2, 45 * SECOND) };
    };
    if (stream.chance(0.4)) begin();
    else cluster.trap ??= { point: stream.pick(POINTS), spring: begin };
  }
}
