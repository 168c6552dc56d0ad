/**
 * The yardstick: what Fastify and Keten's own form parser can do on this machine with nothing behind them.
 *
 * A form of the same size as a token request is read and one of its values answered in JSON, with the headers and the
 * size of a token response. Whatever a server adds to that is its own work.
 */

import Fastify from "fastify";
import { readForms } from "../../src/http/form.ts";
import { argumentsOf, served } from "./served.ts";

export interface EchoArguments {
  /** How long the answers are. */
  readonly answerBytes: number;
}

const HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  pragma: "no-cache",
};

const { answerBytes } = argumentsOf<EchoArguments>();
const fastify = Fastify();
readForms(fastify);
let padding = "";
fastify.post("/token", (request, reply) => {
  const { refresh_token } = request.body as Record<string, string>;
  const answer = JSON.stringify({
    refresh_token,
    token_type: "Bearer",
    expires_in: 600,
    access_token: padding,
  });
  if (answer.length !== answerBytes)
    padding = "x".repeat(padding.length + answerBytes - answer.length);
  return reply.code(200).headers(HEADERS).send(answer);
});
const url = await fastify.listen({ port: 0, host: "127.0.0.1" });
served({ port: Number(new URL(url).port) }, () => fastify.close());
