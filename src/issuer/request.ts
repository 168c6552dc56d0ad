/**
 * Requests as the issuer gets them: parsed parameters, with repeats still visible, and the Authorization header.
 *
 * 1. A parameter without a value counts as absent. RFC 6749, section 3.2
 * 2. A parameter that we read must not be repeated; one that we do not know is ignored, repeated or not.
 */

import type { RequestRefusal } from "../kernel/refusal.ts";

/** A form's parameters; a repeated one is a list. Has no prototype, or no own property but parameters is read. */
export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface IssuerRequest {
  readonly parameters: Parameters;
  /** The Authorization header, if any. */
  readonly authorization?: string | undefined;
  /** Where it came from, as an IP address. */
  readonly address?: string | undefined;
}

const KNOWN = [
  "grant_type",
  "client_id",
  "client_secret",
  "refresh_token",
  "code",
  "redirect_uri",
  "code_verifier",
  "scope",
  "username",
  "password",
  "token",
  "token_type_hint",
] as const;

export type Parameter = (typeof KNOWN)[number];

/** The value of a parameter; undefined if it is absent or empty. */
export function parameterOf(parameters: Parameters, name: Parameter): string | undefined {
  if (!Object.hasOwn(parameters, name)) return undefined;
  const value = parameters[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The refusal of the first parameter that is repeated, if one is. */
export function repeatedParameter(parameters: Parameters): RequestRefusal | undefined {
  for (const parameter of KNOWN) {
    const repeated = Object.hasOwn(parameters, parameter) && Array.isArray(parameters[parameter]);
    if (repeated) return { reason: "parameterRepeated", parameter };
  }
  return undefined;
}

/** Scope values, sorted and each once; undefined if the text is no scope. RFC 6749, section 3.3 */
export function parseScope(text: string): readonly string[] | undefined {
  if (!/^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(text)) return undefined;
  return [...new Set(text.split(" "))].sort();
}
