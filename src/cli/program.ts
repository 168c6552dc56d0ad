/** The command line as a whole. */

import { Command } from "commander";
import { adoptCommand } from "./command-adopt.ts";
import { connectionCommands } from "./command-connections.ts";
import { consumerCommand } from "./command-consumers.ts";
import { policyCommand } from "./command-policy.ts";
import { sandboxCommand } from "./command-sandbox.ts";
import { serveCommand } from "./command-serve.ts";
import { UsageError } from "./failure.ts";
import { version } from "./version.ts";

const AFTER_HELP = `
Where a server runs, set KETEN_URL and KETEN_API_KEY and the commands ask it;
otherwise they work on the data directory themselves. Secrets are read from
files, or from the standard input ("-"), never from the command line.

To try it, in one terminal:
  keten sandbox handshake
and with what that prints, in another:
  keten connect acme --provider handshake --token-endpoint URL --client-id ID \\
    --client-secret-file secret --refresh-token-file token
  keten token acme`;

function makeProgram(): Command {
  const program = new Command("keten")
    .description("keeps OAuth refresh-token chains whole, and hands out their access tokens")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this, or the help of a command")
    .helpCommand(false)
    .addHelpText("after", AFTER_HELP)
    .showSuggestionAfterError(true);
  for (const command of [
    serveCommand(),
    ...connectionCommands(),
    consumerCommand(),
    adoptCommand(),
    sandboxCommand(),
    policyCommand(),
  ]) {
    program.addCommand(command);
  }
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) {
    command.exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {} });
    if (command !== program) command.helpOption("-h, --help", "print this");
  }
  return program;
}

/** Carries out a command line. @throws what `failureOf` explains */
export async function parseProgram(args: readonly string[]): Promise<void> {
  const program = makeProgram();
  if (args.length === 0) {
    const names = program.commands.map((command) => command.name()).join(", ");
    throw new UsageError(`no command given; expected one of ${names}, or --help`);
  }
  await program.parseAsync(args, { from: "user" });
}
