/** Guessing a client's secret: there is nothing to throttle, and so nobody who could be locked out. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { DEFAULT_POLICY } from "../../src/kernel/policy.ts";
import { basic, stand } from "./stand.ts";

test("[ISS-45] a secret made here is 256 random bits, which nobody guesses; so no guess makes the real client wait", async (t) => {
  const s = await stand(t);
  const secrets = new Set<string>();
  for (let i = 0; i < 20; i += 1) {
    const { secret } = await s.sandbox.issuer.registerClient({
      clientId: `client${i}`,
      kind: "confidential",
      policy: DEFAULT_POLICY,
      grantTypes: ["refresh_token"],
    });
    const text = secret?.reveal() ?? "";
    assert.equal(Buffer.from(text, "base64url").length, 32);
    secrets.add(text);
  }
  assert.equal(secrets.size, 20);
  const { clientId, clientSecret, refreshToken } = s.sandbox;
  const guess = { client_id: clientId, client_secret: "guess", refresh_token: refreshToken };
  const guesses = Array.from({ length: 500 }, (_, i) =>
    s.post({ grant_type: "refresh_token", ...guess, client_secret: `guess ${i}` }, { bare: true }),
  );
  for (const { json } of await Promise.all(guesses)) assert.equal(json.error, "invalid_client");
  const right = { headers: { authorization: basic(clientId, clientSecret) } };
  const form = { grant_type: "refresh_token", refresh_token: refreshToken };
  assert.equal((await s.post(form, right)).status, 200);
});
