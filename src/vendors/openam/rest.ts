/**
 * OpenAM's JSON endpoints: how they read a request and how they refuse one.
 *
 * 1. A refusal is `{"code","reason","message"}`, the reason being HTTP's own words for the status.
 * 2. A body is JSON, or there is none: any other media type is 415.
 * 3. Names of query parameters that begin with an underscore are read in any case: OpenAM's own pages write `_queryid`.
 */

import { STATUS_CODES } from "node:http";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { KetenError } from "../../env/error.ts";
import { jsonAnswer } from "../../http/dialect.ts";
import { send } from "../../http/oauth.ts";

/** A request that is refused. */
export class RestRefusal extends Error {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    statusCode: number,
    message: string = STATUS_CODES[statusCode] ?? "",
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.statusCode = statusCode;
    this.headers = headers;
  }
}

export const answerJson = (reply: FastifyReply, value: unknown, status = 200): FastifyReply =>
  send(reply, jsonAnswer(status, value));

/** Makes a scope of routes read and refuse as above. */
export function speakRest(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    /^application\/json(;|$)/,
    { parseAs: "string" },
    async (_request: FastifyRequest, body: string) => readJson(body),
  );
  fastify.addContentTypeParser(
    "*",
    { parseAs: "string" },
    async (_request: FastifyRequest, body: string) => {
      if (body.length > 0) throw new RestRefusal(415);
      return {};
    },
  );
  fastify.setErrorHandler((error: FastifyError, _request, reply) => {
    const { status, message, headers } = refusalOf(error);
    const body = { code: status, reason: STATUS_CODES[status], message };
    return send(reply, jsonAnswer(status, body)).headers(headers);
  });
}

type Members = Readonly<Record<string, unknown>>;

/** A body's members. @throws RestRefusal 400 if it is no JSON object */
function readJson(text: string): Members {
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    // Refused like any other body that is no object.
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members;
  throw new RestRefusal(400, "The request could not be processed because it is no JSON object");
}

function refusalOf(error: FastifyError) {
  if (error instanceof RestRefusal) {
    return { status: error.statusCode, message: error.message, headers: error.headers };
  }
  if (error instanceof KetenError) {
    const asked = error.code === "config_invalid" || error.code === "policy_invalid";
    const status = asked ? 400 : error.retryable ? 503 : 500;
    return { status, message: asked ? error.message : STATUS_CODES[status], headers: {} };
  }
  const status = error.statusCode ?? 500;
  return { status, message: status < 500 ? error.message : STATUS_CODES[status], headers: {} };
}

/** A body's members; none where there is no body. */
export const bodyOf = ({ body }: FastifyRequest): Members => (body as Members | undefined) ?? {};

/** A query parameter that was given once. */
export function queryOf({ query }: FastifyRequest, name: string): string | undefined {
  const entries = Object.entries(query as Record<string, unknown>);
  const same = name.startsWith("_")
    ? (key: string) => key.toLowerCase() === name.toLowerCase()
    : (key: string) => key === name;
  const found = entries.find(([key]) => same(key))?.[1];
  return typeof found === "string" ? found : undefined;
}

/** The text of a member, also of one that is a list of a single text, as OpenAM writes attributes. */
export function textOf(value: unknown): string | undefined {
  const [only] = Array.isArray(value) && value.length === 1 ? value : [value];
  return typeof only === "string" && only.length > 0 ? only : undefined;
}

/** The texts of a member that is a list, or a single text. */
export function textsOf(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((item): item is string => typeof item === "string" && item.length > 0);
}

/** What every answered query has besides its result. */
export const queryAnswer = (result: readonly unknown[]) => ({
  result,
  resultCount: result.length,
  pagedResultsCookie: null,
  remainingPagedResults: -1,
});
