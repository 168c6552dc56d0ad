/** `consumer add`, `list`, `revoke`, `rotate-secret`: who shares a connection's access tokens through the relay. */

import { Command, Option } from "commander";
import type { AddedConsumerAnswer, ConsumerAnswer } from "../http/consumers-wire.ts";
import { here } from "./command-connections.ts";
import { withCommands } from "./command-group.ts";
import { clientIdArgument, jsonOption, nameArgument } from "./options.ts";
import { print, say, visible } from "./terminal.ts";
import { type Where, withClient } from "./with-client.ts";

interface Common extends Where {
  readonly json?: true;
}

interface AddOptions extends Common {
  readonly clientId?: string;
  readonly dialect?: string;
  readonly allowFrom?: readonly string[];
  readonly refreshToken: boolean;
}

const CLIENT_ID = "its client id";

export function consumerCommand(): Command {
  const command = new Command("consumer").description(
    "let products share a connection: each gets a client id, a secret and a stable token",
  );
  return withCommands(command, [addCommand(), listCommand(), revokeCommand(), rotateCommand()]);
}

function revokeCommand(): Command {
  return here(new Command("revoke").description("end a consumer's right to ask, for ever"))
    .argument("<client-id>", CLIENT_ID, clientIdArgument)
    .action((clientId: string, options: Common) =>
      withClient(options, async (client) => {
        await client.revokeConsumer(clientId);
        say(`"${clientId}" gets no token any more; what it holds ends by itself`);
      }),
    );
}

function rotateCommand(): Command {
  return here(new Command("rotate-secret").description("give a consumer another secret"))
    .argument("<client-id>", CLIENT_ID, clientIdArgument)
    .addOption(jsonOption("print it as one line of JSON"))
    .action((clientId: string, options: Common) =>
      withClient(options, async (client) => {
        const answer = await client.replaceConsumerSecret(clientId);
        await print(options.json ? JSON.stringify(answer) : answer.client_secret);
        say("the secret before is dead; this one is shown once");
      }),
    );
}

function addCommand(): Command {
  return here(new Command("add").description("add a consumer of a connection"))
    .argument("<connection>", "the connection's name", nameArgument)
    .addOption(
      new Option("--client-id <id>", "its client id (default: made of the name)").argParser(
        clientIdArgument,
      ),
    )
    .addOption(
      new Option(
        "--dialect <preset>",
        "the provider whose words its answers are in (default: the connection's)",
      ),
    )
    .addOption(
      new Option(
        "--allow-from <network...>",
        "addresses and networks it may ask from (default: all)",
      ),
    )
    .addOption(
      new Option("--no-refresh-token", "for one that asks with client_credentials, needing none"),
    )
    .addOption(jsonOption("print it as one line of JSON"))
    .action((connection: string, options: AddOptions) =>
      withClient(options, async (client) => {
        const answer = await client.addConsumer({
          connection,
          refresh_token: options.refreshToken,
          ...(options.clientId === undefined ? {} : { client_id: options.clientId }),
          ...(options.dialect === undefined ? {} : { dialect: options.dialect }),
          ...(options.allowFrom === undefined ? {} : { allow_from: [...options.allowFrom] }),
        });
        await (options.json ? print(JSON.stringify(answer)) : show(answer));
      }),
    );
}

function listCommand(): Command {
  return here(new Command("list").description("list the consumers"))
    .argument("[connection]", "of one connection", nameArgument)
    .addOption(jsonOption("print one line of JSON"))
    .action((connection: string | undefined, options: Common) =>
      withClient(options, async (client) => {
        const consumers = await client.consumers(connection);
        if (options.json) return await print(JSON.stringify({ consumers }));
        if (consumers.length === 0) return say("no consumers yet");
        for (const consumer of consumers) await print(lineOf(consumer));
      }),
    );
}

const lineOf = ({ client_id, connection, dialect, revoked_at }: ConsumerAnswer): string =>
  visible(
    [
      client_id,
      connection,
      dialect ?? "standard",
      revoked_at === null ? "may ask" : "revoked",
    ].join("  "),
  );

async function show(answer: AddedConsumerAnswer): Promise<void> {
  const lines: readonly (readonly [string, string])[] = [
    ["token endpoint", answer.token_endpoint],
    ["client id", answer.client_id],
    ["client secret", answer.client_secret],
    ...(answer.refresh_token === null ? [] : [["refresh token", answer.refresh_token] as const]),
  ];
  for (const [label, value] of lines) await print(visible(`${label.padEnd(18)} ${value}`));
  say("secret and refresh token are shown once; the refresh token never changes");
}
