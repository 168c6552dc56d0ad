/** The seven country sites: one server here, told apart by host or by the first part of the path. */

import { strict as assert } from "node:assert";
import { request } from "node:http";
import { test } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { rewriteUrl, SITES } from "../../src/vendors/exact-online/sites.ts";
import { type ExactStand, exactStand, rows, SECOND, servicesAt } from "./exact-stand.ts";

const FORM = { "content-type": "application/x-www-form-urlencoded" };

/** A request for a host of the vendor, which this machine stands in for. */
function at(
  s: ExactStand,
  host: string,
  path: string,
  init: { method?: string; headers?: Record<string, string>; form?: Record<string, string> } = {},
): Promise<{ status: number; json: Record<string, unknown> }> {
  const { method = init.form ? "POST" : "GET", headers = {}, form } = init;
  const { port } = new URL(s.sandbox.url);
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    json: Record<string, unknown>;
  }>();
  const sent = request(
    { host: "127.0.0.1", port, path, method, headers: { ...(form ? FORM : {}), ...headers, host } },
    (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) });
      });
    },
  );
  sent.on("error", reject);
  sent.end(form ? new URLSearchParams(form).toString() : "");
  return promise;
}

/** An app of a site with a user's code. */
async function appAt(
  s: ExactStand,
  site: string,
): Promise<{ id: string; secret: string; code: string }> {
  const { json } = await s.postJson(`/${site}/apps`, { redirectUri: "https://app.example/" });
  const services = servicesAt(s, site);
  await services.accounts.add({ username: "alice", password: new Secret("open sesame") });
  const opened = await services.issuer.openCode({
    clientId: json.clientId as string,
    subject: "alice",
  });
  assert.ok("code" in opened, JSON.stringify(opened));
  return { id: json.clientId as string, secret: json.clientSecret as string, code: opened.code };
}

test("[A22] every site has its own apps; another site has never heard of them", async (t) => {
  const s = await exactStand(t);
  const stamps = new Set<string>();
  for (const site of SITES) {
    const { id, secret, code } = await appAt(s, site);
    const form = { grant_type: "authorization_code", code, client_id: id, client_secret: secret };
    for (const other of SITES.filter((name) => name !== site)) {
      const { status, json } = await at(s, `start.exactonline.${other}`, "/api/oauth2/token", {
        form,
      });
      assert.equal(status, 401);
      assert.equal(json.error_description, `Client with identifier '${id}' not found.`);
    }
    const { status, json } = await at(s, `start.exactonline.${site}`, "/api/oauth2/token", {
      form,
    });
    assert.equal(status, 200, site);
    stamps.add((json.refresh_token as string).slice(0, 11));
    const authorization = `Bearer ${json.access_token}`;
    const path = "/api/v1/current/Me?$select=CurrentDivision";
    const me = await at(s, `start.exactonline.${site}`, path, { headers: { authorization } });
    assert.equal(me.status, 200);
    const elsewhere = site === "de" ? "nl" : "de";
    const foreign = await at(s, `start.exactonline.${elsewhere}`, path, {
      headers: { authorization },
    });
    assert.equal(foreign.status, 401, "an access token is of its site too");
  }
  assert.equal(stamps.size, SITES.length);
  assert.ok(stamps.has("stampNL001."));
});

