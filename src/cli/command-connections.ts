/** `connect`, `token`, `connections`, `show`, `remove`: the same with a server or on a data directory without one. */

import { Command, Option } from "commander";
import { type Log, pinoLog, silentLog } from "../env/log.ts";
import { Secret } from "../env/secret.ts";
import type { ConnectionAnswer } from "../http/api-wire.ts";
import { httpClient, type KeychainClient } from "../http/client.ts";
import { defaultDataDir, isHome, openHome } from "./compose.ts";
import { embeddedClient } from "./embedded.ts";
import { UsageError } from "./failure.ts";
import { dataOption, jsonOption, nameArgument, storeOption, timeScaleOption } from "./options.ts";
import { readSecret } from "./secret-input.ts";
import { print, say, visible } from "./terminal.ts";

interface Where {
  readonly data?: string;
  readonly store?: string;
  readonly timeScale?: number;
}

interface Common extends Where {
  readonly json?: true;
}

interface ConnectOptions extends Common {
  readonly provider?: string;
  readonly policy?: string;
  readonly tokenEndpoint?: string;
  readonly clientAuthentication?: "basic" | "body";
  readonly clientId: string;
  readonly clientSecretFile?: string;
  readonly refreshTokenFile: string;
}

const here = (command: Command): Command =>
  command.addOption(dataOption()).addOption(storeOption());

const named = (name: string, description: string): Command =>
  here(new Command(name).description(description)).argument(
    "<name>",
    "the connection's name",
    nameArgument,
  );

export function connectionCommands(): readonly Command[] {
  return [
    connectCommand(),
    named("token", "print an access token that may be used now")
      .addOption(jsonOption("print it with its end and its generation"))
      .action((name: string, options: Common) =>
        withClient(options, async (client) => {
          const answer = await client.token(name);
          await print(options.json ? JSON.stringify(answer) : answer.access_token);
        }),
      ),
    here(new Command("connections").description("list the connections"))
      .addOption(jsonOption("print one line of JSON"))
      .action((options: Common) =>
        withClient(options, async (client) => {
          const connections = await client.connections();
          if (options.json) return await print(JSON.stringify({ connections }));
          await list(connections);
        }),
      ),
    named("show", "show how a connection fares")
      .addOption(jsonOption("print one line of JSON"))
      .action((name: string, options: Common) =>
        withClient(options, async (client) => {
          const answer = await client.show(name);
          await (options.json ? print(JSON.stringify(answer)) : show(answer));
        }),
      ),
    named("remove", "forget a connection and its tokens; the provider is not told").action(
      (name: string, options: Common) =>
        withClient(options, async (client) => {
          await client.remove(name);
          say(`"${name}" is forgotten here; the provider was not told`);
        }),
    ),
  ];
}

function connectCommand(): Command {
  return named("connect", "take over a chain from a refresh token that was granted elsewhere")
    .addOption(
      new Option("--provider <preset>", "a provider by name, with all that is known of it"),
    )
    .addOption(
      new Option("--policy <preset>", "any other provider: its policy").conflicts("provider"),
    )
    .addOption(
      new Option("--token-endpoint <url>", "its token endpoint; for a known provider, another one"),
    )
    .addOption(
      new Option("--client-authentication <how>", "how the client authenticates").choices([
        "basic",
        "body",
      ]),
    )
    .addOption(new Option("--client-id <id>", "the client's id there").makeOptionMandatory())
    .addOption(
      new Option("--client-secret-file <file>", 'a file with the client\'s secret, or "-"'),
    )
    .addOption(
      new Option(
        "--refresh-token-file <file>",
        'a file with the refresh token, or "-"',
      ).makeOptionMandatory(),
    )
    .addOption(timeScaleOption())
    .addOption(jsonOption("print the connection as one line of JSON"))
    .action(connect);
}

async function connect(name: string, options: ConnectOptions): Promise<void> {
  const { clientSecretFile, refreshTokenFile } = options;
  if (clientSecretFile === "-" && refreshTokenFile === "-") {
    throw new UsageError(
      'both secrets are to come from the standard input; expected a file for one of "--client-secret-file" and "--refresh-token-file"',
    );
  }
  if (options.clientId === "") throw new UsageError('option "--client-id" is ""; expected an id');
  checkProvider(options);
  const clientSecret =
    clientSecretFile === undefined
      ? undefined
      : await readSecret("--client-secret-file", clientSecretFile);
  const refreshToken = await readSecret("--refresh-token-file", refreshTokenFile);
  await withClient(
    options,
    async (client) => {
      const answer = await client.connect({
        name,
        ...(options.provider === undefined ? {} : { provider: options.provider }),
        ...(options.policy === undefined ? {} : { policy: options.policy }),
        ...(options.tokenEndpoint === undefined ? {} : { token_endpoint: options.tokenEndpoint }),
        ...(options.clientAuthentication === undefined
          ? {}
          : { client_authentication: options.clientAuthentication }),
        client_id: options.clientId,
        ...(clientSecret === undefined ? {} : { client_secret: clientSecret.reveal() }),
        refresh_token: refreshToken.reveal(),
      });
      if (options.json) return await print(JSON.stringify(answer));
      say(`"${name}" is connected to ${answer.token_endpoint}; nothing was sent there yet`);
      say("from now on nobody else may use that refresh token");
    },
    { create: true },
  );
}

/** What can be told before any secret is read. */
function checkProvider({ provider, policy, tokenEndpoint }: ConnectOptions): void {
  if (provider === undefined && policy === undefined) {
    throw new UsageError(
      'no provider given; expected "--provider PRESET", or "--token-endpoint URL" with "--policy PRESET"',
    );
  }
  if (policy !== undefined && tokenEndpoint === undefined) {
    throw new UsageError('a policy without an address; expected "--token-endpoint URL" with it');
  }
}

/** Does something with the server that the environment names, or else with the data directory itself. */
async function withClient(
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

// --- for people -----------------------------------------------------------------------------------------

async function list(connections: readonly ConnectionAnswer[]): Promise<void> {
  if (connections.length === 0) return say("no connections yet");
  const rows = connections.map(({ name, provider, status, generation, cause }) => [
    name,
    provider,
    cause === null ? status : `${status}: ${cause}`,
    `generation ${generation}`,
  ]);
  const widths = [0, 1, 2].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of rows) {
    await print(visible(row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")));
  }
}

async function show(answer: ConnectionAnswer): Promise<void> {
  const at = (seconds: number | null): string =>
    seconds === null ? "-" : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
  const lines: readonly (readonly [string, string])[] = [
    ["name", answer.name],
    ["provider", answer.provider],
    ["token endpoint", answer.token_endpoint],
    ["client id", answer.client_id],
    ["status", `${answer.status} since ${at(answer.since)}`],
    ["generation", String(answer.generation)],
    ["access token ends", at(answer.access_ends_at)],
    ["refreshed", at(answer.refreshed_at)],
    ["next", at(answer.next_at)],
    ...(answer.cause === null ? [] : [["cause", answer.cause] as const]),
    ...(answer.explanation === null ? [] : [["", answer.explanation] as const]),
    ...(answer.evidence === null ? [] : [["provider said", answer.evidence] as const]),
    ...(answer.curable_until === null
      ? []
      : [["curable until", at(answer.curable_until)] as const]),
  ];
  for (const [label, value] of lines) await print(visible(`${label.padEnd(18)} ${value}`));
}
