/**
 * The checks bite: each fails at a server that makes the mistake it is about. Without this, a check that passes everywhere
 * might pass because it looks at nothing.
 */

import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { careless, MISTAKES, type MistakeName, offByASecond } from "./careless.ts";
import { type Check, judge } from "./check.ts";
import * as endpoint from "./endpoint-checks.ts";
import { type KetenUnderTest, startKeten } from "./keten-server.ts";
import * as limit from "./limit-checks.ts";
import { handshakeProfile, strictProfile } from "./profile-checks.ts";
import * as race from "./race-checks.ts";

let strict: KetenUnderTest;
let handshake: KetenUnderTest;
let limited: KetenUnderTest;

before(async () => {
  strict = await startKeten("strict");
  handshake = await startKeten("handshake");
  const expiry = { idle: "1 d", authorization: "10 d" };
  limited = await startKeten("strict", { policy: policyOf({ expiry }) });
});

after(async () => {
  for (const server of [strict, handshake, limited]) await server.close();
});

/** A check with the mistakes that it must find. */
const FINDS: readonly (readonly [Check, ...MistakeName[]])[] = [
  [endpoint.neverStored, "forgets no-store"],
  [endpoint.postOnly, "looks at no method"],
  [endpoint.noRepeatedParameters, "takes one of the repeated"],
  [endpoint.noCredentialsInUri, "reads the URI"],
  [endpoint.urisAreLogged, "reads the URI", "ignores the URI"],
  [endpoint.boundToClient, "compares no client"],
  [endpoint.scopeNeverWidens, "grants any scope"],
  [endpoint.errorsBurnNothing, "consumes before it checks the secret", "reads any body"],
  [endpoint.errorsBurnNothing, "compares no client"],
  [endpoint.codeBoundToVerifier, "needs no verifier"],
  [endpoint.codeOnce, "answers a code again"],
  [endpoint.codeReplayEndsGrant, "answers a code again"],
  [endpoint.garbageEndsNothing, "revokes on garbage"],
  [endpoint.revocationEndsGrant, "revokes nothing", "compares no client"],
  [endpoint.introspectionTellsNothing, "tells of inactive tokens", "compares no client"],
  [race.oneLineageOfToken, "grants anew whatever is presented"],
  [race.oneLineageOfCode, "grants anew whatever is presented"],
  [race.raceDiesWithItsGrant, "revokes nothing"],
  [strictProfile, "grants anew whatever is presented"],
];

test("[house] every check of the endpoints finds the mistake that it is about", async () => {
  const found = new Set<string>();
  for (const [check, ...mistakes] of FINDS) {
    assert.equal((await judge(check, strict)).verdict, "passes");
    for (const name of mistakes) {
      const { verdict } = await judge(check, careless(strict, name));
      assert.equal(verdict, "fails", `the server ${name}, and no check tells`);
      found.add(name);
    }
  }
  assert.deepEqual([...found].sort(), Object.keys(MISTAKES).sort());
});

test("[house] the handshake's check finds a server that makes a new successor of every retry", async () => {
  assert.equal((await judge(handshakeProfile, handshake)).verdict, "passes");
  const spoiled = careless(handshake, "grants anew whatever is presented");
  assert.equal((await judge(handshakeProfile, spoiled)).verdict, "fails");
});

test("[house] a limit that is off by a second, either way, is found", async () => {
  const limits = [
    [limit.codeEnds, "codeMs"],
    [limit.accessEnds, "accessMs"],
    [limit.unusedTokenEnds, "idleMs"],
    [limit.grantEnds, "authorizationMs"],
  ] as const;
  for (const [check, name] of limits) {
    assert.equal((await judge(check, limited)).verdict, "passes", name);
    for (const sign of [1, -1] as const) {
      const { verdict } = await judge(check, offByASecond(limited, name, sign));
      assert.equal(verdict, "fails", `${name} ${sign > 0 ? "later" : "earlier"} by a second`);
    }
  }
  const longer = { ...limited, declares: { ...limited.declares, idleMs: 3 * 86_400_000 } };
  assert.equal((await judge(limit.useKeepsAlive, longer)).verdict, "fails");
});
