/** What a process has and the record does not say: a late answer, a token in memory, an answer the store refused. */

import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { KetenError } from "../../src/env/error.ts";
import type { PostOutcome } from "../../src/env/http-post.ts";
import type { Store } from "../../src/store/store.ts";
import { connect, machine, start, tokens, until } from "./harness.ts";

/** A strict connection whose request is past its deadline; its caller was told to come again. */
async function overdue(t: TestContext) {
  const on = machine(t);
  const late = Promise.withResolvers<PostOutcome>();
  const started = await start(on, { wire: () => late.promise });
  const { keychain, sent } = started;
  await connect(started, ["strict"]);
  const waiting = assert.rejects(keychain.token("acme", "worker"), {
    code: "connection_unavailable",
  });
  await until(() => sent.length === 1);
  on.clock.advance(20_000);
  await waiting;
  return { keychain, sent, late };
}

test("[PRO-04] an answer that comes after its deadline is settled though nobody asks", async (t) => {
  const { keychain, sent, late } = await overdue(t);
  // From here on nobody looks at the journal but who listens for the answer.
  late.resolve(tokens(1));
  await until(async () => (await keychain.show("acme")).status === "fresh");
  assert.equal((await keychain.token("acme", "worker")).accessToken.reveal(), "access-1");
  assert.equal(sent.length, 1);
});

test("[PRO-14, PRO-04] draining waits for a request past its deadline, whose caller was told to come again", async (t) => {
  const { keychain, late } = await overdue(t);
  let isDrained = false;
  const drained = keychain.drain().then(() => {
    isDrained = true;
  });
  for (let turn = 0; turn < 200; turn += 1) await setImmediate();
  assert.equal(isDrained, false, "a request is on its way");
  late.resolve(tokens(1));
  await drained;
});

test("[E18] a token is given out from memory up to its end, and no longer", async (t) => {
  const on = machine(t);
  let n = 0;
  // It ends when the provider allows the next refresh, and not before that is due.
  const started = await start(on, { wire: () => tokens(++n, { expires_in: 570 }) });
  await connect(started, ["exact-online"]);
  const take = async () => (await started.keychain.token("acme", "worker")).generation;
  assert.equal(await take(), 1);
  on.clock.advance(569_500);
  assert.deepEqual([await take(), await take()], [1, 1]);
  // Within the second in which nobody looks at the record.
  on.clock.advance(600);
  assert.equal(await take(), 2);
});

test("[PRO-03, STO-04] an answer that the store refuses is kept by its process, should its journal be lost too", async (t) => {
  const on = machine(t);
  let isDown = false;
  const wrapStore = (store: Store): Store => ({
    read: (key) => store.read(key),
    list: (kind, where, after) => store.list(kind, where, after),
    events: (after, limit) => store.events(after, limit),
    size: () => store.size(),
    close: () => store.close(),
    update: (keys, decide) =>
      isDown
        ? Promise.reject(new KetenError("store_unavailable", "down", { retryable: true }))
        : store.update(keys, decide),
  });
  const wire = () => {
    isDown = true;
    return tokens(1);
  };
  const started = await start(on, { wrapStore, wire });
  await connect(started, ["strict"]);
  const asked = started.keychain.token("acme", "worker");
  await assert.rejects(asked, { code: "store_unavailable" });
  for (const name of readdirSync(join(on.directory, "journal"))) {
    rmSync(join(on.directory, "journal", name));
  }
  isDown = false;
  const { accessToken } = await started.keychain.token("acme", "worker");
  assert.equal(accessToken.reveal(), "access-1");
  assert.equal(started.sent.length, 1);
});
