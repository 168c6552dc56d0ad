/**
 * The keychain API: connections, and access tokens for workers.
 *
 * 1. Everything under `/v1` needs the API key, as a bearer token, compared in constant time. What does not need it
 *    (`/healthz`, `/readyz`, `/metrics`, `/openapi.json`) tells no secret.
 * 2. No route returns a refresh token or a client secret, and no error repeats what was sent.
 * 3. A token's answer is made once per generation; reading it costs a look into memory. Nothing is logged per request.
 * 4. All answers under `/v1` say `no-store`.
 */

import { timingSafeEqual } from "node:crypto";
import swagger from "@fastify/swagger";
import { Type, type TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Clock } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Log } from "../env/log.ts";
import { Secret } from "../env/secret.ts";
import type { Keychain } from "../keychain/keychain.ts";
import { RELAY_GRANT_TYPES } from "../relay/admission.ts";
import type { Relay } from "../relay/relay.ts";
import type { ProviderSettings } from "../store/connection-record.ts";
import { type ApiFault, apiFault, faultOf } from "./api-errors.ts";
import { type Api, FAULTS, NO_QUERY, SECURITY } from "./api-routes.ts";
import {
  ConnectionAnswer,
  ConnectionRequest,
  ConnectionsAnswer,
  connectionAnswer,
  FailedRequest,
  NameParams,
  ReconnectRequest,
  TokenAnswer,
  tokenAnswerText,
} from "./api-wire.ts";
import { consumerRoutes } from "./consumers.ts";
import type { Dialect } from "./dialect.ts";
import { healthRoutes } from "./health.ts";
import { metricsRoute, newCounts } from "./metrics.ts";
import { oauthRoutes } from "./oauth.ts";
import { RELAY_PATHS } from "./relay-paths.ts";

export interface ApiOptions {
  readonly keychain: Keychain;
  readonly relay: Relay;
  /** The dialect of a relay's answers, by its name; the standards' for null. */
  readonly dialectNamed: (name: string | null) => Dialect;
  readonly apiKey: Secret;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** Makes a connection's settings of what a request says of its provider. @throws KetenError `config_invalid` */
  readonly settingsOf: (request: ConnectionRequest) => ProviderSettings;
  /** What keeps it from work now, in a word; undefined if nothing. */
  readonly notReady: () => Promise<string | undefined>;
}

/** Connections, the longest with two tokens of 16 KiB in it. */
const BODY_BYTES_MAX = 64 * 1024;

/** Who the events name as the consumer of what was read with the API key. */
const CONSUMER = "api";

const JSON_TYPE = "application/json; charset=utf-8";

/** Makes the server; it listens to nothing yet. */
export async function buildApi(options: ApiOptions): Promise<FastifyInstance> {
  const counts = newCounts();
  const api = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    exposeHeadRoutes: false,
    // Draining answers by itself, and lets those who wait for a refresh have it.
    return503OnClosing: false,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 16 * 1024 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end(MALFORMED_ANSWER);
    },
    frameworkErrors: (error, _request, reply) => void answerError(error, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();

  const answerError = (error: unknown, reply: FastifyReply): FastifyReply => {
    const fault = faultOf(error);
    if (!fault || fault.status === 500) {
      const code = error instanceof KetenError ? error.code : "unexpected";
      const place = reply.request?.routeOptions?.url ?? "unknown";
      // The message of what nobody foresaw might quote anything: only where it happened is written.
      options.log.error("api", { code, place, at: placeOf(error) });
    }
    return answerFault(fault ?? apiFault(500, "unexpected", "the keychain failed"), reply);
  };
  const answerFault = ({ status, body, headers }: ApiFault, reply: FastifyReply): FastifyReply => {
    counts.faults.set(body.error, (counts.faults.get(body.error) ?? 0) + 1);
    return reply
      .code(status)
      .headers({ "cache-control": "no-store", ...headers })
      .type(JSON_TYPE)
      .serializer(JSON.stringify)
      .send(body);
  };

  await api.register(swagger, { openapi: documentOf(options.version) });
  api.setErrorHandler((error, _request, reply) => answerError(error, reply));
  api.setNotFoundHandler((request, reply) => answerFault(noRoute(request), reply));
  healthRoutes(api, { notReady: options.notReady });
  metricsRoute(api, { counts, connections: () => options.keychain.list() });
  api.get("/openapi.json", { schema: { hide: true } }, async () => api.swagger());
  await api.register(
    (scope: FastifyInstance, _options, done) => {
      scope.addHook("onRequest", demandKey(options.apiKey));
      scope.setNotFoundHandler((request, reply) => answerFault(noRoute(request), reply));
      const typed = scope.withTypeProvider<TypeBoxTypeProvider>();
      connectionRoutes(typed, options);
      tokenRoutes(typed, options, counts);
      consumerRoutes(typed, options.relay);
      done();
    },
    { prefix: "/v1" },
  );
  await api.register((scope: FastifyInstance, _options, done) => {
    relayRoutes(scope, options).then(() => done(), done);
  });
  return api as unknown as FastifyInstance;
}

