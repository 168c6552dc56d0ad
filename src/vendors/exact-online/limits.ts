/**
 * The API's limits: so many calls of an app at a company, by the minute and by the day.
 *
 * 1. Windows are those of the calendar: 60 calls between 10:00:00 and 10:00:40 bar the app until 10:01:00, and a day
 *    ends at midnight. A call that is refused counts for nothing.
 * 2. A call without a company in its address is not counted and gets no headers.
 * 3. Resets are told as milliseconds since 1970 in UTC. What refuses because of one limit tells nothing of the other.
 * 4. Counters live in memory and are bounded: they are the stand-in's, nobody's chain depends on them, and writing one
 *    for each call of an API would cost a commit that the vendor's clients would feel.
 *
 * Sources: support.exactonline.com, API limits; picqer/exact-php-client issues 528 and 646 (headers of a 429);
 * ossobv/exactonline (sample headers, of which the day ends at midnight in UTC).
 */

import { type Instant, MINUTE, nextDay } from "../../kernel/time.ts";
import { boundedMap } from "./bounded-map.ts";
import type { ServerOptions } from "./switches.ts";

export interface CountedCall {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ApiLimits {
  /** Counts a call, unless a limit is reached. */
  count(key: string, now: Instant): CountedCall;
}

interface Window {
  readonly endsAt: Instant;
  readonly count: number;
}

export function createLimits(options: () => ServerOptions): ApiLimits {
  const windows = boundedMap<{ readonly minute: Window; readonly day: Window }>();
  return {
    count(key, now) {
      const { limits, limitHeaders, dayZone } = options();
      const known = windows.get(key);
      const minute = current(known?.minute, now, () => (Math.floor(now / MINUTE) + 1) * MINUTE);
      const day = current(known?.day, now, () => nextDay(now, dayZone));
      const minutely = (left: number) => headersOf("-Minutely", limits.perMinute, left, minute);
      const daily = (left: number) => headersOf("", limits.perDay, left, day);
      const refused = (headers: Readonly<Record<string, string>>): CountedCall => ({
        allowed: false,
        headers: limitHeaders === "none" ? {} : headers,
      });
      if (day.count >= limits.perDay) return refused(daily(0));
      if (minute.count >= limits.perMinute) return refused(minutely(0));
      const counted = { minute: oneMore(minute), day: oneMore(day) };
      windows.set(key, counted);
      const headers = {
        ...daily(limits.perDay - counted.day.count),
        ...minutely(limits.perMinute - counted.minute.count),
      };
      return { allowed: true, headers };
    },
  };
}

const current = (known: Window | undefined, now: Instant, end: () => Instant): Window =>
  known && now < known.endsAt ? known : { endsAt: end(), count: 0 };

const oneMore = ({ endsAt, count }: Window): Window => ({ endsAt, count: count + 1 });

const headersOf = (name: string, limit: number, left: number, { endsAt }: Window) => ({
  [`X-RateLimit${name}-Limit`]: String(limit),
  [`X-RateLimit${name}-Remaining`]: String(left),
  [`X-RateLimit${name}-Reset`]: String(endsAt),
});
