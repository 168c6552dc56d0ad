/**
 * What every measured server tells the bench: where it listens, and what it has used.
 *
 * 1. It is a process of its own, with nothing in it but the server that is measured.
 * 2. Its CPU time is that of the whole process, threads of a store included.
 * 3. It ends when whoever started it tells it to, or is gone.
 */

export interface Usage {
  /** CPU time of all threads since the start, in milliseconds. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}

/** Says that the server is up, in one line of JSON; `close` is called before the process ends. */
export function served(ready: object, close: () => Promise<void> = async () => {}): void {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    const usage: Usage = { cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() };
    process.send?.(usage);
  });
  const end = (): void => {
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on("SIGTERM", end);
  process.on("disconnect", end);
  console.log(JSON.stringify(ready));
}

/** Arguments of a server, as JSON: what it is to be. */
export function argumentsOf<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}
