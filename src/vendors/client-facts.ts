/**
 * What a client has to know of a provider before it keeps a chain there: all data, each fact with where it comes from.
 *
 * 1. A preset of a policy is a provider's name. Where sources disagree, or the vendor changes its rule by app, the holder
 *    is given every policy that may be in force and does only what is right under all of them.
 * 2. What is not known is left out: the caller names the token endpoint, and refusals are read by their registered codes.
 */

import type { Reading } from "../kernel/outcome.ts";

export interface Fact<T> {
  readonly value: T;
  /** Where it can be looked up, or how it was found. */
  readonly source: string;
  /** The day it was last compared with its source, as `YYYY-MM-DD`. */
  readonly checkedOn: string;
}

/** Facts that are looked up in one place, and were compared with it on one day. */
export const sourced =
  (source: string, checkedOn: string) =>
  <const T>(value: T): Fact<T> => ({ value, source, checkedOn });

export interface ClientFacts {
  /** Names of the presets of which one is in force; the first is the provider's own. */
  readonly policies: readonly [string, ...string[]];
  /** Where refresh tokens are presented; null where every customer has an address of its own. */
  readonly tokenEndpoint: Fact<string> | null;
  readonly clientAuthentication: Fact<"basic" | "body">;
  /** A call that changes nothing and is refused with status 401 if the access token is dead. */
  readonly probeEndpoint?: Fact<string>;
  /** How it spells refusals, where that differs from RFC 6749, section 5.2; the first that fits counts. */
  readonly readings: readonly Fact<Reading>[];
}
