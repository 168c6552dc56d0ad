/**
 * The control API of a stand-in: what a test or a judge asks it beside the protocol. JSON, on the same port, under
 * `/sandbox/`. A stand-in guards nothing, so nothing guards this. `docs/reference/sandbox-api.md` has the contract.
 */

import type { FastifyError, FastifyInstance, FastifyRequest } from "fastify";
import { type ErrorCode, KetenError } from "../env/error.ts";
import type { Accounts } from "../issuer/accounts.ts";
import type { InspectedChain } from "../issuer/inspection.ts";
import type { Issuer } from "../issuer/issuer.ts";
import { readPolicy } from "../issuer/policy-input.ts";
import type { Realms } from "../issuer/realms.ts";
import type { Policy } from "../kernel/policy.ts";
import { DAY, type Duration, type Instant, parseDuration } from "../kernel/time.ts";
import { type DemoUsers, type Granting, refusedError } from "./demo.ts";
import { type FaultInputs, type Faults, toldFaults } from "./faults.ts";
import type { RequestLog } from "./request-log.ts";
import type { TravellingClock } from "./travelling-clock.ts";

export interface ControlOptions {
  /** Of the realm that the demo users are in. */
  readonly issuer: Issuer;
  readonly realms: Realms;
  readonly accounts: Pick<Accounts, "endSessions">;
  readonly users: DemoUsers;
  readonly clientId: string;
  /** Whom a code is opened for where no user is named. */
  readonly username: string;
  /** What a changed policy differs from. */
  readonly policy: Policy;
  readonly faults: Faults;
  readonly log: RequestLog;
  readonly clock: TravellingClock;
  /** Moves the clock ahead. @throws KetenError `config_invalid` where it cannot be */
  readonly travel: (duration: Duration) => Instant;
  readonly grant: Granting;
}

/** What the caller of a control call got wrong. */
const CALLER_ERRORS: readonly ErrorCode[] = ["config_invalid", "policy_invalid"];

/** Further than anybody travels at once, and near enough that instants stay instants. */
const SPAN_MAX: Duration = 3660 * DAY;

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
  fastify.setErrorHandler((error: FastifyError, _request, reply) => {
    const asked = error instanceof KetenError && CALLER_ERRORS.includes(error.code);
    const status = asked ? 400 : (error.statusCode ?? 500);
    return reply.code(status).send({ error: error.message });
  });
  // A call without arguments needs no body.
  fastify.addHook("preValidation", async (request) => {
    request.body ??= {};
  });
  grantRoutes(fastify, options);
  loginRoutes(fastify, options);
  chainRoutes(fastify, options);
  faultRoutes(fastify, options);
  clockRoutes(fastify, options);
}

const codeSchema = bodyOf({ username: text, redirectUri: text, scope: text, codeChallenge: text });

const userSchema = bodyOf({
  username: text,
  password: text,
  totpSecret: text,
  tenant: text,
  locale: { enum: ["en", "nl"] },
});

function grantRoutes(fastify: FastifyInstance, options: ControlOptions): void {
  const { issuer, clientId } = options;
  fastify.post("/sandbox/codes", { schema: codeSchema }, async (request) => {
    const { username, redirectUri, scope, codeChallenge } = request.body as CodeBody;
    const opened = await issuer.openCode({
      clientId,
      subject: username ?? options.username,
      redirectUri,
      codeChallenge,
      scope: scope?.split(" "),
    });
    if ("refusal" in opened) throw refusedError(opened.refusal, options.clock.now());
    return opened;
  });
  fastify.post("/sandbox/users", { schema: userSchema }, (request) =>
    options.users.add(request.body as Parameters<DemoUsers["add"]>[0]),
  );
  fastify.post(
    "/sandbox/grants",
    { schema: bodyOf({ username: text, age: text }) },
    async (request) => {
      const { username, age } = request.body as { username?: string; age?: string };
      const since = age === undefined ? {} : { age: durationOf("age", age) };
      return await options.grant({ ...(username === undefined ? {} : { username }), ...since });
    },
  );
  fastify.post(
    "/sandbox/revocations",
    { schema: bodyOf({ username: text }, ["username"]) },
    async (request) => {
      const { username } = request.body as { username: string };
      await issuer.revokeAuthorization({ clientId, subject: username });
      return { revoked: username };
    },
  );
}

