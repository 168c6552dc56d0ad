/**
 * What an Exact Online server answers besides the token and authorization endpoints: its API, its App Center, and, under
 * the stand-in's control path, what nobody but the vendor can do.
 */

import type { FastifyError, FastifyInstance, FastifyRequest } from "fastify";
import { type ErrorCode, KetenError } from "../../env/error.ts";
import { parseForm } from "../../http/form.ts";
import type { Issuer } from "../../issuer/issuer.ts";
import { NO_TRACE } from "../../issuer/outcome.ts";
import type { RealmServices } from "../../issuer/realms.ts";
import type { IssuerRequest } from "../../issuer/request.ts";
import type { TokenShapes } from "../../issuer/token-format.ts";
import type { Instant } from "../../kernel/time.ts";
import type { Surface, SurfaceParts } from "../provider.ts";
import { appCenterRoutes } from "./app-center.ts";
import { controlRoutes } from "./control.ts";
import { resourceApi } from "./resource-api.ts";
import type { Settings } from "./settings.ts";
import { GATEWAY_PATH, openSites, rewriteUrl, type Site, siteOf } from "./sites.ts";
import type { ServerOptions } from "./switches.ts";

/** What the caller got wrong, as opposed to us. */
const CALLER_ERRORS: readonly ErrorCode[] = ["config_invalid", "policy_invalid"];

export function exactOnlineSurface(
  settings: Settings,
  shapesOf: (site: Site) => TokenShapes,
): Surface {
  let sites: ((site: Site) => RealmServices) | undefined;
  const servicesFor = (parts: SurfaceParts) => {
    sites ??= openSites(parts, shapesOf);
    const find = sites;
    return (request: FastifyRequest): RealmServices => find(siteOf(request));
  };
  return {
    rewriteUrl,
    realmFor: (parts) => {
      const find = servicesFor(parts);
      return (request) => {
        const { issuer, accounts } = find(request);
        const { clientAuthentication } = settings.server();
        const now = () => parts.clock.now();
        return { issuer: authenticating(issuer, clientAuthentication, now), accounts };
      };
    },
    async routes(fastify, parts) {
      const servicesOf = servicesFor(parts);
      const { provider, realms, random, clock, store } = parts;
      const base = provider.policy;
      readBodies(fastify);
      fastify.setErrorHandler((error: FastifyError, _request, reply) => {
        const asked = error instanceof KetenError && CALLER_ERRORS.includes(error.code);
        const status = asked || error.validation ? 400 : (error.statusCode ?? 500);
        return reply
          .code(status)
          .send({ error: status < 500 ? error.message : "the server failed" });
      });
      const now = () => clock.now();
      await fastify.register(resourceApi, {
        realmFor: servicesOf,
        store,
        now,
        server: settings.server,
      });
      await fastify.register(appCenterRoutes, { servicesOf, random, settings, base });
      await fastify.register(controlRoutes, { servicesOf, realms, settings, base });
      gateway(fastify);
    },
  };
}

/** The same issuer, at whose token endpoint clients authenticate in one way only. */
function authenticating(
  issuer: Issuer,
  way: ServerOptions["clientAuthentication"],
  now: () => Instant,
): Issuer {
  if (way === "both") return issuer;
  return {
    ...issuer,
    async token(request: IssuerRequest) {
      const by = request.authorization === undefined ? "body" : "basic";
      if (by === way) return issuer.token(request);
      const refusal = { reason: "clientSecretWrong", by } as const;
      return { granted: false, refusal, at: now(), trace: NO_TRACE };
    },
  };
}

/** Pages send forms, programs JSON. */
function readBodies(fastify: FastifyInstance): void {
  const type = "application/x-www-form-urlencoded";
  fastify.addContentTypeParser(type, { parseAs: "string" }, (_request, body, done) => {
    try {
      done(null, parseForm(body as string));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** A host of the vendor that is none of its sites. The status is not recorded. */
function gateway(fastify: FastifyInstance): void {
  fastify.all(GATEWAY_PATH, (request, reply) => {
    const { host, originalUrl } = request;
    const [path] = originalUrl.split("?");
    const faultstring = `Unable to identify proxy for host: ${host} and url: ${path}`;
    const detail = { errorcode: "messaging.adaptors.http.flow.ApplicationNotFound" };
    return reply.code(404).send({ fault: { faultstring, detail } });
  });
}
