/**
 * The sandbox: an issuer run as a stand-in for a provider, with its wire format, its limits and its faults.
 *
 * 1. What it looks like is data: a `Provider`. Nothing here knows which one it plays.
 * 2. Ids, secrets and the draws of faults follow from the seed alone. Tokens also carry their instants.
 * 3. The first demo user has no tokens yet; the second has a refresh token, granted so long ago that a client may
 *    refresh at once.
 * 4. It listens on the loopback interface and guards nothing: what it issues opens no door.
 */

import { timingSafeEqual } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { fastify as createServer } from "fastify";
import type { Clock } from "../env/clock.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import { systemClock } from "../env/system.ts";
import { oauthRoutes } from "../http/oauth.ts";
import { createIssuer, type Issuer } from "../issuer/issuer.ts";
import { ISSUER_KEY_BYTES, issuerKeys } from "../issuer/keys.ts";
import type { Realm } from "../issuer/realm.ts";
import type { Policy } from "../kernel/policy.ts";
import { type Duration, type Instant, SECOND, stepAt } from "../kernel/time.ts";
import { openMemoryStore } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import type { Provider } from "../vendors/provider.ts";
import { controlRoutes, type DemoGrant } from "./control.ts";
import { createFaults, type FaultInputs } from "./faults.ts";
import { misbehaviour } from "./misbehave.ts";
import { createRequestLog } from "./request-log.ts";
import { seededRandom } from "./seeded-random.ts";

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
  /** Of another demo user; may be refreshed at once. */
  readonly refreshToken: string;
  /** May only introspect. */
  readonly resourceServer: { readonly clientId: string; readonly clientSecret: string };
  readonly issuer: Issuer;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
const REALM = "sandbox";
/** How long ago the first refresh token was granted, where the policy keeps one alive that long. */
const FIRST_AGE: Duration = 600 * SECOND;
const DEFAULT_REDIRECT_URI = "http://127.0.0.1/callback";

/** Starts a stand-in. @throws KetenError `config_invalid` if a fault is unknown or its rate is none */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { provider, port = 0, seed = "keten", timeScale = 1, faults: inputs = {} } = options;
  const faults = createFaults(seededRandom(seed, "faults"), inputs);
  const clock = options.clock ?? systemClock({ scale: timeScale });
  const random = seededRandom(seed, "issuer");
  const store = options.store ?? (await openMemoryStore({ clock, turn: () => turn() }));
  const log = createRequestLog(() => clock.now());
  const users = demoUsers(seededRandom(seed, "users"));
  let url = "";
  const realm = realmOf(provider, users, () => url);
  const keys = issuerKeys({
    key: seededRandom(seed, "key").bytes(ISSUER_KEY_BYTES),
    deployment: REALM,
  });
  const issuer = createIssuer({ store, clock, random, keys, realm });
  const client = await registerClients(issuer, provider, seed, options.redirectUris);
  const { clientId } = client;
  const age = firstAge(provider.policy, clock.now());
  const grant = async (): Promise<DemoGrant> => {
    const user = users.add();
    const outcome = await issuer.grant({ clientId, subject: user.username, age });
    if (!outcome.granted) throw new Error(`a demo grant was refused: ${outcome.refusal.reason}`);
    const refreshToken = outcome.response.refreshToken ?? "";
    return { ...user, refreshToken, chain: outcome.trace.chain ?? "" };
  };
  const first = users.add();
  const second = await grant();
  const misbehave = misbehaviour({ issuer, clock, faults, log });
  const { username } = first;
  const server = createServer({
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    forceCloseConnections: true,
  });
  server.register(oauthRoutes, {
    issuer,
    dialect: provider.dialect,
    paths: withoutLogin(provider.paths),
    now: () => clock.now(),
    intercept: misbehave.intercept,
    ...(options.onFailure ? { onFailure: options.onFailure } : {}),
  });
  const { policy } = provider;
  const now = (): Instant => clock.now();
  server.register(controlRoutes, { issuer, clientId, username, policy, faults, log, now, grant });
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
    async close() {
      misbehave.release();
      await server.close();
      await store.close();
    },
  };
}

/** No page answers at the authorization endpoint yet: the metadata must not name it. */
function withoutLogin({ token, revocation, introspection }: Provider["paths"]) {
  return { token, revocation, introspection };
}

interface DemoUsers {
  add(): { readonly username: string; readonly password: string };
  authenticate(username: string, password: string): Promise<string | undefined>;
}

function demoUsers(random: Random): DemoUsers {
  const passwords = new Map<string, string>();
  const newPassword = (): string => Buffer.from(random.bytes(12)).toString("base64url");
  return {
    add() {
      const user = { username: `user${passwords.size + 1}`, password: newPassword() };
      passwords.set(user.username, user.password);
      return user;
    },
    async authenticate(username, password) {
      const expected = Buffer.from(passwords.get(username) ?? "no such user's.");
      const given = Buffer.from(password);
      const equal = given.length === expected.length && timingSafeEqual(given, expected);
      return equal && passwords.has(username) ? username : undefined;
    },
  };
}

/** The issuer identifier is known only once the server listens. */
function realmOf(provider: Provider, users: DemoUsers, url: () => string): Realm {
  const { grantTypes, shapes, scopeRequired } = provider;
  return {
    name: REALM,
    get issuer() {
      return url();
    },
    grantTypes,
    shapes,
    scopeRequired,
    ...(grantTypes.includes("password") ? { authenticateOwner: users.authenticate } : {}),
  };
}

async function registerClients(
  issuer: Issuer,
  { policy, grantTypes, clientIds, scope }: Provider,
  seed: string,
  redirectUris: readonly string[] = [DEFAULT_REDIRECT_URI],
): Promise<Pick<Sandbox, "clientId" | "clientSecret" | "resourceServer">> {
  const random = seededRandom(seed, "clients");
  const newSecret = (): string => Buffer.from(random.bytes(24)).toString("base64url");
  const clientId = clientIds === "guid" ? guid(random) : "sandbox-client";
  const clientSecret = newSecret();
  const resourceServer = { clientId: "sandbox-resource-server", clientSecret: newSecret() };
  const kind = "confidential";
  const secret = new Secret(clientSecret);
  await issuer.registerClient({ clientId, kind, policy, grantTypes, redirectUris, scope, secret });
  await issuer.registerClient({
    clientId: resourceServer.clientId,
    kind,
    policy,
    grantTypes: [],
    secret: new Secret(resourceServer.clientSecret),
  });
  return { clientId, clientSecret, resourceServer };
}

function guid(random: Random): string {
  const hex = Buffer.from(random.bytes(16)).toString("hex");
  return [8, 12, 16, 20].reduceRight((id, at) => `${id.slice(0, at)}-${id.slice(at)}`, hex);
}

/** Old enough for the least interval, and young enough to live on. */
function firstAge({ expiry, minInterval }: Policy, now: Instant): Duration {
  const limits = Object.values(expiry).map((steps) => stepAt(steps, now));
  const shortest = Math.min(...limits);
  return shortest > 2 * FIRST_AGE ? FIRST_AGE : Math.max(minInterval, Math.floor(shortest / 2));
}
