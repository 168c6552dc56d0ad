/**
 * The realms that one server runs: each with its issuer and its accounts, over one store.
 *
 * 1. What a realm is made of lives in code, not in the store: whoever runs the server makes the same realms again after
 *    a restart, and finds in the store what belongs to them.
 * 2. A realm that was not made here does not exist, whatever the store holds.
 */

import type { Clock } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import type { Store } from "../store/store.ts";
import type { Accounts } from "./accounts.ts";
import type { Inspection } from "./inspection.ts";
import { createIssuer, type Issuer } from "./issuer.ts";
import type { IssuerKeys } from "./keys.ts";
import type { Realm } from "./realm.ts";
import { GRANTS_KEPT, withSecurityEvents } from "./security-events.ts";

export interface RealmServices {
  readonly issuer: Issuer;
  readonly accounts: Accounts;
}

/** All of a realm but what its accounts answer. */
export type RealmSettings = Omit<Realm, "authenticateOwner">;

export interface Realms {
  /** The realm that was made first. */
  readonly main: RealmServices;
  find(name: string): RealmServices | undefined;
  /** @throws KetenError `config_invalid` if there is one of that name */
  create(settings: RealmSettings): RealmServices;
  list(): readonly RealmServices[];
  /** What a token is, in whatever realm it was issued; undefined if in none. */
  inspectToken(token: string): Promise<Inspection | undefined>;
}

export interface RealmsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: IssuerKeys;
  /** Makes the accounts of a realm, by its name. */
  readonly accountsOf: (realm: string) => Accounts;
  readonly main: RealmSettings;
}

export function createRealms({ accountsOf, main, ...parts }: RealmsOptions): Realms {
  const realms = new Map<string, RealmServices>();
  const create = (settings: RealmSettings): RealmServices => {
    const { name, grantTypes } = settings;
    if (realms.has(name)) {
      throw new KetenError("config_invalid", `there is a realm "${name}" already`);
    }
    const own = accountsOf(name);
    const realm = grantTypes.includes("password") ? withPasswords(settings, own) : settings;
    const issuer = createIssuer({ ...parts, realm });
    const accounts = withSecurityEvents(own, issuer, settings.securityEvents ?? GRANTS_KEPT);
    const services = { issuer, accounts };
    realms.set(name, services);
    return services;
  };
  return {
    main: create(main),
    find: (name) => realms.get(name),
    create,
    list: () => [...realms.values()],
    async inspectToken(token) {
      for (const { issuer } of realms.values()) {
        const inspection = await issuer.inspectToken(token);
        if (inspection) return inspection;
      }
      return undefined;
    },
  };
}

/** Passwords of the password grant are those of the realm's accounts. */
function withPasswords(settings: RealmSettings, accounts: Accounts): Realm {
  return {
    ...settings,
    // An issuer's own address may be known only later.
    get issuer() {
      return settings.issuer;
    },
    async authenticateOwner(username, password) {
      const checked = await accounts.checkPassword(username, new Secret(password), {});
      return checked.ok ? checked.account.username : undefined;
    },
  };
}
