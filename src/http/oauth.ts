/**
 * The standard endpoints of an issuer: token, revocation, introspection, metadata.
 *
 * 1. POST with a form body, and nothing in the URI that belongs into it: URIs end up in logs. RFC 6749, section 2.3.1
 * 2. Whatever is wrong with a request, there is one clear error in the issuer's dialect, never a 5xx.
 * 3. A 503 says that the same request may be sent again: nothing was granted, or a retry will tell.
 * 4. Nothing of a request is logged here.
 * 5. One set of endpoints may serve several realms: which one a request means, stands in its path or parameters.
 */

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { KetenError } from "../env/error.ts";
import type { Issuer } from "../issuer/issuer.ts";
import type { Introspection, Refused, TokenOutcome } from "../issuer/outcome.ts";
import type { IssuerRequest, Parameters } from "../issuer/request.ts";
import type { Refusal } from "../kernel/refusal.ts";
import { type Instant, SECOND } from "../kernel/time.ts";
import type { AuthorizationRules } from "./authorize-rules.ts";
import {
  type Dialect,
  jsonAnswer,
  spellFailure,
  spellGranted,
  spellRefusal,
  spellRevoked,
  type WireAnswer,
} from "./dialect.ts";
import { FORM_BYTES_MAX, MalformedForm, readForms } from "./form.ts";
import { METADATA_PATH, metadataOf, type OAuthPaths } from "./metadata.ts";

/** A token request on its way: what was asked, and how to have it answered. */
export interface TokenExchange {
  readonly parameters: Parameters;
  /** Decides and commits. Each call is a request of its own. */
  answer(): Promise<AnsweredExchange>;
}

export interface AnsweredExchange {
  readonly wire: WireAnswer;
  /** Undefined where the issuer failed. */
  readonly outcome: TokenOutcome | undefined;
}

/** What of an issuer answers these endpoints. */
export type Endpoints = Pick<Issuer, "realm" | "token" | "revoke" | "introspect">;

/** The realm that a request means; its name where there is none of that name. */
export type RealmFor<T> = (request: FastifyRequest) => T | { readonly unknown: string };

export interface OAuthRoutesOptions {
  /** Of every request, unless `issuerFor` tells them apart. */
  readonly issuer: Endpoints;
  readonly issuerFor?: RealmFor<Endpoints>;
  readonly dialect: Dialect;
  /** The dialect of an answer to somebody known; `dialect` unless given. */
  readonly dialectFor?: (clientId: string | null) => Dialect;
  /** As the metadata announce them; the realm's unless given. */
  readonly grantTypes?: readonly string[];
  readonly paths: OAuthPaths;
  /** How the authorization endpoint behaves, where there is one. */
  readonly authorization?: AuthorizationRules;
  readonly now: () => Instant;
  /** Told of operating failures; the wire says only that there was one. */
  readonly onFailure?: (error: unknown) => void;
  /** Stands between a token request and its answer: for stand-ins that misbehave. Must answer by itself. */
  readonly intercept?: (exchange: TokenExchange, reply: FastifyReply) => Promise<void>;
}

const METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** What must not be in a request URI. */
const CREDENTIALS = [
  ...["client_id", "client_secret", "client_assertion", "refresh_token", "code", "code_verifier"],
  ...["username", "password", "token", "access_token"],
];

/** Registers the endpoints in a scope of their own. */
export async function oauthRoutes(
  fastify: FastifyInstance,
  options: OAuthRoutesOptions,
): Promise<void> {
  const { issuer, issuerFor = () => issuer, dialect, paths, now, intercept, onFailure } = options;
  const {
    authorization,
    dialectFor = () => dialect,
    grantTypes = issuer.realm.grantTypes,
  } = options;
  const attempt = async (work: () => Promise<AnsweredExchange>): Promise<AnsweredExchange> => {
    try {
      return await work();
    } catch (error) {
      onFailure?.(error);
      const retryable = error instanceof KetenError && error.retryable;
      return { wire: spellFailure(dialect, retryable), outcome: undefined };
    }
  };
  const refuse = (reply: FastifyReply, refusal: Refusal): FastifyReply =>
    send(reply, spellRefusal(dialect, refusal, now()));
  const token = (issuer: Endpoints, request: IssuerRequest): Promise<AnsweredExchange> =>
    attempt(async () => {
      const outcome = await issuer.token(request);
      const spoken = dialectFor(outcome.trace.clientId);
      const wire = outcome.granted
        ? spellGranted(spoken, outcome.response)
        : spellRefused(spoken, outcome);
      return { wire, outcome };
    });
  const plain =
    (work: (issuer: Endpoints, request: IssuerRequest) => Promise<WireAnswer>) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const issuer = issuerFor(request);
      if ("unknown" in issuer) return refuse(reply, realmUnknown(issuer));
      const answered = await attempt(async () => ({
        wire: await work(issuer, requestOf(request)),
        outcome: undefined,
      }));
      return send(reply, answered.wire);
    };

  readForms(fastify);
  fastify.setErrorHandler((error: FastifyError, _request, reply) => {
    const refusal = refusalOf(error, _request);
    if (!refusal) onFailure?.(error);
    const wire = refusal ? spellRefusal(dialect, refusal, now()) : spellFailure(dialect, false);
    return send(reply, error.statusCode === 413 ? { ...wire, status: 413 } : wire);
  });
  post(fastify, options, paths.token, async (request, reply) => {
    const issuer = issuerFor(request);
    if ("unknown" in issuer) return refuse(reply, realmUnknown(issuer));
    const issuerRequest = requestOf(request);
    if (!intercept) return send(reply, (await token(issuer, issuerRequest)).wire);
    const { parameters } = issuerRequest;
    await intercept({ parameters, answer: () => token(issuer, issuerRequest) }, reply);
    return reply;
  });
  post(
    fastify,
    options,
    paths.revocation,
    plain(async (issuer, request) => {
      const outcome = await issuer.revoke(request);
      return outcome.granted ? spellRevoked(dialect) : spellRefused(dialect, outcome);
    }),
  );
  post(
    fastify,
    options,
    paths.introspection,
    plain(async (issuer, request) => {
      const outcome = await issuer.introspect(request);
      if (!outcome.granted) return spellRefused(dialect, outcome);
      return jsonAnswer(200, spellIntrospection(outcome.introspection, issuer));
    }),
  );
  fastify.get(paths.metadata ?? METADATA_PATH, { schema: UNLISTED }, (_request, reply) =>
    send(reply, jsonAnswer(200, metadataOf(issuer.realm, paths, grantTypes, authorization))),
  );
}

