/**
 * `/oauth2/tokeninfo`: what an access token is good for, told to whoever holds it. Sources: TokenInfoServiceImpl and
 * AccessToken of tags forgerock/13.0.0 and 13.5.0-RC11.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { jsonAnswer } from "../../http/dialect.ts";
import { send } from "../../http/oauth.ts";
import type { CheckedToken } from "../../issuer/outcome.ts";
import { type Instant, SECOND } from "../../kernel/time.ts";
import { type Directory, issuerIn } from "./directory.ts";
import { realmPathOf } from "./realm-paths.ts";
import { queryOf } from "./rest.ts";

export function tokeninfoRoutes(
  fastify: FastifyInstance,
  directory: Directory,
  now: () => Instant,
): void {
  fastify.get("/openam/oauth2/tokeninfo", async (request, reply) => {
    const realm = directory.find(realmPathOf(request));
    const issuer = realm && issuerIn(realm);
    if (!realm || !issuer) {
      const description = `No OpenID Connect provider for realm ${realmPathOf(request)}`;
      return refuse(reply, 404, "not_found", description);
    }
    const [inQuery, inHeader] = [queryOf(request, "access_token"), bearerOf(request)];
    if (inQuery !== undefined && inHeader !== undefined) {
      const description = "Access Token cannot be provided in both query and header";
      return refuse(reply, 400, "invalid_request", description);
    }
    const text = inQuery ?? inHeader ?? "";
    const checked = await issuer.checkAccess(text);
    if (!checked.active) {
      const description =
        "The access token provided is expired, revoked, malformed, or invalid for other reasons.";
      return refuse(reply, 401, "invalid_token", description);
    }
    const told = { ...attributesOf(checked), ...infoOf(checked, realm.path, now()) };
    return send(reply, jsonAnswer(200, { ...told, access_token: text }));
  });
}

const bearerOf = ({ headers }: FastifyRequest): string | undefined =>
  /^bearer ([^ ]+)$/i.exec(headers.authorization ?? "")?.[1];

const refuse = (
  reply: FastifyReply,
  status: number,
  error: string,
  error_description: string,
): FastifyReply => send(reply, jsonAnswer(status, { error_description, error }));

const infoOf = (
  { scope, grantType, clientId, expiresAt }: CheckedToken,
  realm: string,
  now: Instant,
) => ({
  scope,
  grant_type: grantType,
  realm,
  client_id: clientId,
  token_type: "Bearer",
  // As in a token response: what is left is always a moment less.
  expires_in: Math.max(0, Math.ceil((expiresAt - now) / SECOND) - 1),
});

/** The attributes that scope values name. All that is known of a user here is the name. */
const attributesOf = ({ scope, subject }: CheckedToken): Readonly<Record<string, string>> =>
  Object.fromEntries(scope.map((value) => [value, NAMES.includes(value) ? subject : ""]));

const NAMES = ["cn", "uid", "sub"];
