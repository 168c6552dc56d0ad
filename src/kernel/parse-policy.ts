/**
 * Reads a policy from JSON, and writes one back.
 *
 * 1. Every problem is reported, each with its path, what was found and what was expected; nothing is guessed.
 * 2. A policy names only what differs from its base, the default unless the caller gives another.
 * 3. Combinations that cannot hold what they promise are refused with the reason (`combinations`).
 * 4. `formatPolicy` writes what differs from the default; reading that back gives the same policy.
 */

import { type ClientKind, combinations, type Problem } from "./combinations.ts";
import { type Cap, DEFAULT_POLICY, KEEP, type Policy, type Quota } from "./policy.ts";
import {
  type Dated,
  DURATION_EXAMPLES,
  type Duration,
  FOREVER,
  formatDuration,
  type Instant,
  isZone,
  parseDuration,
} from "./time.ts";

export type Parsed =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ParseOptions {
  readonly base?: Policy;
  readonly client?: ClientKind;
}

/** Bounds that keep a scope's record of bounded size. */
export const CAP_MAX = 1000;
export const REGISTER_MAX = 1000;

type Fail = (path: string, message: string) => void;
type Read<T> = (value: unknown, path: string, fail: Fail) => T;

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 60);
  } catch {
    return `a ${typeof value} that is not JSON`;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// --- readers: each returns a value of its type, and reports where the input is not one ---------------------

const oneOf =
  <T extends string>(...names: readonly T[]): Read<T> =>
  (value, path, fail) => {
    if (names.includes(value as T)) return value as T;
    fail(path, `expected ${names.map((name) => `"${name}"`).join(" or ")}, got ${show(value)}`);
    return names[0] as T;
  };

const duration: Read<Duration> = (value, path, fail) => {
  const parsed = parseDuration(value);
  if (parsed === undefined) {
    fail(path, `expected a duration such as ${DURATION_EXAMPLES}, got ${show(value)}`);
  }
  return parsed ?? 0;
};

const positiveDuration: Read<Duration> = (value, path, fail) => {
  const parsed = duration(value, path, fail);
  if (parseDuration(value) === 0) fail(path, "expected a duration above 0");
  return parsed;
};

const whole =
  (least: number, most: number): Read<number> =>
  (value, path, fail) => {
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
      return value as number;
    }
    fail(path, `expected a whole number from ${least} to ${most}, got ${show(value)}`);
    return least;
  };

/** A whole number, or a word that stands for no limit. */
const wholeOr =
  (word: string, least: number, most: number): Read<number> =>
  (value, path, fail) => {
    if (value === word) return Number.POSITIVE_INFINITY;
    if (Number.isInteger(value)) return whole(least, most)(value, path, fail);
    fail(path, `expected "${word}" or a whole number from ${least} to ${most}, got ${show(value)}`);
    return least;
  };

const boolean: Read<boolean> = (value, path, fail) => {
  if (typeof value !== "boolean") fail(path, `expected true or false, got ${show(value)}`);
  return value === true;
};

/** An object with these fields; absent ones are taken from `base`, unknown ones reported. */
function fields<T extends object>(readers: { [K in keyof T]: Read<T[K]> }, base: T): Read<T> {
  return (value, path, fail) => {
    const names = Object.keys(readers) as (keyof T & string)[];
    if (!isRecord(value)) {
      fail(path, `expected an object with ${names.join(", ")}, got ${show(value)}`);
      return base;
    }
    const at = (name: string) => (path === "" ? name : `${path}.${name}`);
    for (const name of Object.keys(value)) {
      if (!names.includes(name as keyof T & string)) {
        fail(at(name), `unknown field, expected one of ${names.join(", ")}`);
      }
    }
    const read = { ...base };
    for (const name of names) {
      if (value[name] !== undefined) read[name] = readers[name](value[name], at(name), fail);
      else if (!(name in base)) fail(at(name), "missing");
    }
    return read;
  };
}

