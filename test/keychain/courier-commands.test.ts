/** The courier where nobody asked for it: commands without a server, and what is left in the data directory. */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openHome } from "../../src/cli/compose.ts";
import { sweep } from "../../src/cli/housekeeping.ts";
import { Secret } from "../../src/env/secret.ts";
import { providerSettings } from "../../src/vendors/known-providers.ts";
import { keten, secretFile, startKeten } from "../cli/processes.ts";
import { recordingLog } from "../support/recording-log.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { childrenOf, ended, journaled, provider, requestsCame, runs } from "./courier-stand.ts";

async function connected(t: TestContext) {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const to = await provider(t);
  const { code, stderr } = await keten(t, [
    ...["connect", "acme", "--policy", "strict", "--token-endpoint", to.url, "--client-id", "c"],
    ...["--refresh-token-file", secretFile(directory, "token", "refresh-0"), "--data", dataDir],
  ]);
  assert.equal(code, 0, stderr);
  return { dataDir, to };
}

test("[E07, PRO-15] Ctrl-C in `keten token` while the answer is on its way: the courier has it, the next call hands it out", async (t) => {
  const { dataDir, to } = await connected(t);
  const args = ["token", "acme", "--data", dataDir];
  const asked = startKeten(t, args);
  await requestsCame(to, 1);
  const [courier = 0] = childrenOf(asked.child.pid ?? 0);
  asked.child.kill("SIGINT");
  assert.equal((await asked.finished).code, null);
  assert.ok(runs(courier));
  to.grant(0, 1);
  await journaled(dataDir, 1);
  const next = await keten(t, args);
  assert.deepEqual([next.code, next.stdout], [0, "access-1\n"], next.stderr);
  assert.deepEqual(to.presented(), ["refresh-0"]);
  await ended(courier);
});

test("[PRO-15] a call that finds a token starts no courier, and one that refreshes leaves none", async (t) => {
  const { dataDir, to } = await connected(t);
  const args = ["token", "acme", "--data", dataDir];
  const asked = startKeten(t, args);
  await requestsCame(to, 1);
  const [courier = 0] = childrenOf(asked.child.pid ?? 0);
  to.grant(0, 1);
  assert.equal((await asked.finished).code, 0);
  await ended(courier);
  assert.deepEqual(readdirSync(join(dataDir, "owners")), []);
  assert.equal(readdirSync(join(dataDir, "journal")).length, 1);
  assert.equal((await keten(t, args)).stdout, "access-1\n");
  assert.equal(readdirSync(join(dataDir, "journal")).length, 1);
});

test("[PRO-11] journals of processes that ended in order are swept when they are old enough", async (t) => {
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const to = await provider(t);
  const log = recordingLog();
  // A settled answer is kept for a day; here that is a few milliseconds.
  const options = { dataDir, mode: "lazy", timeScale: 100_000, log } as const;
  for (const courier of ["off", "lazy"] as const) {
    const home = await openHome({ ...options, courier });
    await home.keychain.connect({
      ...{ name: courier, clientId: "c", clientSecret: null },
      provider: providerSettings({ policy: "strict", tokenEndpoint: to.url }),
      refreshToken: new Secret(`refresh-of-${courier}`),
    });
    const requests = to.requests.length;
    const drawn = home.keychain.token(courier, "test");
    await requestsCame(to, requests + 1);
    to.grant(requests, 1);
    await drawn;
    await home.close();
  }
  const files = readdirSync(join(dataDir, "journal"));
  assert.equal(files.length, 2);
  const home = await openHome({ ...options, courier: "off" });
  t.after(() => home.close());
  const oldest = home.clock.now() + 25 * 3_600_000;
  while (home.clock.now() < oldest) await new Promise((resolve) => setImmediate(resolve));
  await sweep(home);
  assert.deepEqual(
    files.filter((name) => existsSync(join(dataDir, "journal", name))),
    [],
  );
});
