/**
 * Keeps the process for as long as somebody waits. Timers of the clock keep no process, and a command that waits for
 * another process's refresh has nothing else.
 */

const LONG_MS = 2 ** 31 - 1;

export async function keepAlive<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, LONG_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
