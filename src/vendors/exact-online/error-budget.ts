/**
 * The error budget: ten errors an hour of an app for a user at a company's endpoint. The next one bars it there.
 *
 * 1. Errors are answers with status 400, 401, 403 and 404. The hour begins with the first of them.
 * 2. The first bar lasts an hour, and each further one twice as long as the one before, up to a day; a day without a
 *    bar forgives. By how much a bar grows is not published.
 * 3. In memory and bounded, like the limits.
 *
 * Sources: support.exactonline.com, API limits; forums.invantive.com t/1336.
 */

import { DAY, type Duration, HOUR, type Instant } from "../../kernel/time.ts";
import { boundedMap } from "./bounded-map.ts";

export interface ErrorBudget {
  /** Until when calls are barred; undefined if they are not. */
  barredUntil(key: string, now: Instant): Instant | undefined;
  /** Notes an error, and says whether it was one too many. */
  note(key: string, now: Instant): boolean;
}

const ERRORS_MAX = 10;
const BAR_MAX: Duration = DAY;
const ERRORS: readonly number[] = [400, 401, 403, 404];

export const isError = (status: number): boolean => ERRORS.includes(status);

interface Spent {
  readonly errors: number;
  readonly hourEndsAt: Instant;
  readonly barredUntil: Instant;
  /** How long the last bar was; 0 before the first. */
  readonly bar: Duration;
}

const NOTHING: Spent = { errors: 0, hourEndsAt: 0, barredUntil: 0, bar: 0 };

export function createErrorBudget(): ErrorBudget {
  const spent = boundedMap<Spent>();
  return {
    barredUntil(key, now) {
      const { barredUntil } = spent.get(key) ?? NOTHING;
      return now < barredUntil ? barredUntil : undefined;
    },
    note(key, now) {
      const before = spent.get(key) ?? NOTHING;
      const sameHour = now < before.hourEndsAt;
      const errors = sameHour ? before.errors + 1 : 1;
      if (errors <= ERRORS_MAX) {
        spent.set(key, {
          ...before,
          errors,
          hourEndsAt: sameHour ? before.hourEndsAt : now + HOUR,
        });
        return false;
      }
      const forgiven = now >= before.barredUntil + DAY;
      const bar = forgiven || before.bar === 0 ? HOUR : Math.min(2 * before.bar, BAR_MAX);
      spent.set(key, { errors: 0, hourEndsAt: 0, barredUntil: now + bar, bar });
      return true;
    },
  };
}
