/**
 * How a process that serves ends: by a signal, or with the process that started it.
 *
 * 1. Every signal after the first is taken and only answered with a word: the work of ending is under way.
 * 2. A process that was started with an IPC channel ends when that closes, so that no starter, however it ends, leaves
 *    anything behind.
 */

import { say } from "./terminal.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Resolves at the first reason to end; stays in place for the rest of the process. */
export function untilTold(meanwhile: string): Promise<void> {
  return new Promise((resolve) => {
    let told = false;
    const end = (): void => {
      if (told) say(`keten: ${meanwhile}`);
      told = true;
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, end);
    if (process.connected) process.once("disconnect", end);
    // There was a channel and its other end is gone already.
    else if (process.send !== undefined) end();
  });
}
