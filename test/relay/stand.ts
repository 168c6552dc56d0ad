/** A server with a connection, and consumers of it that ask as OAuth clients do. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { AddedConsumerAnswer } from "../../src/http/consumers-wire.ts";
import { apiStand, type Called, type Stand } from "../http/stand.ts";

export interface Consumer {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
}

export interface RelayStand extends Stand {
  consumer(more?: Readonly<Record<string, unknown>>): Promise<Consumer>;
  /** Asks as a consumer, with its secret in the header. */
  ask(consumer: Consumer, form?: Readonly<Record<string, string>>): Promise<Called>;
  /** A form to an endpoint of the relay. */
  post(path: string, consumer: Consumer, form: Readonly<Record<string, string>>): Promise<Called>;
}

export const basicOf = ({ clientId, clientSecret }: Consumer): string =>
  `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`;

export const consumerOf = (added: AddedConsumerAnswer): Consumer => ({
  clientId: added.client_id,
  clientSecret: added.client_secret,
  refreshToken: added.refresh_token ?? "",
});

/** With the connection "acme", of which nothing has been asked yet. */
export async function relayStand(
  t: TestContext,
  connection: Readonly<Record<string, unknown>> = {},
): Promise<RelayStand> {
  const stand = await apiStand(t);
  const connected = await stand.connect("acme", connection);
  assert.equal(connected.status, 201, connected.text);
  const post: RelayStand["post"] = (path, consumer, form) =>
    stand.call("POST", `/oauth2/relay/${path}`, {
      key: null,
      text: new URLSearchParams(form).toString(),
      headers: {
        authorization: basicOf(consumer),
        "content-type": "application/x-www-form-urlencoded",
      },
    });
  return {
    ...stand,
    post,
    consumer: async (more = {}) => {
      const body = { connection: "acme", ...more };
      const { status, json, text } = await stand.call("POST", "/v1/consumers", { body });
      assert.equal(status, 201, text);
      return consumerOf(json);
    },
    ask: (consumer, form = {}) =>
      post("token", consumer, {
        grant_type: "refresh_token",
        refresh_token: consumer.refreshToken,
        ...form,
      }),
  };
}
