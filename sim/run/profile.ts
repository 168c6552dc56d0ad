/**
 * What a history is: everything drawn from its seed before it begins, and known before anything happens.
 */

import { overlapOf } from "../../src/kernel/doubt.ts";
import type { Settings } from "../../src/kernel/holding.ts";
import { formatPolicy, policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { DAY, type Duration, MINUTE } from "../../src/kernel/time.ts";
import type { Mode } from "../../src/keychain/connection.ts";
import type { Timing } from "../../src/keychain/defaults.ts";
import { DEFAULT_TIMING, defaultSettings } from "../../src/keychain/defaults.ts";
import type { ProviderSettings } from "../../src/store/connection-record.ts";
import { PRESET_NAMES, providerSettings } from "../../src/vendors/known-providers.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import type { Provider } from "../../src/vendors/provider.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { drawRates, FAULTS, type Rates } from "./faults.ts";
import { Stream } from "./random-stream.ts";

export interface Profile {
  readonly seed: string;
  /** The part of the seed from which is drawn. */
  readonly drawnFrom: string;
  readonly policyName: string;
  readonly policy: Policy;
  readonly vendor: Provider;
  /** What the keychain is told of it: the policy in force is among these. */
  readonly settings: ProviderSettings;
  readonly scale: number;
  readonly hosts: number;
  readonly connections: number;
  readonly mode: Mode;
  /** Whether the keychains wake by themselves. */
  readonly isStarted: boolean;
  /** How many lifetimes of an access token the faults last. */
  readonly lifetimes: number;
  /** Mean time between two asks for a token, in lifetimes of an access token. */
  readonly askEvery: number;
  readonly latencyMs: number;
  readonly wayMs: number;
  /** How far the provider's clock is ahead; unscaled. */
  readonly skewMs: number;
  readonly timing: Timing;
  readonly patienceMs: number;
  readonly holding: Settings;
  /** Seals and rows are the product's own; else what stands for them costs less. */
  readonly realSeals: boolean;
  readonly realRows: boolean;
  readonly rates: Rates;
}

const grace = { overlap: { atLeast: "60 s" }, access: { lifetime: "600 s" } };

/** Overlaps by time, which no preset has: what many vendors do. */
const MORE_POLICIES: Readonly<Record<string, Policy>> = {
  "grace-same": policyOf(grace),
  "grace-new": policyOf({ ...grace, retry: { answer: "new" } }),
  "grace-long": policyOf({
    ...grace,
    overlap: { atLeast: "1 h", reach: 3 },
    replay: { action: "refuse" },
  }),
  "once-refused": policyOf({ replay: { action: "refuse" }, access: { lifetime: "300 s" } }),
};

const WEIGHTS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(PRESET_NAMES.map((name) => [name, 1])),
  ...Object.fromEntries(Object.keys(MORE_POLICIES).map((name) => [name, 2])),
  strict: 4,
  handshake: 5,
  "handshake-observed": 3,
  "exact-online": 4,
  "exact-online-10min": 3,
  "exact-online-old-allowed": 2,
  "openam-12": 2,
  "openam-13": 2,
  // Which of its older siblings was spent in doubt is not always known (docs/internals/status.md).
  "hydra-grace": 0,
  // Its refresh token stands in a cut answer as the access token, where nobody looks for it and the judge finds it.
  "refresh-as-access": 0,
};

/** For histories in which a lifetime of minutes passes in seconds: the network is as much faster as it may be. */
const FAST_TIMING: Timing = {
  deadlineMs: 400,
  requestLifeMs: 1000,
  leaseMs: 600,
  leaseMarginMs: 100,
  clockDriftMs: 50,
};

const FAST_HOLD_MS = 5000;

const HOLDING: Settings = defaultSettings(1);

export const lifetimeOf = ({ policy }: Pick<Profile, "policy">): Duration => policy.access.lifetime;

/**
 * A seed that begins with the name of a policy and a slash has that policy; all else is drawn. One that is kept as
 * `strict+openam-12=f-17` has the first policy and is in doubt between it and the second: what `f-17` drew when it
 * failed, whatever presets there are by now; `strict:39=f-17` knew the first 39 of the faults.
 */
