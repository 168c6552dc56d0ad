/**
 * `keten`: runs when it is imported, which is what the launcher does.
 *
 * 1. Exit code 0: done. 1: it failed. 2: the command line is at fault.
 * 2. The exit code is set and the process ends by itself, so that all output is out; what holds it open is a mistake.
 */

import { CommanderError } from "commander";
import { failureOf } from "./failure.ts";
import { keepAlive } from "./keep-alive.ts";
import { parseProgram } from "./program.ts";
import { say } from "./terminal.ts";

try {
  await keepAlive(parseProgram(process.argv.slice(2)));
} catch (error) {
  const shown = error instanceof CommanderError && error.exitCode === 0;
  if (!shown) {
    const { exitCode, message } = failureOf(error);
    say(`keten: ${message}`);
    process.exitCode = exitCode;
  }
}
// A channel to whoever started this would keep the process.
if (process.connected) process.disconnect?.();