const realmUnknown = ({ unknown }: { readonly unknown: string }): Refusal => ({
  reason: "realmUnknown",
  realm: unknown,
});

/** Not in an API's own document: standards describe these, and their metadata name them. */
const UNLISTED = { hide: true };

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** A route for POST, and its clear errors for everything else. */
function post(
  fastify: FastifyInstance,
  { dialect, now }: OAuthRoutesOptions,
  url: string,
  handler: Handler,
): void {
  const refuse = (reply: FastifyReply, refusal: Refusal): FastifyReply =>
    send(reply, spellRefusal(dialect, refusal, now()));
  fastify.post(url, {
    schema: UNLISTED,
    onRequest: async (request, reply) => {
      const inUri = credentialInUri(request);
      return inUri && refuse(reply, { reason: "credentialsInUri", parameter: inUri });
    },
    handler,
  });
  fastify.route({
    method: METHODS,
    url,
    schema: UNLISTED,
    onRequest: async ({ method }, reply) =>
      refuse(reply, { reason: "methodWrong", method, expected: "POST" }),
    handler: () => undefined,
  });
}

function credentialInUri({ url, query }: FastifyRequest): string | undefined {
  if (!url.includes("?")) return undefined;
  const names = Object.keys(query as object);
  return CREDENTIALS.find((name) => names.includes(name));
}

function requestOf({ body, headers, ip }: FastifyRequest): IssuerRequest {
  const parameters = (body ?? {}) as Parameters;
  return { parameters, authorization: headers.authorization, address: ip };
}

/** Writes an answer. */
export function send(reply: FastifyReply, { status, headers, body }: WireAnswer): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}

const spellRefused = (dialect: Dialect, { refusal, at }: Refused): WireAnswer =>
  spellRefusal(dialect, refusal, at);

/** What a request that never reached the issuer is refused with; undefined if the fault is ours. */
function refusalOf(error: FastifyError, request: FastifyRequest): Refusal | undefined {
  if (error instanceof MalformedForm) {
    const expected = "application/x-www-form-urlencoded with percent-encoded UTF-8";
    return { reason: "parameterInvalid", parameter: "body", expected };
  }
  switch (error.statusCode) {
    case 413:
      return {
        reason: "parameterInvalid",
        parameter: "body",
        expected: `at most ${FORM_BYTES_MAX} bytes`,
      };
    case 415: {
      const contentType = request.headers["content-type"] ?? null;
      return { reason: "contentTypeWrong", contentType };
    }
    default: {
      const ours = error.statusCode === undefined || error.statusCode >= 500;
      const expected = "a complete form body of the announced length";
      return ours ? undefined : { reason: "parameterInvalid", parameter: "body", expected };
    }
  }
}

/** RFC 7662, section 2.2; instants in whole seconds. */
function spellIntrospection(
  introspection: Introspection,
  { realm }: Pick<Issuer, "realm">,
): Readonly<Record<string, unknown>> {
  if (!introspection.active) return { active: false };
  const { clientId, subject, scope, tokenType, issuedAt, expiresAt } = introspection;
  return {
    active: true,
    ...(scope.length > 0 ? { scope: scope.join(" ") } : {}),
    client_id: clientId,
    ...(tokenType ? { token_type: tokenType } : {}),
    ...(Number.isFinite(expiresAt) ? { exp: Math.floor(expiresAt / SECOND) } : {}),
    iat: Math.floor(issuedAt / SECOND),
    sub: subject,
    iss: realm.issuer,
  };
}
