/** A command's keychain: the server that the environment names, or else the data directory itself. */

import { type Log, pinoLog, silentLog } from "../env/log.ts";
import { Secret } from "../env/secret.ts";
import { httpClient, type KeychainClient } from "../http/client.ts";
import { defaultDataDir, isHome, openHome } from "./compose.ts";
import { embeddedClient } from "./embedded.ts";
import { UsageError } from "./failure.ts";

export interface Where {
  readonly data?: string;
  readonly store?: string;
  readonly timeScale?: number;
}

/** Does something with the server that the environment names, or else with the data directory itself. */
export async function withClient(
  options: Where,
  work: (client: KeychainClient) => Promise<void>,
  { create = false } = {},
): Promise<void> {
  const client = serverOf(options) ?? (await openEmbedded(options, create));
  try {
    await work(client);
  } finally {
    await client.close();
  }
}

/** An option that names the data is stronger than the environment. */
function serverOf({ data, store }: Where): KeychainClient | undefined {
  const { KETEN_URL: url, KETEN_API_KEY: apiKey } = process.env;
  if (!url || data !== undefined || store !== undefined) return undefined;
  if (!apiKey) {
    throw new UsageError(
      'KETEN_URL is set and KETEN_API_KEY is not; expected the key from the file "api-key" of the server\'s data directory',
    );
  }
  return httpClient({ url, apiKey: new Secret(apiKey) });
}

async function openEmbedded(options: Where, create: boolean): Promise<KeychainClient> {
  const dataDir = options.data ?? defaultDataDir();
  if (!create && !isHome(dataDir)) {
    throw new UsageError(
      `"${dataDir}" holds no keychain; expected another "--data DIRECTORY", KETEN_URL for a running server, or "keten connect" first`,
    );
  }
  const { store: storeUrl, timeScale } = options;
  // Never started, it does nothing by itself; what it writes is ready for a server that does.
  // With a courier, for whoever presses Ctrl-C while the provider's answer is on its way.
  const home = await openHome({
    ...{ dataDir, storeUrl, timeScale, mode: "proactive", courier: "lazy", log: quietLog() },
  });
  return embeddedClient(home);
}

/** A command says how it ended by itself; its keychain's log is for who wants to look into it. */
function quietLog(): Log {
  return process.env.KETEN_LOG === "1" ? pinoLog() : silentLog;
}
