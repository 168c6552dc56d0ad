/** Values of options, read strictly: a value is what it says or the command line is at fault. */

import { Option } from "commander";
import { NAME_PATTERN } from "../keychain/connection.ts";
import { CLIENT_ID_PATTERN } from "../relay/consumers.ts";
import { UsageError } from "./failure.ts";

const PORT_MAX = 65_535;
const SCALE_MAX = 100_000;
const HOUR_MS = 3_600_000;

function wholeNumber(name: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= low && value <= high) return value;
    throw new UsageError(
      `option "${name}" is "${clipped(text)}"; expected a whole number from ${low} to ${high}`,
    );
  };
}

export const portOption = (unlessGiven: number): Option =>
  new Option("--port <number>", "where to listen on 127.0.0.1; 0 for any free port")
    .argParser(wholeNumber("--port", 0, PORT_MAX))
    .default(unlessGiven);

export const dataOption = (): Option =>
  new Option(
    "--data <directory>",
    "where the data is (default: $KETEN_DATA, else ~/.local/share/keten)",
  ).argParser((text: string) => {
    if (text !== "") return text;
    throw new UsageError('option "--data" is ""; expected a directory');
  });

export const storeOption = (): Option =>
  new Option(
    "--store <url>",
    "sqlite:PATH or memory: (default: a SQLite file in the data directory)",
  );

export const timeScaleOption = (): Option =>
  new Option("--time-scale <factor>", "how many times faster than life the clock runs").argParser(
    (text: string) => {
      const value = /^\d{1,6}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
      if (value > 0 && value <= SCALE_MAX) return value;
      throw new UsageError(
        `option "--time-scale" is "${clipped(text)}"; expected a number above 0, at most ${SCALE_MAX}`,
      );
    },
  );

export const jsonOption = (what: string): Option => new Option("--json", what);

export const deadlineOption = (): Option =>
  new Option(
    "--deadline <milliseconds>",
    "after so long a request to a provider counts as unanswered (default: 30000)",
  ).argParser(wholeNumber("--deadline", 1, HOUR_MS));

export const requestLifeOption = (): Option =>
  new Option(
    "--request-life <milliseconds>",
    "after so long an unanswered request is taken not to arrive any more (default: 60000)",
  ).argParser(wholeNumber("--request-life", 1, HOUR_MS));

export const patienceOption = (): Option =>
  new Option(
    "--patience <milliseconds>",
    "how long a caller waits for a refresh before it is told to come again (default: 30000)",
  ).argParser(wholeNumber("--patience", 0, HOUR_MS));

export const courierOption = (): Option =>
  new Option(
    "--courier <on|off>",
    "send requests from a process of their own, so that a crash in the middle of one loses nothing (default: on)",
  ).argParser((text: string) => {
    if (text === "on" || text === "off") return text;
    throw new UsageError(`option "--courier" is "${clipped(text)}"; expected "on" or "off"`);
  });

/** A connection's name. */
export function nameArgument(text: string): string {
  if (NAME_PATTERN.test(text)) return text;
  throw new UsageError(
    'the connection\'s name is malformed; expected 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit',
  );
}

/** A consumer's client id. */
export function clientIdArgument(text: string): string {
  if (CLIENT_ID_PATTERN.test(text)) return text;
  throw new UsageError(
    'the client id is malformed; expected 1 to 96 letters, digits, ".", "_" or "-", beginning with a letter or digit',
  );
}

export const clipped = (text: string): string =>
  text.length > 40 ? `${text.slice(0, 40)}…` : text;
