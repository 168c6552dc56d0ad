/**
 * The issuer: authenticate, decide, commit, answer, in this order for every request.
 *
 * 1. What can fail happens before the transaction: the shape of the request, the client, the owner, the token's outer
 *    MAC. The kernel's decision runs inside it. What is answered follows from the decision and cannot fail.
 * 2. No token leaves before what it stands for is durable: the answer is made after `store.update` returned.
 * 3. No refusal changes state, except the declared effect of replay and of quotas that count all calls.
 * 4. An operating failure is thrown (`KetenError`): nothing was granted, or nobody knows and a retry will tell.
 */

import type { Clock } from "../env/clock.ts";
import type { Random } from "../env/random.ts";
import type { Secret } from "../env/secret.ts";
import type { Policy, Revision } from "../kernel/policy.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { Duration } from "../kernel/time.ts";
import type { ClientRecord } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { readCredentials } from "./client-auth.ts";
import { clientsOf, type Registration } from "./clients.ts";
import { codeFormat } from "./code-format.ts";
import { type Consent, grantCode, grantedTo, open } from "./grant-code.ts";
import { grantAccess, grantDirectly, grantPassword } from "./grant-password.ts";
import { grantRefresh } from "./grant-refresh.ts";
import { type Desk, refused } from "./granting.ts";
import { type InspectedChain, type Inspection, inspectChains, inspectToken } from "./inspection.ts";
import { type Confirmed, checkAccess, confirmRefresh, introspectToken } from "./introspect.ts";
import { type IssuerKeys, macOf } from "./keys.ts";
import {
  type Ending,
  endChains,
  type Grant as ListedGrant,
  type ListedToken,
  listGrants,
  listTokens,
  revokeListed,
} from "./listing.ts";
import type {
  AccessCheck,
  IntrospectionOutcome,
  Refused,
  RevocationOutcome,
  TokenOutcome,
} from "./outcome.ts";
import { isTokenGrant, type Realm, type TokenGrant } from "./realm.ts";
import { type IssuerRequest, parameterOf, repeatedParameter } from "./request.ts";
import { revokeAuthorization, revokeToken } from "./revoke.ts";
import { tokenFormat } from "./token-format.ts";

export interface Issuer {
  readonly realm: Realm;

  // --- the standard endpoints
  /** RFC 6749, section 3.2 */
  token(request: IssuerRequest): Promise<TokenOutcome>;
  /** RFC 7009 */
  revoke(request: IssuerRequest): Promise<RevocationOutcome>;
  /** RFC 7662 */
  introspect(request: IssuerRequest): Promise<IntrospectionOutcome>;

  // --- for an endpoint of its own that hands out something else
  /** Who asks, by its secret as it stands in the store: another process may have replaced it. */
  authenticate(
    request: IssuerRequest,
  ): Promise<{ readonly granted: true; readonly client: ClientRecord } | Refused>;
  /** Whether a refresh token is this client's and would be accepted now: counts as no use, writes nothing. */
  confirm(client: ClientRecord, refreshToken: string): Promise<Confirmed | Refused>;

  // --- for the authorization endpoint
  openCode(consent: Consent): Promise<{ readonly code: string } | { readonly refusal: Refusal }>;
  /** An access token alone, of the implicit grant; RFC 6749, section 4.2 */
  grantAccess(consent: Consent): Promise<TokenOutcome>;
  /** What an owner granted that may still be used, a line for each client. */
  listGrants(of: { readonly subject: string }): Promise<readonly ListedGrant[]>;
  revokeAuthorization(of: { readonly clientId: string; readonly subject: string }): Promise<void>;
  /** Ends an owner's living chains that are meant, for something that happened to the account; answers how many. */
  endChains(ending: Ending): Promise<number>;

  // --- for resource servers in the same process
  /** What an access token is good for; its first use counts where the policy says so. */
  checkAccess(token: string): Promise<AccessCheck>;
  /** Tokens as the chains' registers list them: of one owner, or all. */
  listTokens(of: { readonly subject?: string }): Promise<readonly ListedToken[]>;
  /** Ends a listed access token, or the chain of a refresh token with its access tokens. */
  revokeListed(token: ListedToken): Promise<void>;

  // --- control calls, for whoever runs the issuer
  findClient(clientId: string): Promise<ClientRecord | undefined>;
  listClients(): AsyncIterable<ClientRecord>;
  /** @throws KetenError `config_invalid` */
  replaceSecret(clientId: string): Promise<Secret>;
  /** Whether accounts of other tenants may authorize it. @throws KetenError `config_invalid` */
  approveClient(clientId: string, approved: boolean): Promise<ClientRecord>;
  registerClient(registration: Registration): Promise<{ readonly secret: Secret | null }>;
  /** The client's new policy revision; `kernel/policy.ts` says what a change does to living chains. */
  changePolicy(
    clientId: string,
    policy: Policy,
    options?: { readonly revive?: boolean },
  ): Promise<Revision>;
  /** The same for every client of the realm, one after another. */
  changeRealmPolicy(policy: Policy, options?: { readonly revive?: boolean }): Promise<void>;
  /** Grants without a code, `age` ago: what a stand-in begins with. */
  grant(grant: {
    readonly clientId: string;
    readonly subject: string;
    readonly scope?: readonly string[] | undefined;
    readonly age?: Duration;
  }): Promise<TokenOutcome>;
  /** What a token is, asked by whoever runs the issuer: counts as no use. */
  inspectToken(token: string): Promise<Inspection | undefined>;
  /** Every chain of the realm with the serials that would be accepted now. */
  inspectChains(): Promise<readonly InspectedChain[]>;
}

