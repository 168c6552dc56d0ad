/** One run: a provider, an account for each program as often as asked, and a way between them. */

import { seededRandom } from "../../src/sandbox/seeded-random.ts";
import { type Outcome, runApplications } from "../../test/clients/application.ts";
import {
  type ClientProgram,
  type ClientSettings,
  nameOf,
} from "../../test/clients/client-program.ts";
import { PROGRAMS } from "../../test/clients/programs.ts";
import { type SkippingClock, skippingClock } from "../../test/clients/skipping-clock.ts";
import type { Scenario } from "./scenarios.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

/** What stands between the programs and the provider. */
export type Way = (options: WayOptions) => Promise<OnTheWay>;

export interface WayOptions {
  readonly upstream: Upstream;
  readonly scenario: Scenario;
  readonly clock: SkippingClock;
  /** The settings with which each application would go straight to the provider; one entry per account. */
  readonly accounts: readonly ClientSettings[];
}

export interface OnTheWay {
  /** What is typed into each application, in the same order. */
  readonly settings: readonly ClientSettings[];
  readonly stuck?: (onTheirWay: number) => boolean | Promise<boolean>;
  readonly quiet?: () => Promise<void>;
  /** Connects an account anew, if its chain was lost on the way, and says why it was. */
  readonly reconnect?: (index: number) => Promise<string | undefined>;
  close(): Promise<void>;
}

/** Nothing: a job on its way has one request, and if the provider holds it, that is all there is to wait for. */
export const straight: Way = async ({ accounts, upstream }) => ({
  settings: accounts,
  stuck: (onTheirWay) => upstream.held() === onTheirWay,
  close: async () => {},
});

export interface RunOptions {
  readonly scenario: Scenario;
  readonly way: Way;
  readonly hours: number;
  readonly workers: number;
  /** How many accounts each program has. */
  readonly accounts: number;
  /** Whether anything goes wrong. */
  readonly faulty: boolean;
  readonly seed: string;
}

export type Outcomes = ReadonlyMap<string, readonly Outcome[]>;

/** Outcomes by the name of the program. `Date` is the run's own until it ends. */
export async function runPrograms(options: RunOptions): Promise<Outcomes> {
  const { scenario, way, hours, workers, seed, faulty } = options;
  const clock = skippingClock();
  const faults = faulty ? scenario.faults : {};
  const upstream = await startUpstream({ preset: scenario.preset, seed, clock, faults });
  try {
    const programs = Array.from({ length: options.accounts }, () => PROGRAMS).flat();
    const accounts: ClientSettings[] = [];
    for (const _ of programs) accounts.push(await upstream.account());
    const between = await way({ upstream, scenario, clock, accounts });
    try {
      const outcomes = await runApplications(
        programs.map((program, i) => ({ program, settings: settingsAt(between, i) })),
        {
          ...{ clock, hours, workers },
          fraction: seededRandom(seed, "jobs").fraction,
          accepts: upstream.accepts,
          calm: upstream.calm,
          ...(between.stuck ? { stuck: between.stuck } : {}),
          ...(between.quiet ? { quiet: between.quiet } : {}),
          ...(between.reconnect ? { reconnect: between.reconnect } : {}),
        },
      );
      return byProgram(programs, outcomes);
    } finally {
      await between.close();
    }
  } finally {
    await upstream.close();
    clock.restore();
  }
}

function settingsAt({ settings }: OnTheWay, index: number): ClientSettings {
  const found = settings[index];
  if (!found) throw new Error(`the way gave no settings for account ${index}`);
  return found;
}

function byProgram(
  programs: readonly ClientProgram[],
  outcomes: readonly Outcome[],
): Map<string, Outcome[]> {
  return Map.groupBy(outcomes, (outcome) => {
    const program = programs[outcomes.indexOf(outcome)];
    return program ? nameOf(program) : "";
  });
}
