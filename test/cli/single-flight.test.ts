/** Single flight between processes: four programs share a data directory, without a server. */

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import test from "node:test";
import { openKeychain } from "../../src/cli/library.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import type { Provider } from "../../src/vendors/provider.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { requestsOf } from "./processes.ts";

test("[PRO-12] a thousand concurrent callers in four processes cause one token request", async (t) => {
  const sandbox = await startSandbox({ provider: PROVIDERS.handshake as Provider });
  t.after(() => sandbox.close());
  const dataDir = join(temporaryDirectory(t), "data");
  const keychain = await openKeychain({ dataDir, lazy: true });
  const { tokenEndpoint, clientId, clientSecret, refreshToken } = sandbox;
  const provider = "handshake";
  await keychain.connect({
    name: "acme",
    provider,
    tokenEndpoint,
    clientId,
    clientSecret,
    refreshToken,
  });
  await keychain.close();
  const children = Array.from({ length: 4 }, () =>
    fork(join(import.meta.dirname, "drawing-process.ts"), [dataDir, "250"]),
  );
  t.after(() => {
    for (const child of children) child.kill("SIGKILL");
  });
  await Promise.all(children.map((child) => once(child, "message")));
  const drawn = children.map(async (child) => {
    const answered = once(child, "message");
    child.send("go");
    return (await answered)[0] as readonly string[];
  });
  const tokens = new Set((await Promise.all(drawn)).flat());
  assert.equal(tokens.size, 1, "all got the same token of one generation");
  const requests = await requestsOf({ url: sandbox.url });
  assert.equal(requests.length, 1);
});
