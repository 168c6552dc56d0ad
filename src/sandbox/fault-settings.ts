/**
 * How a fault is set, as text and as JSON.
 *
 *   NAME=RATE[:MIN-MAX][@WHEN]
 *
 *   RATE      a part of all requests from 0 to 1, or a count per time: 3/week, 10/day, 1/hour
 *   MIN-MAX   how much: milliseconds for what holds, bytes for `reset-after`, commits for `forgotten-commits`
 *   WHEN      a time of day, 04:00-04:30 (UTC) or 04:00-04:30,CET; or a span from now on, 30min
 *
 * In JSON the same: `{"rate": "3/week", "minMs": 50, "maxMs": 500, "daily": "04:00-04:30,CET", "for": "30 min"}`, or
 * only a rate. What a setting is told as can be set again.
 */

import { KetenError } from "../env/error.ts";
import {
  DAY,
  DURATION_EXAMPLES,
  type Duration,
  FOREVER,
  HOUR,
  type Instant,
  MINUTE,
  parseDuration,
} from "../kernel/time.ts";
import { type DailyWindow, isWithin, parseDailyWindow } from "./daily-window.ts";

export interface FaultObject {
  readonly rate: number | string;
  readonly minMs?: number;
  readonly maxMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly minCommits?: number;
  readonly maxCommits?: number;
  /** At this time of each day only. */
  readonly daily?: string | null;
  /** So long from now on. */
  readonly for?: string | null;
  /** The same, as the instant at which it ends. */
  readonly until?: Instant | null;
}

/** A rate, or a rate with how much and when. */
export type FaultInput = number | string | FaultObject;

/** By name; "*" stands for every fault. */
export type FaultInputs = Readonly<Record<string, FaultInput>>;

/** A part of all requests from 0 to 1, or so many in a time. */
export type Rate =
  | number
  | { readonly count: number; readonly per: Duration; readonly text: string };

export interface Range {
  readonly unit: "Ms" | "Bytes" | "Commits";
  readonly min: number;
  readonly max: number;
}

export interface FaultSetting {
  readonly rate: Rate;
  /** For faults of an extent. */
  readonly range: Range | null;
  readonly daily: DailyWindow | null;
  readonly until: Instant | null;
  readonly setAt: Instant;
}

/** The extent of each fault that has one, unless another is given; and the most that may be given. */
const HOLD = { unit: "Ms", min: 50, max: 500, most: 600_000 } as const;
const RANGES: Readonly<Record<string, Range & { readonly most: number }>> = {
  hold: HOLD,
  "answer-late": HOLD,
  slow: { ...HOLD, min: 500, max: 5000 },
  "reset-after": { unit: "Bytes", min: 1, max: 100, most: 1_000_000 },
  "forgotten-commits": { unit: "Commits", min: 1, max: 3, most: 100 },
};

const UNIT_WORDS = { Ms: "milliseconds", Bytes: "bytes", Commits: "commits" } as const;

const SPANS: Readonly<Record<string, Duration>> = {
  minute: MINUTE,
  hour: HOUR,
  day: DAY,
  week: 7 * DAY,
};

const FORM = "NAME=RATE[:MIN-MAX][@WHEN], as in hold=0.1:50-500 or maintenance=1@04:00-04:30,CET";

/** Takes a fault's text apart. @throws KetenError `config_invalid` */
export function splitFault(text: string): { readonly name: string; readonly input: FaultObject } {
  const match = /^([a-z-]+|\*)=([^:@]+)(?::(\d+)-(\d+))?(?:@(.+))?$/.exec(text);
  if (!match) throw invalid(`"${text}" is no fault: expected ${FORM}`);
  const [, name = "", rateText = "", min, max, when] = match;
  const { unit } = RANGES[name] ?? HOLD;
  const isNumber = /^[0-9.]+$/.test(rateText);
  return {
    name,
    input: {
      rate: isNumber ? Number(rateText) : rateText,
      ...(min === undefined ? {} : { [`min${unit}`]: Number(min), [`max${unit}`]: Number(max) }),
      ...(when === undefined ? {} : whenOf(when)),
    },
  };
}

