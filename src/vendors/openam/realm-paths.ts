/**
 * Which realm a request means. A realm's name here is its path: "/" for the root, "/customers/dutch" below it.
 *
 * 1. The parameter `realm`, of the query or of a form or JSON body, says it; with or without its first slash.
 * 2. A realm may stand in the path instead: `/oauth2/realms/root/realms/x/access_token`, and in the older style
 *    `/json/x/authenticate`. Such a request is routed once more as the same request with the parameter, so that there
 *    is one set of endpoints, and whatever stands before it stands before every spelling.
 * 3. The parameter wins over the path, as it does at OpenAM.
 */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { RestRefusal } from "./rest.ts";

export const ROOT = "/";

/** The first segments of what lies in each area; anything else is the name of a realm. */
const AREAS: Readonly<Record<string, readonly string[]>> = {
  oauth2: ["authorize", "access_token", "tokeninfo", "introspect", "token"],
  json: ["authenticate", "users", "realms", "realm-config"],
  console: ["services"],
};

/** The realm that a request means, as a path. */
export function realmPathOf({ query, body }: FastifyRequest): string {
  const ofQuery = (query as Record<string, unknown>).realm;
  const ofBody =
    typeof body === "object" && body !== null ? (body as Record<string, unknown>).realm : undefined;
  return realmPath(ofQuery ?? ofBody ?? ROOT);
}

/** A realm as somebody wrote it, as a path. OpenAM's own attributes are lists of one. */
export function realmPath(written: unknown): string {
  const segments = String(written)
    .split("/")
    .filter((segment) => segment !== "");
  return `/${segments.join("/")}`;
}

/** The same request without its realm in the path; undefined if there is none in it. */
export function withoutRealmInPath(url: string): string | undefined {
  const [path = "", search = ""] = url.split("?", 2);
  const [, base, area = "", ...segments] = path.split("/");
  const endpoints = AREAS[area];
  if (base !== "openam" || !endpoints) return undefined;
  const found = newStyle(segments) ?? oldStyle(segments, endpoints);
  if (!found) return undefined;
  const query = new URLSearchParams(search);
  if (!query.has("realm")) query.set("realm", realmPath(found.realm.map(decoded).join("/")));
  return `/${[base, area, ...found.rest].join("/")}?${query}`;
}

interface Split {
  readonly realm: readonly string[];
  readonly rest: readonly string[];
}

function newStyle(segments: readonly string[]): Split | undefined {
  if (segments[0] !== "realms" || segments[1] !== "root") return undefined;
  const realm: string[] = [];
  let at = 2;
  for (; segments[at] === "realms" && segments[at + 1]; at += 2) {
    realm.push(segments[at + 1] as string);
  }
  return { realm, rest: segments.slice(at) };
}

function oldStyle(segments: readonly string[], endpoints: readonly string[]): Split | undefined {
  const at = segments.findIndex((segment) => endpoints.includes(segment));
  return at > 0 ? { realm: segments.slice(0, at), rest: segments.slice(at) } : undefined;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new RestRefusal(400, "malformed percent-encoding");
  }
}

/** Routes requests with a realm in their path again. Their bodies have not been read yet. */
export function realmPathRoutes(fastify: FastifyInstance): void {
  for (const area of Object.keys(AREAS)) {
    fastify.all(`/openam/${area}/*`, {
      onRequest: async (request, reply) => {
        const url = withoutRealmInPath(request.raw.url ?? "");
        if (url === undefined) throw new RestRefusal(404);
        request.raw.url = url;
        reply.hijack();
        fastify.routing(request.raw, reply.raw);
      },
      handler: () => undefined,
    });
  }
}
