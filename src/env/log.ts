/**
 * The log: events with flat fields, as JSON lines on the standard error.
 *
 * 1. A field is a primitive, so an object with a token somewhere inside cannot be logged by accident; what is none
 *    at run time (a cast, plain JavaScript) is replaced by a word. A `Secret` is redacted by its type.
 * 2. One call, one line: what a remote wrote is encoded and cannot begin a line of its own.
 * 3. Lines are written before the call returns: the last one before a crash is the one that matters.
 */

import { type DestinationStream, destination, pino, stdTimeFunctions } from "pino";
import { Secret } from "./secret.ts";

export type LogField = string | number | boolean | null | undefined | Secret;

export type LogFields = Readonly<Record<string, LogField>>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  /** Something is worse than it should be and Keten goes on. */
  warn(event: string, fields?: LogFields): void;
  /** Something failed that an operator must see. */
  error(event: string, fields?: LogFields): void;
}

export type LogLevel = "info" | "warn" | "error";

/** Names that every line has; a field of that name is written with an underscore behind it. */
const RESERVED = new Set(["level", "time", "event"]);

export interface PinoLogOptions {
  readonly level?: LogLevel;
  /** Where lines go; the standard error unless given. */
  readonly stream?: DestinationStream;
}

export function pinoLog({ level = "info", stream }: PinoLogOptions = {}): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream ?? destination({ dest: 2, sync: true }),
  );
  return {
    info: (event, fields) => logger.info({ event, ...flat(fields) }),
    warn: (event, fields) => logger.warn({ event, ...flat(fields) }),
    error: (event, fields) => logger.error({ event, ...flat(fields) }),
  };
}

/** Says nothing. */
export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} };

function flat(fields: LogFields = {}): Record<string, string | number | boolean | null> {
  const written: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    written[RESERVED.has(name) ? `${name}_` : name] = writable(value);
  }
  return written;
}

function writable(value: unknown): string | number | boolean | null {
  if (value instanceof Secret) return value.toString();
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return `[${typeof value}, not logged]`;
}
