/** The whole way with nothing but what the stand-in prints: log in, consent, call the API, refresh, take it back. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { generateSync } from "otplib";
import { surfer } from "../support/surfer.ts";
import { exactStand, OLD, rows, SECOND } from "./exact-stand.ts";

test("[F01, A01, A25] from the printed demo user to data, a new refresh token, and the end of both", async (t) => {
  const s = await exactStand(t, { redirectUris: ["http://127.0.0.1/callback"] });
  const { url, authorizationEndpoint, clientId, username, password, totpSecret } = s.sandbox;
  assert.ok(totpSecret, "nobody can log in without");
  const ask = new URLSearchParams({
    client_id: clientId,
    redirect_uri: "http://127.0.0.1:5000/callback",
    response_type: "code",
    state: "s",
  });
  const browser = surfer();
  const login = await browser.open(`${authorizationEndpoint}/?${ask}`);
  const second = await browser.submit(login, { username, password });
  const code = generateSync({ secret: totpSecret, epoch: Math.floor(s.clock.now() / SECOND) });
  const consent = await browser.submit(second, { code });
  const [, resource] = /name="resource" value="([^"]+)"/.exec(consent.text) ?? [];
  const { left } = await browser.submit(consent, { answer: "allow", resource: resource! });
  assert.equal(left!.host, "127.0.0.1:5000");
  assert.equal(left!.searchParams.get("iss"), null);
  const redirect_uri = ask.get("redirect_uri")!;
  const redeemed = await s.redeem(left!.searchParams.get("code")!, { redirect_uri });
  assert.equal(redeemed.status, 200, redeemed.text);
  const access = redeemed.json.access_token as string;
  const [me] = rows(await s.api("current/Me", access));
  assert.equal(`division:${me!.CurrentDivision}`, resource);
  assert.equal(rows(await s.api(`${me!.CurrentDivision}/crm/Accounts`, access)).length, 60);
  const next = await s.later(redeemed.json.refresh_token as string);
  const centre = await browser.open(`${url}/account`);
  await browser.submit(centre, { revoke: clientId });
  s.clock.advance(570 * SECOND);
  const refused = await s.refresh(next);
  assert.deepEqual([refused.status, refused.text], [401, OLD]);
});
