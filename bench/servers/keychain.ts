/**
 * Keten's keychain with its API, as `keten serve` runs it, and beside it in the same process an issuer over the same
 * store and the same SQLite file: what keeps that store busy with durable rotations while tokens are read.
 */

import Fastify from "fastify";
import { openHome } from "../../src/cli/compose.ts";
import { startServer } from "../../src/cli/server.ts";
import { pinoLog } from "../../src/env/log.ts";
import { Secret } from "../../src/env/secret.ts";
import { providerSettings } from "../../src/vendors/known-providers.ts";
import { type BenchClient, openBenchIssuer, serveIssuer } from "../issuer.ts";
import { argumentsOf, served } from "./served.ts";

export interface KeychainArguments {
  readonly directory: string;
  readonly preset: string;
  readonly chains: number;
  readonly client: BenchClient;
  /** Where the connections refresh, and what with. */
  readonly tokenEndpoint: string;
  readonly refreshTokens: readonly string[];
}

const API_KEY = "keten_bench_0123456789abcdef0123456789abcdef";

const { directory, preset, chains, client, tokenEndpoint, refreshTokens } =
  argumentsOf<KeychainArguments>();
const log = pinoLog({ level: "warn" });
const home = await openHome({ dataDir: directory, mode: "proactive", log });
const { keychain, store, clock } = home;
const names = refreshTokens.map((_, i) => `account-${i + 1}`);
await Promise.all(
  refreshTokens.map((refreshToken, i) =>
    keychain.connect({
      name: names[i] ?? "",
      provider: providerSettings({ policy: preset, tokenEndpoint, clientAuthentication: "body" }),
      clientId: client.clientId,
      clientSecret: new Secret(client.clientSecret),
      refreshToken: new Secret(refreshToken),
    }),
  ),
);
const server = await startServer({ home, apiKey: new Secret(API_KEY), port: 0, log });
const opened = await openBenchIssuer({ store, clock, preset, chains, client });
const fastify = Fastify();
await serveIssuer(fastify, opened, clock);
const issuerUrl = await fastify.listen({ port: 0, host: "127.0.0.1" });
const { tokens, provider } = opened;
served(
  {
    port: Number(new URL(server.url).port),
    apiKey: API_KEY,
    names,
    issuer: { port: Number(new URL(issuerUrl).port), path: provider.paths.token, tokens },
  },
  async () => {
    await fastify.close();
    await server.stop();
  },
);
