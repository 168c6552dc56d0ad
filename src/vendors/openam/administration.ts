/**
 * Administration over REST, for the administrator's session: realms, each realm's service "OAuth2 Provider", its users
 * and its clients. Sources: RealmResource and IdentityResource of tag forgerock/13.0.0, the developer's guide of 12.0.0
 * for clients; the service's address is that of later versions, `realm-config/services/oauth-oidc`.
 */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { Secret } from "../../env/secret.ts";
import type { Registration } from "../../issuer/clients.ts";
import type { Instant } from "../../kernel/time.ts";
import type { Provider } from "../provider.ts";
import { type Directory, type OpenamRealm, requireSettings } from "./directory.ts";
import { ROOT, realmPath, realmPathOf } from "./realm-paths.ts";
import { answerJson, bodyOf, queryOf, RestRefusal, textOf, textsOf } from "./rest.ts";
import { changedSettings, settingsOf } from "./settings.ts";
import type { Sessions } from "./sso.ts";
import type { Version } from "./versions.ts";

export interface AdministrationDesk {
  readonly directory: Directory;
  readonly sessions: Sessions;
  readonly provider: Provider;
  readonly version: Version;
  readonly now: () => Instant;
}

export function administrationRoutes(fastify: FastifyInstance, desk: AdministrationDesk): void {
  create(fastify, desk, "/openam/json/realms", async (request) => {
    const name = textOf(bodyOf(request).realm);
    if (name === undefined) throw new RestRefusal(400, "No realm name provided");
    const path = realmPath(`${queryOf(request, "realm") ?? ROOT}/${name}`);
    await desk.directory.create(path);
    return { realmCreated: path };
  });
  create(fastify, desk, "/openam/json/users", async (request) => {
    const { services, path } = realmOf(desk, realmPathOf(request));
    const { username: name, userpassword } = bodyOf(request);
    const [username, password] = [textOf(name), textOf(userpassword)];
    if (username === undefined || password === undefined) {
      throw new RestRefusal(400, "username and userpassword are needed");
    }
    if (await services.accounts.find(username)) {
      throw new RestRefusal(409, "Resource already exists");
    }
    await services.accounts.add({ username, password: new Secret(password) });
    return { username, realm: path };
  });
  create(fastify, desk, "/openam/frrest/oauth2/client", async (request) => {
    const realm = realmOf(desk, realmPathOf(request));
    await registerClient(desk, realm, bodyOf(request));
    return { success: "true" };
  });
  serviceRoutes(fastify, desk);
}

/** A collection's `?_action=create`. */
function create(
  fastify: FastifyInstance,
  { sessions }: AdministrationDesk,
  path: string,
  work: (request: FastifyRequest) => Promise<object>,
): void {
  for (const url of [path, `${path}/`]) {
    fastify.post(url, async (request, reply) => {
      await sessions.requireAdministrator(request);
      if (queryOf(request, "_action") !== "create") {
        throw new RestRefusal(501, "Operation is not supported");
      }
      return answerJson(reply, await work(request), 201);
    });
  }
}

function realmOf({ directory }: AdministrationDesk, path: string): OpenamRealm {
  const realm = directory.find(path);
  if (!realm) throw new RestRefusal(404, `Realm ${path} not found`);
  return realm;
}

function serviceRoutes(fastify: FastifyInstance, desk: AdministrationDesk): void {
  const { sessions, version, now } = desk;
  const path = "/openam/json/realm-config/services/oauth-oidc";
  fastify.get(path, async (request, reply) => {
    await sessions.requireAdministrator(request);
    const realm = realmOf(desk, realmPathOf(request));
    return answerJson(reply, shownSettings(realm, version, now()));
  });
  fastify.put(path, async (request, reply) => {
    await sessions.requireAdministrator(request);
    const realm = realmOf(desk, realmPathOf(request));
    const configured = await configure(desk, realm, bodyOf(request));
    return answerJson(reply, shownSettings(configured, version, now()), realm.policy ? 200 : 201);
  });
  create(fastify, desk, path, async (request) => {
    const realm = realmOf(desk, realmPathOf(request));
    if (realm.policy) throw new RestRefusal(409, "Service already exists");
    return shownSettings(await configure(desk, realm, bodyOf(request)), version, now());
  });
}

/** Makes a realm's service from the defaults, or changes it. @throws RestRefusal 400 */
export async function configure(
  { directory, provider, version, now }: Omit<AdministrationDesk, "sessions">,
  realm: OpenamRealm,
  { realm: _, ...asked }: Readonly<Record<string, unknown>>,
): Promise<OpenamRealm> {
  const before = settingsOf(realm.policy ?? provider.policy, now());
  return directory.configure(realm, changedSettings(before, asked, version.option));
}

/** The settings that a version has. @throws RestRefusal 404 if the realm has no such service */
export function shownSettings(realm: OpenamRealm, { option }: Version, now: Instant) {
  const { issueRefreshTokenOnRefreshedToken, ...others } = requireSettings(realm, now);
  return option ? { ...others, issueRefreshTokenOnRefreshedToken } : others;
}

const ATTRIBUTE = "com.forgerock.openam.oauth2provider.";

async function registerClient(
  { provider }: AdministrationDesk,
  { services, policy, path }: OpenamRealm,
  body: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (!policy) throw new RestRefusal(404, `Realm ${path} has no service "OAuth2 Provider"`);
  const clientId = textOf(body.client_id);
  const password = textOf(body.userpassword);
  const kind = (textOf(body[`${ATTRIBUTE}clientType`]) ?? "Confidential").toLowerCase();
  if (clientId === undefined) throw new RestRefusal(400, "client_id is missing");
  if (kind !== "confidential" && kind !== "public") {
    throw new RestRefusal(400, "clientType: expected Confidential or Public");
  }
  if (kind === "confidential" && password === undefined) {
    throw new RestRefusal(400, "userpassword is missing");
  }
  if (await services.issuer.findClient(clientId)) {
    throw new RestRefusal(409, "Resource already exists");
  }
  const registration: Registration = {
    ...{ clientId, kind, policy, grantTypes: provider.grantTypes },
    redirectUris: textsOf(body[`${ATTRIBUTE}redirectionURIs`]),
    scope: textsOf(body[`${ATTRIBUTE}scopes`]),
    ...(password === undefined ? {} : { secret: new Secret(password) }),
  };
  await services.issuer.registerClient(registration);
}
