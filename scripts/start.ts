/**
 * What `npm start` runs: a keychain that is killed again and again, and whose chain goes on.
 *
 *   npm start                   until Ctrl-C
 *   npm start -- --seconds N    for so long
 *
 * A stand-in for Exact Online, Keten and four workers, each a process of its own; time runs sixty times faster. Every
 * now and then Keten is killed with SIGKILL, by turns while nothing is on its way and, the moment that costs others
 * their chain, after the provider has granted a refresh and before its answer has arrived.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Secret } from "../src/env/secret.ts";
import type { ConnectionAnswer } from "../src/http/api-wire.ts";
import { httpClient, type KeychainClient } from "../src/http/client.ts";
import { type Child, endAll, kill, start } from "./children.ts";
import type { WorkerReport } from "./start-worker.ts";

const PRESET = "exact-online";
const SCALE = 60;
const WORKERS = 4;
const NAME = "acme";
const LOOK_EVERY_MS = 25;
/** How long the stand-in holds an answer that is to be lost: longer than anybody waits for the kill. */
const HOLD_MS = 60_000;
/** So long after a refresh Keten is killed while nothing is on its way, in real time. */
const IDLE_KILL_AFTER_MS = 3000;

interface StandIn {
  readonly url: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
}

interface SeenRequest {
  readonly number: number;
  readonly decision: string;
  readonly written: string;
}

const { values } = parseArgs({ options: { seconds: { type: "string" } } });
const seconds = values.seconds === undefined ? Number.POSITIVE_INFINITY : Number(values.seconds);
if (!(seconds > 0)) {
  console.error(`start: --seconds "${values.seconds}"; expected a number above 0`);
  process.exit(2);
}

/** When the story begins: all parts are up. */
let startedAt = performance.now();
const dataDir = mkdtempSync(join(tmpdir(), "keten-start-"));
const counts = { handedOut: 0, refused: 0, unanswered: 0, kills: 0, inFlight: 0, requests: 0 };
let isEnding = false;
let wake: () => void = () => {};
const told = new Promise<void>((resolve) => {
  wake = resolve;
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);

function stop(): void {
  isEnding = true;
  wake();
}

// --- words ----------------------------------------------------------------------------------------------

const mmss = (milliseconds: number): string => {
  const total = Math.floor((milliseconds * SCALE) / 1000);
  return `${String(Math.floor(total / 60)).padStart(2, "0")}:${String(total % 60).padStart(2, "0")}`;
};

const elapsed = (): number => performance.now() - startedAt;
const say = (label: string, text: string): void => console.log(`${label.padEnd(10)} ${text}`);
const tell = (text: string): void => console.log(`${mmss(elapsed())}  ${text}`);
const many = (count: number, word: string): string =>
  `${count.toLocaleString("en")} ${word}${count === 1 ? "" : word.endsWith("h") ? "es" : "s"}`;

// --- the parts ------------------------------------------------------------------------------------------

class Demo {
  readonly standIn: StandIn;
  #server: Child | undefined;
  #client: KeychainClient | undefined;
  #url = "";
  #apiKey = "";
  /** Requests that the stand-in saw before the newest generation. */
  #seen = 0;

  constructor(standIn: StandIn) {
    this.standIn = standIn;
  }

  /** Starts Keten, where it was before if it ran already. */
  async startServer(): Promise<void> {
    const port = this.#url === "" ? "0" : new URL(this.#url).port;
    const scale = ["--time-scale", String(SCALE)];
    // Without a courier: with one there would be no answer to lose, and nothing to tell.
    const alone = ["--courier", "off"];
    const args = ["serve", "--data", dataDir, "--port", port, ...scale, ...alone, "--json"];
    this.#server = start("bin/keten.js", args);
    const { url, apiKey } = JSON.parse(await this.#server.ready) as Record<string, string>;
    this.#url = url ?? "";
    this.#apiKey = apiKey ?? "";
    this.#client = httpClient({ url: this.#url, apiKey: new Secret(this.#apiKey) });
  }

  async connect(): Promise<void> {
    const { tokenEndpoint, clientId, clientSecret, refreshToken } = this.standIn;
    await this.#client?.connect({
      name: NAME,
      provider: PRESET,
      token_endpoint: tokenEndpoint,
      client_id: clientId,
      client_secret: clientSecret,
      refresh_token: refreshToken,
    });
  }

  async startWorker(): Promise<void> {
    const env = { KETEN_URL: this.#url, KETEN_API_KEY: this.#apiKey };
    const worker = start("scripts/start-worker.ts", [], env);
    worker.process.on("message", (report: WorkerReport) => {
      counts.handedOut += report.handedOut;
      counts.refused += report.refused;
      counts.unanswered += report.unanswered;
    });
    await worker.ready;
  }

  async show(): Promise<ConnectionAnswer | undefined> {
    return await this.#client?.show(NAME).catch(() => undefined);
  }

  async killServer(): Promise<void> {
    counts.kills += 1;
    if (this.#server) await kill(this.#server);
  }

  async setAnswersLate(isLate: boolean): Promise<void> {
    const fault = { rate: isLate ? 1 : 0, minMs: HOLD_MS, maxMs: HOLD_MS };
    await fetch(`${this.standIn.url}/sandbox/faults`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ "answer-late": fault }),
    });
  }

  /** What the stand-in was asked since the last call. */
  async requests(): Promise<readonly SeenRequest[]> {
    const response = await fetch(`${this.standIn.url}/sandbox/log?after=${this.#seen}`);
    const { requests } = (await response.json()) as { requests: readonly SeenRequest[] };
    return requests;
  }

  /** Takes note of the requests up to now; says how many there were. */
  async countRequests(): Promise<number> {
    const requests = await this.requests();
    this.#seen = requests.at(-1)?.number ?? this.#seen;
    counts.requests += requests.length;
    return requests.length;
  }
}

