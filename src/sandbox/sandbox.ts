/**
 * The sandbox: an issuer run as a stand-in for a provider, with its wire format, its limits and its faults.
 *
 * 1. What it looks like is data: a `Provider`. Nothing here knows which one it plays.
 * 2. Ids, secrets and the draws of faults follow from the seed alone. Tokens also carry their instants.
 * 3. The first demo user has no tokens yet; the second has a refresh token, granted so long ago that a client may
 *    refresh at once.
 * 4. It listens on the loopback interface and guards nothing: what it issues opens no door.
 */

import { setImmediate as turn } from "node:timers/promises";
import { fastify as createServer } from "fastify";
import type { Clock } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { systemClock } from "../env/system.ts";
import { authorizeRoutes } from "../http/authorize.ts";
import { STANDARD_AUTHORIZATION } from "../http/authorize-rules.ts";
import { malformedUri, refuseUnrouted } from "../http/no-route.ts";
import { oauthRoutes, type RealmFor } from "../http/oauth.ts";
import { type Accounts, createAccounts } from "../issuer/accounts.ts";
import type { Issuer } from "../issuer/issuer.ts";
import { ISSUER_KEY_BYTES, type IssuerKeys, issuerKeys } from "../issuer/keys.ts";
import { createRealms, type RealmServices, type RealmSettings } from "../issuer/realms.ts";
import type { Policy } from "../kernel/policy.ts";
import { type Duration, type Instant, SECOND, stepAt } from "../kernel/time.ts";
import type { Store } from "../store/store.ts";
import type { Provider, SurfaceParts } from "../vendors/provider.ts";
import { type ControlOptions, controlRoutes } from "./control.ts";
import { demoUsers, granting, registerClients } from "./demo.ts";
import { createFaults, type FaultInputs, type Faults } from "./faults.ts";
import { type ForgetfulStore, openForgetfulStore } from "./forgetful-store.ts";
import { misbehaviour } from "./misbehave.ts";
import { pageRoutes } from "./page-routes.ts";
import { createRequestLog } from "./request-log.ts";
import { seededRandom } from "./seeded-random.ts";
import { type TravellingClock, travellingClock } from "./travelling-clock.ts";

export interface SandboxOptions {
  readonly provider: Provider;
  /** 0 for any free one, the default. */
  readonly port?: number;
  /** The same seed gives the same ids, secrets and draws of faults. Default "keten". */
  readonly seed?: string;
  /** How many times faster than life; unless a clock is given. */
  readonly timeScale?: number;
  readonly faults?: FaultInputs;
  readonly clock?: Clock;
  /** Default: one in memory. The sandbox closes it. */
  readonly store?: Store;
  /** Redirect URIs that its client registered. */
  readonly redirectUris?: readonly string[];
  /** Whether a redirect URI at the loopback passes also where the vendor asks for a public one; default true. */
  readonly testMode?: boolean;
  /** Told when the issuer failed; a refusal is no failure. */
  readonly onFailure?: (error: unknown) => void;
}

export interface Sandbox {
  readonly url: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string;
  readonly introspectionEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** A demo user without tokens. */
  readonly username: string;
  readonly password: string;
  /** Where nobody can log in without a second factor. */
  readonly totpSecret?: string;
  /** Of another demo user; may be refreshed at once. */
  readonly refreshToken: string;
  /** May only introspect. */
  readonly resourceServer: { readonly clientId: string; readonly clientSecret: string };
  readonly issuer: Issuer;
  /** What the control API works with. */
  readonly control: ControlOptions;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
const REALM = "sandbox";
/** How long ago the first refresh token was granted, where the policy keeps one alive that long. */
const FIRST_AGE: Duration = 600 * SECOND;
/** What is printed at the start needs no protection, and many are made in tests. */
const DEMO_PASSWORD_COST = { memoryKib: 64, passes: 1 };

/** Starts a stand-in. @throws KetenError `config_invalid` if a fault is unknown or its rate is none */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { port = 0, seed = "keten", timeScale = 1, faults: inputs = {} } = options;
  const provider = { ...options.provider, ...options.provider.own?.() };
  const clock = travellingClock(options.clock ?? systemClock({ scale: timeScale }));
  const own = options.store ? undefined : await openForgetfulStore({ clock, turn: () => turn() });
  const store = own ?? (options.store as Store);
  const faults = faultsOf(seed, clock, own, inputs);
  const random = seededRandom(seed, "issuer");
  const log = createRequestLog(() => clock.now());
  let url = "";
  const keys = keysOf(seed);
  const parts = surfaceParts({ provider, store, clock, random, keys, url: () => url });
  const { issuer, accounts } = parts.realms.main;
  const needsSecondFactor = provider.authorization?.secondFactor === "required";
  const users = demoUsers({ accounts, random: seededRandom(seed, "users"), needsSecondFactor });
  const client = await registerClients(issuer, provider, seed, options.redirectUris);
  const { clientId } = client;
  const age = firstAge(provider.policy, clock.now());
  const grant = granting({ issuer, users, clientId, age });
  const first = await users.add();
  const second = await grant();
  own?.settle();
  const forget = async (commits: number): Promise<number> => (await own?.forget(commits)) ?? 0;
  const { dialect } = provider;
  const { realms } = parts;
  const misbehave = misbehaviour({ realms, dialect, clock, faults, log, forget });
  const { username } = first;
  const server = newServer(provider);
  const { surface, authorization: rules = STANDARD_AUTHORIZATION } = provider;
  const realmFor = surface?.realmFor?.(parts);
  server.register(oauthRoutes, {
    issuer,
    ...(realmFor ? { issuerFor: issuerBy(realmFor) } : {}),
    dialect: provider.dialect,
    paths: provider.paths,
    authorization: rules,
    now: () => clock.now(),
    intercept: misbehave.intercept,
    ...(options.onFailure ? { onFailure: options.onFailure } : {}),
  });
  server.register(authorizeRoutes, {
    ...{ rules, dialect, keys, paths: provider.paths, testMode: options.testMode ?? true },
    realmFor: realmFor ?? (() => parts.realms.main),
    random: seededRandom(seed, "pages"),
    now: () => clock.now(),
    ...(options.onFailure ? { onFailure: options.onFailure } : {}),
  });
  if (surface) server.register(surface.routes, parts);
  const { policy } = provider;
  const travel = travellingWith(clock, own);
  const demo = { issuer, realms, accounts, users, clientId, username, policy, grant };
  const control: ControlOptions = { ...demo, faults, log, clock, travel };
  server.register(controlRoutes, control);
  server.register(pageRoutes, { ...control, name: provider.name });
  url = await server.listen({ port, host: HOST });
  const { authorization, token, revocation, introspection } = provider.paths;
  return {
    url,
    authorizationEndpoint: url + authorization,
    tokenEndpoint: url + token,
    revocationEndpoint: url + revocation,
    introspectionEndpoint: url + introspection,
    ...client,
    ...first,
    refreshToken: second.refreshToken,
    issuer,
    control,
    async close() {
      misbehave.release();
      await server.close();
      await store.close();
    },
  };
}

