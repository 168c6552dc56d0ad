/** At most so many things at once of each kind; who comes later waits in line. */

interface Line {
  taken: number;
  readonly waiting: (() => void)[];
}

export class Slots {
  readonly #most: number;
  readonly #lines = new Map<string, Line>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Does something in a slot of its kind, as soon as one is free. */
  async within<T>(kind: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(kind) ?? { taken: 0, waiting: [] };
    this.#lines.set(kind, line);
    if (line.taken < this.#most) line.taken += 1;
    else await new Promise<void>((resolve) => line.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The slot goes from hand to hand.
      const next = line.waiting.shift();
      if (next) next();
      else line.taken -= 1;
      if (line.taken === 0) this.#lines.delete(kind);
    }
  }
}
