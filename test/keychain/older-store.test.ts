/** A store that comes back older than what happened: the journals know better, and the old token is not presented. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { MINUTE } from "../../src/kernel/time.ts";
import { keyOf } from "../../src/store/store.ts";
import { answer, connect, machine, start, tokens } from "./harness.ts";

const presented = (forms: readonly URLSearchParams[]) =>
  forms.map((form) => form.get("refresh_token"));

for (const preset of ["strict", "exact-online"]) {
  test(`[E09, G07] a store restored from a backup is brought up by the journals before anything is sent (${preset})`, async (t) => {
    const on = machine(t);
    let n = 0;
    const wire = () => tokens(++n);
    const first = await start(on, { wire });
    await connect(first, [preset]);
    await first.keychain.token("acme", "worker");
    const key = keyOf("connection", "acme");
    const backup = await first.store.read(key);
    assert(backup);
    for (let refresh = 0; refresh < 2; refresh += 1) {
      on.clock.advance(10 * MINUTE);
      await first.keychain.token("acme", "worker");
    }
    first.kill();
    const second = await start(on, { wire });
    await second.store.update([key], () => ({ result: null, writes: [backup] }));
    on.clock.advance(10 * MINUTE);
    await second.keychain.token("acme", "worker");
    assert.deepEqual(
      presented(second.sent),
      ["refresh-3"],
      "the newest token, not the restored one",
    );
    assert.equal((await second.keychain.show("acme")).status, "fresh");
  });
}

test("[E09] an access token that the journals bring back is handed out without a refresh", async (t) => {
  const on = machine(t);
  let n = 0;
  const first = await start(on, { wire: () => tokens(++n) });
  await connect(first, ["exact-online"]);
  const key = keyOf("connection", "acme");
  const backup = await first.store.read(key);
  assert(backup);
  await first.keychain.token("acme", "worker");
  first.kill();
  const second = await start(on, { wire: () => answer(500, "") });
  await second.store.update([key], () => ({ result: null, writes: [backup] }));
  const { accessToken } = await second.keychain.token("acme", "worker");
  assert.equal(accessToken.reveal(), "access-1");
  assert.deepEqual(presented(second.sent), []);
});