const policySchema = bodyOf({ policy: { type: "object" }, revive: { type: "boolean" } }, [
  "policy",
]);

function loginRoutes(fastify: FastifyInstance, options: ControlOptions): void {
  const schema = bodyOf({ username: text }, ["username"]);
  const named = ({ body }: FastifyRequest): string => (body as { username: string }).username;
  fastify.post("/sandbox/totp", { schema }, async (request) => ({
    code: options.users.totpCode(named(request), options.clock.now()),
  }));
  fastify.post("/sandbox/sessions/end", { schema }, async (request) => {
    const username = named(request);
    await options.accounts.endSessions(username);
    return { ended: username };
  });
}

function chainRoutes(fastify: FastifyInstance, options: ControlOptions): void {
  const { issuer, clientId, log, clock } = options;
  fastify.get("/sandbox/chains", async () => ({ chains: await chainsOf(options) }));
  fastify.get("/sandbox/log", async (request) => ({
    now: clock.now(),
    dropped: log.dropped,
    requests: log.after(afterOf(request)),
    chains: await chainsOf(options),
  }));
  fastify.post(
    "/sandbox/tokens/inspect",
    { schema: bodyOf({ token: text }, ["token"]) },
    async (request) => {
      const { token } = request.body as { token: string };
      return (await options.realms.inspectToken(token)) ?? { kind: null, accepted: false };
    },
  );
  fastify.post("/sandbox/policy", { schema: policySchema }, async (request) => {
    const { policy, revive = false } = request.body as { policy: unknown; revive?: boolean };
    const wanted = readPolicy(policy, { base: options.policy });
    const { revision, at } = await issuer.changePolicy(clientId, wanted, { revive });
    return { revision, at };
  });
}

function faultRoutes(fastify: FastifyInstance, { faults }: ControlOptions): void {
  fastify.get("/sandbox/faults", async () => toldFaults(faults));
  fastify.post("/sandbox/faults", { schema: { body: { type: "object" } } }, async (request) => {
    faults.set(request.body as FaultInputs);
    return toldFaults(faults);
  });
  fastify.delete("/sandbox/faults", async () => {
    faults.clear();
    return toldFaults(faults);
  });
  fastify.delete("/sandbox/faults/:name", async (request) => {
    faults.clear((request.params as { name: string }).name);
    return toldFaults(faults);
  });
}

function clockRoutes(fastify: FastifyInstance, { clock, travel }: ControlOptions): void {
  const told = () => ({ now: clock.now(), ahead: clock.ahead, timeScale: clock.scale });
  fastify.get("/sandbox/clock", async () => told());
  fastify.post(
    "/sandbox/clock",
    { schema: bodyOf({ advance: text }, ["advance"]) },
    async (request) => {
      const { advance } = request.body as { advance: string };
      travel(durationOf("advance", advance));
      return told();
    },
  );
}

/** A span of a body. @throws KetenError `config_invalid` */
export function durationOf(name: string, written: string): Duration {
  const duration = parseDuration(written);
  if (duration !== undefined && duration > 0 && duration <= SPAN_MAX) return duration;
  throw new KetenError(
    "config_invalid",
    `"${name}" is ${JSON.stringify(written)}; expected a duration such as "9 min" or "30 d", of at most ten years`,
  );
}

/** The chains of every realm. */
export async function chainsOf({
  realms,
}: Pick<ControlOptions, "realms">): Promise<readonly InspectedChain[]> {
  const each = realms.list().map(({ issuer }) => issuer.inspectChains());
  return (await Promise.all(each)).flat();
}

/** `?after=N`: only requests with a higher number. */
function afterOf({ query }: FastifyRequest): number {
  const { after = "0" } = query as { readonly after?: unknown };
  if (typeof after === "string" && /^\d{1,15}$/.test(after)) return Number(after);
  throw new KetenError("config_invalid", '"after" is malformed: expected the number of a request');
}
