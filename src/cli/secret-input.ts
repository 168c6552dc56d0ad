/**
 * Secrets come from files or the standard input, never from the command line, where other users of the machine and the
 * shell's history would see them. A file that others may read gets a warning: it is no secret there.
 */

import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { text as readAll } from "node:stream/consumers";
import { Secret } from "../env/secret.ts";
import { UsageError } from "./failure.ts";
import { warn } from "./terminal.ts";

const BYTES_MAX = 16 * 1024;

/** Reads one secret: the file's only line, or the standard input's for "-". */
export async function readSecret(option: string, path: string): Promise<Secret> {
  const text = path === "-" ? await readAll(process.stdin) : readFile(option, path);
  const where = path === "-" ? "the standard input" : `"${path}"`;
  const line = text.replace(/\r?\n$/, "");
  if (line === "") throw new UsageError(`option "${option}": ${where} is empty; expected one line`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\x00-\x1f\x7f]/.test(line)) {
    throw new UsageError(`option "${option}": ${where} has more than one line; expected one`);
  }
  if (Buffer.byteLength(line) > BYTES_MAX) {
    throw new UsageError(`option "${option}": ${where} is too long; expected at most 16 KiB`);
  }
  return new Secret(line);
}

function readFile(option: string, path: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `option "${option}": "${path}" cannot be read (${code}); expected a file with the secret, or "-"`,
    );
  }
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) {
      throw new UsageError(`option "${option}": "${path}" is a directory; expected a file`);
    }
    if (stat.isFile() && (stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
      warn(`"${path}" has mode ${mode}; others may have read it, expected 0600`);
    }
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}
