/** The keychain of a data directory, without a server: what the HTTP client offers, in this process. */

import { Secret } from "../env/secret.ts";
import { connectionAnswer, tokenAnswer } from "../http/api-wire.ts";
import type { KeychainClient } from "../http/client.ts";
import { providerSettings } from "../vendors/known-providers.ts";
import type { Home } from "./compose.ts";

/** Who the events name as the consumer of what was read by command. */
const CONSUMER = "command line";

export function embeddedClient(home: Home): KeychainClient {
  const { keychain, clock } = home;
  return {
    connections: async () => (await keychain.list()).map(connectionAnswer),
    connect: async (request) => {
      const { name, client_id, client_secret, refresh_token } = request;
      const view = await keychain.connect({
        name,
        provider: providerSettings({
          provider: request.provider,
          policy: request.policy,
          tokenEndpoint: request.token_endpoint,
          clientAuthentication: request.client_authentication,
        }),
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
    close: () => home.close(),
  };
}
