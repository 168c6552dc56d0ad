/** Authorization codes in the wrong hands. RFC 6749, section 4.1.3; RFC 7636 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { challengeOf } from "../../src/issuer/code-format.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { stand } from "./stand.ts";

const VERIFIER = "a-code-verifier-of-the-client-that-asked-0123456789";
const OTHER = "another-verifier-that-somebody-else-has-made-up-012";
const REDIRECT_URI = "http://127.0.0.1/callback";

test("[ISS-11, ISS-24] a code is redeemed with its own verifier and no other, and a wrong one burns nothing", async (t) => {
  const s = await stand(t);
  const code = await s.code({ codeChallenge: challengeOf(VERIFIER) });
  const before = await s.dump();
  for (const code_verifier of [OTHER, VERIFIER.toUpperCase(), undefined, "short"]) {
    const { status } = await s.redeem(code, { code_verifier });
    assert.equal(status, 400, String(code_verifier));
  }
  assert.equal(await s.dump(), before);
  assert.equal((await s.redeem(code, { code_verifier: VERIFIER })).status, 200);
  const bare = await s.code();
  assert.equal((await s.redeem(bare, { code_verifier: VERIFIER })).json.error, "invalid_grant");
});

test("[ISS-11, ISS-24] a code is redeemed with the redirect URI that it was given to, and no other", async (t) => {
  const s = await stand(t);
  const code = await s.code({ redirectUri: REDIRECT_URI });
  const before = await s.dump();
  for (const redirect_uri of [`${REDIRECT_URI}/`, "https://thief.test/callback", undefined]) {
    const { status } = await s.redeem(code, { redirect_uri });
    assert.equal(status, 400, String(redirect_uri));
  }
  assert.equal(await s.dump(), before);
  assert.equal((await s.redeem(code, { redirect_uri: REDIRECT_URI })).status, 200);
});

test("[ISS-01, ISS-11] a code presented by another client is refused and burns nothing", async (t) => {
  const s = await stand(t);
  const secret = "the other client's secret";
  await s.sandbox.issuer.registerClient({
    clientId: "other",
    kind: "confidential",
    policy: PRESETS.strict!,
    grantTypes: ["authorization_code", "refresh_token"],
    redirectUris: [REDIRECT_URI],
    secret: new Secret(secret),
  });
  const code = await s.code();
  const before = await s.dump();
  const { status, json } = await s.redeem(code, { client_id: "other", client_secret: secret });
  assert.deepEqual([status, json.error], [400, "invalid_grant"]);
  assert.equal(await s.dump(), before);
  assert.equal((await s.redeem(code)).status, 200);
});