const keysOf = (seed: string): IssuerKeys =>
  issuerKeys({ key: seededRandom(seed, "key").bytes(ISSUER_KEY_BYTES), deployment: REALM });

function newServer({ surface }: Provider) {
  const server = createServer({
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    forceCloseConnections: true,
    frameworkErrors: malformedUri,
    ...(surface?.rewriteUrl ? { rewriteUrl: surface.rewriteUrl } : {}),
  });
  refuseUnrouted(server);
  return server;
}

function faultsOf(
  seed: string,
  clock: Clock,
  own: ForgetfulStore | undefined,
  inputs: FaultInputs,
): Faults {
  const random = (purpose: string): Random => seededRandom(seed, purpose);
  const without = own ? {} : { "forgotten-commits": "only the sandbox's own store can forget" };
  return createFaults({ random, now: () => clock.now(), without }, inputs);
}

/** A store that was given goes by a clock of its own, which cannot be moved from here. */
const travellingWith =
  (clock: TravellingClock, own: ForgetfulStore | undefined) =>
  (duration: Duration): Instant => {
    if (own) return clock.advance(duration);
    throw new KetenError(
      "config_invalid",
      "the clock is not the sandbox's own: it cannot be moved",
    );
  };

/** The realms of a stand-in, the first of them made, and what its vendor's own routes work with. */
function surfaceParts(
  given: Omit<SurfaceParts, "realms" | "settingsOf"> & { readonly keys: IssuerKeys },
): SurfaceParts {
  const { keys, ...parts } = given;
  const { provider, store, clock, random, url } = parts;
  const settings = (name: string): RealmSettings => settingsOf(provider, name, url);
  const accountsOf = (realm: string): Accounts =>
    createAccounts({
      ...{ store, random, keys, realm, passwordCost: DEMO_PASSWORD_COST },
      now: () => clock.now(),
      uptime: () => clock.boot().at,
    });
  const main = settings(REALM);
  const realms = createRealms({ store, clock, random, keys, accountsOf, main });
  return { ...parts, realms, settingsOf: settings };
}

/** The issuer of the realm that a request means. */
const issuerBy =
  (realmFor: RealmFor<RealmServices>): RealmFor<Issuer> =>
  (request) => {
    const realm = realmFor(request);
    return "unknown" in realm ? realm : realm.issuer;
  };

/** Each realm of a stand-in is like its first. The issuer identifier is known only once the server listens. */
function settingsOf(provider: Provider, name: string, url: () => string): RealmSettings {
  const { grantTypes, shapes, scopeRequired } = provider;
  return {
    name,
    get issuer() {
      return url();
    },
    grantTypes,
    shapes,
    scopeRequired,
  };
}

/** Old enough for the least interval, and young enough to live on. */
function firstAge({ expiry, minInterval }: Policy, now: Instant): Duration {
  const limits = Object.values(expiry).map((steps) => stepAt(steps, now));
  const shortest = Math.min(...limits);
  return shortest > 2 * FIRST_AGE ? FIRST_AGE : Math.max(minInterval, Math.floor(shortest / 2));
}
