/**
 * What happens to an account beside the protocol, and ends refresh tokens. A stand-in has no pages for it: it is told here.
 *
 * 1. A changed password ends every grant that reads or sends mail, and no other.
 * 2. An administrator's session control ends every grant of the account until its owner has logged in anew.
 *
 * Source: developers.google.com/identity/protocols/oauth2, "Refresh token expiration".
 */

import type { FastifyError, FastifyInstance } from "fastify";
import { KetenError } from "../../env/error.ts";
import { Secret } from "../../env/secret.ts";
import type { Surface, SurfaceParts } from "../provider.ts";

export const MAIL_SCOPE = "https://mail.google.com/";
const MAIL_SCOPES = "https://www.googleapis.com/auth/gmail.";

const isOfMail = (scope: string): boolean => scope === MAIL_SCOPE || scope.startsWith(MAIL_SCOPES);

const text = { type: "string", minLength: 1, maxLength: 1024 } as const;
const bodyOf = (...names: readonly string[]) => ({
  body: {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, text])),
    required: names,
    additionalProperties: false,
  },
});

async function routes(fastify: FastifyInstance, { realms }: SurfaceParts): Promise<void> {
  const { issuer, accounts } = realms.main;
  fastify.setErrorHandler((error: FastifyError, _request, reply) => {
    const asked =
      error.validation || (error instanceof KetenError && error.code === "config_invalid");
    return reply.code(asked ? 400 : (error.statusCode ?? 500)).send({ error: error.message });
  });
  fastify.post(
    "/sandbox/google/passwords",
    { schema: bodyOf("username", "password") },
    async (request) => {
      const { username, password } = request.body as { username: string; password: string };
      await accounts.changePassword(username, new Secret(password));
      const isMeant = (scope: readonly string[]) => scope.some(isOfMail);
      return { ended: await issuer.endChains({ subject: username, by: "owner", isMeant }) };
    },
  );
  fastify.post(
    "/sandbox/google/session-control",
    { schema: bodyOf("username") },
    async (request) => {
      const { username } = request.body as { username: string };
      return { ended: await issuer.endChains({ subject: username, by: "operator" }) };
    },
  );
}

export const GOOGLE_SURFACE: Surface = { routes };
