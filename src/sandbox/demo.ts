/** Demo users and clients of a stand-in: made from its seed, and printed for whoever runs it. */

import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import type { Accounts, NewAccount } from "../issuer/accounts.ts";
import type { Issuer } from "../issuer/issuer.ts";
import { oauthError, type Refusal } from "../kernel/refusal.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { Provider } from "../vendors/provider.ts";
import { seededRandom } from "./seeded-random.ts";

export interface DemoUser {
  readonly username: string;
  readonly password: string;
}

export interface DemoUsers {
  /** One of a given name, or the next. @throws KetenError `config_invalid` as `Accounts.add` does */
  add(wish?: Partial<DemoUser> & Omit<NewAccount, keyof DemoUser>): Promise<DemoUser>;
}

export function demoUsers(accounts: Accounts, random: Random): DemoUsers {
  let count = 0;
  const newPassword = (): string => Buffer.from(random.bytes(12)).toString("base64url");
  return {
    async add(wish = {}) {
      if (wish.username === undefined) {
        do count += 1;
        while (await accounts.find(`user${count}`));
      }
      const { username = `user${count}`, password = newPassword(), ...more } = wish;
      await accounts.add({ username, password: new Secret(password), ...more });
      return { username, password };
    },
  };
}

/** What a demo user was granted; with the password of a user who was made for it. */
export interface DemoGrant extends Partial<DemoUser> {
  readonly username: string;
  readonly refreshToken: string;
  readonly chain: string;
}

export interface GrantWish {
  /** A fresh user unless given. */
  readonly username?: string;
  /** How long ago it is granted; long enough to be refreshed at once, unless given. */
  readonly age?: Duration;
}

export type Granting = (wish?: GrantWish) => Promise<DemoGrant>;

/** Grants refresh tokens without a code. */
export function granting(parts: {
  readonly issuer: Issuer;
  readonly users: DemoUsers;
  readonly clientId: string;
  readonly age: Duration;
}): Granting {
  const { issuer, users, clientId } = parts;
  return async ({ username, age = parts.age } = {}) => {
    const user = username === undefined ? await users.add() : { username };
    const outcome = await issuer.grant({ clientId, subject: user.username, age });
    if (!outcome.granted) throw refusedError(outcome.refusal, outcome.at);
    const { refreshToken } = outcome.response;
    return { ...user, refreshToken: refreshToken ?? "", chain: outcome.trace.chain ?? "" };
  };
}

/** What somebody asked of the control API that the issuer refuses. */
export function refusedError(refusal: Refusal, at: Instant): KetenError {
  return new KetenError("config_invalid", oauthError(refusal, at).description);
}

export interface DemoClients {
  readonly clientId: string;
  readonly clientSecret: string;
  /** May only introspect. */
  readonly resourceServer: { readonly clientId: string; readonly clientSecret: string };
}

const DEFAULT_REDIRECT_URI = "http://127.0.0.1/callback";

export async function registerClients(
  issuer: Issuer,
  { policy, grantTypes, clientIds, scope }: Provider,
  seed: string,
  redirectUris: readonly string[] = [DEFAULT_REDIRECT_URI],
): Promise<DemoClients> {
  const random = seededRandom(seed, "clients");
  const newSecret = (): string => Buffer.from(random.bytes(24)).toString("base64url");
  const clientId = clientIds === "guid" ? guidOf(random) : "sandbox-client";
  const clientSecret = newSecret();
  const resourceServer = { clientId: "sandbox-resource-server", clientSecret: newSecret() };
  const kind = "confidential";
  const secret = new Secret(clientSecret);
  await issuer.registerClient({ clientId, kind, policy, grantTypes, redirectUris, scope, secret });
  await issuer.registerClient({
    clientId: resourceServer.clientId,
    kind,
    policy,
    grantTypes: [],
    secret: new Secret(resourceServer.clientSecret),
  });
  return { clientId, clientSecret, resourceServer };
}

/** A GUID, as some vendors name their clients. */
export function guidOf(random: Random): string {
  const hex = Buffer.from(random.bytes(16)).toString("hex");
  return [8, 12, 16, 20].reduceRight((id, at) => `${id.slice(0, at)}-${id.slice(at)}`, hex);
}
