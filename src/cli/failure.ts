/**
 * What the command line says when something is wrong: one line, what is wrong, where, what was expected, what next.
 *
 * 1. Exit code 2: the command line itself is at fault. 1: the work failed. A stack is shown for mistakes of ours only.
 * 2. What could be a secret is never repeated: values of options that name secrets, and what stands after "=".
 */

import { CommanderError } from "commander";
import { type ErrorCode, KetenError } from "../env/error.ts";

/** A command line that cannot be carried out. */
export class UsageError extends Error {}

export interface Failure {
  readonly exitCode: number;
  readonly message: string;
}

/** Codes that say that what was asked for is at fault. */
const USAGE_CODES = new Set<ErrorCode>(["config_invalid", "policy_invalid", "request_invalid"]);

const NEXT: Partial<Readonly<Record<ErrorCode, string>>> = {
  connection_unknown: 'run "keten connections" to see those there are',
  connection_exists: 'choose another name, or run "keten show" to see it',
  connection_lost: 'run "keten show" for the cause and the next step',
  connection_unavailable: "try again later",
  server_unreachable: 'start it with "keten serve", or unset KETEN_URL to work without one',
  api_key_wrong:
    'set KETEN_API_KEY to what is in the file "api-key" of the server\'s data directory',
  key_wrong: "put the key file back that was made with this data",
  key_unsafe: "take the permissions of others away, and think about who may have read it",
  place_changed:
    'once you are sure that the other will not run again, run "keten adopt"; its tokens may be spent there by now',
  consumer_unknown: 'run "keten consumer list" to see those there are',
  draining: "try again when it is back",
};

/** What to say of an error, and how to exit. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) return { exitCode: 2, message: error.message };
  if (error instanceof CommanderError) return { exitCode: 2, message: commandLineMessage(error) };
  if (error instanceof KetenError) {
    const next = NEXT[error.code];
    return {
      exitCode: USAGE_CODES.has(error.code) ? 2 : 1,
      message: `${error.message}${waitOf(error)}${next === undefined ? "" : `; ${next}`}`,
    };
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") {
    const { port } = error as { port?: number };
    const message = `port ${port} is taken; choose another with "--port", or 0 for any free one`;
    return { exitCode: 1, message };
  }
  if (code !== undefined && syscall !== undefined) {
    return { exitCode: 1, message: `${(error as Error).message}` };
  }
  const stack = error instanceof Error ? error.stack : String(error);
  return { exitCode: 1, message: `this is a mistake in keten, please report it\n${stack}` };
}

function waitOf({ evidence }: KetenError): string {
  const { retry_after: onWire, retryAfterMs } = evidence;
  const seconds =
    typeof onWire === "number"
      ? onWire
      : typeof retryAfterMs === "number"
        ? Math.max(1, Math.ceil(retryAfterMs / 1000))
        : undefined;
  return seconds === undefined ? "" : `; expected in ${seconds} s`;
}

/** The parser's sentence in our words: no prefix, double quotes, on one line, without what stands after "=". */
function commandLineMessage({ code, message }: CommanderError): string {
  const [first = "", hint] = message.replace(/^error: /, "").split("\n");
  const quoted = first.replace(/'([^']*)'/g, (_, text: string) => `"${text.split("=", 1)[0]}"`);
  const suggestion = /\(Did you mean (.+)\?\)/.exec(hint ?? "")?.[1];
  const next = suggestion === undefined ? 'run it with "--help"' : `did you mean ${suggestion}?`;
  switch (code) {
    case "commander.excessArguments":
      // The parser repeats all of them.
      return `${quoted.replace(/ but got .*$/, "").replace(/\. Expected/, "; expected")}; ${next}`;
    case "commander.optionMissingArgument":
      return `${quoted.replace(/^option "(\S+) <(.+)>" argument missing$/, 'option "$1" has no value; expected $2')}; ${next}`;
    case "commander.missingArgument":
      return `${quoted.replace(/^missing required argument "(.+)"$/, "missing argument; expected $1")}; ${next}`;
    case "commander.missingMandatoryOptionValue":
      return `${quoted.replace(/^required option "(\S+) .*$/, 'missing option; expected "$1"')}; ${next}`;
    default:
      return `${quoted}; ${next}`;
  }
}
