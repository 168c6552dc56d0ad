/** `keten adopt`: takes a copy of a data directory, or one that was restored, for the original from now on. */

import { Command } from "commander";
import { adoptHome, defaultDataDir, isHome } from "./compose.ts";
import { UsageError } from "./failure.ts";
import { dataOption, storeOption } from "./options.ts";
import { say } from "./terminal.ts";

export function adoptCommand(): Command {
  return new Command("adopt")
    .description("go on with a copied or restored data directory; its original must not run again")
    .addOption(dataOption())
    .addOption(storeOption())
    .action(adopt);
}

function adopt(options: { readonly data?: string; readonly store?: string }): void {
  const dataDir = options.data ?? defaultDataDir();
  if (!isHome(dataDir)) {
    throw new UsageError(
      `"${dataDir}" holds no keychain; expected a copied or restored data directory`,
    );
  }
  adoptHome(dataDir, options.store);
  say(`"${dataDir}" is the original from now on; any other must not run again`);
  say('what the other has refreshed since the copy is unknown here: see "keten connections"');
}
