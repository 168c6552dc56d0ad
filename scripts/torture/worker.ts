/**
 * A worker of the torture: draws access tokens of one connection after the other, and now and then asks the stand-in
 * whether the token at hand works. If it does not although it should, the worker reports its generation, as workers do.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { TokenAnswer } from "../../src/http/api-wire.ts";

/** What a worker is told: whose tokens to draw. */
export interface WorkerOrders {
  readonly names: readonly string[];
}

/** What a worker tells: counts since it told last. */
export interface WorkerReport {
  readonly drawn: number;
  /** The keychain answered, but had no token. */
  readonly refused: number;
  /** The keychain did not answer. */
  readonly unanswered: number;
  readonly inspected: number;
  /** Tokens that should have worked for a while and did not. */
  readonly dead: number;
}

const { KETEN_URL = "", KETEN_API_KEY = "", STAND_IN_URL = "", TIME_SCALE = "1" } = process.env;
const EVERY_MS = 25;
/** Callers at once, as a refresh makes them wait. */
const CALLERS = 4;
const INSPECT_EVERY = 8;
const TELL_EVERY_MS = 200;
/** A token is held against its keeper only if it had this much left, in real time. */
const LEFT_MS = 150;

const fresh = { drawn: 0, refused: 0, unanswered: 0, inspected: 0, dead: 0 };
let counts = { ...fresh };
let names: readonly string[] = [];
let turn = 0;
let drawn = 0;

const headers = { authorization: `Bearer ${KETEN_API_KEY}`, "content-type": "application/json" };
const pathOf = (name: string): string => `${KETEN_URL}/v1/connections/${name}/token`;

async function draw(name: string): Promise<void> {
  const response = await fetch(pathOf(name), { headers });
  const answer = (await response.json()) as TokenAnswer;
  if (!response.ok) {
    counts.refused += 1;
    return;
  }
  counts.drawn += 1;
  drawn += 1;
  const leftMs = (answer.expires_in * 1000) / Number(TIME_SCALE);
  if (drawn % INSPECT_EVERY === 0 && leftMs >= LEFT_MS) await inspect(name, answer, leftMs);
}

async function inspect(name: string, answer: TokenAnswer, leftMs: number): Promise<void> {
  const since = performance.now();
  const response = await fetch(`${STAND_IN_URL}/sandbox/tokens/inspect`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: answer.access_token }),
  });
  const { accepted } = (await response.json()) as { accepted: boolean };
  counts.inspected += 1;
  if (accepted || performance.now() - since > leftMs / 2) return;
  counts.dead += 1;
  const body = JSON.stringify({ generation: answer.generation });
  const reported = await fetch(`${pathOf(name)}/failed`, { method: "POST", headers, body });
  await reported.arrayBuffer();
}

async function callAgainAndAgain(): Promise<never> {
  for (;;) {
    const name = names[turn % Math.max(1, names.length)];
    turn += 1;
    await (name === undefined ? undefined : draw(name))?.catch(() => {
      counts.unanswered += 1;
    });
    await sleep(EVERY_MS * CALLERS);
  }
}

process.on("message", (orders: WorkerOrders) => {
  names = orders.names;
});
setInterval(() => {
  process.send?.(counts satisfies WorkerReport);
  counts = { ...fresh };
}, TELL_EVERY_MS);
// Its starter tells it to end, or is gone.
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
for (let caller = 0; caller < CALLERS; caller += 1) void callAgainAndAgain();
console.log("ready");
