/**
 * `/json/users/{user}/oauth2/applications`: the applications that a user let in. Source: OAuth2UserApplications, from
 * tag forgerock/13.0.0 on.
 */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Instant, SECOND } from "../../kernel/time.ts";
import type { OpenamRealm } from "./directory.ts";
import { realmPathOf } from "./realm-paths.ts";
import { answerJson, queryAnswer, RestRefusal } from "./rest.ts";
import { settingsOf } from "./settings.ts";
import type { StoredToken } from "./stored-tokens.ts";
import type { TokenDesk } from "./token-routes.ts";

const PATH = "/openam/json/users/:user/oauth2/applications";

export function applicationRoutes(fastify: FastifyInstance, desk: TokenDesk): void {
  if (!desk.version.applications) return;
  fastify.get(PATH, async (request, reply) => {
    const { realm, username } = await ownerOf(desk, request);
    const byClient = Map.groupBy(
      await desk.tokens.list(realm, username),
      ({ token }) => token.clientId,
    );
    const entries = [...byClient].map(([clientId, tokens]) =>
      applicationOf(desk, realm, clientId, tokens),
    );
    return answerJson(reply, queryAnswer(entries));
  });
  fastify.delete(`${PATH}/:clientId`, async (request, reply) => {
    const { realm, username } = await ownerOf(desk, request);
    const { clientId } = request.params as { readonly clientId: string };
    const all = await desk.tokens.list(realm, username);
    const tokens = all.filter(({ token }) => token.clientId === clientId);
    if (tokens.length === 0) throw new RestRefusal(404);
    await realm.services.issuer.revokeAuthorization({ clientId, subject: username });
    return answerJson(reply, applicationOf(desk, realm, clientId, tokens));
  });
}

/** Whose applications are meant: one's own, or anybody's for an administrator. */
async function ownerOf(
  { directory, sessions }: TokenDesk,
  request: FastifyRequest,
): Promise<{ readonly realm: OpenamRealm; readonly username: string }> {
  const session = await sessions.require(request);
  const { user: username } = request.params as { readonly user: string };
  const realm = directory.find(realmPathOf(request));
  const isOwn = username === session.username && realm?.path === session.realm.path;
  if (!isOwn && !session.isAdministrator) throw new RestRefusal(403);
  if (!realm || !(await realm.services.accounts.find(username))) throw new RestRefusal(404);
  return { realm, username };
}

function applicationOf(
  { now }: TokenDesk,
  { policy }: OpenamRealm,
  clientId: string,
  tokens: readonly StoredToken[],
) {
  const access = policy ? settingsOf(policy, now()).accessTokenLifetime * SECOND : 0;
  const values = [...new Set(tokens.flatMap(({ token }) => token.scope))].sort();
  const ends = tokens.map(({ token, expiresAt, rotates }): Instant => {
    if (token.access !== null) return expiresAt;
    return rotates ? Number.POSITIVE_INFINITY : expiresAt + access;
  });
  const last = Math.max(...ends);
  return {
    _id: clientId,
    name: null,
    scopes: Object.fromEntries(values.map((value) => [value, value])),
    expiryDateTime: Number.isFinite(last) ? new Date(last).toISOString() : null,
  };
}
