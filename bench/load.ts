/**
 * The load generator: a process of its own that is told by IPC what to send where.
 *
 * 1. The loop is closed: a connection sends its next request when the answer is in. So what is counted is what the
 *    server can do with so many callers, not what it refuses.
 * 2. Every status is checked. One answer that is not 200 ends the run: a bench of errors measures nothing.
 * 3. Only answers within the measured time count; what comes before is to warm up, what comes after is waited for.
 * 4. A rotating slot presents the refresh token it got last, over all rounds: 64 chains, each kept by one connection.
 */

import { createHistogram } from "node:perf_hooks";
import { runSlot, type Slot } from "./wire.ts";

/** What the connections of a load send. */
export type Job =
  | { readonly sends: "requests"; readonly requests: readonly string[] }
  /** Many requests, by turns, over so many connections. */
  | {
      readonly sends: "turns";
      readonly requests: readonly string[];
      readonly connections: number;
    }
  | {
      readonly sends: "rotations";
      /** All of the form but the token's value, which comes last. */
      readonly form: string;
      readonly path: string;
      readonly tokens: readonly string[];
    };

/** The connections of a load, which keep their tokens from round to round. */
export interface Load {
  readonly name: string;
  readonly port: number;
  readonly job: Job;
}

export interface Counted {
  readonly answers: number;
  readonly seconds: number;
  /** CPU time of the generator: near `seconds`, it was the generator that was measured. */
  readonly cpuMs: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

export type ToLoad =
  | { readonly tell: "prepare"; readonly load: Load }
  | {
      readonly tell: "run";
      readonly name: string;
      readonly warmMs: number;
      readonly measureMs: number;
    };

export type FromLoad =
  | { readonly name: string; readonly tells: "begun" }
  /** The measured time is over; the last answers are waited for. */
  | { readonly name: string; readonly tells: "ended" }
  | { readonly name: string; readonly tells: "counted"; readonly counted: Counted }
  | { readonly name: string; readonly tells: "failed"; readonly message: string };

const MICROSECONDS = 1000;
/** Answers whose `refresh_token` was not found are shown this far. */
const SHOWN = 300;

const prepared = new Map<string, { readonly port: number; readonly slots: readonly Slot[] }>();

function slotsOf(job: Job): readonly Slot[] {
  switch (job.sends) {
    case "requests":
      return job.requests.map(repeatingSlot);
    case "turns":
      return Array.from({ length: job.connections }, (_, i) =>
        turningSlot(job.requests.filter((_request, at) => at % job.connections === i)),
      );
    case "rotations":
      return job.tokens.map((token) => rotatingSlot(job.path, job.form, token));
  }
}

function turningSlot(requests: readonly string[]): Slot {
  let turn = 0;
  return {
    request: () => {
      turn = (turn + 1) % requests.length;
      return requests[turn] as string;
    },
    answered: expectOk,
  };
}

function repeatingSlot(request: string): Slot {
  return { request: () => request, answered: expectOk };
}

function rotatingSlot(path: string, form: string, first: string): Slot {
  let token = first;
  const head = (length: number): string => `${formHead(path, length)}${form}`;
  let lastHead = head(form.length + token.length);
  return {
    request: () => lastHead + token,
    answered(status, body) {
      expectOk(status, body);
      const next = refreshTokenIn(body);
      if (next === token) throw new Error("the refresh token was not rotated");
      if (next.length !== token.length) lastHead = head(form.length + next.length);
      token = next;
    },
  };
}

/** The head of a form's POST. */
export function formHead(path: string, length: number): string {
  return [
    `POST ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    "content-type: application/x-www-form-urlencoded",
    `content-length: ${length}`,
    "\r\n",
  ].join("\r\n");
}

const MEMBER = '"refresh_token":"';

function refreshTokenIn(body: string): string {
  const at = body.indexOf(MEMBER) + MEMBER.length;
  const end = body.indexOf('"', at);
  if (at < MEMBER.length || end < 0) throw new Error(`no refresh token: ${body.slice(0, SHOWN)}`);
  return body.slice(at, end);
}

function expectOk(status: number, body: string): void {
  if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, SHOWN)}`);
}

async function run({ name, warmMs, measureMs }: Extract<ToLoad, { tell: "run" }>): Promise<void> {
  const load = prepared.get(name);
  if (!load) throw new Error(`no load is called "${name}"`);
  const histogram = createHistogram();
  const beginAt = performance.now() + warmMs;
  let begunAt = 0;
  let endedAt = 0;
  let answers = 0;
  let cpuBefore = process.cpuUsage();
  let cpu = cpuBefore;
  const watch = {
    goesOn: () => endedAt === 0,
    took(milliseconds: number): void {
      if (begunAt === 0 || endedAt !== 0) return;
      answers += 1;
      histogram.record(Math.max(1, Math.round(milliseconds * MICROSECONDS)));
    },
  };
  const timers = [
    setTimeout(() => {
      begunAt = performance.now();
      cpuBefore = process.cpuUsage();
      tell({ name, tells: "begun" });
    }, beginAt - performance.now()),
    setTimeout(() => {
      endedAt = performance.now();
      cpu = process.cpuUsage(cpuBefore);
      tell({ name, tells: "ended" });
    }, warmMs + measureMs),
  ];
  try {
    await Promise.all(load.slots.map((slot) => runSlot(load.port, slot, watch)));
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
  const milliseconds = (percentile: number): number =>
    histogram.percentile(percentile) / MICROSECONDS;
  const latencyMs = { p50: milliseconds(50), p99: milliseconds(99), max: milliseconds(100) };
  const seconds = (endedAt - begunAt) / 1000;
  const cpuMs = (cpu.user + cpu.system) / 1000;
  tell({ name, tells: "counted", counted: { answers, seconds, cpuMs, latencyMs } });
}

function tell(message: FromLoad): void {
  process.send?.(message);
}

/** Waits for orders; ends when whoever started it has gone. */
export function obey(): void {
  process.on("message", (order: ToLoad) => {
    if (order.tell === "prepare") {
      const { name, port, job } = order.load;
      prepared.set(name, { port, slots: slotsOf(job) });
    } else {
      run(order).catch((error: unknown) =>
        tell({ name: order.name, tells: "failed", message: String(error) }),
      );
    }
  });
  process.on("disconnect", () => process.exit(0));
  process.on("SIGTERM", () => process.exit(0));
}

if (import.meta.main) {
  obey();
  console.log("ready");
}
