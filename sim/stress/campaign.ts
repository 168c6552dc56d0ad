/** What the stress campaigns have in common: figures, violations, and word of how far they are. */

export interface Campaign {
  readonly figures: Readonly<Record<string, unknown>>;
  /** What must not have happened, each in words; empty if all is well. */
  readonly violations: readonly string[];
}

/** Told now and then: how much is done, of how much, of what. */
export type OnProgress = (done: number, of: number, what: string) => void;

/** So many are told; more of them say nothing new. */
const VIOLATIONS_MAX = 20;

export class Violations {
  readonly #texts: string[] = [];
  #count = 0;

  add(text: string): void {
    this.#count += 1;
    if (this.#texts.length < VIOLATIONS_MAX) this.#texts.push(text);
  }

  get texts(): readonly string[] {
    const more = this.#count - this.#texts.length;
    return more > 0 ? [...this.#texts, `and ${more} more`] : this.#texts;
  }
}

/** Runs a piece of work for each of some workers at the same time, as many times as it is asked to. */
export async function inRounds<W>(
  workers: readonly W[],
  rounds: number,
  work: (worker: W, round: number) => Promise<void>,
  between: (round: number) => Promise<void> = async () => {},
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(workers.map((worker) => work(worker, round)));
    await between(round);
  }
}
