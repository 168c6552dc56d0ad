/** What every kind of token-endpoint answer proves, as a table: one row, one golden case. */

import assert from "node:assert/strict";
import test from "node:test";
import { type About, classify, type Reading, type Report } from "../../src/kernel/outcome.ts";

const READINGS: readonly Reading[] = [
  {
    status: 401,
    error: "unauthorized_client",
    description: "old refresh token used",
    about: "token",
  },
  { error: "access_denied", description: "access_token not expired", about: "tooEarly" },
  { error: "invalid_request", description: "the refresh token expired", about: "token" },
];

const whole = { access_token: "a", refresh_token: "r", token_type: "Bearer", expires_in: 600 };
const json = (status: number, body: unknown, more: Partial<Answered> = {}): Report => ({
  kind: "answered",
  status,
  headers: {},
  body: typeof body === "string" ? body : JSON.stringify(body),
  complete: true,
  ...more,
});
type Answered = Extract<Report, { kind: "answered" }>;
const error = (status: number, code: string, description?: string): Report =>
  json(status, { error: code, error_description: description });

/** name, report, class, and what distinguishes it inside the class. */
const CASES: readonly (readonly [string, Report, string, string?])[] = [
  ["nothing left us", { kind: "notSent" }, "notSent"],
  ["silence", { kind: "unanswered" }, "inDoubt", "unanswered"],
  ["a token response", json(200, whole), "answered", "r"],
  ["a token response, 201", json(201, whole), "answered", "r"],
  ["no refresh token in it", json(200, { access_token: "a" }), "answered", "none"],
  ["an empty refresh token in it", json(200, { ...whole, refresh_token: "" }), "answered", "none"],
  ["a null refresh token in it", json(200, { ...whole, refresh_token: null }), "answered", "none"],
  ["expires_in as a string", json(200, { ...whole, expires_in: "600" }), "answered", "r"],
  ["no expires_in", json(200, { access_token: "a", refresh_token: "r" }), "answered", "r"],
  [
    "cut after both tokens",
    json(200, '{"access_token":"a","refresh_token":"r","exp', { complete: false }),
    "answered",
    "r",
  ],
  [
    "cut after the refresh token alone",
    json(200, '{"refresh_token":"r","access_tok', { complete: false }),
    "answered",
    "r",
  ],
  [
    "cut inside the refresh token",
    json(200, '{"access_token":"a","refresh_token":"r', { complete: false }),
    "inDoubt",
    "cut",
  ],
  ["cut before any token", json(200, '{"acc', { complete: false }), "inDoubt", "unreadable"],
  ["cut before the body", json(200, "", { complete: false }), "inDoubt", "unreadable"],
  ["an empty body", json(200, ""), "inDoubt", "unreadable"],
  ["a page with status 200", json(200, "<html>maintenance</html>"), "inDoubt", "unreadable"],
  ["JSON without tokens", json(200, { ok: true }), "inDoubt", "unreadable"],
  ["a list", json(200, "[]"), "inDoubt", "unreadable"],
  ["a number for a token", json(200, { access_token: 7 }), "inDoubt", "unreadable"],
  ["204", json(204, ""), "inDoubt", "unreadable"],
  ["500", json(500, "oops"), "inDoubt", "serverError"],
  ["500 with an OAuth error", error(500, "server_error"), "inDoubt", "serverError"],
  ["502", json(502, "<html>"), "inDoubt", "serverError"],
  ["503", json(503, ""), "inDoubt", "serverError"],
  ["503 with invalid_grant", error(503, "invalid_grant"), "inDoubt", "serverError"],
  ["504", json(504, ""), "inDoubt", "serverError"],
  ["408", json(408, ""), "inDoubt", "serverError"],
  ["500 with tokens in it", json(500, whole), "answered", "r"],
  ["501", json(501, ""), "refusedUnspent", "endpoint"],
  ["invalid_grant", error(400, "invalid_grant"), "refusedUnspent", "token"],
  ["invalid_grant, 403", error(403, "invalid_grant"), "refusedUnspent", "token"],
  ["invalid_grant with status 200", error(200, "invalid_grant"), "refusedUnspent", "token"],
  ["bad_refresh_token with status 200", error(200, "bad_refresh_token"), "refusedUnspent", "token"],
  ["invalid_client", error(401, "invalid_client"), "refusedUnspent", "client"],
  ["invalid_client, 400", error(400, "invalid_client"), "refusedUnspent", "client"],
  ["unauthorized_client", error(400, "unauthorized_client"), "refusedUnspent", "client"],
  [
    "a provider's own spelling of a dead token",
    error(401, "unauthorized_client", "Old refresh token used."),
    "refusedUnspent",
    "token",
  ],
  [
    "the same words, another status",
    error(400, "unauthorized_client", "Old refresh token used."),
    "refusedUnspent",
    "client",
  ],
  [
    "a provider's own spelling of too early",
    error(400, "access_denied", "Rate limit exceeded: access_token not expired"),
    "refusedUnspent",
    "tooEarly",
  ],
  [
    "a provider's own spelling of expired",
    error(400, "invalid_request", "The refresh token expired at 10/11/2022"),
    "refusedUnspent",
    "token",
  ],
  ["invalid_request", error(400, "invalid_request"), "refusedUnspent", "request"],
  ["invalid_scope", error(400, "invalid_scope"), "refusedUnspent", "request"],
  ["unsupported_grant_type", error(400, "unsupported_grant_type"), "refusedUnspent", "request"],
  ["an unknown code", error(400, "gremlins"), "refusedUnspent", "request"],
  ["an unknown code, 401", error(401, "gremlins"), "refusedUnspent", "client"],
  [
    "a nested error",
    json(400, { error: { code: "", message: "no" } }),
    "refusedUnspent",
    "request",
  ],
  ["400 without a readable body", json(400, "<html>"), "refusedUnspent", "endpoint"],
  ["404", json(404, "not found"), "refusedUnspent", "endpoint"],
  ["405", json(405, ""), "refusedUnspent", "endpoint"],
  [
    "302",
    json(302, "", { headers: { location: "https://elsewhere.example" } }),
    "refusedUnspent",
    "endpoint",
  ],
  ["307", json(307, ""), "refusedUnspent", "endpoint"],
  ["429", json(429, ""), "refusedUnspent", "rate"],
  ["429 with an OAuth error", error(429, "invalid_grant"), "refusedUnspent", "rate"],
  ["temporarily_unavailable, 400", error(400, "temporarily_unavailable"), "refusedUnspent", "rate"],
];