function relayRoutes(scope: FastifyInstance, options: ApiOptions): Promise<void> {
  const { relay, dialectNamed, clock, log } = options;
  return oauthRoutes(scope, {
    issuer: relay,
    dialect: dialectNamed(null),
    dialectFor: (clientId) => dialectNamed(clientId === null ? null : relay.dialectOf(clientId)),
    grantTypes: RELAY_GRANT_TYPES,
    paths: RELAY_PATHS,
    now: () => clock.now(),
    onFailure: (error) => {
      const code = error instanceof KetenError ? error.code : "unexpected";
      log.error("relay", { code, at: placeOf(error) });
    },
  });
}

function connectionRoutes(api: Api, { keychain, settingsOf }: ApiOptions): void {
  const common = { querystring: NO_QUERY, security: SECURITY, tags: ["connections"] };
  api.get(
    "/connections",
    {
      schema: {
        ...common,
        summary: "Every connection",
        response: { 200: ConnectionsAnswer, ...FAULTS },
      },
    },
    async (_request, reply) => {
      const views = await keychain.list();
      return noStore(reply).send({ connections: views.map(connectionAnswer) });
    },
  );
  api.post(
    "/connections",
    {
      schema: {
        ...common,
        summary: "Adds a connection from a refresh token granted elsewhere; nothing is sent",
        body: ConnectionRequest,
        response: { 201: ConnectionAnswer, ...FAULTS },
      },
    },
    async ({ body }, reply) => {
      const { name, client_id, client_secret, refresh_token } = body;
      const view = await keychain.connect({
        name,
        provider: settingsOf(body),
        clientId: client_id,
        clientSecret: client_secret === undefined ? null : new Secret(client_secret),
        refreshToken: new Secret(refresh_token),
      });
      const location = `/v1/connections/${name}`;
      return noStore(reply).code(201).header("location", location).send(connectionAnswer(view));
    },
  );
  api.get(
    "/connections/:name",
    {
      schema: {
        ...common,
        summary: "One connection",
        params: NameParams,
        response: { 200: ConnectionAnswer, ...FAULTS },
      },
    },
    async ({ params }, reply) =>
      noStore(reply).send(connectionAnswer(await keychain.show(params.name))),
  );
  api.post(
    "/connections/:name/reconnect",
    {
      schema: {
        ...common,
        summary: "Goes on from a refresh token granted anew; the name and the consumers stay",
        params: NameParams,
        body: ReconnectRequest,
        response: { 200: ConnectionAnswer, ...FAULTS },
      },
    },
    async ({ params, body }, reply) => {
      const view = await keychain.reconnect(params.name, new Secret(body.refresh_token));
      return noStore(reply).send(connectionAnswer(view));
    },
  );
  api.delete(
    "/connections/:name",
    {
      schema: {
        ...common,
        summary: "Forgets a connection and its tokens here; the provider is not told",
        params: NameParams,
        response: { 204: Type.Null({ description: "Forgotten" }), ...FAULTS },
      },
    },
    async ({ params }, reply) => {
      await keychain.remove(params.name);
      return noStore(reply).code(204).send(null);
    },
  );
}