/** Words, or one of several objects told apart by their single field. */
function either<W extends string, T extends object>(
  words: readonly W[],
  readers: { readonly [field: string]: Read<unknown> },
): Read<W | T> {
  return (value, path, fail) => {
    if (words.includes(value as W)) return value as W;
    const keys = isRecord(value) ? Object.keys(value) : [];
    const field = keys[0] ?? "";
    const reader = keys.length === 1 && Object.hasOwn(readers, field) ? readers[field] : undefined;
    if (isRecord(value) && reader) {
      return { [field]: reader(value[field], `${path}.${field}`, fail) } as T;
    }
    const options = [
      ...words.map((word) => `"${word}"`),
      ...Object.keys(readers).map((field) => `{"${field}": …}`),
    ];
    fail(path, `expected ${options.join(" or ")}, got ${show(value)}`);
    return words[0] as W;
  };
}

const list =
  <T>(read: Read<T>, most: number): Read<readonly T[]> =>
  (value, path, fail) => {
    if (!Array.isArray(value)) {
      fail(path, `expected a list, got ${show(value)}`);
      return [];
    }
    if (value.length > most) fail(path, `expected at most ${most}, got ${value.length}`);
    return value.map((item, index) => read(item, `${path}[${index}]`, fail));
  };

const zone: Read<string> = (value, path, fail) => {
  if (typeof value === "string" && isZone(value)) return value;
  fail(path, `expected a time zone such as "UTC" or "Europe/Amsterdam", got ${show(value)}`);
  return "UTC";
};

const fraction: Read<number> = (value, path, fail) => {
  if (typeof value === "number" && value > 0 && value < 1) return value;
  fail(path, `expected a number between 0 and 1, got ${show(value)}`);
  return 0.5;
};

/** One duration for ever, or steps with the date from which each holds. */
const dated: Read<Dated<Duration>> = (value, path, fail) => {
  if (!Array.isArray(value)) {
    return [{ from: Number.NEGATIVE_INFINITY, value: positiveDuration(value, path, fail) }];
  }
  if (value.length === 0) fail(path, "expected at least one step");
  const steps = value.map((step: unknown, index) => datedStep(step, index, path, fail));
  for (const [index, step] of steps.entries()) {
    const before = steps[index - 1];
    if (before && before.from >= step.from) {
      fail(`${path}[${index}].from`, "expected a date after the step before it");
    }
  }
  return steps;
};

function datedStep(
  step: unknown,
  index: number,
  path: string,
  fail: Fail,
): { from: Instant; value: Duration } {
  const at = `${path}[${index}]`;
  const record = isRecord(step) ? step : {};
  const value = positiveDuration(record.is, `${at}.is`, fail);
  if (index === 0) {
    if (record.from !== undefined)
      fail(`${at}.from`, "the first step has always been in force: leave it out");
    return { from: Number.NEGATIVE_INFINITY, value };
  }
  const text = record.from;
  const from = typeof text === "string" ? parseDate(text) : undefined;
  if (from === undefined) {
    fail(`${at}.from`, `expected a date such as "2021-07-01", got ${show(text)}`);
  }
  return { from: from ?? 0, value };
}

function parseDate(text: string): Instant | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!match) return undefined;
  const at = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return formatDate(at) === text ? at : undefined;
}

const formatDate = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

// --- the policy -------------------------------------------------------------------------------------------

const readCap = fields<Cap>(
  {
    per: oneOf("clientAndSubject", "subject", "client"),
    max: whole(1, CAP_MAX),
    over: oneOf("evictOldest", "evictLeastRecent", "refuse"),
  },
  { over: "evictOldest" } as Cap,
);

const readQuota = fields<Quota>(
  {
    per: oneOf("chain", "clientAndSubject", "client"),
    max: whole(1, 1_000_000),
    window: either<never, Exclude<Quota["window"], string>>([], {
      sliding: positiveDuration,
      day: zone,
    }),
    counts: oneOf("granted", "all"),
  },
  { counts: "granted" } as Quota,
);

