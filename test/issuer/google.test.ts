/** The Google presets over HTTP: a window of live tokens, and no rotation. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { stand } from "./stand.ts";

test("[B02] a refresh answers no refresh token and leaves the window as it was", async (t) => {
  const s = await stand(t, { preset: "google-25" });
  const tokens: string[] = [];
  for (let i = 0; i < 25; i += 1) {
    s.clock.advance(1000);
    tokens.push((await s.redeem(await s.code())).json.refresh_token as string);
  }
  for (let round = 0; round < 3; round += 1) {
    for (const token of tokens) {
      const { status, json } = await s.refresh(token);
      assert.deepEqual([status, "refresh_token" in json, json.expires_in], [200, false, 3599]);
    }
  }
});

test("[B01] one consent too many ends the oldest token of the account and client, and no other", async (t) => {
  const s = await stand(t, { preset: "google-25" });
  const tokens: string[] = [];
  for (let i = 0; i < 26; i += 1) {
    s.clock.advance(1000);
    tokens.push((await s.redeem(await s.code())).json.refresh_token as string);
  }
  const oldest = await s.refresh(tokens[0]!);
  assert.equal(oldest.status, 400);
  assert.equal(
    oldest.text,
    '{"error":"invalid_grant","error_description":"Token has been expired or revoked."}',
  );
  for (const token of tokens.slice(1)) assert.equal((await s.refresh(token)).status, 200);
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 200, "another account");
});
