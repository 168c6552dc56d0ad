/** A copy of a data directory, or one that was restored: fenced out until somebody vouches that the other is dead. */

import assert from "node:assert/strict";
import { cpSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { connectArgs, keten, requestsOf, startKeten } from "./processes.ts";

/** A connection with one refresh behind it, in a data directory of a temporary one. */
async function home(t: TestContext) {
  const directory = temporaryDirectory(t);
  const data = join(directory, "data");
  const standIn = await startKeten(t, ["sandbox", "strict", "--port", "0", "--json"]).ready;
  const connected = await keten(t, [
    ...connectArgs(directory, "acme", "strict", standIn),
    ...["--data", data],
  ]);
  assert.equal(connected.code, 0, connected.stderr);
  const first = await keten(t, ["token", "acme", "--data", data]);
  assert.equal(first.code, 0, first.stderr);
  return { directory, data, requests: () => requestsOf(standIn) };
}

test("[E10, PRO-17] a copied data directory is fenced out before anything is sent; adopted, it goes on", async (t) => {
  const { directory, data, requests } = await home(t);
  const copy = join(directory, "copy");
  cpSync(data, copy, { recursive: true, preserveTimestamps: true });
  for (const args of [["token", "acme"], ["show", "acme"], ["connections"]]) {
    const refused = await keten(t, [...args, "--data", copy]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /"[^"]*copy" is a copy, or was restored.*"keten adopt"/);
  }
  const served = await keten(t, ["serve", "--port", "0", "--data", copy]);
  assert.equal(served.code, 1, "nor does a server start on it");
  assert.equal((await requests()).length, 1, "nothing was sent for it");

  const adopted = await keten(t, ["adopt", "--data", copy]);
  assert.equal(adopted.code, 0, adopted.stderr);
  const token = await keten(t, ["token", "acme", "--data", copy]);
  assert.equal(token.code, 0, token.stderr);
  const original = await keten(t, ["token", "acme", "--data", data]);
  assert.equal(original.code, 0, "what the copy is adopted for does not touch the original");
});

test("[PRO-17] a store put in another's place, or gone, is not opened and not made anew", async (t) => {
  const { data } = await home(t);
  const store = join(data, "keten.db");
  cpSync(store, `${store}.backup`);
  renameSync(store, `${store}.original`);
  const gone = await keten(t, ["connections", "--data", data]);
  assert.deepEqual([gone.code, /the store ".*" is gone/.test(gone.stderr)], [1, true], gone.stderr);
  renameSync(`${store}.backup`, store);
  const restored = await keten(t, ["connections", "--data", data]);
  assert.equal(restored.code, 1);
  assert.match(restored.stderr, /the store ".*" is a copy, or was restored/);
  rmSync(store);
  renameSync(`${store}.original`, store);
  assert.equal((await keten(t, ["connections", "--data", data])).code, 0, "its own is taken back");
});

test("[PRO-17] a data directory that is moved or renamed is the same", async (t) => {
  const { directory, data } = await home(t);
  const moved = join(directory, "moved");
  renameSync(data, moved);
  const token = await keten(t, ["token", "acme", "--data", moved]);
  assert.equal(token.code, 0, token.stderr);
});

test("[PRO-17] a damaged place and a directory without a keychain are one clear error each", async (t) => {
  const { directory, data } = await home(t);
  writeFileSync(join(data, "place.json"), "{}");
  const damaged = await keten(t, ["connections", "--data", data]);
  assert.equal(damaged.code, 2);
  assert.match(damaged.stderr, /place\.json" is damaged; expected the file/);
  const nothing = await keten(t, ["adopt", "--data", directory]);
  assert.equal(nothing.code, 2);
  assert.match(nothing.stderr, /holds no keychain/);
});