export function drawProfile(seed: string): Profile {
  const kept = /^([a-z0-9-]+)(?:\+([a-z0-9-]+))?(?::(\d+))?=(.+)$/.exec(seed);
  const drawnFrom = kept?.[4] ?? seed;
  const stream = new Stream(drawnFrom, "profile");
  const named = kept?.[1] ?? /^([a-z0-9-]+)\//.exec(seed)?.[1] ?? "";
  const drawn = stream.weighted(Object.entries(WEIGHTS));
  const policyName = Object.hasOwn(WEIGHTS, named) ? named : drawn;
  const policy = (PRESETS[policyName] ?? MORE_POLICIES[policyName]) as Policy;
  const mayBeFast = kept !== null || policy.access.lifetime <= FAST_LIFE_MOST;
  const isFast = stream.chance(0.2) && mayBeFast;
  const isStarted = isFast || (policy.access.lifetime <= MINUTE && stream.chance(0.05));
  const pace = isFast ? stream.pick([60, 200, 600]) : 1;
  const settings = settingsFor(stream, policyName, policy, kept && { other: kept[2] });
  const told = settings.policies.map((written) => policyOf(written));
  const scale = kept ? pace : Math.min(pace, ...[policy, ...told].map(fastestFor));
  const profile: Profile = {
    seed,
    drawnFrom,
    policyName,
    policy,
    vendor: PROVIDERS[policyName] ?? (PROVIDERS.strict as Provider),
    settings,
    scale,
    hosts: stream.weighted([
      [1, 4],
      [2, 4],
      [3, 2],
    ]),
    connections: stream.weighted([
      [1, 6],
      [2, 2],
      [4, 1],
    ]),
    mode: isStarted && stream.chance(0.6) ? "proactive" : "lazy",
    isStarted,
    lifetimes: stream.whole(10, 60),
    askEvery: stream.pick([0.1, 0.5, 0.9, 0.9, 0.9, 1, 1, 1, 1, 1]),
    latencyMs: isFast ? 0.5 : stream.pick([0.5, 3, 3, 30]),
    wayMs: isFast ? 20 : stream.pick([50, 50, 500, 3000]),
    skewMs: isFast ? 0 : stream.pick([0, 0, 500, -500]),
    timing: isFast ? FAST_TIMING : DEFAULT_TIMING,
    patienceMs: isFast ? stream.pick([100, 500]) : stream.pick([200, 1000, 1000, 5000, 30_000]),
    holding: { ...HOLDING, hold: isFast ? FAST_HOLD_MS * scale : HOLDING.hold },
    ...realities(stream.chance(0.02)),
    rates: drawRates(stream, FAULTS.slice(0, Number(kept?.[3] ?? FAULTS.length))),
  };
  const patienceMs = Math.max(profile.patienceMs, TURNS_LEAST * profile.latencyMs);
  return { ...profile, patienceMs };
}

/** Nobody who gives up sooner than a redeem takes gets a token: so many turns of its store are granted to it. */
const TURNS_LEAST = 40;

/** Whose access tokens live longer is not run faster than life: schedules look around all the time, and nothing happens. */
const FAST_LIFE_MOST: Duration = DAY;

/** So many lives of a request fit into the life of a refresh token, and into a window: as with clocks at their own pace. */
const FIT = { life: 10, window: 0.5 };

/** How much faster than life a policy may be run: not so fast that a token or a window ends within a request. */
function fastestFor(policy: Policy): number {
  const { expiry, rotate } = policy;
  if (rotate === "never") return Number.POSITIVE_INFINITY;
  const lives = [...expiry.lifetime, ...expiry.idle].map(({ value }) => value / FIT.life);
  const window = overlapOf(policy) || Number.POSITIVE_INFINITY;
  return Math.min(...lives, window / FIT.window) / FAST_TIMING.requestLifeMs;
}

const realities = (isReal: boolean) => ({ realSeals: isReal, realRows: isReal });

/** Usually what is known of the vendor; sometimes in doubt between that and another policy, unless that is kept. */
function settingsFor(
  stream: Stream,
  name: string,
  policy: Policy,
  kept: { readonly other: string | undefined } | null,
): ProviderSettings {
  const tokenEndpoint = "https://provider.example/token";
  const known = PRESETS[name] ? name : "strict";
  const settings = providerSettings({ provider: known, tokenEndpoint });
  const drawn = stream.chance(0.15) ? stream.pick(PRESET_NAMES) : undefined;
  const other = PRESETS[(kept ? kept.other : drawn) ?? ""];
  const policies = [
    ...(PRESETS[name] ? settings.policies : [formatPolicy(policy)]),
    ...(other ? [formatPolicy(other)] : []),
  ];
  return { ...settings, policies };
}

/** What was drawn, for the head of a report. */
export function describe(profile: Profile): string {
  const { policyName, settings, scale, hosts, connections, mode, isStarted, lifetimes } = profile;
  const { askEvery, latencyMs, wayMs, skewMs, realSeals, realRows, rates, timing } = profile;
  const rows = [
    `policy ${policyName}, known as one of ${settings.policies.length}; ${scale} times faster than life`,
    `${hosts} hosts, ${connections} connections, ${mode}${isStarted ? ", waking by themselves" : ", only when asked"}`,
    `${lifetimes} lifetimes of an access token with faults, an ask every ${askEvery} of one`,
    `store turns up to ${latencyMs} ms, network ways up to ${wayMs} ms, provider's clock ${skewMs} ms ahead`,
    `deadline ${timing.deadlineMs} ms, request life ${timing.requestLifeMs} ms, lease ${timing.leaseMs} ms; ${realSeals ? "real" : "cheap"} seals, ${realRows ? "real" : "cheap"} rows`,
    `faults: ${
      Object.entries(rates)
        .map(([name, rate]) => `${name} ${rate.toFixed(4)}`)
        .join(", ") || "none"
    }`,
  ];
  return rows.map((row) => `  ${row}`).join("\n");
}
