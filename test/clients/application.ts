/**
 * A user's application: for each account two workers, as most applications have, that share the account's row and know
 * nothing of each other. Every four minutes a job of each worker needs an access token and uses it.
 *
 * 1. In one round of four both workers begin at the same moment, as jobs do that are set to the full minute; else the
 *    second begins up to three seconds after the first.
 * 2. A job fails if the library gives no token or the API refuses it. The application logs that and tries again with the
 *    next job; it never asks a person to consent again, which is what a broken integration ends in.
 * 3. After so many failed jobs in a row that an hour has passed, it stops trying.
 * 4. At the end nothing goes wrong any more, and each worker has one more job: all served is *kept*. If not, and one that
 *    is started anew is served, the account *needs a restart*. Otherwise it is *broken*: nothing but a new consent helps.
 */

import { HOUR, type Instant, MINUTE, SECOND } from "../../src/kernel/time.ts";
import { type ClientProgram, type ClientSettings, memoryRow, type Row } from "./client-program.ts";
import type { SkippingClock } from "./skipping-clock.ts";

export interface Account {
  readonly program: ClientProgram;
  readonly settings: ClientSettings;
}

export interface ApplicationOptions {
  readonly clock: SkippingClock;
  readonly hours: number;
  /** Workers per account; 2 unless given. */
  readonly workers?: number;
  /** The next number from 0 to 1. */
  readonly fraction: () => number;
  /** Whether the API accepts an access token. */
  readonly accepts: (accessToken: string) => Promise<boolean>;
  /** Ends all faults. */
  readonly calm: () => Promise<void>;
  /** Whether the jobs on their way, so many, only wait for a callback of the clock: then that time is skipped as well. */
  readonly stuck?: (onTheirWay: number) => boolean | Promise<boolean>;
  /** Waits until no service of this process has anything on its way; needed where one works without being asked. */
  readonly quiet?: () => Promise<void>;
  /**
   * Where an account's chain is kept elsewhere and was lost: a person consents again there, and the application is told
   * nothing. Says why it was lost; undefined if it was not.
   */
  readonly reconnect?: (index: number) => Promise<string | undefined>;
}

export type Verdict = "kept" | "needs a restart" | "broken";

export interface Outcome {
  readonly verdict: Verdict;
  /** How many access tokens the application got, all workers together. */
  readonly refreshes: number;
  readonly jobs: number;
  /** Jobs that got no access token that works. */
  readonly failed: number;
  /** Of these, jobs that got one which the API refused. */
  readonly refused: number;
  /** When a job was last served, in milliseconds since the start; the final ones do not count. */
  readonly lastServedMs: number;
  /** What a worker that was not served at the end had logged since it last was, first and last; null if all were. */
  readonly words: readonly [first: string, last: string] | null;
  /** Where its chain is kept elsewhere and was lost; null if it was not. */
  readonly lost: LostElsewhere | null;
}

export interface LostElsewhere {
  readonly cause: string;
  /** Whether, after a new consent there, all workers were served as they were running, with the token they had. */
  readonly wentOn: boolean;
}

type Judged = Pick<Outcome, "verdict" | "words" | "lost">;

const KEPT: Judged = { verdict: "kept", words: null, lost: null };
/** So soon, in real time, it is looked again whether time can be skipped. */
const LOOK_AGAIN_MS = 5;
const ROUND_MS = 4 * MINUTE;
const SPREAD_MS = MINUTE;
const SECOND_BEGINS_WITHIN_MS = 3 * SECOND;
const TOGETHER = 0.25;
/** An hour of two workers. */
const GIVEN_UP_AFTER = 30;

interface Running {
  readonly account: Account;
  readonly row: Row;
  readonly workers: readonly RunningWorker[];
  readonly tokens: Set<string>;
  jobs: number;
  failed: number;
  refused: number;
  failedInARow: number;
  lastServedAt: Instant;
}

interface RunningWorker {
  token(): Promise<string>;
  /** What it logged since it was last served. */
  log: string[];
}

interface Job {
  readonly at: Instant;
  readonly of: Running;
  readonly worker: RunningWorker;
}

/** Runs the applications of all accounts beside each other, in the same time. */
export async function runApplications(
  accounts: readonly Account[],
  options: ApplicationOptions,
): Promise<readonly Outcome[]> {
  const { clock, hours, fraction } = options;
  const startAt = clock.now();
  const all = accounts.map((account) => started(account, options.workers ?? 2, startAt));
  const onTheirWay = new Set<Promise<void>>();
  for (let at = startAt; at < startAt + hours * HOUR; at += ROUND_MS) {
    const jobs = all.flatMap((running) => jobsOf(running, at, fraction));
    for (const { at: jobAt, of, worker } of jobs.sort((a, b) => a.at - b.at)) {
      await reach(jobAt, onTheirWay, options);
      const job = work(of, worker, options).finally(() => onTheirWay.delete(job));
      onTheirWay.add(job);
    }
    await reach(at + ROUND_MS, onTheirWay, options);
  }
  await Promise.all(onTheirWay);
  await options.calm();
  const verdicts = await judged(all, options);
  return all.map((running) => ({
    ...{ refreshes: running.tokens.size, jobs: running.jobs },
    ...{ failed: running.failed, refused: running.refused },
    lastServedMs: running.lastServedAt - startAt,
    ...(verdicts.get(running) ?? KEPT),
  }));
}

