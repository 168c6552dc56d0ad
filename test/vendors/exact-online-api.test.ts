/** The stand-in's API: who may call what, how often, and what happens to who errs too often. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { createLimits } from "../../src/vendors/exact-online/limits.ts";
import { serverOptionsOf } from "../../src/vendors/exact-online/switches.ts";
import type { Answered } from "../issuer/stand.ts";
import {
  DAY,
  type ExactStand,
  errorOf,
  exactStand,
  HOUR,
  MINUTE,
  nextOf,
  rows,
  SECOND,
} from "./exact-stand.ts";

/** The demo user's access token and first company. */
async function connected(s: ExactStand): Promise<{ access: string; division: number }> {
  const { access } = await s.tokens();
  const [division] = await s.divisions(access);
  return { access, division: division! };
}

const limitHeaders = ({ headers }: Answered): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith("x-ratelimit")));

test("[A28] a client begins with its own division, by $select, and by Select without the dollar sign", async (t) => {
  const s = await exactStand(t);
  const { access } = await s.tokens();
  for (const query of [
    "$select=CurrentDivision",
    "Select=CurrentDivision",
    "%24select=CurrentDivision",
  ]) {
    const { status, text, headers } = await s.api(`current/Me?${query}`, access);
    assert.equal(status, 200, text);
    assert.match(text, /^\{"d":\{"results":\[\{"CurrentDivision":\d{6}\}\]\}\}$/);
    assert.match(headers.get("content-type")!, /^application\/json/);
  }
  const [me] = rows(await s.api("current/Me", access));
  assert.equal(me!.UserName, s.sandbox.username);
});

test("[A28] divisions, accounts and items are told, always the same, and pages of sixty turned to the end", async (t) => {
  const s = await exactStand(t);
  const { access, division } = await connected(s);
  for (const path of ["hrm/Divisions", "system/Divisions"]) {
    const divisions = rows(await s.api(`${division}/${path}`, access));
    assert.equal(divisions.length, 3);
    assert.equal(divisions[0]!.Code, division);
  }
  const first = await s.api(`${division}/crm/Accounts?$select=ID,Name`, access);
  assert.deepEqual(Object.keys(rows(first)[0]!), ["ID", "Name"]);
  const sizes = [rows(first).length];
  const names = new Set(rows(first).map(({ Name }) => Name));
  for (let next = nextOf(first); next; ) {
    assert.ok(next.startsWith(`${s.sandbox.url}/api/v1/${division}/crm/Accounts?$select=`), next);
    const response = await fetch(next, { headers: { authorization: `Bearer ${access}` } });
    const { d } = (await response.json()) as {
      d: { results: { Name: string }[]; __next?: string };
    };
    sizes.push(d.results.length);
    for (const { Name } of d.results) names.add(Name);
    next = d.__next;
  }
  assert.deepEqual([sizes, names.size], [[60, 60, 15], 135]);
  const items = rows(await s.api(`${division}/logistics/Items?$top=2`, access));
  assert.equal(items.length, 2);
  const found = `$filter=${encodeURIComponent(`Code eq 'ART-0007'`)}`;
  const [item] = rows(await s.api(`${division}/logistics/Items?${found}`, access));
  assert.equal(item!.Description, "Artikel 7");
});

test("[A28] what is wrong with a call is told in the API's form of errors, not the token endpoint's", async (t) => {
  const s = await exactStand(t);
  const { access, division } = await connected(s);
  for (const [path, status] of [
    [`${division}/crm/Accounts?$select=Nothing`, 400],
    [`${division}/crm/Accounts?$orderby=Name`, 400],
    [`${division}/crm/Accounts?$top=many`, 400],
    [`${division}/crm/Accounts?$filter=Name`, 400],
    [`${division}/crm/Accounts?$skiptoken=x`, 400],
    [`${division}/crm/Nothing`, 404],
    ["1/crm/Accounts", 403],
    ["x/crm/Accounts", 403],
  ] as const) {
    const { status: seen, json } = await s.api(path, access);
    assert.equal(seen, status, path);
    const { code, message } = json.error as { code: string; message: { lang: string } };
    assert.deepEqual([code, message.lang], ["", ""]);
  }
});

test("[A07] without a living access token the API asks for authentication", async (t) => {
  const s = await exactStand(t);
  const { access, refresh } = await s.tokens();
  s.clock.advance(599 * SECOND);
  assert.equal((await s.api("current/Me", access)).status, 200);
  s.clock.advance(SECOND);
  for (const token of [access, refresh, undefined, "garbage"]) {
    const answer = await s.api("current/Me", token);
    assert.equal(answer.status, 401);
    assert.equal(errorOf(answer), "Authentication Required");
    assert.equal(answer.headers.get("reason"), "Authentication Required");
  }
  const response = await fetch(`${s.sandbox.url}/api/v1/current/Me`);
  assert.equal(response.statusText, "Authentication Required");
});

