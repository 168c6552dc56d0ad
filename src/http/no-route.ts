/**
 * What no route takes. The framework's own answers repeat the request's URI, and a URI may hold by mistake what belongs in
 * a body: these say that there is nothing, and no more.
 */

import type { FastifyInstance, FastifyReply } from "fastify";
import { jsonAnswer } from "./dialect.ts";
import { send } from "./oauth.ts";

const answer = (reply: FastifyReply, status: number, error_description: string): FastifyReply =>
  send(reply, jsonAnswer(status, { error: "invalid_request", error_description }));

/** For the framework's option `frameworkErrors`: a URI that cannot be decoded. */
export const malformedUri = (_error: unknown, _request: unknown, reply: unknown): void => {
  answer(reply as FastifyReply, 400, "the request URI is malformed");
};

export function refuseUnrouted(server: FastifyInstance): void {
  server.setNotFoundHandler((_request, reply) => answer(reply, 404, "nothing is there"));
}