export interface IssuerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: IssuerKeys;
  readonly realm: Realm;
}

type Grant = (desk: Desk, client: ClientRecord, request: IssuerRequest) => Promise<TokenOutcome>;

const GRANTS: Readonly<Record<TokenGrant, Grant>> = {
  authorization_code: grantCode,
  refresh_token: grantRefresh,
  password: grantPassword,
};

/** Makes the issuer of one realm. @throws TypeError if the realm grants passwords and cannot check them */
export function createIssuer({ store, clock, random, keys, realm }: IssuerOptions): Issuer {
  if (realm.grantTypes.includes("password") !== (realm.authenticateOwner !== undefined)) {
    throw new TypeError(
      `realm "${realm.name}": grant type "password" and authenticateOwner need each other`,
    );
  }
  const secretMac = macOf(keys.derive("client secrets", [realm.name]));
  const clients = clientsOf({ store, realm, random, secretMac });
  const desk: Desk = {
    store,
    clients,
    random,
    realm: realm.name,
    realmSettings: realm,
    tokens: tokenFormat(keys, realm.name, realm.shapes),
    codes: codeFormat(keys, realm.name, realm.shapes.code),
    now: () => clock.now(),
  };
  const known = async (clientId: string): Promise<ClientRecord> => {
    const client = await clients.find(clientId);
    if (!client) throw new TypeError(`there is no client "${clientId}" in realm "${realm.name}"`);
    return client;
  };
  return {
    realm,
    token: (request) => answerToken(desk, request),
    revoke: (request) => withClient(desk, request, revokeToken),
    introspect: (request) => withClient(desk, request, introspectToken),
    authenticate: (request) => {
      const answer = async (_: Desk, client: ClientRecord) => ({ granted: true, client }) as const;
      return withClient(desk, request, answer, { afresh: true });
    },
    confirm: (client, refreshToken) => confirmRefresh(desk, client, refreshToken),
    findClient: (clientId) => clients.find(clientId),
    listClients: () => clients.list(),
    approveClient: (clientId, approved) => clients.approve(clientId, approved),
    grantAccess: async (consent) => grantAccess(desk, await known(consent.clientId), consent),
    listGrants: ({ subject }) => listGrants(desk, subject),
    checkAccess: (token) => checkAccess(desk, token),
    listTokens: ({ subject }) => listTokens(desk, subject),
    revokeListed: (token) => revokeListed(desk, token),
    replaceSecret: (clientId) => clients.replaceSecret(clientId),
    registerClient: (registration) => clients.register(registration),
    changePolicy: (clientId, policy, { revive = false } = {}) =>
      clients.changePolicy(clientId, policy, revive),
    async changeRealmPolicy(policy, { revive = false } = {}) {
      for await (const { clientId } of clients.list()) {
        await clients.changePolicy(clientId, policy, revive);
      }
    },
    openCode: async (consent) => open(desk, await known(consent.clientId), consent),
    async grant({ clientId, subject, scope, age = 0 }) {
      const client = await known(clientId);
      const granted = grantedTo(client, { scope });
      const grant = { ...granted, subject, refreshable: true, age } as const;
      return grantDirectly(desk, client, { ...grant, grantType: "authorization_code" });
    },
    revokeAuthorization: (of) => revokeAuthorization(desk, of),
    endChains: (ending) => endChains(desk, ending),
    inspectToken: (token) => inspectToken(desk, token),
    inspectChains: () => inspectChains(desk),
  };
}

async function answerToken(desk: Desk, request: IssuerRequest): Promise<TokenOutcome> {
  const { grantTypes } = desk.realmSettings;
  const repeated = repeatedParameter(request.parameters);
  if (repeated) return refused(desk, repeated);
  const grantType = parameterOf(request.parameters, "grant_type");
  if (grantType === undefined) {
    return refused(desk, { reason: "parameterMissing", parameter: "grant_type" });
  }
  if (!isTokenGrant(grantType) || !grantTypes.includes(grantType)) {
    return refused(desk, { reason: "grantTypeUnsupported", grantType });
  }
  return withClient<TokenOutcome>(desk, request, (_, client) => {
    if (client.grantTypes.includes(grantType)) return GRANTS[grantType](desk, client, request);
    const refusal = { reason: "grantNotAllowed", grantType } as const;
    return Promise.resolve(refused(desk, refusal, { clientId: client.clientId }));
  });
}

/** Authenticates the client of a request, and answers the refusal where that fails. */
async function withClient<T>(
  desk: Desk,
  request: IssuerRequest,
  answer: (desk: Desk, client: ClientRecord, request: IssuerRequest) => Promise<T>,
  { afresh = false } = {},
): Promise<T | Refused> {
  const repeated = repeatedParameter(request.parameters);
  if (repeated) return refused(desk, repeated);
  const read = readCredentials(request);
  if ("refusal" in read) return refused(desk, read.refusal);
  const authenticated = await desk.clients.authenticate(read.credentials, afresh);
  if ("refusal" in authenticated) {
    return refused(desk, authenticated.refusal, { clientId: read.credentials.clientId });
  }
  return answer(desk, authenticated.client, request);
}
