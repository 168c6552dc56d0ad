/**
 * One campaign of torture: stand-in, Keten and workers as processes of their own, Keten killed again and again, and in
 * the end the trace for the judge.
 *
 * 1. First safety, then liveness: kills and faults stop, every chain that lives has to refresh within a bound.
 * 2. A lost chain is replaced by a fresh grant and a new connection, so that the torture goes on; the lost one stays where
 *    it is, for the judge.
 * 3. What Keten calls fresh is tried: its access token and its refresh token have to work.
 * 4. Keten's network times are unscaled and set to fit the stand-in's: a request is dead after three of the longest holds.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { KetenError } from "../../src/env/error.ts";
import type { ConnectionAnswer } from "../../src/http/api-wire.ts";
import type { KeychainClient } from "../../src/http/client.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { parseFault } from "../../src/sandbox/faults.ts";
import { seededRandom } from "../../src/sandbox/seeded-random.ts";
import { type Child, end, start } from "../children.ts";
import { readEvidence, type Testimony } from "./evidence.ts";
import { type Aim, drawAim, moment, needsPeace, startingMs } from "./moments.ts";
import { StandIn } from "./stand-in.ts";
import type { HeldToken, Kept, Life, Trace } from "./trace.ts";
import { Victim } from "./victim.ts";
import type { WorkerOrders, WorkerReport } from "./worker.ts";

/** By how many of the longest holds a request is unanswered, and by how many dead. */
const DEADLINE_HOLDS = 2;
const REQUEST_LIFE_HOLDS = 3;
const DEADLINE_MS_MIN = 1000;

/** A chain that lives refreshes twice within this, or within so many lives of an access token if that is longer. */
const ALIVE_WITHIN_MS = 30_000;
const ALIVE_WITHIN_LIVES = 5;
/** Tries to catch an access token that is not about to end. */
const TRIES = 20;
const LOOK_EVERY_MS = 100;

export interface CampaignOptions {
  readonly kills: number;
  readonly preset: string;
  readonly policy: Policy;
  readonly seed: string;
  readonly connections: number;
  readonly workers: number;
  readonly timeScale: number;
  readonly faults: readonly string[];
  /** Whether Keten sends through a courier. Keten is killed; the courier is not. */
  readonly courier: boolean;
  readonly dataDir: string;
  readonly say: (text: string) => void;
  /** Told to stop: the campaign throws at its next step. */
  readonly signal: AbortSignal;
}

export interface Ended {
  readonly trace: Trace;
  readonly kills: number;
  readonly aims: Readonly<Partial<Record<Aim, number>>>;
  readonly work: WorkerReport;
  /** Each a chain that should live and does not, or a token that should work and does not. */
  readonly failures: readonly string[];
}

/** A connection that was made, with the chain it holds. */
interface Made {
  readonly name: string;
  readonly chain: string;
  readonly grantAt: Instant;
}

const isEnded = ({ status, next_at }: ConnectionAnswer): boolean =>
  (status === "lost" || status === "refused") && next_at === null;

export class Campaign {
  readonly #options: CampaignOptions;
  readonly #standIn: StandIn;
  readonly #victim: Victim;
  readonly #made: Made[] = [];
  readonly #lost = new Set<string>();
  readonly #workers: Child[] = [];
  readonly #aims: Partial<Record<Aim, number>> = {};
  readonly #failures: string[] = [];
  readonly #requestLifeMs: number;
  #work: WorkerReport = { drawn: 0, refused: 0, unanswered: 0, inspected: 0, dead: 0 };
  #isProgressDue = false;
  #kills = 0;

  private constructor(options: CampaignOptions, standIn: StandIn) {
    this.#options = options;
    this.#standIn = standIn;
    const { dataDir, timeScale, courier } = options;
    const longestMs = Math.max(0, ...options.faults.flatMap(holdsOf));
    const deadlineMs = Math.max(DEADLINE_MS_MIN, DEADLINE_HOLDS * longestMs);
    const times = { deadlineMs, requestLifeMs: (deadlineMs / DEADLINE_HOLDS) * REQUEST_LIFE_HOLDS };
    this.#requestLifeMs = times.requestLifeMs;
    this.#victim = new Victim({ dataDir, timeScale, courier, ...times });
  }

  /** Runs a whole campaign. @throws Error if a process ends by itself, or the signal says so */
  static async run(options: CampaignOptions): Promise<Ended> {
    const { preset, seed, timeScale, faults, workers, connections } = options;
    const standIn = await StandIn.start({ preset, seed, timeScale, faults });
    const campaign = new Campaign(options, standIn);
    campaign.#victim.launch();
    const client = await campaign.#victim.ready();
    for (let index = 0; index < connections; index += 1) await campaign.#connect(client);
    for (let index = 0; index < workers; index += 1) await campaign.#startWorker();
    await campaign.#torture();
    await campaign.#quieten();
    return await campaign.#conclude();
  }