function policyReader(base: Policy): Read<Policy> {
  return fields<Policy>(
    {
      rotate: either<"always" | "never", { every: Duration } | { fromFraction: number }>(
        ["always", "never"],
        { every: positiveDuration, fromFraction: fraction },
      ),
      unrotated: oneOf("repeat", "omit"),
      overlap: fields(
        {
          atLeast: duration,
          reach: wholeOr("all", 1, KEEP - 1),
          untilUsed: boolean,
          atMost: positiveDuration,
        },
        base.overlap,
      ),
      firstUse: oneOf("refresh", "refreshOrAccess"),
      retry: fields(
        {
          answer: either<"current" | "new", { currentFor: Duration }>(["current", "new"], {
            currentFor: positiveDuration,
          }),
          limit: wholeOr("none", 1, 1_000_000),
          streak: wholeOr("none", 1, 1_000_000),
        },
        base.retry,
      ),
      siblings: either<"displace", { branches: number }>(["displace"], {
        branches: whole(1, KEEP),
      }),
      usedFor: (value, path, fail) =>
        value === "none" ? FOREVER : positiveDuration(value, path, fail),
      replay: fields(
        {
          action: oneOf("refuse", "revokeChain", "revokeClientAndSubject"),
          accessTokens: oneOf("revoke", "keep"),
          sparing: duration,
        },
        base.replay,
      ),
      expiry: fields({ lifetime: dated, idle: dated, authorization: dated }, base.expiry),
      caps: list(readCap, 3),
      minInterval: duration,
      quota: list(readQuota, 6),
      code: fields(
        {
          lifetime: positiveDuration,
          replay: oneOf("refuse", "revokeChain"),
          parallel: oneOf("each", "lastOpened"),
        },
        base.code,
      ),
      access: fields(
        {
          lifetime: positiveDuration,
          form: oneOf("opaque", "jwt", "refreshToken"),
          ends: oneOf("own", "superseded", "notOpen"),
          max: wholeOr("none", 1, 1_000_000),
        },
        base.access,
      ),
      register: registerReader,
    },
    base,
  );
}

const readRegister = fields<Exclude<Policy["register"], "off">>(
  { max: whole(1, REGISTER_MAX), superseded: oneOf("drop", "keep") },
  { superseded: "drop" } as Exclude<Policy["register"], "off">,
);

const registerReader: Read<Policy["register"]> = (value, path, fail) =>
  value === "off" ? "off" : readRegister(value, path, fail);

/** Reads a policy; on failure names every problem with its path. Never throws. */
export function parsePolicy(input: unknown, options: ParseOptions = {}): Parsed {
  const problems: Problem[] = [];
  const fail: Fail = (path, message) => problems.push({ path, message });
  const policy = policyReader(options.base ?? DEFAULT_POLICY)(input, "", fail);
  if (problems.length === 0) problems.push(...combinations(policy, options.client));
  return problems.length === 0 ? { ok: true, policy } : { ok: false, problems };
}

/** A policy known to be right, such as a preset. @throws TypeError naming every problem */
export function policyOf(input: unknown, options: ParseOptions = {}): Policy {
  const parsed = parsePolicy(input, options);
  if (parsed.ok) return parsed.policy;
  const lines = parsed.problems.map(({ path, message }) => `${path}: ${message}`);
  throw new TypeError(`not a policy: ${lines.join("; ")}`);
}

// --- writing ----------------------------------------------------------------------------------------------

type Json = string | number | boolean | null | { [key: string]: Json } | readonly Json[];

const DURATIONS = new Set(
  "every atLeast atMost currentFor usedFor sparing minInterval sliding".split(" "),
);

function writeValue(name: string, value: unknown): Json {
  if (name === "lifetime" || name === "idle" || name === "authorization") {
    return Array.isArray(value)
      ? writeDated(value as Dated<Duration>)
      : formatDuration(value as Duration);
  }
  if (name === "usedFor" && value === FOREVER) return "none";
  if (DURATIONS.has(name)) return formatDuration(value as Duration);
  if (value === Number.POSITIVE_INFINITY) return name === "reach" ? "all" : "none";
  if (Array.isArray(value)) return value.map((item) => writeValue("", item));
  if (isRecord(value)) {
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, item]) => [key, writeValue(key, item)]));
  }
  return value as Json;
}

function writeDated(steps: Dated<Duration>): Json {
  const [first] = steps;
  if (steps.length === 1 && first) return formatDuration(first.value);
  return steps.map(({ from, value }) =>
    Number.isFinite(from)
      ? { from: formatDate(from), is: formatDuration(value) }
      : { is: formatDuration(value) },
  );
}

/** Writes what differs from the default policy, as `parsePolicy` reads it. */
export function formatPolicy(policy: Policy): { [field: string]: Json } {
  const written: { [field: string]: Json } = {};
  for (const [name, value] of Object.entries(policy)) {
    const text = writeValue(name, value);
    const standard = writeValue(name, DEFAULT_POLICY[name as keyof Policy]);
    if (JSON.stringify(text) !== JSON.stringify(standard)) written[name] = text;
  }
  return written;
}
