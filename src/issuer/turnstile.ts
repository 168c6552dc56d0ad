/** Lets so many through at a time; the others wait in the order in which they came. */

export type Turnstile = <T>(work: () => Promise<T>) => Promise<T>;

export function turnstile(max: number): Turnstile {
  let inside = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (inside < max) inside += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // Whoever waits takes the place over: it is never free in between.
      const next = waiting.shift();
      if (next) next();
      else inside -= 1;
    }
  };
}
