/**
 * Where words go: what was asked for to the standard output, everything else to the standard error.
 *
 * 1. Output is written before the process exits, also into a pipe that is slow.
 * 2. A line for people holds no control characters, whoever wrote it.
 */

import { writeSync } from "node:fs";

// A failed write is told to whoever wrote; without a listener it would also end the process.
process.stdout.on("error", () => {});

/** Writes a line that was asked for. Resolves when it is out; a reader that left is no error. */
export function print(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => {
      if (error && (error as NodeJS.ErrnoException).code !== "EPIPE") reject(error);
      else resolve();
    });
  });
}

/** Tells people something. */
export function say(message: string): void {
  const bytes = Buffer.from(`${visible(message)}\n`);
  try {
    writeSync(2, bytes);
  } catch {
    // Nobody listens, or not now; what is told here is never all there is.
  }
}

export const warn = (message: string): void => say(`keten: warning: ${message}`);

/** A text without what a terminal obeys. */
export const visible = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
  text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, "?");
