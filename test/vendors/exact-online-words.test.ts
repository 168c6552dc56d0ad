/** The token endpoint's words, letter for letter: every row of what the vendor's refusals are known to look like. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import type { Answered } from "../issuer/stand.ts";
import { DAY, exactStand, MINUTE, OLD, SECOND } from "./exact-stand.ts";

const CHAIN_ID =
  '{"error":"invalid_grant","error_description":"Token is not allowed, because of invalid or empty chainId"}';
const CHAIN_ID_REASON = "Unknown: Token is not allowed, because of invalid or empty chainId";

function assertChainId({ status, text, headers }: Answered): void {
  assert.deepEqual([status, text], [400, CHAIN_ID]);
  assert.equal(headers.get("reason"), CHAIN_ID_REASON);
}

test("[A16] of two consents begun at once the code of the first is answered with the chainId error", async (t) => {
  const s = await exactStand(t);
  const [first, second] = [await s.code(), await s.code()];
  assertChainId(await s.redeem(first));
  assert.equal((await s.redeem(second)).status, 200);
  assertChainId(await s.redeem(first));
});

test("[A16] a refresh token whose chain id is damaged, or that is none, is answered with the chainId error", async (t) => {
  const s = await exactStand(t);
  const { refresh } = await s.tokens();
  s.clock.advance(570 * SECOND);
  const before = await s.dump();
  const flipped = refresh[40] === "A" ? "B" : "A";
  for (const damaged of [
    refresh.slice(0, 40) + flipped + refresh.slice(41),
    refresh.slice(0, -1),
    refresh.replace("stampNL001.", ""),
    refresh.replace("!IAAAA", ""),
    refresh.replace("!", "%21"),
    "stampNL001.",
    "x",
  ]) {
    assertChainId(await s.refresh(damaged));
  }
  assert.equal(await s.dump(), before);
  await s.next(refresh);
});

test("[A16] the chainId error without a cause, three times a week or at every request; nothing is consumed", async (t) => {
  const s = await exactStand(t, { faults: { "chain-incident": { rate: 1 } } });
  const { refresh } = await s.tokens();
  s.clock.advance(570 * SECOND);
  for (let i = 0; i < 3; i += 1) assertChainId(await s.refresh(refresh));
  assert.equal(
    (await s.postJson("/sandbox/faults", { "chain-incident": { rate: "3/week" } })).status,
    200,
  );
  let token = refresh;
  let incidents = 0;
  for (let at = 0; at < 8 * 7 * DAY; at += 6 * 60 * MINUTE) {
    const answer = await s.refresh(token);
    if (answer.status === 200) token = answer.json.refresh_token as string;
    else {
      assertChainId(answer);
      incidents += 1;
    }
    s.clock.advance(6 * 60 * MINUTE);
  }
  assert.ok(incidents >= 10 && incidents <= 40, `${incidents} incidents in eight weeks`);
});

test("[A15] old: replaced, overtaken, of a chain that a later consent ended, and revoked", async (t) => {
  const s = await exactStand(t);
  const { refresh: first } = await s.tokens();
  const overtaken = await s.later(first);
  const second = await s.later(first);
  await s.later(second);
  const { refresh: newest } = await s.tokens();
  s.clock.advance(570 * SECOND);
  for (const old of [first, overtaken, second]) {
    const { status, text, headers } = await s.refresh(old);
    assert.deepEqual([status, text], [401, OLD]);
    assert.match(headers.get("content-type")!, /^application\/json/);
  }
  await s.control("revocations", { username: s.sandbox.username });
  const { status, text } = await s.refresh(newest);
  assert.deepEqual([status, text], [401, OLD]);
});

test("[A06, A19] a client that may not use a grant, an unknown one, a wrong secret", async (t) => {
  const s = await exactStand(t);
  const { clientId, refreshToken, issuer } = s.sandbox;
  const secret = new Secret("a secret that is long enough");
  const policy = PRESETS["exact-online"]!;
  const app = { clientId: "codes-only", kind: "confidential", policy, secret } as const;
  await issuer.registerClient({ ...app, grantTypes: ["authorization_code"] });
  const credentials = { client_id: app.clientId, client_secret: secret.reveal() };
  const notAllowed = await s.refresh(refreshToken, credentials);
  assert.equal(notAllowed.status, 401);
  assert.equal(
    notAllowed.json.error_description,
    "The client is not authorized to request an authorization code using this method and/or authorization grant type.",
  );
  const id = "00000000-0000-4000-8000-000000000000";
  const unknown = await s.refresh(refreshToken, { client_id: id });
  assert.equal(unknown.status, 401);
  assert.equal(unknown.json.error_description, `Client with identifier '${id}' not found.`);
  const wrong = await s.refresh(refreshToken, { client_id: clientId, client_secret: "wrong" });
  assert.deepEqual([wrong.status, wrong.json.error], [401, "invalid_client"]);
  await s.next(refreshToken);
});

test("[A06] parameters that clients send besides are ignored, with every grant", async (t) => {
  const s = await exactStand(t);
  const more = { force_login: "1", redirect_uri: "https://app.example/", x: "y", state: "z" };
  const { status, json } = await s.redeem(await s.code(), more);
  assert.equal(status, 200);
  s.clock.advance(570 * SECOND);
  assert.equal((await s.refresh(json.refresh_token as string, more)).status, 200);
});

test("[A27] maintenance every morning: 503 with a page, and nothing happened to the chain", async (t) => {
  const s = await exactStand(t, { faults: { maintenance: { rate: 1, daily: "04:00-04:30,CET" } } });
  const { refresh } = await s.tokens();
  s.clock.advance(3 * 60 * MINUTE + 10 * MINUTE);
  const down = await s.refresh(refresh);
  assert.equal(down.status, 503);
  assert.match(down.headers.get("content-type")!, /^text\/html/);
  s.clock.advance(20 * MINUTE);
  await s.next(refresh);
});
