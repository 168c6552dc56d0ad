/** A relay put together from parts: real but for the network and the clock, which moves when told. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { ProbeToken } from "../../src/env/http-probe.ts";
import { RELAY_REALM } from "../../src/http/relay-paths.ts";
import { createIssuer } from "../../src/issuer/issuer.ts";
import { ISSUER_KEY_BYTES, issuerKeys } from "../../src/issuer/keys.ts";
import type { TokenOutcome, TokenResponse } from "../../src/issuer/outcome.ts";
import { PLAIN_SHAPES } from "../../src/issuer/token-format.ts";
import type { Policy } from "../../src/kernel/policy.ts";
import type { Share } from "../../src/relay/fair-share.ts";
import { createRelay, type Relay } from "../../src/relay/relay.ts";
import { PRESETS } from "../../src/vendors/presets.ts";
import {
  connect,
  type Machine,
  machine,
  type Started,
  type StartOptions,
  start,
} from "../keychain/harness.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { Consumer } from "./stand.ts";

export interface Parts {
  readonly on: Machine;
  readonly started: Started;
  readonly relay: Relay;
  consumer(): Promise<Consumer>;
  ask(consumer: Consumer): Promise<TokenOutcome>;
  /** As `ask`, of one that has to be granted. */
  get(consumer: Consumer): Promise<TokenResponse>;
}

export interface PartsOptions extends StartOptions {
  /** The policies that the provider of "acme" may follow. */
  readonly presets?: readonly string[];
  readonly probe?: ProbeToken;
  readonly share?: Share;
}

/** With the connection "acme", of which nothing has been asked yet. */
export async function relayParts(t: TestContext, options: PartsOptions): Promise<Parts> {
  const { presets, probe, share = { burst: 1000, perSecond: 1000 } } = options;
  const on = machine(t);
  const started = await start(on, options);
  await connect(started, presets);
  const { keychain, store } = started;
  const { clock } = on;
  const random = seededRandom("relay");
  const issuer = createIssuer({
    ...{ store, clock, random },
    keys: issuerKeys({ key: Buffer.alloc(ISSUER_KEY_BYTES, 9), deployment: "test" }),
    realm: {
      ...{ name: RELAY_REALM, issuer: "http://127.0.0.1:9/oauth2/relay", shapes: PLAIN_SHAPES },
      grantTypes: ["refresh_token"],
    },
  });
  const relay = createRelay({
    ...{ issuer, keychain, store, clock, random, share },
    policy: PRESETS.relay as Policy,
    dialects: new Set(),
    reconnectUri: (name) => `http://127.0.0.1:9/v1/connections/${name}/reconnect`,
    probe: async () => probe,
  });
  const ask: Parts["ask"] = ({ clientId, clientSecret, refreshToken }) =>
    relay.token({
      parameters: {
        ...{ grant_type: "refresh_token", refresh_token: refreshToken },
        ...{ client_id: clientId, client_secret: clientSecret },
      },
    });
  return {
    ...{ on, started, relay, ask },
    consumer: async () => {
      const added = await relay.consumers.add({ connection: "acme" });
      return {
        clientId: added.consumer.clientId,
        clientSecret: added.clientSecret.reveal(),
        refreshToken: added.refreshToken?.reveal() ?? "",
      };
    },
    get: async (consumer) => {
      const outcome = await ask(consumer);
      assert(outcome.granted, JSON.stringify(outcome));
      return outcome.response;
    },
  };
}
