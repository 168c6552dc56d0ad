/**
 * What an OpenAM server answers besides the standard endpoints. `docs/vendors/openam.md` says what is played and what
 * deviates.
 *
 * The server has the accounts that a new OpenAM has, and the client that its manual registers, so that the manual's
 * commands work as they stand. Their passwords are public, and no secrets.
 */

import { Secret } from "../../env/secret.ts";
import type { RealmFor } from "../../http/oauth.ts";
import type { RealmServices } from "../../issuer/realms.ts";
import type { Surface, SurfaceParts } from "../provider.ts";
import { administrationRoutes } from "./administration.ts";
import { applicationRoutes } from "./applications.ts";
import { authenticateRoutes } from "./authenticate.ts";
import { consoleRoutes } from "./console.ts";
import { createDirectory, type Directory } from "./directory.ts";
import { realmPathOf, realmPathRoutes } from "./realm-paths.ts";
import { speakRest } from "./rest.ts";
import { ADMINISTRATOR, createSessions } from "./sso.ts";
import { createTokenStore } from "./stored-tokens.ts";
import { tokenRoutes } from "./token-routes.ts";
import { tokeninfoRoutes } from "./tokeninfo.ts";
import { versionOf } from "./versions.ts";

const PASSWORD = "changeit";
export const DEMO_USERS = [
  { username: ADMINISTRATOR, password: PASSWORD },
  { username: "demo", password: PASSWORD },
] as const;
export const DEMO_CLIENT = { clientId: "myClientID", secret: "password" } as const;

export const OPENAM_SURFACE: Surface = {
  realmFor: (parts) => realmFor(directoryOf(parts)),
  async routes(fastify, parts) {
    const directory = directoryOf(parts);
    await directory.restore();
    await addDemo(parts);
    const desk = deskOf(parts, directory);
    await fastify.register(async (scope) => {
      speakRest(scope);
      realmPathRoutes(scope);
      authenticateRoutes(scope, directory, desk.sessions);
      tokeninfoRoutes(scope, directory, desk.now);
      tokenRoutes(scope, desk);
      applicationRoutes(scope, desk);
      administrationRoutes(scope, desk);
    });
    await fastify.register(async (scope) => consoleRoutes(scope, desk));
  },
};

/** The realms of a server: its endpoints and its surface must know the same ones. */
const directories = new WeakMap<SurfaceParts, Directory>();

function directoryOf(parts: SurfaceParts): Directory {
  const known = directories.get(parts) ?? createDirectory(parts);
  directories.set(parts, known);
  return known;
}

/** OAuth requests of a realm without the service are refused like those of a realm that does not exist. */
const realmFor =
  (directory: Directory): RealmFor<RealmServices> =>
  (request) => {
    const path = realmPathOf(request);
    const realm = directory.find(path);
    return realm?.policy ? realm.services : { unknown: path };
  };

async function addDemo({ realms, provider }: SurfaceParts): Promise<void> {
  const { accounts, issuer } = realms.main;
  for (const { username, password } of DEMO_USERS) {
    if (await accounts.find(username)) continue;
    await accounts.add({ username, password: new Secret(password) });
  }
  const { clientId, secret } = DEMO_CLIENT;
  if (await issuer.findClient(clientId)) return;
  const { policy, grantTypes, scope } = provider;
  const registration = { clientId, policy, grantTypes, scope, secret: new Secret(secret) };
  await issuer.registerClient({ ...registration, kind: "confidential" });
}

function deskOf(parts: SurfaceParts, directory: Directory) {
  const { provider, clock, random } = parts;
  const now = () => clock.now();
  const version = versionOf(provider.name);
  const sessions = createSessions(directory, random, now);
  const tokens = createTokenStore(directory, parts);
  return { directory, sessions, tokens, provider, version, now };
}
