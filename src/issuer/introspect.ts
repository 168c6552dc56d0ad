/**
 * Introspection. RFC 7662
 *
 * 1. Authenticated: a confidential client asks about its own tokens, a resource server about access tokens of the realm.
 *    A refresh token is nobody's bearer token, and to a resource server inactive, unless the policy says that it is its
 *    own access token: then it is one for as long as access tokens live, and it is accepted.
 * 2. Of an inactive token nothing is said but that: not whether it expired, was revoked, or never was.
 * 3. A resource server's question counts as first use where the policy says so; the client's own never does. That is
 *    one durable write at the first use, and none after it.
 */

import { deadByScope, NEW_TALLY, newAuthorization, scopesOf } from "../kernel/authorization.ts";
import { accessActive, isAccepted } from "../kernel/chain.ts";
import { newest } from "../kernel/policy.ts";
import { settle } from "../kernel/policy-change.ts";
import { accessUsed } from "../kernel/present.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { Instant } from "../kernel/time.ts";
import { inRealm } from "../store/realm-key.ts";
import type { ChainRecord, ClientRecord } from "../store/records.ts";
import { keyOf } from "../store/store.ts";
import { type Desk, newAttempt, refused } from "./granting.ts";
import type {
  AccessCheck,
  CheckedToken,
  Introspection,
  IntrospectionOutcome,
  Refused,
} from "./outcome.ts";
import { type IssuerRequest, parameterOf } from "./request.ts";
import { type Candidate, type ChainName, scopeOfMask } from "./token-format.ts";
import { decideOnChain, type Room, type Verdict } from "./transaction.ts";

const INACTIVE = { active: false } as const;

/** A client that may use no grant: it only asks. */
const isResourceServer = (client: ClientRecord): boolean => client.grantTypes.length === 0;

export async function introspectToken(
  desk: Desk,
  asker: ClientRecord,
  { parameters }: IssuerRequest,
): Promise<IntrospectionOutcome> {
  const { clientId } = asker;
  if (asker.kind === "public") {
    return refused(desk, { reason: "clientSecretWrong", by: "none" }, { clientId });
  }
  const text = parameterOf(parameters, "token");
  if (text === undefined) {
    return refused(desk, { reason: "parameterMissing", parameter: "token" }, { clientId });
  }
  const introspection = await introspect(desk, asker, text);
  return { granted: true, introspection };
}

async function introspect(desk: Desk, asker: ClientRecord, text: string): Promise<Introspection> {
  const serves = isResourceServer(asker);
  if (serves) return checkAccess(desk, text);
  const token = desk.tokens.read("access", text) ?? desk.tokens.read("refresh", text);
  const room = token && (await look(desk, token));
  if (!room || !isActive(room, token) || room.row.client !== asker.clientId) return INACTIVE;
  return described(room, token);
}

/** An access token as a resource server sees it: that may be its first use, which is written before the answer. */
export async function checkAccess(desk: Desk, text: string): Promise<AccessCheck> {
  const token = desk.tokens.read("access", text) ?? desk.tokens.read("refresh", text);
  const room = token && (await look(desk, token));
  if (!room || !isActive(room, token) || room.now >= bearerUntil(room, token)) return INACTIVE;
  if (firstUseCounts(room, token) && !(await noteUse(desk, room, token))) return INACTIVE;
  return { ...described(room, token), tokenType: "Bearer", expiresAt: bearerUntil(room, token) };
}

/** Until when a resource server may take a token for an access token; never, for a refresh token that is none. */
function bearerUntil({ policy }: Look, { access, issuedAt }: Candidate): Instant {
  if (access) return access.expiresAt;
  const { form, lifetime } = policy.access;
  return form === "refreshToken" ? issuedAt + lifetime : Number.NEGATIVE_INFINITY;
}

function described({ row }: Look, { key, access, issuedAt, scopeMask }: Candidate): CheckedToken {
  return {
    active: true,
    chain: key,
    clientId: row.client,
    subject: row.subject,
    scope: scopeOfMask(row.scope, scopeMask),
    resources: row.resources,
    grantType: row.grantType,
    tokenType: access ? "Bearer" : null,
    issuedAt,
    expiresAt: access?.expiresAt ?? Number.POSITIVE_INFINITY,
  };
}

