/** A process that opens the keychain of a directory and draws one connection's token many times at once. */

import { openKeychain } from "../../src/cli/library.ts";

const [dataDir = "", times = "1"] = process.argv.slice(2);
const keychain = await openKeychain({ dataDir, lazy: true });
process.send?.("ready");
process.once("message", async () => {
  const reads = Array.from({ length: Number(times) }, () => keychain.token("acme"));
  const tokens = await Promise.all(reads);
  await keychain.close();
  const seen = [
    ...new Set(tokens.map(({ accessToken, generation }) => `${generation} ${accessToken}`)),
  ];
  process.send?.(seen);
  process.disconnect?.();
});