/** Looks again and again until there is something to see, or the end has come. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  while (!isEnding) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await Promise.race([sleep(LOOK_EVERY_MS), told]);
  }
  return undefined;
}

const newerThan = (demo: Demo, generation: number) =>
  until(async () => {
    const answer = await demo.show();
    if (answer && (answer.status === "lost" || answer.status === "blocked")) return answer;
    return answer && answer.generation > generation ? answer : undefined;
  });

// --- the story ------------------------------------------------------------------------------------------

/** A refresh that nothing disturbs. */
async function calmGeneration(demo: Demo, generation: number): Promise<number> {
  const before = counts.handedOut;
  const answer = await newerThan(demo, generation);
  return report(demo, answer, counts.handedOut - before);
}

async function report(
  demo: Demo,
  answer: ConnectionAnswer | undefined,
  handedOut: number | null,
): Promise<number> {
  if (!answer) return -1;
  if (answer.status === "lost") {
    tell(`"${NAME}" is lost: ${answer.cause ?? "no cause"}. ${answer.explanation ?? ""}`);
    process.exitCode = 1;
    stop();
    return -1;
  }
  const refreshes = await demo.countRequests();
  const what =
    handedOut === null
      ? "nothing lost"
      : answer.generation === 1
        ? "the first refresh of the imported token"
        : `${many(handedOut, "token")} handed out meanwhile, ${many(refreshes, "refresh")}`;
  tell(`${`generation ${answer.generation}`.padEnd(15)}${what}`);
  return answer.generation;
}

/** A kill while the provider's answer is on its way. */
async function killInFlight(demo: Demo, generation: number): Promise<number> {
  await demo.setAnswersLate(true);
  const granted = await until(async () =>
    (await demo.requests()).find(
      ({ decision, written }) => decision === "granted" && written === "pending",
    ),
  );
  if (!granted) return -1;
  await demo.killServer();
  counts.inFlight += 1;
  tell("SIGKILL while the provider's answer was on its way");
  await demo.setAnswersLate(false);
  await demo.startServer();
  const uncertain = await until(async () => {
    const answer = await demo.show();
    if (answer && answer.generation > generation) return answer;
    return answer?.status === "uncertain" ? answer : undefined;
  });
  if (uncertain?.status === "uncertain") {
    const inMs = ((uncertain.next_at ?? 0) - uncertain.since) * (1000 / SCALE);
    const at = mmss(elapsed() + Math.max(0, inMs));
    tell(`back; "${NAME}" is uncertain. This provider lets us ask again at ${at}`);
  }
  return await report(demo, await newerThan(demo, generation), null);
}

/** A kill while nothing is on its way. */
async function killIdle(demo: Demo): Promise<void> {
  await Promise.race([sleep(IDLE_KILL_AFTER_MS), told]);
  if (isEnding) return;
  await demo.killServer();
  tell("SIGKILL while nothing was on its way");
  await demo.startServer();
  const answer = await until(() => demo.show());
  if (answer) tell(`back; "${NAME}" is ${answer.status}, generation ${answer.generation} goes on`);
}

async function run(): Promise<void> {
  const scale = ["--time-scale", String(SCALE)];
  const child = start("bin/keten.js", ["sandbox", PRESET, "--port", "0", ...scale, "--json"]);
  const demo = new Demo(JSON.parse(await child.ready) as StandIn);
  say("sandbox", `stand-in for Exact Online, ${SCALE} times faster than life`);
  await demo.startServer();
  await demo.connect();
  await Promise.all(Array.from({ length: WORKERS }, () => demo.startWorker()));
  say("keychain", `holds "${NAME}"; four workers draw access tokens`);
  startedAt = performance.now();
  let generation = await calmGeneration(demo, 0);
  while (!isEnding && generation > 0) {
    await killIdle(demo);
    generation = await killInFlight(demo, generation);
    if (generation > 0) generation = await calmGeneration(demo, generation);
  }
  await demo.countRequests().catch(() => 0);
}

const timer = Number.isFinite(seconds) ? setTimeout(stop, seconds * 1000) : undefined;
try {
  await run();
} catch (error) {
  // The end may come while a part is starting.
  if (!isEnding) {
    console.error(`start: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
} finally {
  clearTimeout(timer);
  await endAll();
  rmSync(dataDir, { recursive: true, force: true });
}
const { handedOut, requests, kills, inFlight, refused, unanswered } = counts;
const waits = many(refused + unanswered, "time");
say("workers", `${many(handedOut, "token")} handed out; ${waits} one had to come again`);
say("provider", `${many(requests, "request")}`);
say("kills", `${kills}, of which ${inFlight} with the provider's answer on its way`);
say("end", process.exitCode === 1 ? "not all went well" : "nothing lost");
