/** The issuer as the bench runs it: over whatever store it is given, with one confidential client and some chains. */

import type { FastifyInstance } from "fastify";
import type { Clock } from "../src/env/clock.ts";
import { Secret } from "../src/env/secret.ts";
import { systemRandom } from "../src/env/system.ts";
import { oauthRoutes } from "../src/http/oauth.ts";
import { createIssuer, type Issuer } from "../src/issuer/issuer.ts";
import { ISSUER_KEY_BYTES, issuerKeys } from "../src/issuer/keys.ts";
import type { Store } from "../src/store/store.ts";
import type { Provider } from "../src/vendors/provider.ts";
import { PROVIDERS } from "../src/vendors/providers.ts";

export interface BenchClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface BenchIssuer {
  readonly issuer: Issuer;
  readonly provider: Provider;
  /** One refresh token a chain, each of another subject. */
  readonly tokens: readonly string[];
}

export const REALM = "bench";

/** @throws TypeError if there is no such preset */
export async function openBenchIssuer(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly preset: string;
  readonly chains: number;
  readonly client: BenchClient;
}): Promise<BenchIssuer> {
  const { store, clock, preset, chains, client } = options;
  const provider = PROVIDERS[preset];
  if (!provider) throw new TypeError(`there is no preset "${preset}"`);
  const { policy, shapes, grantTypes, scope } = provider;
  const { clientId } = client;
  const keys = issuerKeys({ key: systemRandom.bytes(ISSUER_KEY_BYTES), deployment: REALM });
  const realm = { name: REALM, issuer: "http://127.0.0.1", grantTypes, shapes };
  const issuer = createIssuer({ store, clock, random: systemRandom, keys, realm });
  const secret = new Secret(client.clientSecret);
  const redirectUris = ["http://127.0.0.1/callback"];
  const kind = "confidential";
  await issuer.registerClient({ clientId, kind, policy, grantTypes, redirectUris, scope, secret });
  const grant = async (subject: string): Promise<string> => {
    const outcome = await issuer.grant({ clientId, subject });
    if (!outcome.granted) throw new Error(`a grant was refused: ${outcome.refusal.reason}`);
    return outcome.response.refreshToken ?? "";
  };
  const subjects = Array.from({ length: chains }, (_, i) => `user${i + 1}`);
  return { issuer, provider, tokens: await Promise.all(subjects.map(grant)) };
}

/** The standard endpoints of it; nobody intercepts. */
export async function serveIssuer(
  fastify: FastifyInstance,
  { issuer, provider }: BenchIssuer,
  clock: Clock,
): Promise<void> {
  const { token, revocation, introspection } = provider.paths;
  await oauthRoutes(fastify, {
    issuer,
    dialect: provider.dialect,
    paths: { token, revocation, introspection },
    now: () => clock.now(),
  });
}
