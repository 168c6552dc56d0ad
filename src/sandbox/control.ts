/**
 * The control API of a stand-in: what a test or a judge asks it beside the protocol. JSON, on the same port, under
 * `/sandbox/`. A stand-in guards nothing, so nothing guards this.
 */

import type { FastifyError, FastifyInstance, FastifyRequest } from "fastify";
import { type ErrorCode, KetenError } from "../env/error.ts";
import type { Issuer } from "../issuer/issuer.ts";
import { parsePolicy } from "../kernel/parse-policy.ts";
import type { Policy } from "../kernel/policy.ts";
import { oauthError, type Refusal } from "../kernel/refusal.ts";
import type { Instant } from "../kernel/time.ts";
import type { FaultInputs, Faults } from "./faults.ts";
import type { RequestLog } from "./request-log.ts";

/** A demo user with what it was granted. */
export interface DemoGrant {
  readonly username: string;
  readonly password: string;
  readonly refreshToken: string;
  readonly chain: string;
}

export interface ControlOptions {
  readonly issuer: Issuer;
  readonly clientId: string;
  /** Whom a code is opened for where no user is named. */
  readonly username: string;
  /** What a changed policy differs from. */
  readonly policy: Policy;
  readonly faults: Faults;
  readonly log: RequestLog;
  readonly now: () => Instant;
  /** A refresh token for a fresh user, granted long enough ago to be refreshed at once. */
  readonly grant: () => Promise<DemoGrant>;
}

/** What the caller of a control call got wrong. */
const CALLER_ERRORS: readonly ErrorCode[] = ["config_invalid", "policy_invalid"];

const text = { type: "string", minLength: 1, maxLength: 4096 } as const;

/** A body with these fields, and no others. */
const bodyOf = (
  properties: Readonly<Record<string, object>>,
  required: readonly string[] = [],
) => ({
  body: { type: "object", properties, required, additionalProperties: false },
});

interface CodeBody {
  readonly username?: string;
  readonly redirectUri?: string;
  readonly scope?: string;
  readonly codeChallenge?: string;
}

export async function controlRoutes(
  fastify: FastifyInstance,
  options: ControlOptions,
): Promise<void> {
  const { issuer, clientId, faults, log } = options;
  fastify.setErrorHandler((error: FastifyError, _request, reply) => {
    const asked = error instanceof KetenError && CALLER_ERRORS.includes(error.code);
    const status = asked || error.validation ? 400 : (error.statusCode ?? 500);
    return reply.code(status).send({ error: error.message });
  });
  // A call without arguments needs no body.
  fastify.addHook("preValidation", async (request) => {
    request.body ??= {};
  });
  fastify.post("/sandbox/codes", { schema: codeSchema }, async (request) => {
    const { username, redirectUri, scope, codeChallenge } = request.body as CodeBody;
    const opened = await issuer.openCode({
      clientId,
      subject: username ?? options.username,
      redirectUri,
      codeChallenge,
      scope: scope?.split(" "),
    });
    if ("refusal" in opened) throw refusedError(opened.refusal, options.now());
    return opened;
  });
  fastify.post("/sandbox/grants", { schema: bodyOf({}) }, () => options.grant());
  fastify.post(
    "/sandbox/tokens/inspect",
    { schema: bodyOf({ token: text }, ["token"]) },
    (request) => inspect(issuer, (request.body as { token: string }).token),
  );
  fastify.post("/sandbox/policy", { schema: policySchema }, async (request) => {
    const { policy, revive = false } = request.body as { policy: unknown; revive?: boolean };
    const parsed = parsePolicy(policy, { base: options.policy });
    if (!parsed.ok) {
      const problems = parsed.problems.map(({ path, message }) => `${path}: ${message}`);
      throw new KetenError("config_invalid", `policy refused: ${problems.join("; ")}`);
    }
    const { revision, at } = await issuer.changePolicy(clientId, parsed.policy, { revive });
    return { revision, at };
  });
  fastify.post(
    "/sandbox/revocations",
    { schema: bodyOf({ username: text }, ["username"]) },
    async (request) => {
      const { username } = request.body as { username: string };
      await issuer.revokeAuthorization({ clientId, subject: username });
      return { revoked: username };
    },
  );
  fastify.get("/sandbox/faults", async () => faults.settings);
  fastify.post("/sandbox/faults", { schema: { body: { type: "object" } } }, async (request) => {
    faults.set(request.body as FaultInputs);
    return faults.settings;
  });
  fastify.get("/sandbox/chains", async () => ({ chains: await issuer.inspectChains() }));
  fastify.get("/sandbox/log", async (request) => ({
    now: options.now(),
    dropped: log.dropped,
    requests: log.after(afterOf(request)),
    chains: await issuer.inspectChains(),
  }));
}

const codeSchema = bodyOf({ username: text, redirectUri: text, scope: text, codeChallenge: text });
const policySchema = bodyOf({ policy: { type: "object" }, revive: { type: "boolean" } }, [
  "policy",
]);

async function inspect(issuer: Issuer, token: string) {
  return (await issuer.inspectToken(token)) ?? { kind: null, accepted: false };
}

function refusedError(refusal: Refusal, now: Instant): KetenError {
  return new KetenError("config_invalid", oauthError(refusal, now).description);
}

/** `?after=N`: only requests with a higher number. */
function afterOf({ query }: FastifyRequest): number {
  const { after = "0" } = query as { readonly after?: unknown };
  if (typeof after === "string" && /^\d{1,15}$/.test(after)) return Number(after);
  throw new KetenError("config_invalid", '"after" is malformed: expected the number of a request');
}
