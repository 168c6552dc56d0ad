/** Mistakes of the relay: what it lets through, what it believes for too long, and what it does to those who share. */

import type { Mutant } from "./mutant.ts";

const TOKEN = "test/relay/token.test.ts";
const WALLS = "test/relay/walls.test.ts";
const PROBE = "test/relay/probe.test.ts";
const ENDING = "test/relay/ending.test.ts";

export const RELAY_MUTANTS: readonly Mutant[] = [
  {
    name: "consumers outlive their connection",
    file: "src/relay/relay.ts",
    from: "createdAt === consumer.connectionCreatedAt",
    to: "createdAt !== undefined",
    says: "the consumers of a removed connection get the tokens of another that is added under its name",
    killers: [{ tests: "test/relay/token.test.ts" }],
  },
  {
    name: "tried with each question",
    file: "src/relay/relay.ts",
    from: "const TRIED_MS = 30 * SECOND;",
    to: "const TRIED_MS = 0;",
    says: "a consumer that asks in a loop costs a call of the provider's limits with each question",
    killers: [{ tests: "test/relay/probe.test.ts" }],
  },
  {
    name: "an outage told as invalid_grant",
    file: "src/kernel/refusal.ts",
    from: 'error: "temporarily_unavailable",\n        description: `no access token now',
    to: 'error: "invalid_grant",\n        description: `no access token now',
    says: "products throw their refresh token away because the provider is down",
    killers: [{ tests: TOKEN, named: "an outage upstream" }],
  },
  {
    name: "a lost grant told as invalid_grant",
    file: "src/kernel/refusal.ts",
    from: 'error: "connection_lost",',
    to: 'error: "invalid_grant",',
    says: "products throw their refresh token away although the owner can connect the account anew",
    killers: [{ tests: TOKEN, named: "a chain that is lost" }],
  },
  {
    name: "a revoked consumer believed",
    file: "src/relay/relay.ts",
    from: "registry.revoke(clientId).finally(() => this.#admission.forget()),",
    to: "registry.revoke(clientId),",
    says: "who was revoked gets tokens for as long as it was believed before",
    killers: [{ tests: TOKEN, named: "revoking one consumer" }],
  },
  {
    name: "a replaced secret believed",
    file: "src/relay/relay.ts",
    from: "registry.replaceSecret(clientId).finally(() => this.#admission.forget()),",
    to: "registry.replaceSecret(clientId),",
    says: "a secret that leaked opens after it was replaced",
    killers: [{ tests: TOKEN, named: "new secret" }],
  },
  {
    name: "another's refresh token taken",
    file: "src/issuer/introspect.ts",
    from: "if (client !== clientId) return refuse",
    to: 'if (client === "") return refuse',
    says: "a consumer gets the tokens of another connection for that one's refresh token",
    killers: [{ tests: WALLS }],
  },
  {
    name: "addresses not looked at",
    file: "src/relay/consumers.ts",
    from: "if (allowFrom.length === 0) return true;",
    to: "if (allowFrom.length >= 0) return true;",
    says: "a consumer is answered wherever it asks from",
    killers: [{ tests: TOKEN, named: "its addresses only" }],
  },
  {
    name: "narrower scope promised",
    file: "src/relay/relay.ts",
    from: 'asked.length < has.length ? { reason: "scopeNarrower" } : undefined',
    to: "undefined",
    says: "a consumer is told that its token can do less than it can",
    killers: [{ tests: TOKEN, named: "scope must be" }],
  },
  {
    name: "all of the answer passed on",
    file: "src/kernel/outcome.ts",
    from: "const found = PASSED_ON.flatMap((name) => {",
    to: "const found = Object.keys(json).flatMap((name) => {",
    says: "consumers read what the provider wrote for us, its refresh token too",
    killers: [{ tests: TOKEN, named: "nothing else" }],
  },
  {
    name: "one consumer takes all",
    file: "src/relay/fair-share.ts",
    from: "if (used.level + 1 > burst)",
    to: "if (used.level + 1 > Number.POSITIVE_INFINITY)",
    says: "one that asks in a loop is served as often as it asks",
    killers: [{ tests: TOKEN, named: "in a loop" }],
  },
  {
    name: "refreshed on suspicion",
    file: "src/relay/relay.ts",
    from: 'const isDead = probe !== undefined && (await probe(accessToken)) === "refused";',
    to: 'const isDead = probe === undefined || (await probe(accessToken)) === "refused";',
    says: "two workers of one product end the access tokens of all the others",
    killers: [{ tests: PROBE }],
  },
  {
    name: "a token about to end handed out",
    file: "src/relay/relay.ts",
    from: "if (!handOut.endsByRefresh && left <",
    to: "if (!handOut.endsByRefresh && left + Number.POSITIVE_INFINITY <",
    says: "a consumer gets a token that ends before it has made its call",
    killers: [{ tests: ENDING }],
  },
];