/** A chain with all that decides about its tokens, read without a lock. */
export type Look = Pick<Room, "client" | "policy" | "revisions" | "scopes" | "now"> & {
  readonly row: ChainRecord;
};

export interface Confirmed {
  readonly granted: true;
  readonly subject: string;
}

/** A refresh token looked at for an endpoint that does not present it to the kernel. */
export async function confirmRefresh(
  desk: Desk,
  { clientId }: ClientRecord,
  text: string,
): Promise<Confirmed | Refused> {
  const refuse = (refusal: Refusal): Refused => refused(desk, refusal, { clientId });
  const parameter = "refresh_token";
  const token = desk.tokens.read("refresh", text);
  if (!token) return refuse({ reason: "tokenMalformed", parameter });
  const room = await look(desk, token);
  if (!room) return refuse({ reason: "tokenUnknown", parameter });
  const { client, subject } = room.row;
  if (client !== clientId) return refuse({ reason: "tokenOfAnotherClient", parameter });
  if (isActive(room, token)) return { granted: true, subject };
  return refuse({ reason: "chainRevoked", by: "clientAndSubject", at: null });
}

/** What must be known of a token's chain, read without a lock; undefined if the chain does not confirm the token. */
export async function look(desk: Desk, token: Candidate): Promise<Look | undefined> {
  const row = await desk.store.read(keyOf("chain", token.key));
  return row && desk.tokens.confirms(token, row.secret) ? lookAt(desk, token, row) : undefined;
}

/** The same for a chain whose row is at hand; undefined if its client is gone. */
export async function lookAt(
  desk: Desk,
  chain: ChainName,
  row: ChainRecord,
): Promise<Look | undefined> {
  const { store, clients } = desk;
  const [client, authorization] = await Promise.all([
    store.read(clients.key(row.client)),
    store.read(keyOf("authorization", chain.authorizationId)),
  ]);
  if (!client) return undefined;
  const revisions = clients.revisionsOf(client);
  const { policy } = newest(revisions);
  const tallies = await Promise.all(
    scopesOf(revisions).map(async (per) => {
      const id = per === "client" ? row.client : row.subject;
      const tally = await store.read(keyOf("tally", `${per}:${inRealm(desk.realm, id)}`));
      return [per, tally ?? NEW_TALLY] as const;
    }),
  );
  const scopes = {
    authorization: authorization ?? newAuthorization(chain.authorizationId),
    ...Object.fromEntries(tallies),
  };
  return { row, client, policy, revisions, scopes, now: desk.now() };
}

/** Whether a token is accepted now: a refresh token at the token endpoint, an access token by a resource server. */
export function isActive(
  room: Look,
  token: Pick<Candidate, "ordinal" | "serial" | "issuedAt" | "access">,
): boolean {
  const { row, policy, revisions, scopes, now } = room;
  const chain = settle(row.chain, revisions);
  if (!token.access) {
    const dead = deadByScope(scopes, token.ordinal, chain);
    return !dead && isAccepted(chain, policy, token, now);
  }
  const { revoked } = scopes.authorization;
  if (revoked?.accessTokens === "revoke" && token.ordinal <= revoked.through) return false;
  return accessActive(chain, policy, token.access, now);
}

function firstUseCounts({ row, policy, revisions }: Look, { serial }: Candidate): boolean {
  const chain = settle(row.chain, revisions);
  return accessUsed(chain, policy, serial, 0) !== chain;
}

/** Writes the first use, if the token is still active in the transaction that does. */
async function noteUse(desk: Desk, { client, row }: Look, token: Candidate): Promise<boolean> {
  const attempt = newAttempt(desk.random);
  const target = { ...token, subject: row.subject };
  const noted = await decideOnChain<{ readonly active: boolean }>(
    desk,
    client,
    target,
    attempt,
    (room) => decideUse(room, token, attempt),
  );
  return "active" in noted && noted.active;
}

function decideUse(
  room: Room,
  token: Candidate,
  attempt: string,
): Verdict<{ readonly active: boolean }> {
  const { row, policy, revisions, now } = room;
  if (!row || !isActive({ ...room, row }, token)) return { result: { active: false } };
  const chain = settle(row.chain, revisions);
  const used = accessUsed(chain, policy, token.serial, now);
  if (used === chain) return { result: { active: true } };
  return { result: { active: true }, after: { chain: { ...used, attempt } } };
}
