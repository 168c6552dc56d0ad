/**
 * Every consumer at the moment of expiry; part of a run, and by hand: `node bench/relay.ts [--consumers 10000] [--rounds 3]`.
 *
 * 1. A token of seconds is fetched for one consumer and waited out. Then all consumers ask at once, each over a
 *    keep-alive connection of its own that is open by then.
 * 2. The provider is a plain server in this process, which counts, and takes 200 ms for an answer.
 * 3. What each consumer gets first is written durably before it gets it: that is within the measured time.
 */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Child, endAll, start } from "../scripts/children.ts";
import type { Answered, FromCrowd, ToCrowd } from "./crowd.ts";
import { CONNECTION, type ReadyRelay } from "./servers/relay.ts";
import { CLIENT, POLICY, relayRequest, type ServerOptions, startRelay } from "./stands.ts";

export interface CrowdRound extends Answered {
  /** What the provider was asked for this crowd. */
  readonly upstreamRequests: number;
}

const ANSWER_MS = 200;
/** Less than five seconds of it are handed out to nobody. */
const SHORT_LIFE_SECONDS = 6;
const LIFE_SECONDS = 3600;

interface Upstream {
  readonly url: string;
  requests(): number;
  /** Of the tokens answered from now on, in seconds. */
  lives(seconds: number): void;
  close(): void;
}

async function startUpstream(): Promise<Upstream> {
  let count = 0;
  let life = LIFE_SECONDS;
  const server = createServer((request, response) => {
    request.resume();
    count += 1;
    const number = count;
    const tokens = { access_token: `access-${number}`, refresh_token: `refresh-${number}` };
    const body = JSON.stringify({ ...tokens, token_type: "Bearer", expires_in: life });
    setTimeout(() => {
      response.writeHead(200, { "content-type": "application/json" }).end(body);
    }, ANSWER_MS);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    requests: () => count,
    lives: (seconds) => {
      life = seconds;
    },
    close: () => void server.close(),
  };
}

/** The next message of a crowd. */
const heard = async (crowd: Child): Promise<FromCrowd> => {
  const [message] = await Promise.race([
    once(crowd.process, "message"),
    crowd.ended.then(() => Promise.reject(new Error(`the crowd ended: ${crowd.said()}`))),
  ]);
  return message as FromCrowd;
};

async function measureOne(
  relay: ReadyRelay,
  upstream: Upstream,
  round: number,
): Promise<CrowdRound> {
  const { port, apiKey, forms } = relay;
  const call = async (path: string, init: RequestInit): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    await response.body?.cancel();
  };
  const authorization = `Bearer ${apiKey}`;
  upstream.lives(SHORT_LIFE_SECONDS);
  await call(`/v1/connections/${CONNECTION}/reconnect`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ refresh_token: `granted-${round}` }),
  });
  await call(`/v1/connections/${CONNECTION}/token`, { headers: { authorization } });
  upstream.lives(LIFE_SECONDS);
  const crowd = start("bench/crowd.ts", []);
  await crowd.ready;
  const tell = (order: ToCrowd): unknown => crowd.process.send(order);
  const connected = heard(crowd);
  tell({ tell: "connect", port, requests: forms.map(relayRequest) });
  await connected;
  // What is measured is a crowd at a token that has ended: nothing but time ends one.
  await pause(1000 * SHORT_LIFE_SECONDS);
  const before = upstream.requests();
  const answered = heard(crowd);
  tell({ tell: "go" });
  const answer = await answered;
  if (answer.tells !== "answered") throw new Error(`the crowd said ${answer.tells}`);
  const { statuses, tokens, p50, p99, worst } = answer;
  crowd.process.kill("SIGTERM");
  await crowd.ended;
  const upstreamRequests = upstream.requests() - before;
  return { statuses, tokens, p50, p99, worst, upstreamRequests };
}

export async function measureCrowd(
  options: ServerOptions & { readonly consumers: number; readonly rounds: number },
): Promise<readonly CrowdRound[]> {
  const upstream = await startUpstream();
  try {
    const { child, ready } = await startRelay(options, {
      ...{ preset: POLICY, consumers: options.consumers, client: CLIENT },
      ...{ tokenEndpoint: upstream.url, refreshToken: "granted-0" },
    });
    const rounds: CrowdRound[] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      rounds.push(await measureOne(ready, upstream, round));
    }
    child.process.kill("SIGTERM");
    await child.ended;
    return rounds;
  } finally {
    upstream.close();
  }
}

export function tellCrowd({
  statuses,
  tokens,
  upstreamRequests,
  p50,
  p99,
  worst,
}: CrowdRound): string {
  const times = [p50, p99, worst].map((ms) => `${Math.round(ms)}`).join(" / ");
  return `crowd  statuses ${JSON.stringify(statuses)}, ${tokens} token, ${upstreamRequests} upstream; p50 / p99 / worst ${times} ms`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      consumers: { type: "string", default: "10000" },
      rounds: { type: "string", default: "3" },
      profiles: { type: "string" },
    },
  });
  const directory = mkdtempSync(join(tmpdir(), "keten-bench-"));
  try {
    const rounds = await measureCrowd({
      ...{ directory, profiles: values.profiles },
      ...{ consumers: Number(values.consumers), rounds: Number(values.rounds) },
    });
    for (const round of rounds) console.log(tellCrowd(round));
  } finally {
    await endAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
