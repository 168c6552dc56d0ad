/**
 * Black-box checks, run against Keten's sandbox and against npm oidc-provider as the control.
 *
 * 1. Every verdict is an asserted expectation, the failures too: a check that everybody passes proves nothing about the
 *    check. What a preset is expected to fail follows from what its policy promises (`promises.ts`).
 * 2. Profiles, races and limits depend on the policy, and run on every preset. What the endpoints take and refuse depends
 *    on the dialect, and runs on one preset of each, and on all of the standards.
 * 3. The servers are shared by the whole file; each check begins with an owner of its own.
 */

import { strict as assert } from "node:assert";
import { after, before, type TestContext, test } from "node:test";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import { SECOND } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { STANDARD_POLICIES } from "../../src/vendors/standards/policy.ts";
import { type Check, judge, type Verdict } from "./check.ts";
import * as endpoint from "./endpoint-checks.ts";
import { type KetenUnderTest, providerOf, startKeten } from "./keten-server.ts";
import * as limit from "./limit-checks.ts";
import { startOidcProvider } from "./oidc-provider-server.ts";
import { handshakeProfile, strictProfile } from "./profile-checks.ts";
import { isHandshake, isStrict, lineagesLeft } from "./promises.ts";
import * as race from "./race-checks.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

const ketens: KetenUnderTest[] = [];
let control: ServerUnderTest;

/** Limits that no preset of the standards has: a chain that disuse ends, and a grant that ends whatever is done. */
const LIMITED = { idle: "1 d", authorization: "10 d" };

before(async () => {
  for (const preset of Object.keys(PRESETS)) ketens.push(await startKeten(preset));
  for (const rules of [{}, { rotate: "never", unrotated: "omit" }]) {
    ketens.push(await startKeten("strict", { policy: policyOf({ ...rules, expiry: LIMITED }) }));
  }
  control = await startOidcProvider();
});

after(async () => {
  for (const server of [...ketens, control]) await server.close();
});

/** Presets of the standards, and one of every other dialect. */
function oneOfEachDialect(): readonly KetenUnderTest[] {
  const dialects = new Set<string>();
  return ketens.filter(({ name }) => {
    const { dialect } = providerOf(name);
    const isNew = !dialects.has(dialect.name);
    dialects.add(dialect.name);
    return isNew || name in STANDARD_POLICIES;
  });
}

/** Runs a check of what the endpoints take and refuse: Keten passes everywhere. */
const expectCare = (t: TestContext, check: Check, control: Verdict): Promise<void> =>
  expectVerdicts(t, check, { control, servers: oneOfEachDialect() });

/** Runs a check on every server, and compares the verdicts with what is expected. */
async function expectVerdicts(
  t: TestContext,
  check: Check,
  expected: {
    readonly control: Verdict;
    /** Whether a preset passes to which the check applies; all do unless given. */
    readonly keten?: (policy: Policy, name: string) => boolean;
    /** All unless given. */
    readonly servers?: readonly KetenUnderTest[];
  },
): Promise<void> {
  const { keten = () => true, servers = ketens } = expected;
  let applied = 0;
  for (const server of servers) {
    const { verdict, why } = await judge(check, server);
    if (verdict === "does not apply") continue;
    applied += 1;
    const wanted = keten(server.policy, server.name) ? "passes" : "fails";
    assert.equal(verdict, wanted, `Keten's "${server.name}" ${verdict}: ${why}`);
  }
  assert.ok(applied > 0, "the check applies to no preset");
  const { verdict, why } = await judge(check, control);
  assert.equal(verdict, expected.control, `${control.name} ${verdict}: ${why}`);
  if (why) t.diagnostic(`${control.name} fails: ${why}`);
}

/** Where a refresh token is the access token too, it is good at the token endpoint, and lives longer than the other would. */
const hasAccessTokens = ({ access }: Policy): boolean => access.form !== "refreshToken";

// --- the profiles ----------------------------------------------------------------------------------------

test("[ISS-04] profile strict: a spent token is refused after 2.5 s and ends the chain", (t) =>
  expectVerdicts(t, strictProfile, { control: "passes", keten: isStrict }));

test("[ISS-06, ISS-08] profile handshake: the old token still answers after 30 s, with the same successor", (t) =>
  expectVerdicts(t, handshakeProfile, { control: "fails", keten: isHandshake }));

