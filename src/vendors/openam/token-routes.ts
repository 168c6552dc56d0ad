/**
 * `/frrest/oauth2/token`: users see, read and end their tokens, administrators those of others. Source: TokenResource of
 * tags forgerock/12.0.0, 13.0.0 and 13.5.0-RC11, and of the newest head for what 13.5 became.
 *
 * 1. `_queryId=access_token` asks for access tokens, any other text without `=` for all. From 13 on it may be a list of
 *    constraints, `field=value,…`, of which an administrator's must name the user and nobody else's may.
 * 2. Deleting a refresh token ends its chain, and with it the access tokens that came of it. OpenAM lets those live on.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Instant } from "../../kernel/time.ts";
import type { Directory } from "./directory.ts";
import { answerJson, bodyOf, queryAnswer, queryOf, RestRefusal, textOf } from "./rest.ts";
import type { Session, Sessions } from "./sso.ts";
import {
  fieldsOf,
  listedOf,
  type StoredToken,
  type TokenStore,
  visibleTo,
} from "./stored-tokens.ts";
import type { Version } from "./versions.ts";

export interface TokenDesk {
  readonly directory: Directory;
  readonly sessions: Sessions;
  readonly tokens: TokenStore;
  readonly version: Version;
  readonly now: () => Instant;
}

const PATH = "/openam/frrest/oauth2/token";
const NO_TOKEN = "Could not find valid token with given ID";

export function tokenRoutes(fastify: FastifyInstance, desk: TokenDesk): void {
  for (const path of [PATH, `${PATH}/`]) {
    fastify.get(path, (request, reply) => list(desk, request, reply));
  }
  fastify.get(`${PATH}/:id`, async (request, reply) => {
    const session = await desk.sessions.require(request);
    const stored = await readable(desk, session, request);
    return answerJson(reply, shown(desk, session, stored));
  });
  fastify.delete(`${PATH}/:id`, async (request, reply) => {
    const session = await desk.sessions.require(request);
    const { version } = desk;
    const stored =
      version.deleted === "token"
        ? await readable(desk, session, request)
        : ownOrAny(session, await existing(desk, request));
    await end(stored);
    const answer = version.deleted === "token" ? shown(desk, session, stored) : { success: "true" };
    return answerJson(reply, answer);
  });
  fastify.post(`${PATH}/:id`, (request, reply) => act(desk, request, reply));
}

const shown = ({ version }: TokenDesk, session: Session, stored: StoredToken) =>
  visibleTo(session, fieldsOf(stored, version), version);

async function list(
  desk: TokenDesk,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { sessions, version } = desk;
  const session = await sessions.require(request);
  const queryId = queryOf(request, "_queryId");
  if (queryId === undefined) throw new RestRefusal(400, "_queryId is missing");
  const constraints = constraintsOf(queryId, version);
  if (version.constraints) checkUserNamed(session, constraints);
  const found = await candidates(desk, session, constraints);
  const chosen = found.filter((stored) => {
    const fields = fieldsOf(stored, version);
    return constraints.every(([name, value]) => fields[name]?.includes(value) ?? false);
  });
  const entries = chosen.map((stored) => visibleTo(session, listedOf(stored, version), version));
  return answerJson(reply, queryAnswer(entries));
}

type Constraint = readonly [field: string, value: string];

const FIELDS = [
  ...["expireTime", "scope", "parent", "userName", "redirectURI", "refreshToken", "tokenType"],
  ...["realm", "id", "clientID", "tokenName", "nonce", "grant_type", "authGrantId"],
];

/** What a query asks for. @throws RestRefusal 400 for a field that does not exist */
function constraintsOf(queryId: string, version: Version): readonly Constraint[] {
  if (queryId === "access_token") return [["tokenName", "access_token"]];
  if (!version.constraints) return [];
  return queryId.split(",").flatMap((constraint): readonly Constraint[] => {
    const [field = "", value, ...more] = constraint.split("=");
    if (value === undefined || value === "" || more.length > 0) return [];
    if (!FIELDS.includes(field)) throw new RestRefusal(400, `Unknown field "${field}" in _queryId`);
    return [[field, value]];
  });
}

function checkUserNamed({ isAdministrator }: Session, constraints: readonly Constraint[]): void {
  const isNamed = constraints.some(([field]) => field === "userName");
  if (isNamed === isAdministrator) return;
  const must = isAdministrator ? "MUST" : "MUST NOT";
  throw new RestRefusal(400, `userName field ${must} be set in _queryId`);
}

/** Everybody's own tokens; an administrator's are those of the users named, or of all. */
async function candidates(
  { directory, tokens }: TokenDesk,
  session: Session,
  constraints: readonly Constraint[],
): Promise<readonly StoredToken[]> {
  if (!session.isAdministrator) return tokens.list(session.realm, session.username);
  const named = constraints.find(([field]) => field === "userName")?.[1];
  const found: StoredToken[] = [];
  for (const realm of directory.list()) {
    const users =
      named === undefined
        ? (await realm.services.accounts.list()).map(({ username }) => username)
        : [named];
    for (const username of users) found.push(...(await tokens.list(realm, username)));
  }
  return found;
}

const idOf = ({ params }: FastifyRequest): string => (params as { readonly id: string }).id;

async function existing(
  { tokens }: TokenDesk,
  request: FastifyRequest,
  message = "Token Not Found",
): Promise<StoredToken> {
  const stored = await tokens.find(idOf(request));
  if (!stored) throw new RestRefusal(404, message);
  return stored;
}

function ownOrAny(session: Session, stored: StoredToken): StoredToken {
  const { realm, token } = stored;
  const isOwn = token.subject === session.username && realm.path === session.realm.path;
  if (!isOwn && !session.isAdministrator) throw new RestRefusal(401);
  return stored;
}

/** A token that may be read: one that has expired is listed until it is reaped, but not read. */
async function readable(
  desk: TokenDesk,
  session: Session,
  request: FastifyRequest,
): Promise<StoredToken> {
  const stored = await existing(desk, request, NO_TOKEN);
  if (desk.now() > stored.expiresAt) throw new RestRefusal(404, NO_TOKEN);
  return ownOrAny(session, stored);
}

const end = ({ realm, token }: StoredToken): Promise<void> =>
  realm.services.issuer.revokeListed(token);

/** Ends a token, and an access token's refresh token too. */
async function endWithRefresh(stored: StoredToken): Promise<void> {
  await end(stored);
  if (stored.refresh) await end(stored.refresh);
}

async function act(
  desk: TokenDesk,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const action = queryOf(request, "_action")?.toLowerCase();
  if (action === "revoke") {
    const session = await desk.sessions.require(request);
    await endWithRefresh(ownOrAny(session, await existing(desk, request)));
    return answerJson(reply, {});
  }
  if (action === "revoketokens" && desk.version.revokeTokens) {
    const stored = await existing(desk, request);
    const clientId = textOf(bodyOf(request).client_id);
    if (clientId === undefined) throw new RestRefusal(400, "Missing clientId");
    if (clientId.toLowerCase() !== stored.token.clientId.toLowerCase()) {
      throw new RestRefusal(403, "Unauthorized");
    }
    await endWithRefresh(stored);
    return answerJson(reply, {});
  }
  throw new RestRefusal(501, "Operation is not supported");
}
