/**
 * The questions on which sources about the vendor disagree, or which it answers by app: each a switch whose positions
 * are changes of the policy, of the words, or of what the server does besides. The letters are those of
 * `docs/vendors/exact-online.md`, which has the sources.
 *
 * 1. The first position of a switch is the default. A preset may begin in another.
 * 2. What a switch says of the policy is as a policy is written; it changes every app's, and what it makes impossible is
 *    refused before anything is changed.
 */

import { KetenError } from "../../env/error.ts";
import type { ExactOnlineDialectOptions } from "./dialect.ts";

/** What the server does besides policy and words. */
export interface ServerOptions {
  readonly codeForm: "opaque" | "jwt";
  readonly clientAuthentication: "both" | "body" | "basic";
  readonly limits: { readonly perMinute: number; readonly perDay: number };
  /** On a 429: the headers of the limit that is exceeded, or none. */
  readonly limitHeaders: "exceeded" | "none";
  /** Whose midnight ends the day of the daily limit. */
  readonly dayZone: string;
}

/** What a position of a switch changes. */
export interface Effect {
  /** As a policy is written. */
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly words?: ExactOnlineDialectOptions;
  readonly server?: Partial<ServerOptions>;
  /** Whether tokens that were dead may be accepted again. */
  readonly revive?: boolean;
}

interface Switch {
  readonly question: string;
  /** In order: an object would put names that are numbers first. */
  readonly positions: ReadonlyMap<string, Effect>;
  /** Reads a position that has no name; undefined if it is none. */
  readonly other?: (value: unknown) => Effect | undefined;
}

const at = (...positions: readonly (readonly [string, Effect])[]): Switch["positions"] =>
  new Map(positions);

const limits = (perMinute: number, perDay: number): Effect => ({
  server: { limits: { perMinute, perDay } },
});

/** Every token that the chain ever issued stays usable: what the vendor allows some apps. */
export const OLD_TOKENS_ALLOWED: Effect = {
  policy: { overlap: { untilUsed: true, atLeast: "forever", reach: "all" } },
  revive: true,
};

/** No limit on token calls: what the vendor allows some apps. */
export const QUOTA_EXEMPT: Effect = { policy: { quota: [] } };

export const SWITCHES: Readonly<Record<string, Switch>> = {
  D1: {
    question: "how a refresh before its time is refused",
    positions: at(
      ["observed", { words: { tooEarly: "observed" } }],
      ["documented", { words: { tooEarly: "documented" } }],
    ),
  },
  D2: {
    question: "least time between two token requests",
    positions: at(
      ["570 s", { policy: { minInterval: "570 s" } }],
      ["10 s", { policy: { minInterval: "10 s" } }],
      ["none", { policy: { minInterval: 0 } }],
    ),
  },
  D3: {
    question: 'status of "Old refresh token used."',
    positions: at(
      ["401", { words: { oldTokenStatus: 401 } }],
      ["400", { words: { oldTokenStatus: 400 } }],
    ),
  },
  D4: {
    question: "when a refresh token ends that was replaced",
    positions: at(
      ["first use", { policy: { overlap: { untilUsed: true, atLeast: 0, reach: 1 } } }],
      ["issue", { policy: { overlap: { untilUsed: false, atLeast: 0, reach: 1 } } }],
      ["never", OLD_TOKENS_ALLOWED],
    ),
  },
  D5: {
    question: "what counts as first use of a refresh token",
    positions: at(
      ["refresh", { policy: { firstUse: "refresh" } }],
      ["refresh or access", { policy: { firstUse: "refreshOrAccess" } }],
    ),
  },
  D6: {
    question: "form of authorization codes",
    positions: at(
      ["opaque", { server: { codeForm: "opaque" } }],
      ["jwt", { server: { codeForm: "jwt" } }],
    ),
  },
  D7: {
    question: "how token_type is spelled",
    positions: at(
      ["bearer", { words: { tokenType: "bearer" } }],
      ["Bearer", { words: { tokenType: "Bearer" } }],
    ),
  },
  D8: {
    question: "how long an unused refresh token lives; also a list of dated steps",
    positions: at(
      ["30 d", { policy: { expiry: { idle: "30 d" } } }],
      ["180 d", { policy: { expiry: { idle: "180 d" } } }],
    ),
    other: (idle) => ({ policy: { expiry: { idle } } }),
  },
  D9: {
    question: "how an expired refresh token is refused",
    positions: at(
      ["observed", { words: { expired: "observed" } }],
      ["documented", { words: { expired: "documented" } }],
    ),
  },
  D10: {
    question: "how long a refresh token that was used may be used again",
    positions: at(
      ["until its successor is used", { policy: { usedFor: "none" } }],
      ["10 min", { policy: { usedFor: "600 s" } }],
    ),
  },
  D11: {
    question: "how clients authenticate",
    positions: at(
      ["both", { server: { clientAuthentication: "both" } }],
      ["body", { server: { clientAuthentication: "body" } }],
      ["basic", { server: { clientAuthentication: "basic" } }],
    ),
  },
  D12: {
    question: "API calls of an app at a company, by the minute and by the day; also two numbers",
    positions: at(
      ["60/5000", limits(60, 5000)],
      ["100/9000", limits(100, 9000)],
      ["300/50000", limits(300, 50_000)],
    ),
    other: (text) => {
      const [, perMinute, perDay] = /^(\d{1,6})\/(\d{1,6})$/.exec(String(text)) ?? [];
      return perMinute && perDay ? limits(Number(perMinute), Number(perDay)) : undefined;
    },
  },
  D13: {
    question: "headers of a 429",
    positions: at(
      ["exceeded", { server: { limitHeaders: "exceeded" } }],
      ["none", { server: { limitHeaders: "none" } }],
    ),
  },
  midnight: {
    question: "whose midnight ends the day of the API's daily limit",
    positions: at(
      ["UTC", { server: { dayZone: "UTC" } }],
      ["Europe/Amsterdam", { server: { dayZone: "Europe/Amsterdam" } }],
    ),
  },
};