test("[A20] sixty calls a minute of an app at a company pass, the next is refused with the minute's headers alone", async (t) => {
  const s = await exactStand(t);
  const { access, division } = await connected(s);
  s.clock.advance(30 * SECOND);
  s.clock.advance(MINUTE - (s.clock.now() % MINUTE));
  const start = s.clock.now();
  for (let call = 1; call <= 60; call += 1) {
    const answer = await s.api(`${division}/crm/Accounts?$top=1`, access);
    assert.equal(answer.status, 200);
    assert.deepEqual(limitHeaders(answer), {
      "x-ratelimit-limit": "5000",
      "x-ratelimit-remaining": String(4999 - call),
      "x-ratelimit-reset": String(Date.parse("2024-01-02T00:00:00Z")),
      "x-ratelimit-minutely-limit": "60",
      "x-ratelimit-minutely-remaining": String(60 - call),
      "x-ratelimit-minutely-reset": String(start + MINUTE),
    });
  }
  const refused = await s.api(`${division}/crm/Accounts?$top=1`, access);
  assert.deepEqual([refused.status, refused.text], [429, ""]);
  assert.deepEqual(limitHeaders(refused), {
    "x-ratelimit-minutely-limit": "60",
    "x-ratelimit-minutely-remaining": "0",
    "x-ratelimit-minutely-reset": String(start + MINUTE),
  });
  const elsewhere = await s.api(`${division + 1}/crm/Accounts?$top=1`, access);
  assert.equal(elsewhere.status, 200, "another company");
  const withoutCompany = await s.api("current/Me", access);
  assert.deepEqual([withoutCompany.status, limitHeaders(withoutCompany)], [200, {}]);
  s.clock.advance(MINUTE - 1);
  assert.equal((await s.api(`${division}/crm/Accounts`, access)).status, 429);
  s.clock.advance(1);
  const after = await s.api(`${division}/crm/Accounts`, access);
  assert.equal(after.status, 200);
  assert.equal(
    after.headers.get("x-ratelimit-remaining"),
    "4938",
    "refused calls count for nothing",
  );
});

test("[A20] what a day allows passes, the next call is refused with the day's headers alone, until midnight", async (t) => {
  const s = await exactStand(t);
  await s.turn({ D12: "60/6" });
  const { access, division } = await connected(s);
  for (let call = 2; call <= 6; call += 1) {
    const { status, headers } = await s.api(`${division}/logistics/Items`, access);
    assert.deepEqual([status, headers.get("x-ratelimit-remaining")], [200, String(6 - call)]);
  }
  const refused = await s.api(`${division}/logistics/Items`, access);
  assert.deepEqual([refused.status, refused.text], [429, ""]);
  const midnight = Date.parse("2024-01-02T00:00:00Z");
  assert.deepEqual(limitHeaders(refused), {
    "x-ratelimit-limit": "6",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(midnight),
  });
  assert.equal((await s.api(`${division + 1}/logistics/Items`, access)).status, 200);
  s.clock.advance(midnight - MINUTE - s.clock.now());
  const late = (await s.tokens()).access;
  assert.equal((await s.api(`${division}/logistics/Items`, late)).status, 429);
  s.clock.advance(MINUTE);
  const after = await s.api(`${division}/logistics/Items`, late);
  assert.equal(after.headers.get("x-ratelimit-remaining"), "5");
});

test("[A20] five thousand calls a day, at sixty a minute, and not one more", () => {
  const limits = createLimits(() => serverOptionsOf({}));
  let now = Date.parse("2024-01-01T00:00:00Z");
  for (let call = 1; call <= 5000; call += 1) {
    if (call % 60 === 1) now += MINUTE;
    const { allowed, headers } = limits.count("app at company", now);
    assert.equal(allowed, true, `call ${call}`);
    assert.equal(headers["X-RateLimit-Remaining"], String(5000 - call));
  }
  now += MINUTE;
  assert.equal(limits.count("app at company", now).allowed, false);
  assert.equal(limits.count("app at another", now).allowed, true);
  now = Date.parse("2024-01-01T23:59:59.999Z");
  assert.equal(limits.count("app at company", now).allowed, false);
  assert.equal(limits.count("app at company", now + 1).allowed, true);
});

test("[A20] whose midnight it is, is a switch", async (t) => {
  const s = await exactStand(t);
  const { access, division } = await connected(s);
  await s.turn({ midnight: "Europe/Amsterdam" });
  // The demo's calls so far belong to the day that began in UTC; another company has none.
  const { headers } = await s.api(`${division + 1}/crm/Accounts`, access);
  assert.equal(headers.get("x-ratelimit-reset"), String(Date.parse("2024-01-01T23:00:00Z")));
});

