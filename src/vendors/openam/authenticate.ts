/**
 * `/json/authenticate`: a session for a user name and a password. Sources: AuthenticationServiceV1 and
 * RestAuthenticationHandler of tag forgerock/13.0.0, facts 4.5.
 *
 * 1. Both in headers are answered at once. Without them the callbacks of OpenAM's default chain are asked for, and the
 *    same object with their answers, posted back, goes on where it stood.
 * 2. A wrong user name is told like a wrong password: OpenAM lets both be told apart, which nobody should copy.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Secret } from "../../env/secret.ts";
import { SECOND } from "../../kernel/time.ts";
import type { Directory, OpenamRealm } from "./directory.ts";
import { realmPathOf } from "./realm-paths.ts";
import { answerJson, bodyOf, queryOf, RestRefusal, textOf } from "./rest.ts";
import type { Sessions } from "./sso.ts";

export const SUCCESS_URL = "/openam/console";

/** The chain and the module that a new OpenAM has, under the index types that name them. */
const CHAINS: Readonly<Record<string, string>> = { service: "ldapService", module: "DataStore" };
const INDEX_TYPES = [...Object.keys(CHAINS), "composite", "level", "resource", "role", "user"];

interface Credentials {
  readonly username: string;
  readonly password: string;
}

export function authenticateRoutes(
  fastify: FastifyInstance,
  directory: Directory,
  sessions: Sessions,
): void {
  fastify.post("/openam/json/authenticate", (request, reply) =>
    authenticate(directory, sessions, request, reply),
  );
}

async function authenticate(
  directory: Directory,
  sessions: Sessions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const realm = directory.find(realmPathOf(request));
  if (!realm) throw new RestRefusal(400, `Invalid realm, ${realmPathOf(request)}`);
  checkChain(request);
  const credentials = credentialsOf(request, sessions, realm);
  if (!credentials) return answerJson(reply, callbacksOf(sessions.openLogin(realm)));
  const { username, password } = credentials;
  const address = request.ip;
  const checked = await realm.services.accounts.checkPassword(username, new Secret(password), {
    address,
  });
  if (checked.ok) {
    const tokenId = sessions.open(realm, checked.account);
    return answerJson(reply, { tokenId, successUrl: SUCCESS_URL });
  }
  if (checked.reason === "wrong") throw new RestRefusal(401, "Invalid Password!!");
  const seconds = String(Math.ceil(checked.retryAfter / SECOND));
  throw new RestRefusal(429, `too many attempts: try again in ${seconds} s`, {
    "retry-after": seconds,
  });
}

function checkChain(request: FastifyRequest): void {
  const type = queryOf(request, "authIndexType");
  if (type === undefined) return;
  if (!INDEX_TYPES.includes(type)) {
    throw new RestRefusal(400, `Unknown Authentication Index Type, ${type}`);
  }
  const value = queryOf(request, "authIndexValue");
  if (CHAINS[type] !== value) throw new RestRefusal(401, "Authentication Failed!!");
}

/** Undefined where the callbacks must be asked for. */
function credentialsOf(
  request: FastifyRequest,
  sessions: Sessions,
  realm: OpenamRealm,
): Credentials | undefined {
  const body = bodyOf(request);
  if (Object.keys(body).length > 0) {
    const authId = textOf(body.authId);
    if (authId === undefined || !sessions.isLogin(authId, realm)) {
      throw new RestRefusal(400, "authId is missing, not of this realm, or too old");
    }
    return answersOf(body.callbacks);
  }
  const { "x-openam-username": username, "x-openam-password": password } = request.headers;
  if (typeof username !== "string" || typeof password !== "string") return undefined;
  return { username, password };
}

const USERNAME_INPUT = "IDToken1";
const PASSWORD_INPUT = "IDToken2";

const callback = (type: string, prompt: string, input: string) => ({
  type,
  output: [{ name: "prompt", value: prompt }],
  input: [{ name: input, value: "" }],
});

const callbacksOf = (authId: string) => ({
  authId,
  template: "",
  stage: "DataStore1",
  header: "Sign in to OpenAM",
  callbacks: [
    callback("NameCallback", "User Name:", USERNAME_INPUT),
    callback("PasswordCallback", "Password:", PASSWORD_INPUT),
  ],
});

/** What was filled in. @throws RestRefusal 400 if it is not the object that was given out */
function answersOf(callbacks: unknown): Credentials {
  const inputs: readonly unknown[] = Array.isArray(callbacks)
    ? callbacks.flatMap((one: unknown) => (isRecord(one) ? one.input : undefined))
    : [];
  const answerTo = (name: string): string => {
    const found = inputs.find((input) => isRecord(input) && input.name === name);
    const value = isRecord(found) ? found.value : undefined;
    if (typeof value === "string") return value;
    throw new RestRefusal(400, `the callbacks have no answer "${name}"`);
  };
  return { username: answerTo(USERNAME_INPUT), password: answerTo(PASSWORD_INPUT) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