  async #connect(client: KeychainClient): Promise<void> {
    const { preset, policy } = this.#options;
    const { refreshToken, chain, grantAt } = await this.#standIn.grant(policy.minInterval);
    const name = `c${this.#made.length + 1}`;
    this.#made.push({ name, chain, grantAt });
    await client.connect({
      name,
      provider: preset,
      token_endpoint: this.#standIn.tokenEndpoint,
      client_id: this.#standIn.clientId,
      client_secret: this.#standIn.clientSecret,
      refresh_token: refreshToken,
    });
    this.#order();
  }

  /** Tells the workers whose tokens to draw. */
  #order(): void {
    for (const { process } of this.#workers) {
      if (process.connected) process.send({ names: this.#living() } satisfies WorkerOrders);
    }
  }

  #living(): readonly string[] {
    return this.#made.map(({ name }) => name).filter((name) => !this.#lost.has(name));
  }

  async #startWorker(): Promise<void> {
    const env = {
      KETEN_URL: this.#victim.url,
      KETEN_API_KEY: this.#victim.apiKey,
      STAND_IN_URL: this.#standIn.url,
      TIME_SCALE: String(this.#options.timeScale),
    };
    const worker = start("scripts/torture/worker.ts", [], env);
    worker.process.on("message", (report: WorkerReport) => {
      const sum = Object.entries(report).map(([name, count]) => [
        name,
        count + this.#work[name as keyof WorkerReport],
      ]);
      this.#work = Object.fromEntries(sum) as unknown as WorkerReport;
    });
    this.#workers.push(worker);
    await worker.ready;
    this.#order();
  }

  // --- kills ----------------------------------------------------------------------------------------------

  async #torture(): Promise<void> {
    const { kills, seed } = this.#options;
    const random = seededRandom(seed, "kills");
    const every = Math.max(1, Math.min(10, Math.floor(kills / 5)));
    for (let isStarted = true; this.#kills < kills; isStarted = false) {
      const aim = drawAim(random);
      const done = await this.#killOnce(
        isStarted && aim === "starting" ? "any moment" : aim,
        random,
      );
      this.#aims[done] = (this.#aims[done] ?? 0) + 1;
      this.#kills += 1;
      this.#victim.launch();
      this.#isProgressDue ||= this.#kills % every === 0;
    }
    await this.#lookAround(await this.#victim.ready());
  }

  /** Waits for a moment and kills the process that was launched last; says what the moment was. */
  async #killOnce(aim: Aim, random: ReturnType<typeof seededRandom>): Promise<Aim> {
    this.#options.signal.throwIfAborted();
    if (aim === "starting") {
      await sleep(startingMs(random));
      await this.#victim.kill();
      return aim;
    }
    const client = await this.#victim.ready();
    await this.#lookAround(client);
    if (this.#isProgressDue) await this.#progress(client);
    const { policy } = this.#options;
    while (needsPeace(policy, (await this.#standIn.lines()).values())) {
      this.#options.signal.throwIfAborted();
      await sleep(LOOK_EVERY_MS);
    }
    const done = await moment(this.#standIn, aim, random);
    await this.#victim.kill();
    return done;
  }

  /** Takes note of what is lost, and replaces it. */
  async #lookAround(client: KeychainClient): Promise<void> {
    for (const view of await client.connections()) {
      if (!isEnded(view) || this.#lost.has(view.name)) continue;
      this.#lost.add(view.name);
      await this.#connect(client);
    }
  }

  /** Says how it stands, a moment after a start: whatever was under way at the kill is in doubt by then. */
  async #progress(client: KeychainClient): Promise<void> {
    const { kills, say } = this.#options;
    this.#isProgressDue = false;
    await sleep(LOOK_EVERY_MS);
    const views = await client.connections();
    const uncertain = views.filter(({ status }) => status === "uncertain").length;
    const lines = [...(await this.#standIn.lines()).values()];
    const refreshes = lines.filter(({ decision }) => decision === "granted").length;
    say(
      `${String(this.#kills).padStart(4)} of ${kills} kills  ${refreshes} refreshes  ${uncertain} uncertain  ${this.#lost.size} lost so far`,
    );
  }

  // --- peace ----------------------------------------------------------------------------------------------

  /** Stops all faults and waits until every chain that lives has refreshed twice. */
  async #quieten(): Promise<void> {
    const { policy, timeScale, say } = this.#options;
    const names = ["hold", "answer-late", ...this.#options.faults.map(nameOf)];
    await this.#standIn.setFaults(Object.fromEntries(names.map((name) => [name, 0])));
    say("kills and faults are over; every chain that lives has to go on");
    // What the network still holds of the dead arrives before anything is judged.
    await this.#standIn.settledLog(this.#requestLifeMs);
    const client = await this.#victim.ready();
    const begun = generations(await client.connections());
    const lives = ALIVE_WITHIN_LIVES * (policy.access.lifetime / timeScale);
    const giveUpAt = performance.now() + Math.max(ALIVE_WITHIN_MS, lives);
    let waiting: readonly ConnectionAnswer[] = [];
    do {
      this.#options.signal.throwIfAborted();
      await sleep(LOOK_EVERY_MS);
      const views = await client.connections();
      for (const view of views.filter(isEnded)) this.#lost.add(view.name);
      waiting = views.filter(
        (view) => !isEnded(view) && view.generation < (begun.get(view.name) ?? 0) + 2,
      );
    } while (waiting.length > 0 && performance.now() < giveUpAt);
    for (const { name, status, evidence } of waiting) {
      this.#failures.push(`${name} does not go on: ${status}, ${evidence ?? "no evidence"}`);
    }
    this.#order();
    for (const name of this.#living()) await this.#tryAccess(client, name);
  }

  /** A token handed out now has to work now. */
  async #tryAccess(client: KeychainClient, name: string): Promise<void> {
    const chain = this.#made.find((made) => made.name === name)?.chain;
    let seen = "nothing was handed out";
    for (let tries = 0; tries < TRIES; tries += 1) {
      try {
        const { access_token: token } = await client.token(name);
        const { kind, accepted, chain: of } = await this.#standIn.inspect(token);
        if (accepted && kind === "access" && of === chain) return;
        seen = `what was handed out is ${accepted ? "another's" : "not accepted"}`;
      } catch (error) {
        seen = (error as KetenError).message;
      }
      await sleep(LOOK_EVERY_MS);
    }
    this.#failures.push(`${name} is called alive and its access token does not work: ${seen}`);
  }

  // --- the trace ------------------------------------------------------------------------------------------

  async #conclude(): Promise<Ended> {
    const { policy, dataDir, courier } = this.#options;
    await Promise.all(this.#workers.map(end));
    await this.#victim.end();
    const seen = await this.#standIn.settledLog(this.#requestLifeMs);
    const testimonies = await readEvidence(dataDir);
    const connections: Kept[] = [];
    for (const made of this.#made) {
      const testimony = testimonies.find(({ record }) => record.name === made.name);
      if (!testimony) throw new Error(`Keten has forgotten connection "${made.name}"`);
      connections.push(await this.#kept(made, testimony));
    }
    const lives = livesOf(testimonies, this.#victim, courier);
    const trace = { policy, requestLifeMs: this.#requestLifeMs, seen, lives, connections };
    const { dead } = this.#work;
    if (dead > 0) this.#failures.push(`${dead} tokens did not work when they were handed out`);
    return {
      trace,
      kills: this.#kills,
      aims: this.#aims,
      work: this.#work,
      failures: this.#failures,
    };
  }

  async #kept(
    { name, chain, grantAt }: Made,
    { record, attempts, tokens }: Testimony,
  ): Promise<Kept> {
    const { status, cause } = record.holding;
    const lost = status === "lost" || (status === "refused" && !Number.isFinite(record.due));
    const held: HeldToken[] = [];
    for (const { place, token } of tokens.filter((one) => lost || one.place === "current")) {
      const { accepted, serial = null } = await this.#standIn.inspect(token.reveal());
      held.push({ place, serial, accepted });
      if (!lost && !accepted) {
        this.#failures.push(`${name} is ${status} and its refresh token is not accepted`);
      }
    }
    return { name, chain, grantAt, status, cause, lost, attempts, held };
  }
}

/** How long a fault holds at most, in real milliseconds; 0 for one that does not hold. */
const holdsOf = (fault: string): readonly number[] =>
  Object.values(parseFault(fault)).map((input) =>
    typeof input === "object" ? (input.maxMs ?? 0) : 0,
  );

const nameOf = (fault: string): string => fault.slice(0, fault.indexOf("="));

const generations = (views: readonly ConnectionAnswer[]): ReadonlyMap<string, number> =>
  new Map(views.map(({ name, generation }) => [name, generation]));

/** Which process was which owner: there is one at a time. A courier ends by itself when its requests are over. */
function livesOf(
  testimonies: readonly Testimony[],
  { spans }: Victim,
  courier: boolean,
): readonly Life[] {
  const harvest = courier ? { harvestsUntil: Number.POSITIVE_INFINITY } : {};
  const sent = new Map(
    testimonies.flatMap(({ attempts }) => attempts.map((one) => [one.owner, one.sent] as const)),
  );
  return [...sent].map(([owner, at]) => {
    const span = spans.findLast(({ from }) => from <= at);
    if (!span) throw new Error(`an attempt is older than every process: ${owner}`);
    return { owner, from: span.from, until: span.until, reachable: true, ...harvest };
  });
}
