/** A map of bounded size, which forgets what was written longest ago. */

export interface BoundedMap<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
}

const ENTRIES_MAX = 10_000;

export function boundedMap<T>(): BoundedMap<T> {
  const entries = new Map<string, T>();
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      const oldest = entries.keys().next().value;
      if (entries.size > ENTRIES_MAX && oldest !== undefined) entries.delete(oldest);
    },
  };
}
