/**
 * Counting token calls against a policy's quotas, in state of bounded size.
 *
 * 1. A calendar-day quota keeps one number and its day. A sliding quota keeps the instants of the calls that
 *    still count, at most `max` of them; `parse-policy.ts` bounds `max`.
 * 2. Counters live in the record of their scope, one per quota, named after what it counts, so
 *    that a change of `max` goes on counting.
 * 3. A refused call is counted only where the quota says `counts: "all"`.
 */

import type { Quota } from "./policy.ts";
import { dayOf, type Instant, nextDay } from "./time.ts";

/** The counter of one quota. */
export type Counter =
  | { readonly day: string; readonly count: number }
  | { readonly calls: readonly Instant[] };

/** The counters of one scope, by the quota they belong to. */
export type Counters = Readonly<Record<string, Counter>>;

function nameOf(quota: Quota): string {
  const window = "day" in quota.window ? quota.window.day : `${quota.window.sliding} ms`;
  return `${quota.per}, ${window}, ${quota.counts}`;
}

/** Calls that still count, and the day they were made on. */
function tally(quota: Quota, counter: Counter | undefined, now: Instant) {
  if ("day" in quota.window) {
    const today = dayOf(now, quota.window.day);
    const count = counter && "day" in counter && counter.day === today ? counter.count : 0;
    return { today, count, calls: [] };
  }
  const since = now - quota.window.sliding;
  const calls = counter && "calls" in counter ? counter.calls.filter((at) => at > since) : [];
  return { today: null, count: calls.length, calls };
}

/** When one more call may be made; `now` if at once. */
export function quotaOpensAt(quota: Quota, counters: Counters, now: Instant): Instant {
  const { count, calls } = tally(quota, counters[nameOf(quota)], now);
  if (count < quota.max) return now;
  if ("day" in quota.window) return nextDay(now, quota.window.day);
  return (calls[calls.length - quota.max] ?? now) + quota.window.sliding;
}

/**
 * The counters of a scope's quotas after one more call. Every quota of the scope is named; those that do not
 * count this call keep their counter.
 */
export function counted(
  quotas: readonly Quota[],
  counters: Counters,
  now: Instant,
  counts: (quota: Quota) => boolean,
): Counters {
  const after: Record<string, Counter> = {};
  for (const quota of quotas) {
    const name = nameOf(quota);
    const before = counters[name];
    if (counts(quota)) after[name] = oneMore(quota, before, now);
    else if (before) after[name] = before;
  }
  return after;
}

function oneMore(quota: Quota, counter: Counter | undefined, now: Instant): Counter {
  const { today, count, calls } = tally(quota, counter, now);
  if (today === null) return { calls: [...calls, now].slice(-quota.max) };
  return { day: today, count: Math.min(count + 1, quota.max) };
}
