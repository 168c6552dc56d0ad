/** OpenAM's code grant in a realm below the root: from the owner's pages to tokens, and a code used twice. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { PROVIDERS } from "../../src/vendors/providers.ts";
import { pagesStand, surfer } from "../http/pages-stand.ts";
import { basic } from "../issuer/stand.ts";
import { withCalls } from "./openam-stand.ts";

const CALLBACK = "http://127.0.0.1:4321/callback";
const IN_X = "/oauth2/realms/root/realms/x";

test("[C12] the full flow in a realm: login, consent, code, tokens; the code again ends them all", async (t) => {
  const preset = "openam-13";
  const { authorization } = PROVIDERS[preset] ?? {};
  assert.ok(authorization);
  const s = withCalls(await pagesStand(t, { preset, provider: { authorization } }));
  const as = await s.logIn("amadmin");
  const create = async (path: string, body: object) => {
    const { status, text } = await s.call(`${path}?_action=create&realm=/x`, { as, body });
    assert.equal(status, 201, text);
  };
  await s.call("/json/realms/?_action=create", { as, body: { realm: "x" } });
  await create("/json/realm-config/services/oauth-oidc", {});
  await create("/json/users/", { username: "alice", userpassword: "open sesame" });
  await create("/frrest/oauth2/client/", {
    client_id: ["web"],
    userpassword: ["password"],
    "com.forgerock.openam.oauth2provider.scopes": ["cn", "mail"],
    "com.forgerock.openam.oauth2provider.redirectionURIs": [CALLBACK],
  });

  const base = `${s.sandbox.url}/openam${IN_X}`;
  const ask = new URLSearchParams({
    ...{ client_id: "web", response_type: "code", redirect_uri: CALLBACK },
    ...{ scope: "cn", state: "as it came" },
  });
  const browser = surfer();
  const login = await browser.open(`${base}/authorize?${ask}`);
  const consent = await browser.submit(login, { username: "alice", password: "open sesame" });
  const { left } = await browser.submit(consent, { answer: "allow" });
  assert.equal(left?.searchParams.get("state"), "as it came");

  const code = left?.searchParams.get("code") ?? "";
  const headers = { authorization: basic("web", "password") };
  const redeem = (path: string) =>
    s.post(
      { grant_type: "authorization_code", code, redirect_uri: CALLBACK },
      { url: `${s.sandbox.url}/openam${path}/access_token`, headers },
    );
  const elsewhere = await redeem("/oauth2");
  assert.deepEqual([elsewhere.status, elsewhere.json.error], [401, "invalid_client"]);
  const granted = await redeem(IN_X);
  assert.deepEqual([granted.status, granted.json.scope], [200, "cn"], granted.text);
  const info = () => s.call(`${IN_X}/tokeninfo?access_token=${granted.json.access_token}`);
  const { cn, realm, grant_type } = (await info()).json;
  assert.deepEqual([cn, realm, grant_type], ["alice", "/x", "authorization_code"]);

  const again = await redeem(IN_X);
  assert.deepEqual(
    [again.status, again.json.error_description],
    [400, "The provided access grant is invalid, expired, or revoked."],
  );
  assert.equal((await info()).status, 401);
  assert.deepEqual(await s.list(as, "userName=alice"), []);
});
