/**
 * Keten as `keten serve` runs it, with one connection and many consumers of it, whose refresh tokens are ours. Each asks
 * with a form of its own.
 */

import { openHome } from "../../src/cli/compose.ts";
import { startServer } from "../../src/cli/server.ts";
import { pinoLog } from "../../src/env/log.ts";
import { Secret } from "../../src/env/secret.ts";
import { providerSettings } from "../../src/vendors/known-providers.ts";
import type { BenchClient } from "../issuer.ts";
import { argumentsOf, served } from "./served.ts";

export interface RelayArguments {
  readonly directory: string;
  readonly preset: string;
  readonly consumers: number;
  readonly client: BenchClient;
  /** Where the connection refreshes, and what with. */
  readonly tokenEndpoint: string;
  readonly refreshToken: string;
}

export interface ReadyRelay {
  readonly port: number;
  readonly apiKey: string;
  readonly forms: readonly string[];
}

/** Nobody is told to wait: what is measured is what the server can do. */
const SHARE = { burst: 1e9, perSecond: 1e9 };
const API_KEY = "keten_bench_0123456789abcdef0123456789abcdef";
export const CONNECTION = "shared";

async function serve(args: RelayArguments): Promise<void> {
  const { directory, preset, consumers, client, tokenEndpoint, refreshToken } = args;
  const log = pinoLog({ level: "warn" });
  const home = await openHome({ dataDir: directory, mode: "lazy", log, relayShare: SHARE });
  await home.keychain.connect({
    name: CONNECTION,
    provider: providerSettings({ policy: preset, tokenEndpoint, clientAuthentication: "body" }),
    clientId: client.clientId,
    clientSecret: new Secret(client.clientSecret),
    refreshToken: new Secret(refreshToken),
  });
  const forms = await Promise.all(
    Array.from({ length: consumers }, async () => {
      const added = await home.relay.consumers.add({ connection: CONNECTION });
      return new URLSearchParams({
        grant_type: "refresh_token",
        client_id: added.consumer.clientId,
        client_secret: added.clientSecret.reveal(),
        refresh_token: added.refreshToken?.reveal() ?? "",
      }).toString();
    }),
  );
  const server = await startServer({ home, apiKey: new Secret(API_KEY), port: 0, log });
  const port = Number(new URL(server.url).port);
  served({ port, apiKey: API_KEY, forms } satisfies ReadyRelay, () => server.stop());
}

if (import.meta.main) await serve(argumentsOf<RelayArguments>());
