/** Demo users and clients of a stand-in: made from its seed, and printed for whoever runs it. */

import { KetenError } from "../env/error.ts";
import { newGuid } from "../env/guid.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import type { Accounts, NewAccount } from "../issuer/accounts.ts";
import type { Issuer } from "../issuer/issuer.ts";
import { totpCode } from "../issuer/totp.ts";
import { oauthError, type Refusal } from "../kernel/refusal.ts";
import type { Duration, Instant } from "../kernel/time.ts";
import type { Provider } from "../vendors/provider.ts";
import { seededRandom } from "./seeded-random.ts";

export interface DemoUser {
  readonly username: string;
  readonly password: string;
  /** Base32, as authenticator apps take it; where the account has a second factor. */
  readonly totpSecret?: string;
}

export interface DemoUsers {
  /** One of a given name, or the next. @throws KetenError `config_invalid` as `Accounts.add` does */
  add(wish?: Partial<DemoUser> & Omit<NewAccount, keyof DemoUser>): Promise<DemoUser>;
  /** What a user's authenticator shows. @throws KetenError `config_invalid` where there is none */
  totpCode(username: string, at: Instant): string;
}

export interface DemoUsersOptions {
  readonly accounts: Accounts;
  readonly random: Random;
  /** Whether nobody can log in without a second factor, so that all get one. */
  readonly needsSecondFactor: boolean;
}

const PASSWORD_BYTES = 12;
const TOTP_CHARACTERS = 32;

export function demoUsers({ accounts, random, needsSecondFactor }: DemoUsersOptions): DemoUsers {
  let count = 0;
  const totpSecrets = new Map<string, Secret>();
  const nextName = async (): Promise<string> => {
    for (;;) {
      count += 1;
      const name = `user${count}`;
      if (!(await accounts.find(name))) return name;
    }
  };
  const newPassword = (): string => Buffer.from(random.bytes(PASSWORD_BYTES)).toString("base64url");
  const made = (): Pick<DemoUser, "totpSecret"> =>
    needsSecondFactor ? { totpSecret: base32(random.bytes(TOTP_CHARACTERS)) } : {};
  return {
    async add(wish = {}) {
      const { username = await nextName(), password = newPassword(), ...more } = wish;
      const { totpSecret, ...rest } = { ...made(), ...more };
      const secret = totpSecret === undefined ? undefined : new Secret(totpSecret);
      const second = secret ? { totpSecret: secret } : {};
      await accounts.add({ username, password: new Secret(password), ...second, ...rest });
      if (secret) totpSecrets.set(username, secret);
      return { username, password, ...(totpSecret === undefined ? {} : { totpSecret }) };
    },
    totpCode(username, at) {
      const secret = totpSecrets.get(username);
      if (secret) return totpCode(secret, at);
      throw new KetenError("config_invalid", `no user "${username}" has a second factor here`);
    },
  };
}

/** One character of each byte's last five bits. RFC 4648, section 6 */
const base32 = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte & 31]).join("");

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
  const clientId = clientIds === "guid" ? newGuid(random) : "sandbox-client";
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
