/** What the wire is told of a refusal: a registered code and a sentence that gives nothing away. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { oauthError, type Refusal } from "../../src/kernel/refusal.ts";
import { NOON } from "./driver.ts";

/** One of each reason; the type makes a forgotten one a compile error. */
const REFUSALS: { readonly [R in Refusal["reason"]]: Refusal & { readonly reason: R } } = {
  chainRevoked: { reason: "chainRevoked", by: "replay", at: NOON },
  serialAhead: { reason: "serialAhead", serial: 123_457, last: 123_456 },
  superseded: { reason: "superseded", serial: 123_456, diedAt: NOON },
  replayed: { reason: "replayed", serial: 123_456, effect: "chainRevoked" },
  tokenExpired: { reason: "tokenExpired", by: "idle", at: NOON },
  tooEarly: { reason: "tooEarly", notBefore: NOON + 1000 },
  quotaExceeded: { reason: "quotaExceeded", per: "client", max: 7, resetsAt: NOON + 2000 },
  codeExpired: { reason: "codeExpired", at: NOON },
  codeReplayed: { reason: "codeReplayed", ordinal: 123_456, effect: "chainRevoked" },
  codeOvertaken: { reason: "codeOvertaken", ordinal: 123_456, opened: 123_457 },
  codeRevoked: { reason: "codeRevoked", ordinal: 123_456 },
  redirectUriDiffers: { reason: "redirectUriDiffers" },
  codeVerifierDiffers: { reason: "codeVerifierDiffers" },
  capReached: { reason: "capReached", per: "subject", max: 7 },
  tokenMalformed: { reason: "tokenMalformed", parameter: "refresh_token" },
  tokenUnknown: { reason: "tokenUnknown", parameter: "refresh_token" },
  tokenOfAnotherClient: { reason: "tokenOfAnotherClient", parameter: "refresh_token" },
  scopeWidened: { reason: "scopeWidened", scopes: ["secret-scope"] },
  clientUnknown: { reason: "clientUnknown", clientId: "secret-client", by: "basic" },
  clientNotApproved: { reason: "clientNotApproved" },
  realmUnknown: { reason: "realmUnknown", realm: "secret-realm" },
  clientSecretWrong: { reason: "clientSecretWrong", by: "body" },
  clientAuthenticatedTwice: { reason: "clientAuthenticatedTwice" },
  grantNotAllowed: { reason: "grantNotAllowed", grantType: "secret-grant" },
  resourceOwnerWrong: { reason: "resourceOwnerWrong" },
  methodWrong: { reason: "methodWrong", method: "BREW", expected: "POST" },
  contentTypeWrong: { reason: "contentTypeWrong", contentType: "secret/type" },
  parameterMissing: { reason: "parameterMissing", parameter: "grant_type" },
  parameterRepeated: { reason: "parameterRepeated", parameter: "grant_type" },
  credentialsInUri: { reason: "credentialsInUri", parameter: "client_secret" },
  parameterInvalid: { reason: "parameterInvalid", parameter: "scope", expected: "words" },
  grantTypeUnsupported: { reason: "grantTypeUnsupported", grantType: "secret-grant" },
  upstreamUnavailable: { reason: "upstreamUnavailable", state: "uncertain", retryAfter: 1000 },
  connectionLost: {
    ...{ reason: "connectionLost", cause: "idle", reconnectUri: "https://keten.test/reconnect" },
  },
  scopeNarrower: { reason: "scopeNarrower" },
  tokenTypeUnsupported: { reason: "tokenTypeUnsupported" },
  addressNotAllowed: { reason: "addressNotAllowed" },
  askedTooOften: { reason: "askedTooOften", retryAfter: 1000 },
};

const REGISTERED = [
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "temporarily_unavailable",
  // RFC 7009, section 2.2.1
  "unsupported_token_type",
  // RFC 6749, section 4.1.2.1
  "access_denied",
  // Ours: no registered code says that another server's grant has ended, and invalid_grant would be obeyed.
  "connection_lost",
];

for (const refusal of Object.values(REFUSALS)) {
  test(`[ISS-49] ${refusal.reason}: a registered code, safe characters, no internals`, () => {
    const { error, description, status } = oauthError(refusal, NOON);
    assert.ok(REGISTERED.includes(error));
    // The wire spells quotation marks as RFC 6749, section 5.2, allows: see the dialects.
    assert.match(description, /^[\x20-\x5b\x5d-\x7e]+$/);
    assert.doesNotMatch(description, /123_?45|secret-|secret\/|BREW|1768478400000|attempt/);
    assert.ok([400, 401, 403, 405, 415, 429, 503].includes(status));
    assert.ok(description.length > 10 && !description.endsWith("."));
  });
}

test("[ISS-49] a dead token's cause stays in the log: revoked, replaced and replayed read the same", () => {
  const { chainRevoked, superseded, replayed, serialAhead } = REFUSALS;
  const answers = [chainRevoked, superseded, replayed, serialAhead].map((each) =>
    JSON.stringify(oauthError(each, NOON)),
  );
  assert.equal(new Set(answers).size, 1);
  const { tokenMalformed, tokenUnknown, tokenOfAnotherClient } = REFUSALS;
  const unknown = [tokenMalformed, tokenUnknown, tokenOfAnotherClient].map((each) =>
    JSON.stringify(oauthError(each, NOON)),
  );
  assert.equal(new Set(unknown).size, 1);
});

test("[ISS-49] a refusal that time will lift says when, as a duration", () => {
  assert.equal(oauthError(REFUSALS.tooEarly, NOON).retryAfter, 1000);
  assert.equal(oauthError(REFUSALS.quotaExceeded, NOON).retryAfter, 2000);
});
