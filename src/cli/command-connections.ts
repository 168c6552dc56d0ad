/** `connect`, `token`, `connections`, `show`, `remove`: the same with a server or on a data directory without one. */

import { Command, Option } from "commander";
import type { ConnectionAnswer } from "../http/api-wire.ts";
import { UsageError } from "./failure.ts";
import { dataOption, jsonOption, nameArgument, storeOption, timeScaleOption } from "./options.ts";
import { readSecret } from "./secret-input.ts";
import { print, say, visible } from "./terminal.ts";
import { type Where, withClient } from "./with-client.ts";

interface Common extends Where {
  readonly json?: true;
}

interface ConnectOptions extends Common {
  readonly provider?: string;
  readonly policy?: string;
  readonly tokenEndpoint?: string;
  readonly clientAuthentication?: "basic" | "body";
  readonly probeEndpoint?: string;
  readonly clientId: string;
  readonly clientSecretFile?: string;
  readonly refreshTokenFile: string;
}

export const here = (command: Command): Command =>
  command.addOption(dataOption()).addOption(storeOption());

export const named = (name: string, description: string): Command =>
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
    named("reconnect", "go on with a connection from a refresh token that was granted anew")
      .addOption(
        new Option(
          "--refresh-token-file <file>",
          'a file with the refresh token, or "-"',
        ).makeOptionMandatory(),
      )
      .action(reconnect),
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
    .addOption(
      new Option(
        "--probe-endpoint <url>",
        "where a GET with an access token tells whether it is dead",
      ),
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
        ...(options.probeEndpoint === undefined ? {} : { probe_endpoint: options.probeEndpoint }),
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

async function reconnect(
  name: string,
  options: Common & { readonly refreshTokenFile: string },
): Promise<void> {
  const refreshToken = await readSecret("--refresh-token-file", options.refreshTokenFile);
  await withClient(options, async (client) => {
    await client.reconnect(name, refreshToken);
    say(`"${name}" goes on from the new token; its consumers need nothing`);
  });
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
