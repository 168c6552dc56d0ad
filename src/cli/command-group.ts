/** A command that has commands: without one of them, it says which there are. */

import type { Command } from "commander";
import { UsageError } from "./failure.ts";
import { clipped } from "./options.ts";

export function withCommands(group: Command, commands: readonly Command[]): Command {
  for (const each of commands) {
    each.exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {} });
    group.addCommand(each.helpOption("-h, --help", "print this"));
  }
  const names = commands.map((each) => each.name()).join(", ");
  return group
    .helpCommand(false)
    .allowExcessArguments(true)
    .action((_: unknown, { args: [given] }: Command) => {
      const what =
        given === undefined
          ? `no ${group.name()} command given`
          : `unknown command "${group.name()} ${clipped(given)}"`;
      throw new UsageError(`${what}; expected one of ${names}`);
    });
}
