/**
 * Throttling of guesses, such that nobody is locked out by another's guesses.
 *
 * 1. An attempt is counted in *lanes*. Each lane lets some attempts pass in a row, and then asks for a wait before the
 *    next one that doubles up to a limit. An attempt passes if all of its lanes let it.
 * 2. A lane counts an attempt when it begins, not when it fails: a hundred guesses sent at once are a hundred guesses.
 *    A success takes the count of a lane of one account away, and from an address's lane only its own attempt: whoever
 *    has an account of his own could else guess on for ever. A lane forgets one attempt every so often.
 * 3. A browser that has logged in to an account before has a lane of its own there. Only its own failures make it wait,
 *    whatever is tried from elsewhere: an attacker cannot lock out a user at a known browser.
 * 4. All unknown browsers share the account's lane, and those of one address also share the address's lane. So an
 *    account is guessed at most about a hundred times a day however many addresses guess, and an unknown browser
 *    waits at most `waitMax`; while an attack goes on it may find that the attacker came first. That much is the price
 *    of a limit at all.
 * 5. Memory is bounded: the lane that was used longest ago is forgotten first. Making a throttle forget a lane takes
 *    an attempt at each of `lanesMax` others. A restart forgets all.
 * 6. Time is the machine's, since boot: nobody shortens a wait by setting a clock.
 */

import { type Duration, MINUTE, SECOND } from "../kernel/time.ts";

export interface LaneRule {
  /** So many attempts in a row pass without a wait. */
  readonly free: number;
  /** The first wait; each further one is twice as long. */
  readonly waitFirst: Duration;
  readonly waitMax: Duration;
  /** One attempt is forgotten in each such time. */
  readonly forgetEvery: Duration;
}

export interface Lane {
  /** Unique among all lanes of a throttle. */
  readonly name: string;
  readonly rule: LaneRule;
  /** Whether many accounts share it. */
  readonly shared: boolean;
}

/** One account, from all browsers that are unknown to it. */
export const ACCOUNT_RULE: LaneRule = {
  free: 5,
  waitFirst: SECOND,
  waitMax: 15 * MINUTE,
  forgetEvery: 30 * MINUTE,
};

/** One browser at an account that it has logged in to. */
export const DEVICE_RULE: LaneRule = {
  free: 10,
  waitFirst: SECOND,
  waitMax: MINUTE,
  forgetEvery: 5 * MINUTE,
};

/** One address, at all accounts: many people may share it. */
export const ADDRESS_RULE: LaneRule = {
  free: 50,
  waitFirst: SECOND,
  waitMax: MINUTE,
  forgetEvery: MINUTE,
};

/** Second factors of one account: whoever gets here has the password. */
export const CODE_RULE: LaneRule = { ...ACCOUNT_RULE, waitFirst: 5 * SECOND };

export interface Throttle {
  /** Counts an attempt in all of its lanes, or in none: then it says how long to wait. */
  begin(lanes: readonly Lane[]): Admission;
}

export type Admission =
  | { readonly admitted: true; readonly succeeded: () => void }
  | { readonly admitted: false; readonly retryAfter: Duration };

interface Count {
  /** As many as were not forgotten at `at`: not a whole number. */
  readonly attempts: number;
  readonly at: number;
  readonly notBefore: number;
}

const LANES_MAX = 100_000;

export function createThrottle(now: () => number, lanesMax = LANES_MAX): Throttle {
  /** In order of last use. */
  const counts = new Map<string, Count>();
  const keep = (name: string, count: Count): void => {
    counts.delete(name);
    counts.set(name, count);
    if (counts.size <= lanesMax) return;
    const [oldest] = counts.keys();
    if (oldest !== undefined) counts.delete(oldest);
  };
  const attemptsOf = ({ name, rule }: Lane, at: number): number => {
    const count = counts.get(name);
    return count ? Math.max(0, count.attempts - (at - count.at) / rule.forgetEvery) : 0;
  };
  return {
    begin(lanes) {
      const at = now();
      const waits = lanes.map(({ name }) => (counts.get(name)?.notBefore ?? at) - at);
      const retryAfter = Math.max(0, ...waits);
      if (retryAfter > 0) return { admitted: false, retryAfter };
      for (const lane of lanes) {
        const attempts = Math.min(attemptsOf(lane, at) + 1, attemptsMax(lane.rule));
        keep(lane.name, { attempts, at, notBefore: at + waitAfter(attempts, lane.rule) });
      }
      const succeeded = (): void => {
        for (const lane of lanes) {
          const attempts = lane.shared ? Math.max(0, attemptsOf(lane, at) - 1) : 0;
          if (attempts > 0) keep(lane.name, { attempts, at, notBefore: at });
          else counts.delete(lane.name);
        }
      };
      return { admitted: true, succeeded };
    },
  };
}

/** How long to wait after so many attempts in a row. */
function waitAfter(attempts: number, { free, waitFirst, waitMax }: LaneRule): Duration {
  const beyond = Math.round(attempts) - free;
  return beyond < 0 ? 0 : Math.min(waitMax, waitFirst * 2 ** beyond);
}

/** More attempts than lead to the longest wait are not counted: there is a way back from each count. */
const attemptsMax = ({ free, waitFirst, waitMax }: LaneRule): number =>
  free + Math.ceil(Math.log2(waitMax / waitFirst));