function tokenRoutes(api: Api, options: ApiOptions, counts: { handedOut: number }): void {
  const { keychain, clock } = options;
  const common = {
    querystring: NO_QUERY,
    params: NameParams,
    security: SECURITY,
    tags: ["tokens"],
    response: { 200: TokenAnswer, ...FAULTS },
  };
  api.get(
    "/connections/:name/token",
    { schema: { ...common, summary: "An access token that may be used now" } },
    async ({ params }, reply) => {
      const handOut = await keychain.token(params.name, CONSUMER);
      counts.handedOut += 1;
      return noStore(reply)
        .type(JSON_TYPE)
        .send(tokenAnswerText(handOut, clock) as never);
    },
  );
  api.post(
    "/connections/:name/token/failed",
    {
      schema: {
        ...common,
        summary: "Reports that a token was refused where it was used, and answers with a newer one",
        body: FailedRequest,
      },
    },
    async ({ params, body }, reply) => {
      const handOut = await keychain.failed(params.name, body.generation, CONSUMER);
      counts.handedOut += 1;
      return noStore(reply)
        .type(JSON_TYPE)
        .send(tokenAnswerText(handOut, clock) as never);
    },
  );
}

const noStore = <R extends { header(name: string, value: string): R }>(reply: R): R =>
  reply.header("cache-control", "no-store");

// --- the key --------------------------------------------------------------------------------------------

const SCHEME = /^bearer /i;

/** Lets a request pass that carries the key. RFC 6750, section 2.1 */
function demandKey(
  apiKey: Secret,
): (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void {
  const expected = Buffer.from(apiKey.reveal(), "latin1");
  return ({ headers: { authorization } }, reply, done) => {
    if (authorization !== undefined && SCHEME.test(authorization)) {
      const given = Buffer.from(authorization.slice("bearer ".length), "latin1");
      if (given.length === expected.length && timingSafeEqual(given, expected)) return done();
    }
    reply.header("www-authenticate", 'Bearer realm="keten"');
    const what = authorization === undefined ? "is missing" : "is wrong";
    done(
      new KetenError(
        "api_key_wrong",
        `the API key ${what}; expected the header "authorization: Bearer …"`,
      ),
    );
  };
}

// --- what is not there ----------------------------------------------------------------------------------

const PATHS: readonly { readonly pattern: RegExp; readonly methods: string }[] = [
  { pattern: /^\/v1\/connections$/, methods: "GET, POST" },
  { pattern: /^\/v1\/connections\/[^/]+$/, methods: "GET, DELETE" },
  { pattern: /^\/v1\/connections\/[^/]+\/token$/, methods: "GET" },
  { pattern: /^\/v1\/connections\/[^/]+\/token\/failed$/, methods: "POST" },
  { pattern: /^\/v1\/connections\/[^/]+\/reconnect$/, methods: "POST" },
  { pattern: /^\/v1\/consumers$/, methods: "GET, POST" },
  { pattern: /^\/v1\/consumers\/[^/]+$/, methods: "DELETE" },
  { pattern: /^\/v1\/consumers\/[^/]+\/secret$/, methods: "POST" },
  { pattern: /^\/(?:healthz|readyz|metrics|openapi\.json)$/, methods: "GET" },
];

function noRoute({ url, method }: FastifyRequest): ApiFault {
  const path = url.split("?", 1)[0] ?? "";
  const known = PATHS.find(({ pattern }) => pattern.test(path));
  if (!known) {
    return apiFault(404, "route_unknown", "no such path; /openapi.json lists those there are");
  }
  const message = `method ${method} is not for this path; expected ${known.methods}`;
  return apiFault(405, "method_unsupported", message, {}, { allow: known.methods });
}

const MALFORMED_BODY = JSON.stringify({
  error: "request_invalid",
  message: "the request is no HTTP; expected HTTP/1.1",
});
const MALFORMED_ANSWER = [
  "HTTP/1.1 400 Bad Request",
  `content-type: ${JSON_TYPE}`,
  `content-length: ${MALFORMED_BODY.length}`,
  "connection: close",
  "",
  MALFORMED_BODY,
].join("\r\n");

/** Where an unforeseen error arose: names of functions and files, none of its words. */
function placeOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const frame = /\n\s+at (.+)/.exec(stack)?.[1] ?? "unknown";
  return frame.replace(/\(?(?:file:\/\/)?\/\S*\/(?=[^/]+:\d+)/, "(");
}

const documentOf = (version: string) =>
  ({
    openapi: "3.1.0",
    info: {
      title: "Keten",
      version,
      description: "Access tokens of connections whose refresh-token chains Keten keeps whole.",
    },
    components: {
      securitySchemes: { apiKey: { type: "http" as const, scheme: "bearer" } },
    },
  }) as const;
