/**
 * Very many consumers at the moment a token ends: one refresh for all of them. How fast ten thousand are answered over
 * real connections is what the bench says (`bench/relay.ts`).
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { PostOutcome } from "../../src/env/http-post.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { tokens, until } from "../keychain/harness.ts";
import { type Parts, relayParts } from "./parts.ts";
import type { Consumer } from "./stand.ts";

const CROWD = 1000;

/** Who is recorded to have got a generation. */
async function recorded({ started }: Parts, generation: number): Promise<Set<unknown>> {
  const found = new Set<unknown>();
  for (let after = 0; ; ) {
    const page = await started.store.events(after, 1000);
    for (const event of page) {
      if (event.type !== "token.handedOut" || event.data.generation !== generation) continue;
      found.add(event.data.consumer);
    }
    const last = page.at(-1);
    if (!last) return found;
    after = last.number;
  }
}

test("[G01, E05] a thousand consumers at the moment of expiry: one refresh, nobody gets an error, each is on record", async (t) => {
  const late = Promise.withResolvers<PostOutcome>();
  const wire = () => (parts.started.sent.length === 1 ? tokens(1) : late.promise);
  const parts: Parts = await relayParts(t, { wire });
  const { on, started } = parts;
  const crowd: Consumer[] = await Promise.all(
    Array.from({ length: CROWD }, () => parts.consumer()),
  );
  const [first] = crowd;
  assert(first);
  assert.equal((await parts.get(first)).accessToken, "access-1");
  const { accessEndsAt } = await started.keychain.show("acme");
  on.clock.advance((accessEndsAt ?? 0) - on.clock.now());

  // Some ask before the request is on its way, some while it is, some when the answer is in.
  const early = crowd.slice(0, CROWD / 2).map(parts.get);
  await until(() => started.sent.length === 2);
  const meanwhile = crowd.slice(CROWD / 2, CROWD - 100).map(parts.get);
  late.resolve(tokens(2));
  const after = crowd.slice(CROWD - 100).map(parts.get);
  const answers = await Promise.all([...early, ...meanwhile, ...after]);
  for (const [i, { accessToken, refreshToken, expiresIn }] of answers.entries()) {
    assert.equal(accessToken, "access-2");
    assert.equal(refreshToken, crowd[i]?.refreshToken, "each has its own");
    assert.equal(expiresIn, 600 * SECOND);
  }
  assert.equal(started.sent.length, 2, "one refresh for all");
  assert.deepEqual(await recorded(parts, 2), new Set(crowd.map(({ clientId }) => clientId)));
});
