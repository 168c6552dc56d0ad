/** Whoever has nothing but what the sandbox prints can log in as a person does, second factor and all. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { surfer } from "../support/surfer.ts";
import { tokenOf, wire } from "./wire.ts";

const CALLBACK = "http://127.0.0.1/callback";

test("[G06, F16] the demo user logs in with the printed password and the authenticator's code, and the client gets its tokens", async (t) => {
  const w = await wire(t, "exact-online");
  const { username, password, authorizationEndpoint, clientId: client_id } = w.sandbox;
  const code = async () => (await w.call("POST", "totp", { username })).json.code as string;
  const browser = surfer();
  const asked = new URL(authorizationEndpoint);
  const request = { client_id, redirect_uri: CALLBACK, response_type: "code", state: "s" };
  asked.search = new URLSearchParams(request).toString();
  const second = await browser.submit(await browser.open(asked.href), { username, password });
  const consent = await browser.submit(second, { code: await code() });
  const resource = /name="resource" value="([^"]+)"/.exec(consent.text)?.[1] ?? "";
  const { left } = await browser.submit(consent, { answer: "allow", resource });
  assert.equal(left?.searchParams.get("state"), "s", `${consent.status} ${consent.title}`);
  const grant = {
    grant_type: "authorization_code",
    code: left?.searchParams.get("code") ?? "",
    redirect_uri: CALLBACK,
  };
  const granted = await w.ask(grant);
  assert.equal(granted.status, 200, granted.body);
  assert.notEqual(tokenOf(granted), "");

  assert.equal((await browser.open(asked.href)).title, consent.title, "there is a session");
  await w.call("POST", "sessions/end", { username });
  assert.notEqual((await browser.open(asked.href)).title, consent.title, "and now there is none");
});

test("[F16] a code passes once, and the next is a clock's move away", async (t) => {
  const w = await wire(t, "exact-online");
  const { username } = w.sandbox;
  const code = async () => (await w.call("POST", "totp", { username })).json.code as string;
  const [realm] = w.sandbox.control.realms.list();
  const passes = async () => (await realm?.accounts.checkCode(username, await code()))?.ok;
  assert.deepEqual([await passes(), await passes()], [true, false]);
  await w.call("POST", "clock", { advance: "30 s" });
  assert.equal(await passes(), true);
});
