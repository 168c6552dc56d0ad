/**
 * npm oidc-provider as a server under test: the control, by which the checks can be seen to bite.
 *
 * 1. Set up as its manual says for rotation: `rotateRefreshToken`, opaque tokens, introspection and revocation on. Codes
 *    and grants are made with its own models, as its own authorization endpoint makes them.
 * 2. Its adapter is plain maps that answer some milliseconds later, as a database does: one that answers at once hides
 *    every race.
 * 3. It reads `Date.now`, so the process's `Date.now` is set to a clock that moves when told, until it is closed.
 */

import { hash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mock } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { type Adapter, Provider } from "oidc-provider";
import { DAY, FOREVER, SECOND } from "../../src/kernel/time.ts";
import { manualClock } from "../support/manual-clock.ts";
import { type ServerUnderTest, sendByFetch } from "./server-under-test.ts";

const ADAPTER_DELAY_MS = 10;
const REDIRECT_URI = "http://127.0.0.1/callback";
const SCOPE = ["read", "write"];
const CLIENT = { clientId: "client", clientSecret: "the client's own secret" };
const OTHER_CLIENT = { clientId: "other-client", clientSecret: "the other client's own secret" };
const CODE_SECONDS = 60;
const ACCESS_SECONDS = 600;
const REFRESH_SECONDS = DAY / SECOND;
const GRANT_SECONDS = (10 * DAY) / SECOND;

type Payload = Record<string, unknown>;

/** One map for all models, and which names belong to which grant. */
function slowMaps(): new (model: string) => Adapter {
  const payloads = new Map<string, Payload>();
  const grants = new Map<string, Set<string>>();
  return class implements Adapter {
    readonly #model: string;

    constructor(model: string) {
      this.#model = model;
    }

    #key(id: string): string {
      return `${this.#model}:${id}`;
    }

    async upsert(id: string, payload: Payload): Promise<void> {
      await later(ADAPTER_DELAY_MS);
      payloads.set(this.#key(id), payload);
      if (typeof payload.grantId !== "string") return;
      const keys = grants.get(payload.grantId) ?? new Set();
      grants.set(payload.grantId, keys.add(this.#key(id)));
    }

    async find(id: string): Promise<Payload | undefined> {
      await later(ADAPTER_DELAY_MS);
      return payloads.get(this.#key(id));
    }

    async findByUid(): Promise<undefined> {}

    async findByUserCode(): Promise<undefined> {}

    async consume(id: string): Promise<void> {
      await later(ADAPTER_DELAY_MS);
      const payload = payloads.get(this.#key(id));
      if (payload) payload.consumed = Math.floor(Date.now() / SECOND);
    }

    async destroy(id: string): Promise<void> {
      await later(ADAPTER_DELAY_MS);
      payloads.delete(this.#key(id));
    }

    async revokeByGrantId(grantId: string): Promise<void> {
      await later(ADAPTER_DELAY_MS);
      for (const key of grants.get(grantId) ?? []) payloads.delete(key);
      grants.delete(grantId);
    }
  };
}

const registration = ({ clientId, clientSecret }: typeof CLIENT) => ({
  client_id: clientId,
  client_secret: clientSecret,
  grant_types: ["authorization_code", "refresh_token"],
  redirect_uris: [REDIRECT_URI],
  token_endpoint_auth_method: "client_secret_post",
});

const configuration = () => ({
  adapter: slowMaps(),
  clients: [registration(CLIENT), registration(OTHER_CLIENT)],
  scopes: ["openid", "offline_access", ...SCOPE],
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  allowOmittingSingleRegisteredRedirectUri: false,
  ttl: {
    AuthorizationCode: CODE_SECONDS,
    AccessToken: ACCESS_SECONDS,
    RefreshToken: REFRESH_SECONDS,
    Grant: GRANT_SECONDS,
  },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  findAccount: async (_context: unknown, accountId: string) => ({
    accountId,
    claims: async () => ({ sub: accountId }),
  }),
});

export async function startOidcProvider(): Promise<ServerUnderTest> {
  const clock = manualClock();
  // It warns, rightly, that it is not set up for production.
  const patches = [
    mock.method(Date, "now", () => clock.now()),
    mock.method(console, "warn", () => {}),
    mock.method(console, "info", () => {}),
  ];
  const provider = new Provider("http://127.0.0.1", configuration());
  const client = await provider.Client.find(CLIENT.clientId);
  const server = createServer(provider.callback());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let owners = 0;
  return {
    name: "oidc-provider",
    endpoints: {
      token: `${url}/token`,
      revocation: `${url}/token/revocation`,
      introspection: `${url}/token/introspection`,
    },
    client: CLIENT,
    otherClient: OTHER_CLIENT,
    scope: SCOPE,
    declares: {
      paceMs: 0,
      quotaMs: 0,
      codeMs: CODE_SECONDS * SECOND,
      accessMs: ACCESS_SECONDS * SECOND,
      lifetimeMs: REFRESH_SECONDS * SECOND,
      idleMs: FOREVER,
      authorizationMs: GRANT_SECONDS * SECOND,
      rotates: true,
    },
    send: sendByFetch,
    async openCode() {
      owners += 1;
      const verifier = `${owners}`.padStart(43, "v");
      const accountId = `owner${owners}`;
      const { clientId } = CLIENT;
      const scope = SCOPE.join(" ");
      const grant = new provider.Grant({ accountId, clientId });
      grant.addOIDCScope(scope);
      const grantId = await grant.save();
      const code = new provider.AuthorizationCode({
        ...{ accountId, client, grantId, scope, gty: "authorization_code" },
        ...{ redirectUri: REDIRECT_URI, codeChallengeMethod: "S256" },
        codeChallenge: hash("sha256", verifier, "base64url"),
      });
      return { code: await code.save(), redirect_uri: REDIRECT_URI, code_verifier: verifier };
    },
    pass: (milliseconds) => clock.advance(milliseconds),
    async close() {
      server.closeAllConnections();
      server.close();
      for (const patch of patches) patch.mock.restore();
    },
  };
}