test("[PRO-06] at least forty golden cases", () => {
  assert(CASES.length >= 40);
});

for (const [name, report, expected, detail] of CASES) {
  test(`[PRO-06] ${name}: ${expected}${detail ? `, ${detail}` : ""}`, () => {
    const outcome = classify(report, READINGS);
    assert.equal(outcome.class, expected);
    if (outcome.class === "answered") assert.equal(outcome.tokens.refresh ?? "none", detail);
    if (outcome.class === "inDoubt") assert.equal(outcome.why, detail);
    if (outcome.class === "refusedUnspent") assert.equal(outcome.about, detail as About);
  });
}

test("[PRO-06] a token inside a refusal is found, and so is how long to wait", () => {
  const body = { error: "access_denied", refresh_token: "changed" };
  const outcome = classify(json(400, body, { headers: { "retry-after": "30" } }));
  assert(outcome.class === "refusedUnspent");
  assert.equal(outcome.found?.refresh, "changed");
  assert.equal(outcome.retryAfter, 30_000);
});

test("[PRO-19] a server may ask for a pause of a day at most; what is no number of seconds asks for none", () => {
  const asked = (value: string) => classify(json(503, "{}", { headers: { "retry-after": value } }));
  const pause = (value: string) => {
    const outcome = asked(value);
    return outcome.class === "inDoubt" ? outcome.retryAfter : undefined;
  };
  assert.equal(pause("3600"), 3_600_000);
  assert.equal(pause("99999999"), 86_400_000);
  assert.equal(pause("999999999"), 86_400_000);
  for (const odd of ["-1", "1.5", "", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"]) {
    assert.equal(pause(odd), null, odd);
  }
});

test("[PRO-06] lifetimes are read in seconds, digits or number, and nothing else", () => {
  for (const [written, read] of [
    [600, 600_000],
    ["600", 600_000],
    ["10 minutes", null],
    [-1, null],
    [null, null],
  ] as const) {
    const outcome = classify(json(200, { ...whole, expires_in: written }));
    assert(outcome.class === "answered");
    assert.equal(outcome.tokens.expiresIn, read, String(written));
  }
});
