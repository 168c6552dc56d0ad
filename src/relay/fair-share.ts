/**
 * A fair share of the token endpoint for each consumer: so many requests at once, and then so many each second. One
 * that asks in a loop is told to wait, and the others do not notice it.
 */

export interface Share {
  /** Requests that may come at once. */
  readonly burst: number;
  /** Requests that may come each second after that. */
  readonly perSecond: number;
}

interface Used {
  /** Requests that count, at the instant `at`. */
  level: number;
  at: number;
}

/** Whoever has not asked for a while is forgotten; beyond so many, they are looked through. */
const KEPT_MAX = 10_000;

export class FairShares {
  readonly #share: Share;
  readonly #used = new Map<string, Used>();

  constructor(share: Share) {
    this.#share = share;
  }

  /** Takes one request of a consumer's share at an instant in milliseconds; answers how long it has to wait, 0 for not. */
  take(consumer: string, now: number): number {
    const { burst, perSecond } = this.#share;
    const used = this.#used.get(consumer) ?? { level: 0, at: now };
    used.level = Math.max(0, used.level - (Math.max(0, now - used.at) * perSecond) / 1000);
    used.at = now;
    if (used.level + 1 > burst) return Math.ceil(((used.level + 1 - burst) * 1000) / perSecond);
    used.level += 1;
    this.#used.set(consumer, used);
    if (this.#used.size > KEPT_MAX) this.#forgetIdle(now);
    return 0;
  }

  #forgetIdle(now: number): void {
    for (const [consumer, { level, at }] of this.#used) {
      if (level <= ((now - at) * this.#share.perSecond) / 1000) this.#used.delete(consumer);
    }
  }
}
