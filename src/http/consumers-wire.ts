/** The bodies of the API's part about consumers, as schemas and as types. */

import { type Static, Type } from "@fastify/type-provider-typebox";
import { SECOND } from "../kernel/time.ts";
import { type AddedConsumer, CLIENT_ID_PATTERN, type NewConsumer } from "../relay/consumers.ts";
import type { ConsumerRecord } from "../store/records.ts";
import { Name } from "./api-wire.ts";

const ClientId = Type.String({
  pattern: CLIENT_ID_PATTERN.source,
  description: 'Letters, digits, ".", "_" and "-"; at most 96, beginning with a letter or digit',
});

export const ConsumerParams = Type.Object({ client_id: ClientId });

export const ConsumerRequest = Type.Object(
  {
    connection: Name,
    client_id: Type.Optional(ClientId),
    dialect: Type.Optional(
      Type.String({ maxLength: 64, description: "The preset in whose words it is answered" }),
    ),
    allow_from: Type.Optional(
      Type.Array(Type.String({ maxLength: 64 }), {
        maxItems: 64,
        description: "Addresses and networks it may ask from; all unless given",
      }),
    ),
    refresh_token: Type.Optional(
      Type.Boolean({ description: "False for one that asks with client_credentials only" }),
    ),
  },
  { additionalProperties: false },
);
export type ConsumerRequest = Static<typeof ConsumerRequest>;

const consumer = {
  client_id: Type.String(),
  connection: Type.String(),
  dialect: Type.Union([Type.String(), Type.Null()]),
  allow_from: Type.Array(Type.String()),
  created_at: Type.Integer({ description: "Unix seconds" }),
  revoked_at: Type.Union([Type.Integer(), Type.Null()]),
};

export const ConsumerAnswer = Type.Object(consumer);
export type ConsumerAnswer = Static<typeof ConsumerAnswer>;

export const ConsumersAnswer = Type.Object({ consumers: Type.Array(ConsumerAnswer) });
export type ConsumersAnswer = Static<typeof ConsumersAnswer>;

export const SecretAnswer = Type.Object({
  client_id: Type.String(),
  client_secret: Type.String({ description: "Told once" }),
});
export type SecretAnswer = Static<typeof SecretAnswer>;

export const AddedConsumerAnswer = Type.Object({
  ...consumer,
  token_endpoint: Type.String(),
  client_secret: Type.String({ description: "Told once" }),
  refresh_token: Type.Union([Type.String(), Type.Null()], {
    description: "Told once; never changes",
  }),
});
export type AddedConsumerAnswer = Static<typeof AddedConsumerAnswer>;

export const newConsumerOf = (request: ConsumerRequest): NewConsumer => ({
  connection: request.connection,
  clientId: request.client_id,
  dialect: request.dialect,
  allowFrom: request.allow_from,
  refreshToken: request.refresh_token,
});

export function consumerAnswer(record: ConsumerRecord): ConsumerAnswer {
  const seconds = (at: number): number => Math.floor(at / SECOND);
  return {
    client_id: record.clientId,
    connection: record.connection,
    dialect: record.dialect,
    allow_from: [...record.allowFrom],
    created_at: seconds(record.createdAt),
    revoked_at: record.revokedAt === null ? null : seconds(record.revokedAt),
  };
}

export function addedConsumerAnswer(
  { consumer: record, clientSecret, refreshToken }: AddedConsumer,
  tokenEndpoint: string,
): AddedConsumerAnswer {
  return {
    ...consumerAnswer(record),
    token_endpoint: tokenEndpoint,
    client_secret: clientSecret.reveal(),
    refresh_token: refreshToken?.reveal() ?? null,
  };
}
