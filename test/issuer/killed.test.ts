/**
 * The issuer is killed at every call that it makes to its store while it answers a refresh. Whoever asked knows only the
 * old token; another issuer over what was durable is asked with that.
 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Secret } from "../../src/env/secret.ts";
import { systemRandom } from "../../src/env/system.ts";
import { createIssuer, type Issuer } from "../../src/issuer/issuer.ts";
import { issuerKeys } from "../../src/issuer/keys.ts";
import { PLAIN_SHAPES } from "../../src/issuer/token-format.ts";
import { DEFAULT_RETENTION } from "../../src/store/engine.ts";
import { openGroupCommit } from "../../src/store/group-commit.ts";
import { MemoryDatabase, MemoryEngine } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { isOpenAfter } from "../conformance/promises.ts";
import { watch } from "../store/watched-engine.ts";
import { manualClock } from "../support/manual-clock.ts";

const CLIENT = { client_id: "client", client_secret: "the client's own secret" };

const clock = manualClock();

interface Running {
  readonly issuer: Issuer;
  readonly store: Store;
}

/** An issuer over a database, killed at its n-th step: before a call to the engine, or when the call was done. */
async function start(database: MemoryDatabase, dieAt = Number.POSITIVE_INFINITY): Promise<Running> {
  let steps = 0;
  const engine = new MemoryEngine(database, DEFAULT_RETENTION, () => turn());
  const step = async (): Promise<void> => {
    steps += 1;
    if (steps < dieAt) return;
    // The operating system gives up the locks of the dead; it does nothing more, ever.
    await engine.close();
    await new Promise(() => {});
  };
  const store = await openGroupCommit({
    clock,
    open: async () => watch(engine, { before: step, after: step }),
  });
  const keys = issuerKeys({ key: Buffer.alloc(32, 9), deployment: "test" });
  const grantTypes = ["authorization_code", "refresh_token"] as const;
  const realm = {
    name: "test",
    issuer: "https://issuer.example",
    shapes: PLAIN_SHAPES,
    grantTypes,
  };
  const issuer = createIssuer({ store, clock, random: systemRandom, keys, realm });
  return { issuer, store };
}

const ask = ({ issuer }: Running, refreshToken: string) =>
  issuer.token({
    parameters: { ...CLIENT, grant_type: "refresh_token", refresh_token: refreshToken },
  });

/** A chain in a database of its own that may be refreshed, and its token. */
async function granted(preset: string): Promise<{ database: MemoryDatabase; token: string }> {
  const database = new MemoryDatabase();
  const running = await start(database);
  const policy = PRESETS[preset]!;
  await running.issuer.registerClient({
    ...{ clientId: CLIENT.client_id, kind: "confidential", policy },
    grantTypes: ["authorization_code", "refresh_token"],
    secret: new Secret(CLIENT.client_secret),
  });
  const age = policy.minInterval;
  const outcome = await running.issuer.grant({ clientId: CLIENT.client_id, subject: "user", age });
  assert.ok(outcome.granted);
  await running.store.close();
  return { database, token: outcome.response.refreshToken ?? "" };
}

/** For each step at which it is killed, whether the old token is answered by the next issuer. */
async function killEverywhere(preset: string): Promise<readonly boolean[]> {
  const survived: boolean[] = [];
  for (let dieAt = 1; ; dieAt += 1) {
    const { database, token } = await granted(preset);
    const first = await start(database, dieAt);
    const answered = ask(first, token).then(() => true);
    const isDead = async (): Promise<boolean> => {
      for (let i = 0; i < 200; i += 1) await turn();
      return false;
    };
    if (await Promise.race([answered, isDead()])) return survived;
    clock.advance(PRESETS[preset]!.minInterval);
    const second = await start(database);
    survived.push((await ask(second, token)).granted);
    await second.store.close();
  }
}

test("[ISS-20] killed at any step of a refresh, the client's token is still answered wherever the policy has a window", async () => {
  const windowed = Object.keys(PRESETS).filter((name) => {
    const policy = PRESETS[name]!;
    const isPlayed = policy.access.form === "opaque";
    return isPlayed && policy.rotate === "always" && isOpenAfter(policy, policy.minInterval);
  });
  for (const name of ["handshake", "handshake-observed", "exact-online"]) {
    assert.ok(windowed.includes(name), name);
  }
  for (const name of windowed) {
    const survived = await killEverywhere(name);
    assert.ok(survived.length >= 6, `${name}: killed at ${survived.length} steps only`);
    assert.ok(survived.every(Boolean), `${name}: ${survived.join()}`);
  }
});

test("[ISS-20] where it has none, a kill after the commit costs the chain, and only that", async () => {
  const survived = await killEverywhere("strict");
  const lost = survived.indexOf(false);
  assert.ok(lost > 2, "before the commit nothing is lost");
  assert.ok(
    survived.slice(lost).every((one) => !one),
    "after it everything is",
  );
});