/** `30min` is a span, everything else a time of day. */
function whenOf(text: string): Pick<FaultObject, "daily" | "for"> {
  const span = /^(\d+)([a-z]+)$/.exec(text);
  return span ? { for: `${span[1]} ${span[2]}` } : { daily: text };
}

/** Reads a fault's setting. @throws KetenError `config_invalid` naming what is wrong */
export function readFault(name: string, input: FaultInput, now: Instant): FaultSetting {
  const wrong = (what: string): KetenError => invalid(`fault "${name}": ${what}`);
  const object = typeof input === "object" && input !== null ? input : { rate: input };
  const known = knownMembers(name);
  const unknown = Object.keys(object).find((member) => !known.includes(member));
  if (unknown !== undefined) {
    throw wrong(`unknown member "${unknown}"; expected ${known.join(", ")}`);
  }
  const rate = readRate(object.rate);
  if (rate === undefined) {
    const got = JSON.stringify(object.rate);
    throw wrong(`expected a rate from 0 to 1, or one such as "3/week", got ${got}`);
  }
  const daily = object.daily == null ? null : parseDailyWindow(object.daily);
  if (daily === undefined) {
    throw wrong(`expected "daily" as in "04:00-04:30" or "04:00-04:30,CET"`);
  }
  const until = readUntil(object, now);
  if (until === undefined) {
    throw wrong(`expected "for" as one of ${DURATION_EXAMPLES}, or "until" as an instant`);
  }
  return { rate, range: readRange(name, object), daily, until, setAt: now };
}

function knownMembers(name: string): readonly string[] {
  const range = RANGES[name];
  const extent = range ? [`min${range.unit}`, `max${range.unit}`] : [];
  return ["rate", ...extent, "daily", "for", "until"];
}

function readRate(input: unknown): Rate | undefined {
  if (typeof input === "number") return input >= 0 && input <= 1 ? input : undefined;
  const match = /^(\d{1,6})\/(\w+)$/.exec(typeof input === "string" ? input : "");
  const [text = "", count, span = ""] = match ?? [];
  const per = Object.hasOwn(SPANS, span) ? SPANS[span] : undefined;
  return per === undefined ? undefined : { count: Number(count), per, text };
}

function readUntil(
  { for: span, until }: Pick<FaultObject, "for" | "until">,
  now: Instant,
): Instant | null | undefined {
  if (span != null) {
    const duration = parseDuration(span);
    return duration === undefined || duration === FOREVER ? undefined : now + duration;
  }
  if (until == null) return null;
  return Number.isFinite(until) ? until : undefined;
}

function readRange(name: string, object: FaultObject): Range | null {
  const known = RANGES[name];
  if (!known) return null;
  const { unit, most } = known;
  const members = object as unknown as Readonly<Record<string, unknown>>;
  const { [`min${unit}`]: min = known.min } = members;
  const { [`max${unit}`]: max = Math.max(Number(min), known.max) } = members;
  if (isWhole(min) && isWhole(max) && max >= min && max <= most) return { unit, min, max };
  throw invalid(
    `fault "${name}": expected whole ${UNIT_WORDS[unit]} with 0 <= min <= max <= ${most}, got ${min}-${max}`,
  );
}

const isWhole = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0;

export const invalid = (message: string): KetenError => new KetenError("config_invalid", message);

// --- what a setting says --------------------------------------------------------------------------------

/** Whether a fault may happen at an instant. */
export function isInForce({ rate, daily, until }: FaultSetting, at: Instant): boolean {
  if (rate === 0 || (until !== null && at >= until)) return false;
  return daily === null || isWithin(daily, at);
}

/** The part of requests that meet a fault, so long after the request before. */
export function partOf(rate: Rate, elapsed: Duration): number {
  return typeof rate === "number" ? rate : 1 - Math.exp((-rate.count * elapsed) / rate.per);
}

/** A setting as it is told, which can be set again. */
export function toldFault({ rate, range, daily, until }: FaultSetting): FaultObject {
  const { unit, min, max } = range ?? {};
  return {
    rate: typeof rate === "number" ? rate : rate.text,
    ...(unit ? { [`min${unit}`]: min, [`max${unit}`]: max } : {}),
    daily: daily?.text ?? null,
    until,
  };
}