/** The position of every switch that somebody set, or a preset begins in. */
export type Positions = Readonly<Record<string, unknown>>;

/** What a position changes. @throws KetenError `config_invalid` naming what is unknown, and what was expected */
function effectOf(name: string, position: unknown): Effect {
  const known = Object.hasOwn(SWITCHES, name) ? SWITCHES[name] : undefined;
  if (!known) {
    const names = Object.keys(SWITCHES).join(", ");
    throw invalid(`switch ${JSON.stringify(name)} is unknown; expected one of ${names}`);
  }
  const { positions, other } = known;
  const named = typeof position === "string" ? positions.get(position) : undefined;
  const effect = named ?? other?.(position);
  if (effect) return effect;
  const shown = JSON.stringify(position)?.slice(0, 60);
  const expected = [...positions.keys()].map((text) => JSON.stringify(text));
  throw invalid(`switch ${name} is ${shown}; expected ${expected.join(" or ")}`);
}

/** The effects of some positions. @throws KetenError `config_invalid` */
export const effectsOf = (positions: Positions): readonly Effect[] =>
  Object.entries(positions).map(([name, position]) => effectOf(name, position));

const defaultOf = (name: string): string => [...(SWITCHES[name]?.positions.keys() ?? [])][0] ?? "";

const DEFAULTS: readonly Effect[] = Object.keys(SWITCHES).map((name) =>
  effectOf(name, defaultOf(name)),
);

/** What the server does under some positions. */
export const serverOptionsOf = (positions: Positions): ServerOptions =>
  Object.assign({}, ...[...DEFAULTS, ...effectsOf(positions)].map(({ server }) => server));

/** How it words its answers under some positions. */
export const wordsOf = (positions: Positions): ExactOnlineDialectOptions =>
  Object.assign({}, ...effectsOf(positions).map(({ words }) => words));

/** What some effects say of the policy, as a policy is written; a later one counts more. */
export const policyChangeOf = (effects: readonly Effect[]): Readonly<Record<string, unknown>> =>
  Object.assign({}, ...effects.map(({ policy }) => policy));

/** Every switch with its question, its position and those that it could have. */
export const toldSwitches = (positions: Positions): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(SWITCHES).map(([name, { question, positions: all }]) => [
      name,
      { question, position: positions[name] ?? defaultOf(name), positions: [...all.keys()] },
    ]),
  );

const invalid = (message: string): KetenError => new KetenError("config_invalid", message);
