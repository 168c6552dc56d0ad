/** Does something to every item, a few at a time, in order of beginning. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
  onDone: (done: number, result: R) => void = () => {},
): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let index = next; index < items.length; index = next) {
      next += 1;
      const result = await work(items[index] as T);
      results[index] = result;
      done += 1;
      onDone(done, result);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
