/** What all routes of the API have in common. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Type, type TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import { ErrorAnswer } from "./api-wire.ts";

export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export const NO_QUERY = Type.Object({}, { additionalProperties: false });
export const SECURITY = [{ apiKey: [] }];
export const FAULTS = { "4xx": ErrorAnswer, "5xx": ErrorAnswer } as const;
