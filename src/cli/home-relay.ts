/** The relay of a data directory: an issuer of its own in the same store, and the keychain as where its tokens come from. */

import type { Clock } from "../env/clock.ts";
import { httpProbe } from "../env/http-probe.ts";
import type { Random } from "../env/random.ts";
import type { Dialect } from "../http/dialect.ts";
import { RELAY_REALM, relayIssuer } from "../http/relay-paths.ts";
import { createIssuer } from "../issuer/issuer.ts";
import { ISSUER_KEY_BYTES, issuerKeys } from "../issuer/keys.ts";
import { PLAIN_SHAPES } from "../issuer/token-format.ts";
import type { Policy } from "../kernel/policy.ts";
import type { DataKey } from "../keychain/data-key.ts";
import type { Keychain } from "../keychain/keychain.ts";
import type { Share } from "../relay/fair-share.ts";
import { createRelay, type Relay } from "../relay/relay.ts";
import { keyOf, type Store } from "../store/store.ts";
import { PRESETS } from "../vendors/presets.ts";
import { PROVIDERS } from "../vendors/providers.ts";
import { STANDARD_DIALECT } from "../vendors/standards/dialect.ts";

export interface HomeRelayParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly keychain: Keychain;
  readonly key: DataKey;
  readonly deploymentId: string;
  /** Where its consumers reach it, such as `http://127.0.0.1:5383`; asked when it is needed. */
  readonly url: () => string;
  readonly share?: Share | undefined;
}

/** More than a well-behaved program asks, and nothing to a server. */
const SHARE: Share = { burst: 100, perSecond: 10 };

export function homeRelay(parts: HomeRelayParts): Relay {
  const { store, clock, random, keychain, key, deploymentId, url, share = SHARE } = parts;
  const keys = issuerKeys({
    key: key.derive("keten relay 1", ISSUER_KEY_BYTES),
    deployment: deploymentId,
  });
  const issuer = createIssuer({
    ...{ store, clock, random, keys },
    realm: {
      name: RELAY_REALM,
      get issuer() {
        return relayIssuer(url());
      },
      grantTypes: ["refresh_token"],
      shapes: PLAIN_SHAPES,
    },
  });
  return createRelay({
    ...{ issuer, keychain, store, clock, random, share },
    policy: PRESETS.relay as Policy,
    dialects: new Set(Object.keys(PROVIDERS)),
    reconnectUri: (connection) => new URL(`/v1/connections/${connection}/reconnect`, url()).href,
    probe: async (connection) => {
      const record = await store.read(keyOf("connection", connection));
      const endpoint = record?.provider.probeEndpoint;
      return endpoint === undefined ? undefined : httpProbe(endpoint);
    },
  });
}

/** A dialect by the name of its preset; the standards' for null. */
export const dialectNamed = (name: string | null): Dialect =>
  (name === null ? undefined : PROVIDERS[name]?.dialect) ?? STANDARD_DIALECT;
