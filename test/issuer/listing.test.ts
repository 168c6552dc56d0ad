/** What an owner granted, the tokens that come of it, and what an access token is good for. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import { MINUTE } from "../../src/kernel/time.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { stand } from "./stand.ts";

const OWNER = "an owner";

test("[ISS-37] an owner's grants are listed while they live, a line for each client, and end when withdrawn", async (t) => {
  const s = await stand(t, { preset: "strict" });
  const { issuer, clientId } = s.sandbox;
  const policy = PRESETS.strict!;
  const grantTypes = ["authorization_code", "refresh_token"] as const;
  await issuer.registerClient({ clientId: "b", kind: "confidential", policy, grantTypes });
  assert.deepEqual(await issuer.listGrants({ subject: OWNER }), []);
  const granted = s.clock.now();
  await issuer.grant({ clientId, subject: OWNER });
  await issuer.grant({ clientId: "b", subject: OWNER });
  s.clock.advance(MINUTE);
  await issuer.grant({ clientId: "b", subject: "somebody else" });
  const grants = await issuer.listGrants({ subject: OWNER });
  assert.deepEqual(grants.map(({ clientId }) => clientId).sort(), ["b", clientId].sort());
  assert.ok(grants.every(({ grantedAt }) => grantedAt === granted));
  await issuer.revokeAuthorization({ clientId: "b", subject: OWNER });
  const left = await issuer.listGrants({ subject: OWNER });
  assert.deepEqual(
    left.map((grant) => grant.clientId),
    [clientId],
  );
  assert.equal((await issuer.listGrants({ subject: "somebody else" })).length, 1);
});

test("[ISS-40] what an owner picked stays with the chain, through its refreshes and for resource servers only", async (t) => {
  const s = await stand(t, { preset: "exact-online" });
  const { issuer, clientId } = s.sandbox;
  const resources = ["division:2", "division:1", "division:2"];
  const opened = await issuer.openCode({ clientId, subject: OWNER, resources });
  assert.ok("code" in opened);
  const first = await s.redeem(opened.code);
  assert.equal(first.status, 200, first.text);
  s.clock.advance(10 * MINUTE);
  const second = await s.refresh(first.json.refresh_token as string);
  const checked = await issuer.checkAccess(second.json.access_token as string);
  assert.ok(checked.active);
  assert.deepEqual(checked.resources, ["division:1", "division:2"]);
  assert.equal(checked.grantType, "authorization_code");
  const told = await s.introspect(second.json.access_token as string);
  assert.equal(told.json.active, true);
  assert.doesNotMatch(told.text, /division/);
});

test("[A02, ISS-33] an implicit grant brings an access token alone, ends no chain and holds no place under a cap", async (t) => {
  const base = PRESETS["exact-online"]!;
  const s = await stand(t, {
    preset: "exact-online",
    provider: {
      grantTypes: ["authorization_code", "refresh_token", "implicit"],
      policy: base,
    },
  });
  const { issuer, clientId } = s.sandbox;
  const first = await s.redeem(await s.code({ username: OWNER }));
  const outcome = await issuer.grantAccess({ clientId, subject: OWNER });
  assert.ok(outcome.granted);
  assert.equal(outcome.response.refreshToken, null);
  assert.equal(outcome.response.expiresIn, 10 * MINUTE);
  const { accessToken } = outcome.response;
  const checked = await issuer.checkAccess(accessToken);
  assert.ok(checked.active && checked.grantType === "implicit");
  const refused = await s.post({ grant_type: "implicit" });
  assert.equal(refused.json.error, "unsupported_grant_type");
  s.clock.advance(10 * MINUTE);
  assert.deepEqual(await issuer.checkAccess(accessToken), { active: false });
  assert.equal((await s.refresh(first.json.refresh_token as string)).status, 200);
});

test("[ISS-33] a realm that does not opt in has no implicit grant", async (t) => {
  const s = await stand(t, { preset: "strict" });
  const { issuer, clientId } = s.sandbox;
  const outcome = await issuer.grantAccess({ clientId, subject: OWNER });
  assert.ok(!outcome.granted && outcome.refusal.reason === "grantNotAllowed");
});

test("[A26] an app that is not approved is for accounts of its own tenant only", async (t) => {
  const s = await stand(t, { preset: "exact-online" });
  const { issuer } = s.sandbox;
  await issuer.registerClient({
    clientId: "new-app",
    kind: "confidential",
    policy: PRESETS["exact-online"]!,
    grantTypes: ["authorization_code", "refresh_token"],
    tenant: "customer 1",
    approved: false,
  });
  const open = (tenant: string | null) =>
    issuer.openCode({ clientId: "new-app", subject: OWNER, tenant });
  assert.ok("code" in (await open("customer 1")));
  for (const tenant of ["customer 2", null]) {
    const refused = await open(tenant);
    assert.ok("refusal" in refused && refused.refusal.reason === "clientNotApproved");
  }
  await issuer.approveClient("new-app", true);
  assert.ok("code" in (await open("customer 2")));
});

test("[C04, C05, C17] a register lists each living access token and the newest refresh tokens, up to its bound", async (t) => {
  const policy = policyOf({
    replay: { action: "refuse", sparing: 0 },
    expiry: { lifetime: "1 h" },
    access: { lifetime: "2 min" },
    register: { max: 3, superseded: "keep" },
  });
  const s = await stand(t, { policy });
  const { issuer, username } = s.sandbox;
  let token = (await s.redeem(await s.code())).json.refresh_token as string;
  for (let i = 0; i < 5; i += 1) {
    s.clock.advance(MINUTE);
    token = await s.next(token);
  }
  const listed = await issuer.listTokens({ subject: username });
  const refresh = listed.filter(({ kind }) => kind === "refresh");
  assert.deepEqual(
    refresh.map(({ serial, accepted }) => [serial, accepted]),
    [
      [3, false],
      [4, false],
      [5, true],
    ],
  );
  assert.equal(refresh.at(-1)?.id, token);
  const access = listed.filter(({ kind }) => kind === "access");
  assert.deepEqual(
    access.map(({ serial, accepted }) => [serial, accepted]),
    [
      [4, true],
      [5, true],
    ],
  );
  const all = await issuer.listTokens({});
  assert.ok(all.length > listed.length, "the demo user with a token is listed among all");
});

test("[C19] a listed access token is ended alone, a listed refresh token with its chain; a handle opens nothing", async (t) => {
  const policy = policyOf({ register: { max: 5, superseded: "drop" } });
  const s = await stand(t, { policy });
  const { issuer, username } = s.sandbox;
  const first = await s.redeem(await s.code());
  const second = await s.refresh(first.json.refresh_token as string);
  const bearer = [first, second].map(({ json }) => json.access_token as string);
  const actives = () =>
    Promise.all(bearer.map(async (token) => (await issuer.checkAccess(token)).active));
  const listed = await issuer.listTokens({ subject: username });
  const access = listed.find((token) => token.access === 1);
  const refresh = listed.find(({ kind }) => kind === "refresh");
  assert.ok(access && refresh);
  assert.deepEqual(await issuer.checkAccess(access.id), { active: false });
  assert.deepEqual(await actives(), [true, true]);
  await issuer.revokeListed(access);
  assert.deepEqual(await actives(), [false, true]);
  await issuer.revokeListed(refresh);
  assert.deepEqual(await actives(), [false, false]);
  assert.equal((await s.refresh(second.json.refresh_token as string)).status, 400);
});
