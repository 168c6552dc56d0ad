/** The keychain of a data directory, without a server: what the HTTP client offers, in this process. */

import { Secret } from "../env/secret.ts";
import { connectionAnswer, tokenAnswer } from "../http/api-wire.ts";
import type { KeychainClient } from "../http/client.ts";
import { tokenEndpointOf } from "../http/consumers.ts";
import { addedConsumerAnswer, consumerAnswer, newConsumerOf } from "../http/consumers-wire.ts";
import type { Home } from "./compose.ts";
import { settingsOf } from "./settings-of.ts";

/** Who the events name as the consumer of what was read by command. */
const CONSUMER = "command line";

export function embeddedClient(home: Home): KeychainClient {
  const { keychain, relay, clock } = home;
  const { consumers } = relay;
  return {
    connections: async () => (await keychain.list()).map(connectionAnswer),
    connect: async (request) => {
      const { name, client_id, client_secret, refresh_token } = request;
      const view = await keychain.connect({
        name,
        provider: settingsOf(request),
        clientId: client_id,
        clientSecret: client_secret === undefined ? null : new Secret(client_secret),
        refreshToken: new Secret(refresh_token),
      });
      return connectionAnswer(view);
    },
    show: async (name) => connectionAnswer(await keychain.show(name)),
    token: async (name) => tokenAnswer(await keychain.token(name, CONSUMER), clock),
    failed: async (name, generation) =>
      tokenAnswer(await keychain.failed(name, generation, CONSUMER), clock),
    remove: (name) => keychain.remove(name),
    reconnect: async (name, refreshToken) =>
      connectionAnswer(await keychain.reconnect(name, refreshToken)),
    consumers: async (connection) => (await consumers.list(connection)).map(consumerAnswer),
    addConsumer: async (request) =>
      addedConsumerAnswer(await consumers.add(newConsumerOf(request)), tokenEndpointOf(relay)),
    revokeConsumer: async (clientId) => consumerAnswer(await consumers.revoke(clientId)),
    replaceConsumerSecret: async (clientId) => ({
      client_id: clientId,
      client_secret: (await consumers.replaceSecret(clientId)).reveal(),
    }),
    close: () => home.close(),
  };
}
