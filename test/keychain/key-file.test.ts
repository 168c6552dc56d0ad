import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemRandom } from "../../src/env/system.ts";
import type { DataKey } from "../../src/keychain/data-key.ts";
import { openKeyFile } from "../../src/keychain/key-file.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

function paths(t: TestContext) {
  const directory = temporaryDirectory(t);
  const keyPath = join(directory, "keten.key");
  const checkPath = join(directory, "keten.key-check");
  const open = (): DataKey => openKeyFile({ keyPath, checkPath, random: systemRandom });
  const state = () =>
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "hex")]);
  return { directory, keyPath, checkPath, open, state };
}

test("[CRY-11] a key is made once, for its owner's eyes only", (t) => {
  const { keyPath, open, state } = paths(t);
  const { id } = open();
  const first = state();
  assert.deepEqual(
    first.map(([name]) => name),
    ["keten.key", "keten.key-check"],
  );
  assert.equal(statSync(keyPath).mode & 0o777, 0o400);
  assert.equal(statSync(keyPath).size, 32);
  assert.equal(open().id, id);
  assert.deepEqual(state(), first);
});

test("[CRY-11] a key file that others can use is refused and named with its mode", (t) => {
  const { keyPath, open, state } = paths(t);
  open();
  const before = state();
  for (const mode of [0o440, 0o404, 0o420, 0o444, 0o410]) {
    chmodSync(keyPath, mode);
    assert.throws(open, (error: Error & { code?: string }) => {
      assert.equal(error.code, "key_unsafe");
      assert.match(error.message, new RegExp(`mode 0${mode.toString(8)}; expected 0400`));
      return true;
    });
  }
  chmodSync(keyPath, 0o600);
  assert.ok(open());
  assert.deepEqual(state(), before);
});

test("[CRY-08] a wrong, missing, short or long key is a clear error and changes nothing", (t) => {
  const { keyPath, open, state } = paths(t);
  const { id } = open();
  const cases = [
    { length: undefined, says: `is missing; expected key ${id}` },
    { length: 0, says: "has 0 bytes; expected 32" },
    { length: 31, says: "has 31 bytes; expected 32" },
    { length: 33, says: "has 33 bytes; expected 32" },
    { length: 32, says: `expected key ${id}, which sealed this data` },
  ];
  for (const { length, says } of cases) {
    rmSync(keyPath, { force: true });
    if (length !== undefined) writeFileSync(keyPath, Buffer.alloc(length, 9), { mode: 0o400 });
    const before = state();
    assert.throws(open, (error: Error & { code?: string }) => {
      assert.equal(error.code, "key_wrong");
      assert.ok(error.message.endsWith(says), error.message);
      return true;
    });
    assert.deepEqual(state(), before);
  }
});

test("[CRY-08] a damaged check value refuses the right key", (t) => {
  const { checkPath, open } = paths(t);
  open();
  const check = readFileSync(checkPath, "latin1");
  for (const damaged of [
    "",
    check.slice(0, -2),
    check.replace(/^k/, "K"),
    check.replace(/.\n$/, "\n"),
  ]) {
    rmSync(checkPath);
    writeFileSync(checkPath, damaged);
    assert.throws(open, { code: "key_wrong" });
  }
});

test("[CRY-08] a key brought along, or one whose check was not written before a crash, gets its check", (t) => {
  const { keyPath, checkPath, open } = paths(t);
  writeFileSync(keyPath, Buffer.alloc(32, 5), { mode: 0o400 });
  const { id } = open();
  assert.match(readFileSync(checkPath, "latin1"), new RegExp(id));
});

test("[CRY-11] processes that start together agree on one key and leave no draft", async (t) => {
  const { directory, keyPath, checkPath } = paths(t);
  const script = `
    import { openKeyFile } from ${JSON.stringify(new URL("../../src/keychain/key-file.ts", import.meta.url).href)};
    import { systemRandom } from ${JSON.stringify(new URL("../../src/env/system.ts", import.meta.url).href)};
    const [keyPath, checkPath] = process.argv.slice(1);
    console.log(openKeyFile({ keyPath, checkPath, random: systemRandom }).id);`;
  const ids = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const args = ["--input-type=module", "-e", script, keyPath, checkPath];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      child.stdout.on("data", (chunk) => {
        text += chunk;
      });
      await once(child, "close");
      return text.trim();
    }),
  );
  assert.equal(new Set(ids).size, 1);
  assert.match(ids[0] ?? "", /^[0-9a-f]{16}$/);
  assert.deepEqual(readdirSync(directory).sort(), ["keten.key", "keten.key-check"]);
});