test("[ISS-04, ISS-06] two profiles, two verdicts: nobody passes both", () => {
  const verdicts = (name: string): readonly boolean[] => {
    const policy = PRESETS[name]!;
    return [isStrict(policy), isHandshake(policy)];
  };
  assert.deepEqual(verdicts("strict"), [true, false]);
  assert.deepEqual(verdicts("handshake"), [false, true]);
  assert.deepEqual(verdicts("handshake-observed"), [false, true]);
  for (const name of Object.keys(PRESETS)) assert.notDeepEqual(verdicts(name), [true, true], name);
});

// --- races -----------------------------------------------------------------------------------------------

test("[ISS-09, ISS-08] 25 parallel redemptions of one refresh token make one lineage", (t) =>
  expectVerdicts(t, race.oneLineageOfToken, {
    control: "fails",
    keten: (policy) => lineagesLeft(policy) === "one",
  }));

test("[ISS-11] 25 parallel redemptions of one code make at most one lineage", (t) =>
  expectVerdicts(t, race.oneLineageOfCode, { control: "fails" }));

test("[ISS-10] the tokens of a race die with their grant", (t) =>
  expectVerdicts(t, race.raceDiesWithItsGrant, { control: "passes" }));

// --- the endpoints ---------------------------------------------------------------------------------------

test("[ISS-25] no answer may be stored", (t) => expectCare(t, endpoint.neverStored, "passes"));

test("[ISS-26] the token endpoint answers POST alone", (t) =>
  expectCare(t, endpoint.postOnly, "passes"));

test("[ISS-26] a repeated parameter is refused and burns nothing", (t) =>
  expectCare(t, endpoint.noRepeatedParameters, "passes"));

test("[ISS-26] parameters in the URI do not count", (t) =>
  expectCare(t, endpoint.noCredentialsInUri, "passes"));

test("[ISS-26, LOG-06] a secret in the URI is refused, also beside a proper body", (t) =>
  expectCare(t, endpoint.urisAreLogged, "fails"));

test("[ISS-01, ISS-35] tokens and codes are bound to their client", (t) =>
  expectCare(t, endpoint.boundToClient, "passes"));

test("[ISS-17] scope never widens, and asking burns nothing", (t) =>
  expectCare(t, endpoint.scopeNeverWidens, "passes"));

test("[ISS-02, ISS-18] errors burn nothing", (t) =>
  expectCare(t, endpoint.errorsBurnNothing, "passes"));

test("[ISS-11, ISS-24] a code is bound to its verifier and redirect URI, and a wrong one burns nothing", (t) =>
  expectCare(t, endpoint.codeBoundToVerifier, "passes"));

test("[ISS-11] a code works once", (t) => expectCare(t, endpoint.codeOnce, "passes"));

test("[ISS-11] the second use of a code ends what the first gave", (t) =>
  expectVerdicts(t, endpoint.codeReplayEndsGrant, {
    control: "passes",
    keten: ({ code }) => code.replay === "revokeChain",
  }));

test("[ISS-24] garbage ends nothing", (t) =>
  expectVerdicts(t, endpoint.garbageEndsNothing, {
    control: "passes",
    servers: oneOfEachDialect(),
    keten: hasAccessTokens,
  }));

test("[ISS-35] revocation is authenticated, and a refresh token takes its access tokens along", (t) =>
  expectCare(t, endpoint.revocationEndsGrant, "passes"));

test("[ISS-36] introspection is authenticated, and tells nothing of an inactive token", (t) =>
  expectCare(t, endpoint.introspectionTellsNothing, "passes"));

// --- limits ----------------------------------------------------------------------------------------------

test("[ISS-12] a code ends to the second", (t) =>
  expectVerdicts(t, limit.codeEnds, { control: "passes" }));

test("[ISS-12] codes of the standards' profiles live no longer than a minute", (t) =>
  expectVerdicts(t, limit.codeEndsInAMinute, {
    control: "passes",
    keten: ({ code }, name) => name in STANDARD_POLICIES || code.lifetime <= 60 * SECOND,
  }));

test("[ISS-15, A07] an access token ends to the second, used or not", (t) =>
  expectVerdicts(t, limit.accessEnds, { control: "passes", keten: hasAccessTokens }));

test("[ISS-13] an unused refresh token ends to the second", (t) =>
  expectVerdicts(t, limit.unusedTokenEnds, { control: "passes" }));

test("[ISS-13] a refresh token that is used in time goes on", (t) =>
  expectVerdicts(t, limit.useKeepsAlive, { control: "passes" }));

test("[ISS-14, ISS-15] a grant ends to the second, however often it was refreshed, and nothing outlives it", (t) =>
  expectVerdicts(t, limit.grantEnds, { control: "passes" }));
