/**
 * Faults: what goes wrong between a client and a token endpoint, each by its name and at its own rate.
 *
 * 1. Whether the n-th request meets a fault follows from the seed, the fault and n alone: the same seed and the same
 *    requests meet the same faults, and a fault that is switched on changes nothing for the others. The first of the
 *    table that hits applies; one request has at most one.
 * 2. Holds are in real milliseconds: they stand for the network, which no time scale makes faster. Windows of time
 *    and rates such as `3/week` follow the stand-in's clock.
 * 3. A rate per time is a chance per request as well: that at least one of so many incidents, which nobody knows the
 *    moments of, fell into the time since the request before.
 */

import type { Random } from "../env/random.ts";
import type { Instant } from "../kernel/time.ts";
import {
  type FaultInputs,
  type FaultObject,
  type FaultSetting,
  invalid,
  isInForce,
  partOf,
  readFault,
  splitFault,
  toldFault,
} from "./fault-settings.ts";

export type { FaultInput, FaultInputs, FaultSetting } from "./fault-settings.ts";

/** What each fault does. `before` and `after` are seen from the commit. */
export const FAULTS = {
  maintenance: "before: 503 with an HTML page, nothing was decided; best at a time of day",
  "forgotten-commits":
    "before: the provider falls back to what it was some commits ago, and then decides",
  "chain-incident": "before: a refresh token is refused as an unknown one is; nothing was consumed",
  hold: "before: the request is held for a while",
  "error-before": "before: 503, nothing was decided",
  reset: "before: the connection is reset, nothing was decided",
  duplicate: "the request is delivered twice; the second answer goes nowhere",
  "lost-answer": "after: the connection is closed without an answer",
  "answer-late": "after: the answer is held for a while",
  slow: "after: the body of the answer arrives in pieces over a while",
  "error-after": "after: 500 in place of the answer",
  "reset-after": "after: the connection is reset after some bytes of the answer's body",
  truncated: "after: the answer is cut in the middle",
  html: "after: 200 with an HTML page in place of the answer",
  empty: "after: 200 without a body in place of the answer",
} as const;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** The fault that a request meets, and how much of it. */
export interface Fault {
  readonly name: FaultName;
  /** How long it holds; 0 for a fault that does not. */
  readonly holdMs: number;
  /** How many bytes of the body leave before the reset; null for other faults. */
  readonly bytes: number | null;
  /** How many commits are forgotten; 0 for other faults. */
  readonly commits: number;
}

export type FaultSettings = Readonly<Record<FaultName, FaultSetting>>;

export interface Faults {
  readonly settings: FaultSettings;
  /**
   * Changes the named faults and leaves the others; "*" stands for all. All or nothing.
   *
   * @throws KetenError `config_invalid` naming what is wrong
   */
  set(inputs: FaultInputs): void;
  /** Switches one fault off, or all. @throws KetenError `config_invalid` if there is none of that name */
  clear(name?: string): void;
  /** The fault that the next request meets; `meets` says whether it can meet a fault at all. */
  draw(meets?: (name: FaultName) => boolean): Fault | undefined;
}

export interface FaultOptions {
  /** The randomness of a purpose, the same for the same purpose. */
  readonly random: (purpose: string) => Random;
  readonly now: () => Instant;
  /** Faults that cannot happen here, with why. */
  readonly without?: Partial<Readonly<Record<FaultName, string>>>;
}

const FRACTION_BYTES = 6;
const fractionOf = (bytes: Uint8Array, at: number): number =>
  Buffer.from(bytes).readUIntBE(at, FRACTION_BYTES) / 2 ** (8 * FRACTION_BYTES);

export function createFaults(
  { random, now, without = {} }: FaultOptions,
  inputs: FaultInputs,
): Faults {
  const off = (name: FaultName): FaultSetting => readFault(name, 0, now());
  let settings = Object.fromEntries(FAULT_NAMES.map((name) => [name, off(name)])) as FaultSettings;
  let drawnAt = now();
  let drawn = 0;
  const set = (changes: FaultInputs): void => {
    const read = Object.entries(changes).flatMap(([name, input]) =>
      namesOf(name).map((one) => {
        const setting = readFault(one, input, now());
        const isMeant = name !== "*" && setting.rate !== 0;
        if (isMeant && without[one]) throw invalid(`fault "${one}": ${without[one]}`);
        return [one, without[one] ? off(one) : setting] as const;
      }),
    );
    settings = { ...settings, ...Object.fromEntries(read) };
  };
  set(inputs);
  return {
    get settings() {
      return settings;
    },
    set,
    clear: (name = "*") => set({ [name]: 0 }),
    draw(meets = () => true) {
      const at = now();
      const elapsed = Math.max(0, at - drawnAt);
      drawnAt = at;
      drawn += 1;
      for (const name of FAULT_NAMES) {
        const setting = settings[name];
        if (!meets(name) || !isInForce(setting, at)) continue;
        const bytes = random(`fault ${name} ${drawn}`).bytes(2 * FRACTION_BYTES);
        const since = Math.min(elapsed, at - setting.setAt);
        if (fractionOf(bytes, 0) >= partOf(setting.rate, since)) continue;
        return faultOf(name, setting, fractionOf(bytes, FRACTION_BYTES));
      }
      return undefined;
    },
  };
}

/** A fault of a drawn extent. */
function faultOf(name: FaultName, { range }: FaultSetting, part: number): Fault {
  const amount = range ? range.min + Math.floor(part * (range.max - range.min + 1)) : 0;
  return {
    name,
    holdMs: range?.unit === "Ms" ? amount : 0,
    bytes: range?.unit === "Bytes" ? amount : null,
    commits: range?.unit === "Commits" ? amount : 0,
  };
}

function namesOf(name: string): readonly FaultName[] {
  if (name === "*") return FAULT_NAMES;
  if (Object.hasOwn(FAULTS, name)) return [name as FaultName];
  throw invalid(`unknown fault "${name}": expected one of ${FAULT_NAMES.join(", ")}`);
}

/** Every fault as it is set. What is told can be set again. */
export const toldFaults = ({
  settings,
}: Pick<Faults, "settings">): Record<FaultName, FaultObject> =>
  Object.fromEntries(FAULT_NAMES.map((name) => [name, toldFault(settings[name])])) as Record<
    FaultName,
    FaultObject
  >;

/** Reads a fault as `fault-settings.ts` has its text. @throws KetenError `config_invalid` */
export function parseFault(text: string): FaultInputs {
  const { name, input } = splitFault(text);
  for (const one of namesOf(name)) readFault(one, input, 0);
  return { [name]: input };
}
