/**
 * node-oidc-provider, the widely used one, at the same work: refresh tokens that rotate with every use, a client that
 * authenticates in the body, opaque tokens, everything in memory.
 *
 * 1. It is given every advantage: no logging, and a store of plain maps that never waits. Its own store for development
 *    will not do: it holds a thousand entries and loses grants under this load.
 * 2. Where the scope is not `openid` no ID token is made, and it does what Keten does. With `openid`, which is how it is
 *    meant to be used, it signs one with every refresh.
 * 3. Grants and first refresh tokens are made with its own models, as its own endpoints make them.
 */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Adapter, Provider } from "oidc-provider";
import { argumentsOf, served } from "./served.ts";

export interface OidcProviderArguments {
  readonly chains: number;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Space-separated; with `openid` every refresh signs an ID token too. */
  readonly scope: string;
}

type Payload = Record<string, unknown>;

/** Maps, one a model. What a grant's tokens are called is kept, so that revocation would work. */
function mapAdapter(): new (model: string) => Adapter {
  const grants = new Map<string, Map<string, Map<string, Payload>>>();
  return class implements Adapter {
    readonly #payloads = new Map<string, Payload>();

    async upsert(id: string, payload: Payload): Promise<void> {
      this.#payloads.set(id, payload);
      if (typeof payload.grantId !== "string") return;
      const tokens = grants.get(payload.grantId) ?? new Map<string, Map<string, Payload>>();
      tokens.set(id, this.#payloads);
      grants.set(payload.grantId, tokens);
    }

    async find(id: string): Promise<Payload | undefined> {
      return this.#payloads.get(id);
    }

    async findByUid(): Promise<undefined> {}

    async findByUserCode(): Promise<undefined> {}

    async consume(id: string): Promise<void> {
      const payload = this.#payloads.get(id);
      if (payload) payload.consumed = Math.floor(Date.now() / 1000);
    }

    async destroy(id: string): Promise<void> {
      this.#payloads.delete(id);
    }

    async revokeByGrantId(grantId: string): Promise<void> {
      for (const [id, payloads] of grants.get(grantId) ?? []) payloads.delete(id);
      grants.delete(grantId);
    }
  };
}

const { chains, clientId, clientSecret, scope } = argumentsOf<OidcProviderArguments>();

// It warns, rightly, that it is not set up for production; the figures are all that matters here.
console.warn = () => {};
console.info = () => {};

const provider = new Provider("http://127.0.0.1", {
  adapter: mapAdapter(),
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: ["http://127.0.0.1/callback"],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  scopes: ["openid", "offline_access", "read", "write"],
  rotateRefreshToken: true,
  features: { devInteractions: { enabled: false } },
  findAccount: async (_context: unknown, accountId: string) => ({
    accountId,
    claims: async () => ({ sub: accountId }),
  }),
});

const client = await provider.Client.find(clientId);
const tokens: string[] = [];
for (let i = 0; i < chains; i += 1) {
  const accountId = `user${i + 1}`;
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId,
    client,
    grantId,
    gty: "authorization_code",
    scope,
  });
  tokens.push(await token.save());
}

const server = createServer(provider.callback());
server.listen(0, "127.0.0.1");
await once(server, "listening");
served({ port: (server.address() as AddressInfo).port, path: "/token", tokens });
