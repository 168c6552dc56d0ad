/** A connection's settings, of what a request to the API says of its provider. */

import type { ConnectionRequest } from "../http/api-wire.ts";
import type { ProviderSettings } from "../store/connection-record.ts";
import { providerSettings } from "../vendors/known-providers.ts";

/** @throws KetenError `config_invalid` naming what is missing, unknown or too much */
export const settingsOf = (request: ConnectionRequest): ProviderSettings =>
  providerSettings({
    provider: request.provider,
    policy: request.policy,
    tokenEndpoint: request.token_endpoint,
    clientAuthentication: request.client_authentication,
    probeEndpoint: request.probe_endpoint,
  });
