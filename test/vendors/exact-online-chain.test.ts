/** Exact Online's activation chain over HTTP, against a model of two names. forums.invantive.com t/2227, t/1419 */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import type { Policy } from "../../src/kernel/policy.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import { stand } from "../issuer/stand.ts";

const OLD = '{"error":"unauthorized_client","error_description":"Old refresh token used."}';

test("[A09, A10, A11] over random sequences the last activated and the last requested token are accepted, and no other", async (t) => {
  const preset = PRESETS["exact-online"] as Policy;
  const s = await stand(t, {
    preset: "exact-online",
    policy: { ...preset, minInterval: 0, quota: [] },
  });
  const run = async (picks: readonly number[]): Promise<void> => {
    const first = await s.redeem(await s.code());
    const issued = [first.json.refresh_token as string];
    let activated: string | undefined;
    let requested = issued[0];
    for (const pick of picks) {
      s.clock.advance(1000);
      const token = issued.at(-1 - (pick % issued.length)) as string;
      const { status, text, json } = await s.refresh(token);
      if (token !== activated && token !== requested) {
        assert.deepEqual([status, text], [401, OLD], `${issued.indexOf(token)} of ${picks}`);
        continue;
      }
      assert.equal(status, 200, `${issued.indexOf(token)} of ${picks}: ${text}`);
      activated = token;
      requested = json.refresh_token as string;
      assert.ok(!issued.includes(requested), "a refresh answers a token that never was");
      issued.push(requested);
    }
  };
  const picks = fc.array(fc.nat({ max: 5 }), { minLength: 5, maxLength: 25 });
  await fc.assert(fc.asyncProperty(picks, run), { numRuns: 25 });
});
