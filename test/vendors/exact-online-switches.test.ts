/** Every question on which sources about Exact Online disagree is a switch: turned over HTTP, seen over HTTP. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { DAY, exactStand, HOUR, MINUTE, OLD, SECOND } from "./exact-stand.ts";

const DEFAULTS = {
  D1: "observed",
  D2: "570 s",
  D3: "401",
  D4: "first use",
  D5: "refresh",
  D6: "opaque",
  D7: "bearer",
  D8: "30 d",
  D9: "observed",
  D10: "until its successor is used",
  D11: "both",
  D12: "60/5000",
  D13: "exceeded",
  midnight: "UTC",
};

test("[F01] the switches stand at their defaults, each with its question and its positions", async (t) => {
  const s = await exactStand(t);
  const { json } = await s.get("/sandbox/exact-online/switches");
  const told = json as Record<string, { question: string; position: string; positions: string[] }>;
  for (const [name, { question, positions }] of Object.entries(told)) {
    assert.ok(question.length > 10 && positions.length > 1, name);
  }
  const at = Object.entries(told).map(([name, { position }]) => [name, position]);
  assert.deepEqual(Object.fromEntries(at), DEFAULTS);
  const before = await s.dump();
  assert.equal((await s.turn(DEFAULTS)).status, 200);
  assert.equal(await s.dump(), before, "the policy is already so");
});

test("[F01] a preset's switches say what its policy says", async (t) => {
  for (const [preset, name, position] of [
    ["exact-online-10min", "D10", "10 min"],
    ["exact-online-old-allowed", "D4", "never"],
  ] as const) {
    const s = await exactStand(t, { preset });
    const { json } = await s.get("/sandbox/exact-online/switches");
    assert.equal((json[name] as { position: string }).position, position);
    const before = await s.dump();
    assert.equal((await s.turn({ [name]: position })).status, 200);
    assert.equal(await s.dump(), before, "the policy is already so");
  }
});

test("[F01] what cannot be is refused in one sentence and changes nothing", async (t) => {
  const s = await exactStand(t);
  const before = await s.dump();
  for (const [wish, expected] of [
    [{ D99: "x" }, /switch "D99" is unknown; expected one of D1, D2/],
    [{ D3: "500" }, /switch D3 is "500"; expected "401" or "400"/],
    [{ D3: 401 }, /switch D3 is 401; expected/],
    [{ __proto__: null, constructor: "x" }, /switch "constructor" is unknown/],
    [{ D7: "Bearer", D8: "soon" }, /policy refused: expiry.idle: expected a duration/],
    [{ D12: "many" }, /switch D12 is "many"; expected "60\/5000" or/],
    [{ D4: "never", D10: "10 min" }, /policy refused: usedFor/],
  ] as const) {
    const { status, json } = await s.turn(wish);
    assert.equal(status, 400, JSON.stringify(json));
    assert.match(json.error as string, expected);
  }
  assert.equal(await s.dump(), before);
  const { json } = await s.get("/sandbox/exact-online/switches");
  assert.equal((json.D7 as { position: string }).position, "bearer");
});

test("[F01] one server's switches are not another's", async (t) => {
  const [one, two] = [await exactStand(t), await exactStand(t)];
  await one.turn({ D7: "Bearer" });
  const type = async (s: typeof one) => (await s.redeem(await s.code())).json.token_type;
  assert.deepEqual([await type(one), await type(two)], ["Bearer", "bearer"]);
});

test("[A18] D1: too early, as documented: 401 with another text and header", async (t) => {
  const s = await exactStand(t);
  await s.turn({ D1: "documented" });
  const { status, json, headers } = await s.refresh((await s.tokens()).refresh);
  assert.deepEqual([status, json.error_description], [401, "Access Token not expired"]);
  assert.equal(headers.get("reason"), "Access Token not expired");
});

test("[A18] D2: the least interval is 570 s, 10 s or none, at once for chains that live", async (t) => {
  const s = await exactStand(t);
  const { refresh } = await s.tokens();
  s.clock.advance(9 * SECOND);
  assert.equal((await s.refresh(refresh)).json.error, "access_denied");
  await s.turn({ D2: "10 s" });
  assert.equal((await s.refresh(refresh)).json.error, "access_denied");
  s.clock.advance(SECOND);
  const second = await s.next(refresh);
  assert.equal((await s.refresh(second)).json.error, "access_denied");
  await s.turn({ D2: "none" });
  await s.next(await s.next(second));
  await s.turn({ D2: "570 s" });
  assert.equal((await s.refresh(second)).json.error, "unauthorized_client");
});

test("[A15] D3: the status of an old refresh token is 401 or 400, the text the same", async (t) => {
  const s = await exactStand(t);
  const { refresh } = await s.tokens();
  await s.later(await s.later(refresh));
  for (const status of [401, 400, 401]) {
    await s.turn({ D3: String(status) });
    const answer = await s.refresh(refresh);
    assert.deepEqual([answer.status, answer.text], [status, OLD]);
  }
});

test("[A10] D4: the old token dies with the first use of the new one, with its issue, or never", async (t) => {
  for (const [position, afterIssue, afterUse] of [
    ["first use", 200, 401],
    ["issue", 401, 401],
    ["never", 200, 200],
  ] as const) {
    const s = await exactStand(t);
    await s.turn({ D2: "none" });
    await s.turn({ D4: position });
    const { refresh: first } = await s.tokens();
    let newest = await s.next(first);
    const retried = await s.refresh(first);
    assert.equal(retried.status, afterIssue, `${position}: once the new one is issued`);
    if (retried.status === 200) newest = retried.json.refresh_token as string;
    await s.next(newest);
    assert.equal((await s.refresh(first)).status, afterUse, `${position}: once it is used`);
  }
});

test("[A14] D4 turned to never brings back what was dead, and turned back ends it at once", async (t) => {
  const s = await exactStand(t);
  await s.turn({ D2: "none" });
  const { refresh: first } = await s.tokens();
  const second = await s.next(first);
  const third = await s.next(second);
  const status = async (token: string) => (await s.refresh(token)).status;
  assert.equal(await status(first), 401);
  await s.turn({ D4: "never" });
  for (const token of [first, second, third]) assert.equal(await status(token), 200);
  await s.turn({ D4: "first use" });
  assert.equal(await status(first), 401);
});

test("[A10] D5: first use is a refresh, or also a call of the API with the access token that came with it", async (t) => {
  for (const [position, status] of [
    ["refresh", 200],
    ["refresh or access", 401],
  ] as const) {
    const s = await exactStand(t);
    await s.turn({ D5: position, D2: "none" });
    const { refresh: first } = await s.tokens();
    const { json } = await s.refresh(first);
    assert.equal((await s.api("current/Me", json.access_token as string)).status, 200);
    assert.equal((await s.refresh(first)).status, status, position);
    if (status === 401) await s.next(json.refresh_token as string);
  }
});

test("[A05] D6: codes are opaque with a mark, or JWTs; both are redeemed", async (t) => {
  const s = await exactStand(t);
  const opaque = await s.code();
  assert.match(opaque, /^stampNL001\.[\w-]{4}!IAAAA[\w-]+$/);
  assert.equal((await s.redeem(opaque)).status, 200);
  await s.turn({ D6: "jwt" });
  const jwt = await s.code();
  const [header, payload, third, ...more] = jwt.split(".");
  const decoded = [header, payload].map((part) =>
    JSON.parse(Buffer.from(part!, "base64url").toString()),
  );
  assert.deepEqual(decoded[0], { typ: "JWT", alg: "HS256" });
  assert.equal(decoded[1].typ, "code");
  assert.match(third!, /^[\w-]{43,}$/);
  assert.deepEqual(more, []);
  assert.equal((await s.redeem(jwt)).status, 200);
  assert.equal((await s.redeem(jwt)).json.error_description, REPLAYED);
});

const REPLAYED =
  "This message has already been processed.  This could indicate a replay attack in progress.";

test("[A06] D7: token_type is bearer or Bearer", async (t) => {
  const s = await exactStand(t);
  for (const position of ["bearer", "Bearer", "bearer"]) {
    await s.turn({ D7: position });
    assert.equal((await s.redeem(await s.code())).json.token_type, position);
  }
});

test("[A13] D8: a token issued under 180 days keeps them while the setting falls in steps to 30", async (t) => {
  const s = await exactStand(t);
  // The stand's clock begins on 2024-01-01.
  const steps = [
    { is: "180 d" },
    { from: "2024-01-11", is: "90 d" },
    { from: "2024-01-21", is: "30 d" },
  ];
  assert.equal((await s.turn({ D8: steps })).status, 200);
  const issue = async (username: string) => {
    await s.control("users", { username });
    return (await s.tokens({ username })).refresh;
  };
  const lives = [{ token: await issue("a"), at: s.clock.now(), days: 180 }];
  for (const [username, days] of [
    ["b", 90],
    ["c", 30],
  ] as const) {
    s.clock.advance(10 * DAY);
    lives.push({ token: await issue(username), at: s.clock.now(), days });
  }
  for (const { token, at, days } of lives.toReversed()) {
    s.clock.advance(at + days * DAY - SECOND - s.clock.now());
    const inspected = await s.control("tokens/inspect", { token });
    assert.equal(inspected.accepted, true, `${days} d, a second before`);
    s.clock.advance(SECOND);
    const { status, json } = await s.refresh(token);
    assert.deepEqual([status, json.error], [400, "invalid_request"]);
    assert.match(json.error_description as string, /^The refresh token expired at .* it is now /);
  }
});

test("[A13] D8 by name: 180 days", async (t) => {
  const s = await exactStand(t);
  await s.turn({ D8: "180 d" });
  const { refresh } = await s.tokens();
  s.clock.advance(179 * DAY);
  await s.next(refresh);
});

test("[A13] D9: an expired token is refused with both dates and 400, or as documented with 401", async (t) => {
  const s = await exactStand(t);
  const { refresh } = await s.tokens();
  s.clock.advance(30 * DAY + 7 * HOUR + 5 * MINUTE);
  for (const [position, status] of [
    ["observed", 400],
    ["documented", 401],
  ] as const) {
    await s.turn({ D9: position });
    const answer = await s.refresh(refresh);
    assert.equal(answer.status, status);
    assert.equal(
      answer.text,
      '{"error":"invalid_request","error_description":"The refresh token expired at 1/31/2024 12:00:00 AM and it is now 1/31/2024 7:05:00 AM."}',
    );
  }
});

test("[A12] D10: a used token may be used again for 600 s after its first use, or until its successor is used", async (t) => {
  for (const [position, status] of [
    ["10 min", 401],
    ["until its successor is used", 200],
  ] as const) {
    const s = await exactStand(t);
    await s.turn({ D2: "none", D10: position });
    const { refresh } = await s.tokens();
    s.clock.advance(HOUR);
    await s.next(refresh);
    s.clock.advance(599 * SECOND);
    await s.next(refresh);
    s.clock.advance(SECOND);
    const answer = await s.refresh(refresh);
    assert.equal(answer.status, status, position);
    if (status === 401) assert.equal(answer.text, OLD);
  }
});

test("[A06] D11: clients authenticate in the body and by Basic, or in one of these ways only", async (t) => {
  const s = await exactStand(t);
  const { clientId, clientSecret } = s.sandbox;
  const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`;
  const asks = {
    body: async () => s.redeem(await s.code()),
    basic: async () =>
      s.post(
        { grant_type: "authorization_code", code: await s.code() },
        { headers: { authorization } },
      ),
  };
  for (const [position, expected] of [
    ["both", { body: 200, basic: 200 }],
    ["body", { body: 200, basic: 401 }],
    ["basic", { body: 401, basic: 200 }],
  ] as const) {
    await s.turn({ D11: position });
    const seen = { body: (await asks.body()).status, basic: (await asks.basic()).status };
    assert.deepEqual(seen, expected, position);
  }
});

test("[A20] D12: the limits of a minute and a day are 60 and 5,000, or older ones", async (t) => {
  const s = await exactStand(t);
  const { access } = await s.tokens();
  const [division] = await s.divisions(access);
  for (const position of ["60/5000", "100/9000", "300/50000"]) {
    await s.turn({ D12: position });
    const { headers } = await s.api(`${division}/crm/Accounts`, access);
    const told = ["x-ratelimit-minutely-limit", "x-ratelimit-limit"].map((h) => headers.get(h));
    assert.equal(told.join("/"), position);
  }
});

test("[A20] D13: a 429 tells the limit that is exceeded, or nothing", async (t) => {
  const s = await exactStand(t);
  const { access } = await s.tokens();
  const [division] = await s.divisions(access);
  for (let call = 0; call < 60; call += 1) await s.api(`${division}/logistics/Items`, access);
  const limitHeaders = async () => {
    const { status, headers, text } = await s.api(`${division}/logistics/Items`, access);
    assert.deepEqual([status, text], [429, ""]);
    return [...headers.keys()].filter((name) => name.startsWith("x-ratelimit"));
  };
  const minutely = ["limit", "remaining", "reset"].map((n) => `x-ratelimit-minutely-${n}`);
  assert.deepEqual(await limitHeaders(), minutely);
  await s.turn({ D13: "none" });
  assert.deepEqual(await limitHeaders(), []);
});