function started(account: Account, count: number, lastServedAt: Instant): Running {
  const { program, settings } = account;
  const row = memoryRow();
  const workers = Array.from({ length: count }, () => ({
    token: program.start(settings, row).token,
    log: [],
  }));
  const tokens = new Set<string>();
  const counts = { jobs: 0, failed: 0, refused: 0, failedInARow: 0 };
  return { account, row, workers, tokens, ...counts, lastServedAt };
}

function jobsOf(running: Running, roundAt: Instant, fraction: () => number): readonly Job[] {
  const firstAt = roundAt + Math.floor(fraction() * SPREAD_MS);
  const together = fraction() < TOGETHER;
  return running.workers.map((worker, index) => {
    const later = Math.floor(fraction() * SECOND_BEGINS_WITHIN_MS);
    return { at: index === 0 || together ? firstAt : firstAt + later, of: running, worker };
  });
}

/** Waits for an instant: as in life while anything is on its way, else at once. */
async function reach(
  at: Instant,
  onTheirWay: ReadonlySet<Promise<void>>,
  { clock, stuck, quiet }: ApplicationOptions,
): Promise<void> {
  while (onTheirWay.size > 0 && clock.now() < at) {
    const armed = clock.armed();
    if (await stuck?.(onTheirWay.size)) clock.passToNext(at - clock.now());
    const { promise: due, resolve } = Promise.withResolvers<void>();
    const left = Math.max(1, at - clock.now());
    const timer = setTimeout(resolve, stuck ? Math.min(left, LOOK_AGAIN_MS) : left);
    await Promise.race([due, armed, ...onTheirWay]);
    clearTimeout(timer);
  }
  if (clock.now() < at) await clock.pass(at - clock.now(), quiet);
}

/** One job. What goes wrong in it is logged, not thrown. */
async function work(
  running: Running,
  worker: RunningWorker,
  { clock, accepts }: Pick<ApplicationOptions, "clock" | "accepts">,
): Promise<void> {
  if (running.failedInARow >= GIVEN_UP_AFTER) return;
  running.jobs += 1;
  try {
    await serve(running, worker, accepts);
    running.failedInARow = 0;
    running.lastServedAt = clock.now();
  } catch (error) {
    running.failed += 1;
    running.failedInARow += 1;
    if (error instanceof RefusedByApi) running.refused += 1;
  }
}

class RefusedByApi extends Error {
  constructor() {
    super("the API refused the access token");
  }
}

async function serve(
  { tokens }: Pick<Running, "tokens">,
  worker: RunningWorker,
  accepts: ApplicationOptions["accepts"],
): Promise<void> {
  try {
    const token = await worker.token();
    tokens.add(token);
    if (!(await accepts(token))) throw new RefusedByApi();
    worker.log = [];
  } catch (error) {
    worker.log.push(wordsOf(error));
    throw error;
  }
}

/**
 * One more job for each worker, an hour after the other, and where one was not served, one for a worker that is started
 * anew. Who is not in the answer is kept.
 */
async function judged(
  all: readonly Running[],
  { clock, accepts, quiet, reconnect }: ApplicationOptions,
): Promise<ReadonlyMap<Running, Judged>> {
  const unserved = new Map<Running, RunningWorker>();
  const isServed = async (worker: RunningWorker): Promise<boolean> => {
    try {
      await serve({ tokens: new Set() }, worker, accepts);
      return true;
    } catch {
      return false;
    }
  };
  for (let index = 0; all.some(({ workers }) => index < workers.length); index += 1) {
    await clock.pass(HOUR, quiet);
    const last = all.map(async (running) => {
      const worker = running.workers[index];
      if (worker && !(await isServed(worker)) && !unserved.has(running))
        unserved.set(running, worker);
    });
    await Promise.all(last);
  }
  await clock.pass(HOUR, quiet);
  const anew = [...unserved].map(async ([running, { log }]): Promise<Judged> => {
    const { account, row, workers } = running;
    const words = [log[0] ?? "", log.at(-1) ?? ""] as const;
    const { token } = account.program.start(account.settings, row);
    if (await isServed({ token, log: [] }))
      return { verdict: "needs a restart", words, lost: null };
    const cause = await reconnect?.(all.indexOf(running));
    if (cause === undefined) return { verdict: "broken", words, lost: null };
    const served = await Promise.all(workers.map(isServed));
    return { verdict: "broken", words, lost: { cause, wentOn: !served.includes(false) } };
  });
  const verdicts = await Promise.all(anew);
  return new Map([...unserved.keys()].map((running, i) => [running, verdicts[i] ?? KEPT]));
}

/** What an operator would find in the log, with the server's own word, which libraries put into different places. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { error: told, data } = error as Error & { error?: unknown; data?: Payload };
  const word = told ?? data?.payload?.error;
  const words = `${error.constructor.name}: ${error.message}`;
  return typeof word === "string" && !words.includes(word) ? `${words} (${word})` : words;
}

interface Payload {
  readonly payload?: { readonly error?: unknown };
}