test("[A21] the eleventh error of an hour bars app, user, company and endpoint for an hour, and longer when repeated", async (t) => {
  const s = await exactStand(t);
  await s.turn({ D2: "none" });
  let { access, refresh } = await s.tokens();
  const [division] = await s.divisions(access);
  const renew = async () => {
    const { json } = await s.refresh(refresh);
    access = json.access_token as string;
    refresh = json.refresh_token as string;
  };
  const wrong = () => s.api(`${division}/crm/Accounts?$orderby=Name`, access);
  const right = (path = `${division}/crm/Accounts`) => s.api(path, access);
  const spend = async () => {
    for (let error = 1; error <= 10; error += 1) assert.equal((await wrong()).status, 400);
    assert.equal((await right()).status, 200, "ten are allowed");
    assert.equal((await wrong()).status, 429, "the eleventh");
    assert.equal((await right()).status, 429, "barred");
  };
  await spend();
  assert.equal((await right(`${division}/logistics/Items`)).status, 200, "another endpoint");
  assert.equal((await right(`${division! + 1}/crm/Accounts`)).status, 200, "another company");
  await s.control("users", { username: "another" });
  const other = await s.tokens({ username: "another" });
  assert.equal((await s.api(`${division}/crm/Accounts`, other.access)).status, 200, "another user");
  s.clock.advance(HOUR - SECOND);
  await renew();
  assert.equal((await right()).status, 429);
  s.clock.advance(SECOND);
  assert.equal((await right()).status, 200, "an hour later");
  await spend();
  s.clock.advance(HOUR);
  await renew();
  assert.equal((await right()).status, 429, "longer, the second time");
  s.clock.advance(HOUR);
  await renew();
  assert.equal((await right()).status, 200);
  for (let error = 1; error <= 10; error += 1) await wrong();
  s.clock.advance(HOUR);
  await renew();
  assert.equal((await wrong()).status, 400, "errors of an hour ago count no more");
});

test("[A21] 401, 403 and 404 are errors too, and so is an access token that has ended", async (t) => {
  for (const [path, status, wait] of [
    ["1/crm/Accounts", 403, 0],
    ["DIVISION/crm/Nothing", 404, 0],
    ["DIVISION/crm/Accounts", 401, 600 * SECOND],
  ] as const) {
    const s = await exactStand(t);
    const { access, division } = await connected(s);
    s.clock.advance(wait);
    const call = () => s.api(path.replace("DIVISION", String(division)), access);
    for (let error = 1; error <= 10; error += 1) assert.equal((await call()).status, status);
    assert.equal((await call()).status, 429, path);
  }
});

test("[A21] what is no token of ours counts against nobody", async (t) => {
  const s = await exactStand(t);
  const { access, division } = await connected(s);
  for (let error = 1; error <= 20; error += 1) {
    assert.equal((await s.api(`${division}/crm/Accounts`, "garbage")).status, 401);
  }
  assert.equal((await s.api(`${division}/crm/Accounts`, access)).status, 200);
});

test("[A23] the API is limited to the divisions that were picked at consent", async (t) => {
  const s = await exactStand(t);
  const { clientId, username, issuer } = s.sandbox;
  const { access } = await s.tokens();
  const [first, second, third] = await s.divisions(access);
  const opened = await issuer.openCode({
    clientId,
    subject: username,
    resources: [`division:${second}`, `division:${third}`],
  });
  assert.ok("code" in opened);
  const { json } = await s.redeem(opened.code);
  const picked = json.access_token as string;
  assert.deepEqual(await s.divisions(picked), [second, third]);
  assert.equal((await s.api(`${second}/crm/Accounts`, picked)).status, 200);
  const answer = await s.api(`${first}/crm/Accounts`, picked);
  assert.deepEqual([answer.status, errorOf(answer)], [403, "Forbidden"]);
  s.clock.advance(DAY);
  const refreshed = await s.refresh(json.refresh_token as string);
  const after = await s.divisions(refreshed.json.access_token as string);
  assert.deepEqual(after, [second, third], "a refresh opens no other");
});

test("[A08] a refresh token yields access to its own user's companies, never another user's or app's", async (t) => {
  const s = await exactStand(t);
  for (const username of ["a", "b"])
    await s.control("users", { username, tenant: `Firma ${username}` });
  const [a, b] = [await s.tokens({ username: "a" }), await s.tokens({ username: "b" })];
  const [ofA, ofB] = [await s.divisions(a.access), await s.divisions(b.access)];
  assert.equal(new Set([...ofA, ...ofB]).size, 6);
  assert.equal((await s.api(`${ofB[0]}/crm/Accounts`, a.access)).status, 403);
  const { json } = await s.postJson("/apps", { redirectUri: "https://app.example/" });
  s.clock.advance(570 * SECOND);
  const credentials = {
    client_id: json.clientId as string,
    client_secret: json.clientSecret as string,
  };
  const stolen = await s.refresh(a.refresh, credentials);
  assert.equal(stolen.status, 400);
  assert.match(stolen.text, /invalid or empty chainId/);
  const again = await s.refresh(a.refresh);
  assert.deepEqual(await s.divisions(again.json.access_token as string), ofA);
});
