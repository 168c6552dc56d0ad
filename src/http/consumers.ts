/** The API's part about consumers: what the owner of a connection does with those who share it. */

import { Type } from "@fastify/type-provider-typebox";
import type { Relay } from "../relay/relay.ts";
import { type Api, FAULTS, NO_QUERY, SECURITY } from "./api-routes.ts";
import {
  AddedConsumerAnswer,
  addedConsumerAnswer,
  ConsumerAnswer,
  ConsumerParams,
  ConsumerRequest,
  ConsumersAnswer,
  consumerAnswer,
  newConsumerOf,
  SecretAnswer,
} from "./consumers-wire.ts";
import { RELAY_PATHS } from "./relay-paths.ts";

const common = { security: SECURITY, tags: ["consumers"], querystring: NO_QUERY };
const noStore = { "cache-control": "no-store" };

/** Where a relay's consumers ask for tokens. */
export const tokenEndpointOf = ({ realm }: Relay): string =>
  new URL(RELAY_PATHS.token, realm.issuer).href;

export function consumerRoutes(api: Api, relay: Relay): void {
  const { consumers } = relay;
  api.get(
    "/consumers",
    {
      schema: {
        ...common,
        summary: "Every consumer, revoked ones too",
        querystring: Type.Object(
          { connection: Type.Optional(Type.String({ maxLength: 64 })) },
          { additionalProperties: false },
        ),
        response: { 200: ConsumersAnswer, ...FAULTS },
      },
    },
    async ({ query }, reply) => {
      const found = await consumers.list(query.connection);
      return reply.headers(noStore).send({ consumers: found.map(consumerAnswer) });
    },
  );
  api.post(
    "/consumers",
    {
      schema: {
        ...common,
        summary: "Adds a consumer of a connection; its secret and refresh token are told once",
        body: ConsumerRequest,
        response: { 201: AddedConsumerAnswer, ...FAULTS },
      },
    },
    async ({ body }, reply) => {
      const added = await consumers.add(newConsumerOf(body));
      const answer = addedConsumerAnswer(added, tokenEndpointOf(relay));
      return reply.headers(noStore).code(201).send(answer);
    },
  );
  api.delete(
    "/consumers/:client_id",
    {
      schema: {
        ...common,
        summary: "Revokes a consumer for ever; the others are not touched",
        params: ConsumerParams,
        response: { 200: ConsumerAnswer, ...FAULTS },
      },
    },
    async ({ params }, reply) =>
      reply.headers(noStore).send(consumerAnswer(await consumers.revoke(params.client_id))),
  );
  api.post(
    "/consumers/:client_id/secret",
    {
      schema: {
        ...common,
        summary: "Replaces a consumer's secret; the one before is dead",
        params: ConsumerParams,
        response: { 200: SecretAnswer, ...FAULTS },
      },
    },
    async ({ params: { client_id } }, reply) => {
      const secret = await consumers.replaceSecret(client_id);
      return reply.headers(noStore).send({ client_id, client_secret: secret.reveal() });
    },
  );
}
