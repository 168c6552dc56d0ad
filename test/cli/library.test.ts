/** The library as a consumer has it: from the source, and from the package as it would be published. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../../scripts/source-files.ts";
import {
  KetenError,
  type KeychainLibrary,
  openKeychain,
  presetNames,
} from "../../src/cli/library.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { requestsOf, startProgram } from "./processes.ts";

const run = promisify(execFile);

async function standInFor(t: TestContext, preset: string, faults = {}) {
  const provider = PROVIDERS[preset];
  assert.ok(provider);
  const sandbox = await startSandbox({ provider, faults });
  t.after(() => sandbox.close());
  const { tokenEndpoint, clientId, clientSecret, refreshToken, url } = sandbox;
  return { url, settings: { tokenEndpoint, clientId, clientSecret, refreshToken } };
}

async function open(t: TestContext, options: Parameters<typeof openKeychain>[0]) {
  const keychain = await openKeychain(options);
  t.after(() => keychain.close());
  return keychain;
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "none",
    (error: unknown) => (error instanceof KetenError ? error.code : String(error)),
  );

test("[E05] a thousand callers in two keychains on one data directory cause one refresh", async (t) => {
  const { url, settings } = await standInFor(t, "exact-online");
  const dataDir = join(temporaryDirectory(t), "data");
  const first = await open(t, { dataDir, lazy: true });
  const second = await open(t, { dataDir, lazy: true });
  const added = await first.connect({ name: "acme", provider: "exact-online", ...settings });
  assert.equal(added.status, "imported");
  const calls = Array.from({ length: 500 }, () => [first.token("acme"), second.token("acme")]);
  const tokens = await Promise.all(calls.flat());
  assert.equal(new Set(tokens.map(({ accessToken }) => accessToken)).size, 1);
  assert.equal((await requestsOf({ url })).length, 1);
  const [token] = tokens;
  assert.deepEqual(Object.keys(token ?? {}).sort(), [
    ...["accessToken", "expiresAt", "generation", "scope", "tokenType"],
  ]);
  assert.ok((token?.expiresAt ?? 0) > Date.now() + 500_000);
  assert.deepEqual(
    (await second.connections()).map(({ name }) => name),
    ["acme"],
  );
});

test("[house] the library says by code what is wrong, and after close that it is closed", async (t) => {
  const { settings } = await standInFor(t, "handshake");
  const dataDir = join(temporaryDirectory(t), "data");
  const keychain: KeychainLibrary = await open(t, { dataDir });
  assert.ok(presetNames.includes("handshake"));
  const acme = { name: "acme", provider: "handshake", ...settings };
  await keychain.connect(acme);
  assert.equal(await codeOf(keychain.connect(acme)), "connection_exists");
  assert.equal(await codeOf(keychain.connect({ ...acme, name: "a/b" })), "config_invalid");
  assert.equal(await codeOf(keychain.connect({ ...acme, provider: "nobody" })), "config_invalid");
  assert.equal(await codeOf(keychain.connect({ ...acme, refreshToken: "" })), "config_invalid");
  assert.equal(await codeOf(keychain.token("none")), "connection_unknown");
  const { generation } = await keychain.token("acme");
  assert.equal((await keychain.failed("acme", generation)).generation, generation + 1);
  assert.equal((await keychain.failed("acme", generation)).generation, generation + 1);
  for (const unreal of [generation + 7, -1, 1.5, Number.NaN]) {
    assert.equal(await codeOf(keychain.failed("acme", unreal)), "request_invalid", String(unreal));
  }
  await keychain.remove("acme");
  assert.equal(await codeOf(keychain.show("acme")), "connection_unknown");
  await keychain.close();
  await keychain.close();
  for (const call of [() => keychain.token("acme"), () => keychain.connections()]) {
    assert.equal(await codeOf(call()), "draining");
  }
  assert.equal(
    await codeOf(openKeychain({ dataDir, storeUrl: "postgres://h/d" })),
    "config_invalid",
  );
});

test("[house] a process that waits for a token of a refresh elsewhere is kept by that alone", async (t) => {
  const { settings } = await standInFor(t, "handshake", {
    "answer-late": { rate: 1, minMs: 1500, maxMs: 1500 },
  });
  const directory = temporaryDirectory(t);
  const dataDir = join(directory, "data");
  const keychain = await open(t, { dataDir, lazy: true });
  await keychain.connect({ name: "acme", provider: "handshake", ...settings });
  const here = keychain.token("acme");
  const file = join(directory, "waiting.ts");
  writeFileSync(
    file,
    `import { openKeychain } from ${JSON.stringify(join(ROOT, "src/cli/library.ts"))};
     const keychain = await openKeychain({ dataDir: ${JSON.stringify(dataDir)}, lazy: true });
     console.log(JSON.stringify(await keychain.token("acme")));
     await keychain.close();`,
  );
  const { code, stdout, stderr } = await startProgram(t, [process.execPath, file]).finished;
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), await here);
});

test("[house] the packed package works for a consumer: its types, its library and its command", async (t) => {
  const directory = temporaryDirectory(t);
  const { settings } = await standInFor(t, "handshake");
  const node = (...args: string[]) => run(process.execPath, args, { cwd: directory });
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  // What `npm pack` would do first; here it builds only what has changed.
  await run(process.execPath, [tsc, "--build", "tsconfig.build.json"], { cwd: ROOT });
  const path = [dirname(process.execPath), process.env.PATH].join(":");
  const env = { ...process.env, PATH: path };
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", directory], {
    cwd: ROOT,
    env,
  });
  const archive = readdirSync(directory).find((name) => name.endsWith(".tgz")) ?? "";
  await run("tar", ["-xzf", archive], { cwd: directory });
  const modules = join(directory, "node_modules");
  mkdirSync(modules);
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  renameSync(join(directory, "package"), join(modules, "keten"));
  writeFileSync(join(directory, "package.json"), '{"type":"module"}');
  writeFileSync(
    join(directory, "consumer.ts"),
    `import { type AccessToken, openKeychain } from "keten";
     const keychain = await openKeychain({ dataDir: "data" });
     await keychain.connect(${JSON.stringify({ name: "acme", provider: "handshake", ...settings })});
     const token: AccessToken = await keychain.token("acme");
     console.log(token.generation, token.tokenType);
     await keychain.close();`,
  );
  const types = [
    "--strict",
    "--noEmit",
    "--module",
    "nodenext",
    "--target",
    "es2024",
    "--types",
    "node",
  ];
  await node(tsc, ...types, "consumer.ts");
  const consumed = await node("consumer.ts");
  assert.equal(consumed.stdout, "1 Bearer\n");
  const launcher = join(modules, "keten/bin/keten.js");
  const shown = await node(launcher, "connections", "--data", "data");
  assert.match(shown.stdout, /^acme {2}handshake {2}fresh {2}generation 1$/m);
});
