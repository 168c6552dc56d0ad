/** Whatever is asked of OpenAM's own endpoints, there is one clear error below 500, and nothing changes. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { type OpenamStand, openam } from "./openam-stand.ts";

const SERVICE = "/json/realm-config/services/oauth-oidc";
const LONG = "x".repeat(4000);

/** Method, path and body, as they stand. */
type Call = readonly [method: string, path: string, body?: string];

const OF_ANYBODY: readonly Call[] = [
  ...["[]", "null", '"x"', "{", '{"authId":5}', '{"callbacks":[]}', '{"authId":"a.b.c"}'].map(
    (body): Call => ["POST", "/json/authenticate", body],
  ),
  ["POST", "/json/%00/authenticate"],
  ["GET", "/json/authenticate"],
  ["GET", "/json"],
  ["GET", "/oauth2/"],
  ["GET", "/oauth2/realms/root/realms"],
  ["GET", "/oauth2/realms/root/realms/x/realms/y/tokeninfo"],
  ["GET", "/oauth2/tokeninfo?access_token=a&access_token=b"],
  ["GET", "/oauth2/tokeninfo?realm=a&realm=b"],
  ["GET", `/oauth2/tokeninfo?access_token=${LONG}`],
  ["POST", "/frrest/oauth2/token/x?_action=revokeTokens", "[]"],
];

const OF_AN_ADMINISTRATOR: readonly Call[] = [
  ["GET", "/frrest/oauth2/token?_queryId=a&_queryId=b"],
  ["GET", "/frrest/oauth2/token?_queryId==="],
  ["GET", "/frrest/oauth2/token?_queryId=userName="],
  ["GET", "/frrest/oauth2/token?_queryId=userName=demo,__proto__=x"],
  ...["%00", "a.1.1", "a.9999999999999999.1", "constructor", LONG.slice(0, 90)].flatMap(
    (id): readonly Call[] => [
      ["GET", `/frrest/oauth2/token/${id}`],
      ["DELETE", `/frrest/oauth2/token/${id}`],
      ["POST", `/frrest/oauth2/token/${id}?_action=revoke`, "{}"],
    ],
  ),
  ...[
    '{"codeLifetime":1e99}',
    '{"codeLifetime":1.5}',
    '{"codeLifetime":null}',
    '{"toString":1}',
  ].map((body): Call => ["PUT", SERVICE, body]),
  ["PUT", `${SERVICE}?realm=nowhere`, "{}"],
  ["POST", `${SERVICE}?_action=create`, "{}"],
  ...['{"realm":{}}', '{"realm":["a","b"]}', '{"realm":".."}', '{"realm":"a:b"}', "{}"].map(
    (body): Call => ["POST", "/json/realms/?_action=create", body],
  ),
  ...[
    { username: "a\u0000", userpassword: "b" },
    { username: "a", userpassword: "" },
    { username: "demo", userpassword: "b" },
    {},
  ].map((body): Call => ["POST", "/json/users/?_action=create", JSON.stringify(body)]),
  ...[
    { client_id: "a b", userpassword: "c" },
    { client_id: "a" },
    { client_id: "myClientID", userpassword: "c" },
    { client_id: "a", "com.forgerock.openam.oauth2provider.clientType": "Public" },
    { client_id: "a", "com.forgerock.openam.oauth2provider.clientType": "Odd", userpassword: "c" },
  ].map((body): Call => ["POST", "/frrest/oauth2/client/?_action=create", JSON.stringify(body)]),
  ["DELETE", "/json/users/demo/oauth2/applications/myClientID"],
  ["GET", "/json/users/nobody/oauth2/applications"],
];

async function ask(s: OpenamStand, [method, path, body]: Call, as?: string): Promise<void> {
  const response = await fetch(`${s.sandbox.url}/openam${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(as === undefined ? {} : { iPlanetDirectoryPro: as }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const isClear = (response.status >= 400 && response.status < 500) || response.status === 501;
  assert.ok(isClear, `${method} ${path.slice(0, 80)} ${body}: ${response.status} ${text}`);
}

test("[house] malformed calls of OpenAM's endpoints are refused, and change nothing", async (t) => {
  // The public client would need rotation to be allowed at all.
  const s = await openam(t, "openam-13-reuse");
  const admin = await s.logIn("amadmin");
  const before = await s.dump();
  for (const call of OF_ANYBODY) await ask(s, call);
  for (const call of OF_AN_ADMINISTRATOR) await ask(s, call, admin);
  assert.equal(await s.dump(), before);
});

test("[house] cookies and headers that are none are no session", async (t) => {
  const s = await openam(t);
  const path = "/frrest/oauth2/token?_queryId=*";
  for (const cookie of ["iPlanetDirectoryPro=%E0%A4%A", "iPlanetDirectoryPro", "=;;=", "a=b; =c"]) {
    assert.equal((await s.call(path, { headers: { cookie } })).status, 401, cookie);
  }
  const tokenId = await s.logIn();
  const twice = `${tokenId}, ${tokenId}`;
  assert.equal((await s.call(path, { headers: { iPlanetDirectoryPro: twice } })).status, 401);
});
