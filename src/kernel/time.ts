/**
 * Time as the kernel sees it: instants and durations in milliseconds, handed in as arguments.
 *
 * 1. An `Instant` counts milliseconds since 1970-01-01T00:00:00Z; a `Duration` counts milliseconds.
 * 2. `FOREVER` is a duration without end. Adding it to an instant gives an instant that never comes,
 *    so "no limit" needs no case of its own in any rule.
 * 3. The text form carries its unit ("30 s", "10 min", "30 d", "forever"): a bare number in a policy is
 *    refused unless it is 0, because seconds and milliseconds are confused too easily.
 */

/** Milliseconds since the Unix epoch. */
export type Instant = number;

/** Milliseconds; `FOREVER` for no end. */
export type Duration = number;

export const FOREVER: Duration = Number.POSITIVE_INFINITY;
export const SECOND: Duration = 1000;
export const MINUTE: Duration = 60 * SECOND;
export const HOUR: Duration = 60 * MINUTE;
export const DAY: Duration = 24 * HOUR;

const UNITS: readonly (readonly [string, Duration])[] = [
  ["d", DAY],
  ["h", HOUR],
  ["min", MINUTE],
  ["s", SECOND],
  ["ms", 1],
];

/** What a duration looks like in a policy; used in error messages. */
export const DURATION_EXAMPLES = '"500 ms", "30 s", "10 min", "12 h", "30 d", "forever" or 0';

/** Reads a duration such as "30 s"; `undefined` if the text is not one. */
export function parseDuration(input: unknown): Duration | undefined {
  if (input === 0) return 0;
  if (input === "forever") return FOREVER;
  if (typeof input !== "string") return undefined;
  const match = /^(\d{1,12}) (ms|s|min|h|d)$/.exec(input);
  if (!match) return undefined;
  const unit = UNITS.find(([name]) => name === match[2]);
  const duration = Number(match[1]) * (unit?.[1] ?? Number.NaN);
  return Number.isSafeInteger(duration) ? duration : undefined;
}

/** Writes a duration in the largest unit that divides it; the inverse of `parseDuration`. */
export function formatDuration(duration: Duration): string | 0 {
  if (duration === FOREVER) return "forever";
  if (duration === 0) return 0;
  for (const [name, length] of UNITS) {
    if (duration % length === 0) return `${duration / length} ${name}`;
  }
  return `${duration} ms`;
}

/** A value that changes on given dates; sorted, and the first step has always been in force. */
export type Dated<T> = readonly { readonly from: Instant; readonly value: T }[];

/** The step in force at an instant. */
export function stepAt<T>(steps: Dated<T>, at: Instant): T {
  let value: T | undefined;
  for (const step of steps) {
    if (step.from > at && value !== undefined) break;
    value = step.value;
  }
  return value as T;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** The formatter of a zone. Made once: it depends on nothing but the zone's name. */
function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
    formatters.set(zone, formatter);
  }
  return formatter;
}

/** Whether a time zone's name is known, such as "Europe/Amsterdam" or "UTC". */
export function isZone(zone: string): boolean {
  try {
    formatterOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** The calendar day of an instant in a zone, as `YYYY-MM-DD`. */
export function dayOf(at: Instant, zone: string): string {
  return formatterOf(zone).format(at);
}

/** The instant at which the next calendar day begins in a zone, to the millisecond, also when clocks change. */
export function nextDay(at: Instant, zone: string): Instant {
  const today = dayOf(at, zone);
  let low = at;
  let high = at + 26 * HOUR;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (dayOf(middle, zone) === today) low = middle;
    else high = middle;
  }
  return high;
}