test("[A22] on this machine a site is the first part of the path, and a page's next one is there too", async (t) => {
  const s = await exactStand(t);
  const { id, secret, code } = await appAt(s, "de");
  const form = { grant_type: "authorization_code", code, client_id: id, client_secret: secret };
  const wrong = await s.post(form, { bare: true });
  assert.equal(wrong.json.error_description, `Client with identifier '${id}' not found.`);
  const url = `${s.sandbox.url}/de/api/oauth2/token`;
  const { status, json } = await s.post(form, { bare: true, url });
  assert.equal(status, 200);
  const headers = { authorization: `Bearer ${json.access_token}` };
  const [me] = rows(await s.get("/de/api/v1/current/Me", headers));
  const accounts = await s.get(`/de/api/v1/${me!.CurrentDivision}/crm/Accounts`, headers);
  const next = (accounts.json.d as { __next: string }).__next;
  assert.ok(next.startsWith(`${s.sandbox.url}/de/api/v1/`), next);
  assert.equal((await fetch(next, { headers })).status, 200);
  s.clock.advance(570 * SECOND);
  const refresh = { grant_type: "refresh_token", refresh_token: json.refresh_token as string };
  const credentials = { client_id: id, client_secret: secret };
  assert.equal((await s.post({ ...refresh, ...credentials }, { bare: true, url })).status, 200);
});

test("[A22] switches hold at every site", async (t) => {
  const s = await exactStand(t);
  const { id, secret, code } = await appAt(s, "fr");
  await s.turn({ D2: "none", D7: "Bearer", D11: "body" });
  const url = `${s.sandbox.url}/fr/api/oauth2/token`;
  const credentials = { client_id: id, client_secret: secret };
  const form = { grant_type: "authorization_code", code, ...credentials };
  const { json } = await s.post(form, { bare: true, url });
  assert.equal(json.token_type, "Bearer");
  const refresh = { grant_type: "refresh_token", refresh_token: json.refresh_token as string };
  assert.equal((await s.post({ ...refresh, ...credentials }, { bare: true, url })).status, 200);
});

test("[A22] a host of the vendor that is no site is answered by its gateway", async (t) => {
  const s = await exactStand(t);
  for (const host of ["start.exactonline.xx", "www.exactonline.nl"]) {
    const { status, json } = await at(s, host, "/api/oauth2/token", { form: { a: "b" } });
    assert.equal(status, 404);
    assert.deepEqual(json, {
      fault: {
        faultstring: `Unable to identify proxy for host: ${host} and url: /api/oauth2/token`,
        detail: { errorcode: "messaging.adaptors.http.flow.ApplicationNotFound" },
      },
    });
  }
});

test("[A22, F02] at the App Center's own host a site stands in the path, and without one it is the home site", async (t) => {
  const s = await exactStand(t);
  for (const [path, id] of [
    ["/", s.sandbox.clientId],
    ["/de/", (await s.postJson("/de/apps", { redirectUri: "https://app.example/" })).json.clientId],
  ] as const) {
    const { json } = await at(s, "apps.exactonline.com", path);
    const ids = (json.apps as { clientId: string }[]).map(({ clientId }) => clientId);
    assert.deepEqual(ids, [id]);
  }
});

test("[A22] which path a request means", () => {
  for (const [host, url, expected] of [
    ["127.0.0.1:80", "/api/oauth2/token", "/api/oauth2/token"],
    ["127.0.0.1:80", "/co.uk/api/oauth2/token?x=/de/", "/api/oauth2/token?x=/de/"],
    ["127.0.0.1:80", "/it/api", "/it/api"],
    ["127.0.0.1:80", "/de", "/de"],
    ["127.0.0.1:80", "/default/api", "/default/api"],
    ["START.exactonline.be:443", "/api/oauth2/auth", "/api/oauth2/auth"],
    ["start.exactonline.be", "/de/api", "/de/api"],
    ["apps.exactonline.com", "/", "/apps"],
    ["apps.exactonline.com", "/de/", "/apps"],
    ["apps.exactonline.com", "/de/apps", "/apps"],
    ["apps.exactonline.com", "/apps/x/secret", "/apps/x/secret"],
    ["apps.exactonline.nl", "/apps", "/gateway"],
    ["start.exactonline.it", "/api", "/gateway"],
  ] as const) {
    assert.equal(rewriteUrl({ headers: { host }, url }), expected, `${host} ${url}`);
  }
  assert.equal(rewriteUrl({ headers: {} }), "/");
});
