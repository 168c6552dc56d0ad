/** Several issuers in processes of their own over one store. */

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { systemClock, systemRandom } from "../../src/env/system.ts";
import { createIssuer } from "../../src/issuer/issuer.ts";
import { issuerKeys } from "../../src/issuer/keys.ts";
import { openSqliteStore } from "../../src/store/sqlite/engine.ts";
import type { Provider } from "../../src/vendors/provider.ts";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const PROCESSES = 4;
const PRESENTATIONS = 25;

/** What 25 presentations of one token, over 4 processes at once, were answered; and what the chain is then. */
async function race(t: TestContext, preset: string) {
  const path = join(temporaryDirectory(t), "store.db");
  const key = Buffer.alloc(32, 5);
  const clock = systemClock();
  const store = await openSqliteStore({ path, clock });
  t.after(() => store.close());
  const { policy, grantTypes, shapes, scope } = PROVIDERS[preset] as Provider;
  const issuer = createIssuer({
    store,
    clock,
    random: systemRandom,
    keys: issuerKeys({ key, deployment: "test" }),
    realm: { name: "test", issuer: "http://127.0.0.1", grantTypes, shapes },
  });
  await issuer.registerClient({
    clientId: "client",
    kind: "confidential",
    policy,
    grantTypes,
    redirectUris: ["http://127.0.0.1/callback"],
    scope,
    secret: new Secret("client secret"),
  });
  const granted = await issuer.grant({ clientId: "client", subject: "user" });
  assert(granted.granted);
  const token = granted.response.refreshToken as string;
  const children = Array.from({ length: PROCESSES }, () =>
    fork(join(import.meta.dirname, "presenting-process.ts")),
  );
  t.after(() => {
    for (const child of children) child.kill("SIGKILL");
  });
  await Promise.all(
    children.map(async (child, index) => {
      const times =
        Math.floor(PRESENTATIONS / PROCESSES) + (index < PRESENTATIONS % PROCESSES ? 1 : 0);
      const task = {
        path,
        key: key.toString("hex"),
        preset,
        token,
        secret: "client secret",
        times,
      };
      const ready = once(child, "message");
      child.send(task);
      await ready;
    }),
  );
  const told = await Promise.all(
    children.map(async (child) => {
      const answered = once(child, "message");
      child.send("go");
      return (await answered)[0] as readonly string[];
    }),
  );
  return { answers: told.flat(), issuer, token };
}

test("[ISS-09] 25 presentations of one token over 4 processes: handshake gives all the same successor", async (t) => {
  const { answers, token } = await race(t, "handshake");
  assert.equal(answers.length, PRESENTATIONS);
  assert.equal(new Set(answers).size, 1);
  const [successor = ""] = answers;
  assert.notEqual(successor, token);
  assert.match(successor, /^[A-Za-z0-9_.-]{60,}$/, "a token, not a refusal");
});

test("[ISS-09] 25 presentations of one token over 4 processes: strict grants one and refuses the rest as a race", async (t) => {
  const { answers } = await race(t, "strict");
  const refused = answers.filter((answer) => answer === "superseded");
  assert.equal(refused.length, PRESENTATIONS - 1);
});
