/**
 * Faults: what goes wrong between a client and a token endpoint, each by its name and at its own rate.
 *
 * 1. Every request draws once for every fault, in the order of the table, whatever the rates: the same seed and the
 *    same requests meet the same faults. The first that hits applies; one request has at most one.
 * 2. Holds are in real milliseconds: they stand for the network, which no time scale makes faster.
 */

import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";

/** What each fault does. `before` and `after` are seen from the commit. */
export const FAULTS = {
  hold: "before: the request is held for a while",
  "error-before": "before: 503, nothing was decided",
  reset: "before: the connection is reset, nothing was decided",
  duplicate: "the request is delivered twice; the second answer goes nowhere",
  "lost-answer": "after: the connection is closed without an answer",
  "answer-late": "after: the answer is held for a while",
  "error-after": "after: 500 in place of the answer",
  truncated: "after: the answer is cut in the middle",
  html: "after: 200 with an HTML page in place of the answer",
  empty: "after: 200 without a body in place of the answer",
} as const;

export type FaultName = keyof typeof FAULTS;

export interface FaultSetting {
  /** The part of all requests that meet it, from 0 to 1. */
  readonly rate: number;
  /** For faults that hold: how long, in real milliseconds. */
  readonly minMs: number;
  readonly maxMs: number;
}

/** A rate, or a rate with how long is held. */
export type FaultInput =
  | number
  | { readonly rate: number; readonly minMs?: number; readonly maxMs?: number };

export type FaultInputs = Readonly<Record<string, FaultInput>>;

/** The fault that a request meets. */
export interface Fault {
  readonly name: FaultName;
  readonly holdMs: number;
}

export interface Faults {
  readonly settings: Readonly<Record<FaultName, FaultSetting>>;
  /** Changes the named faults and leaves the others. @throws KetenError `config_invalid` naming what is wrong */
  set(inputs: FaultInputs): void;
  draw(): Fault | undefined;
}

const NAMES = Object.keys(FAULTS) as readonly FaultName[];
const HOLD_MS = { minMs: 50, maxMs: 500 };
const HOLD_MS_MAX = 600_000;

export function createFaults(random: Random, inputs: FaultInputs): Faults {
  let settings = Object.fromEntries(
    NAMES.map((name) => [name, { rate: 0, ...HOLD_MS }]),
  ) as unknown as Faults["settings"];
  const set = (changes: FaultInputs): void => {
    const read = Object.entries(changes).map(([name, input]) => [name, readFault(name, input)]);
    settings = { ...settings, ...Object.fromEntries(read) };
  };
  set(inputs);
  return {
    get settings() {
      return settings;
    },
    set,
    draw() {
      const draws = NAMES.map((name) => ({ name, hit: random.fraction() < settings[name].rate }));
      const part = random.fraction();
      const name = draws.find(({ hit }) => hit)?.name;
      if (!name) return undefined;
      const { minMs, maxMs } = settings[name];
      const holds = name === "hold" || name === "answer-late";
      return { name, holdMs: holds ? minMs + Math.floor(part * (maxMs - minMs + 1)) : 0 };
    },
  };
}

/** Reads `NAME=RATE` or, for faults that hold, `NAME=RATE:MIN-MAX`. @throws KetenError `config_invalid` */
export function parseFault(text: string): FaultInputs {
  const match = /^([a-z-]+)=([0-9.]+)(?::(\d+)-(\d+))?$/.exec(text);
  if (!match) {
    throw invalid(
      `"${text}" is no fault: expected NAME=RATE or NAME=RATE:MIN-MAX, as in hold=0.1:50-500`,
    );
  }
  const [, name = "", rate, minMs, maxMs] = match;
  const range = minMs === undefined ? {} : { minMs: Number(minMs), maxMs: Number(maxMs) };
  const input = { rate: Number(rate), ...range };
  readFault(name, input);
  return { [name]: input };
}

function readFault(name: string, input: FaultInput): FaultSetting {
  if (!Object.hasOwn(FAULTS, name)) {
    throw invalid(`unknown fault "${name}": expected one of ${NAMES.join(", ")}`);
  }
  const {
    rate,
    minMs = HOLD_MS.minMs,
    maxMs = Math.max(minMs, HOLD_MS.maxMs),
  } = typeof input === "object" ? input : { rate: input };
  if (!(typeof rate === "number" && rate >= 0 && rate <= 1)) {
    throw invalid(`fault "${name}": expected a rate from 0 to 1, got ${JSON.stringify(rate)}`);
  }
  const whole = Number.isInteger(minMs) && Number.isInteger(maxMs);
  if (!whole || minMs < 0 || maxMs < minMs || maxMs > HOLD_MS_MAX) {
    throw invalid(
      `fault "${name}": expected whole milliseconds with 0 <= min <= max <= ${HOLD_MS_MAX}, got ${minMs}-${maxMs}`,
    );
  }
  return { rate, minMs, maxMs };
}

const invalid = (message: string): KetenError => new KetenError("config_invalid", message);
