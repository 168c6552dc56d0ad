/**
 * The realms of a server, each with its users, and with the service "OAuth2 Provider" once somebody configured it.
 *
 * 1. A realm without the service answers no OAuth request, though its users can log in.
 * 2. What was created and configured is a record, written with the event that tells of it: a restart finds it.
 * 3. A changed setting is a new policy revision of every client of the realm, and the policy of those to come.
 */

import type { Issuer } from "../../issuer/issuer.ts";
import type { RealmServices, RealmSettings } from "../../issuer/realms.ts";
import { combinations } from "../../kernel/combinations.ts";
import { formatPolicy, policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";
import { everyRecord } from "../../store/every.ts";
import { keyOf } from "../../store/store.ts";
import type { SurfaceParts } from "../provider.ts";
import { ROOT } from "./realm-paths.ts";
import { RestRefusal } from "./rest.ts";
import { type Settings, settingsOf, withSettings } from "./settings.ts";

export interface OpenamRealm {
  readonly path: string;
  readonly services: RealmServices;
  /** The service's rules; undefined while it is not configured. */
  readonly policy: Policy | undefined;
}

export interface Directory {
  find(path: string): OpenamRealm | undefined;
  /** @throws RestRefusal 400 for a name that is none, 404 without its parent, 409 if there is one */
  create(path: string): Promise<OpenamRealm>;
  /** Makes the realm's service, or changes it. @throws RestRefusal 400 if it does not suit a client of the realm */
  configure(realm: OpenamRealm, settings: Settings): Promise<OpenamRealm>;
  /** Makes again what the store knows of. */
  restore(): Promise<void>;
  list(): readonly OpenamRealm[];
}

/** A realm's record: its policy, or null. */
const RECORD = "openam-realm:";
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

export function createDirectory({
  realms,
  settingsOf: realmSettings,
  provider,
  ...parts
}: SurfaceParts): Directory {
  const { store, clock, url } = parts;
  const root: OpenamRealm = { path: ROOT, services: realms.main, policy: provider.policy };
  const known = new Map<string, OpenamRealm>([[ROOT, root]]);

  const put = (realm: OpenamRealm): OpenamRealm => {
    known.set(realm.path, realm);
    return realm;
  };
  const made = (path: string, policy: Policy | undefined): OpenamRealm => {
    const settings: RealmSettings = {
      ...realmSettings(`root${path.replaceAll("/", ":")}`),
      get issuer() {
        return issuerOf(url(), path);
      },
    };
    return put({ path, services: realms.create(settings), policy });
  };
  const write = (
    path: string,
    policy: Policy | null,
    data: Readonly<Record<string, string | number | boolean>>,
  ): Promise<void> =>
    store.update([keyOf("deployment", RECORD + path)], () => ({
      result: undefined,
      writes: [{ value: JSON.stringify(policy && formatPolicy(policy)) }],
      events: [{ type: "policy.changed", about: `realm ${path}`, data }],
    }));

  return {
    find: (path) => known.get(path),
    list: () => [...known.values()],
    async create(path) {
      const segments = path.split("/").slice(1);
      if (!segments.every((segment) => NAME.test(segment))) {
        throw new RestRefusal(400, `Realm name "${path}": expected letters, digits, "_" and "-"`);
      }
      if (known.has(path)) throw new RestRefusal(409, `Realm ${path} exists already`);
      if (!known.has(parentOf(path)))
        throw new RestRefusal(404, `Realm ${parentOf(path)} not found`);
      await write(path, null, { configured: false });
      return made(path, undefined);
    },
    async configure(realm, settings) {
      const before = realm.policy ?? provider.policy;
      const policy = withSettings(before, settings, clock.now());
      const { issuer } = realm.services;
      await checkClients(issuer, policy);
      await write(realm.path, policy, { configured: true, ...settings });
      if (!samePolicy(before, policy)) await issuer.changeRealmPolicy(policy);
      return put({ ...realm, policy });
    },
    async restore() {
      // In order of id: a realm comes after its parent.
      for await (const { id, record } of everyRecord(store, "deployment")) {
        if (!id.startsWith(RECORD)) continue;
        const written = JSON.parse(record.value) as unknown;
        const policy = written === null ? undefined : policyOf(written);
        const path = id.slice(RECORD.length);
        if (path === ROOT) put({ ...root, policy });
        else made(path, policy);
      }
    },
  };
}

/** Some policies are not for every kind of client: that must be known before the first one is changed. */
async function checkClients(issuer: Issuer, policy: Policy): Promise<void> {
  for await (const { clientId, kind } of issuer.listClients()) {
    const [problem] = combinations(policy, kind);
    if (problem) throw new RestRefusal(400, `Client "${clientId}": ${problem.message}`);
  }
}

const samePolicy = (a: Policy, b: Policy): boolean =>
  JSON.stringify(formatPolicy(a)) === JSON.stringify(formatPolicy(b));

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || ROOT;

/** A realm's issuer identifier. */
function issuerOf(url: string, path: string): string {
  const below = path.replaceAll("/", "/realms/");
  return `${url}/openam/oauth2/realms/root${below}`;
}

/** The settings of a realm's service. @throws RestRefusal 404 if it has none */
export function requireSettings({ path, policy }: OpenamRealm, now: number): Settings {
  if (!policy) throw new RestRefusal(404, `Realm ${path} has no service "OAuth2 Provider"`);
  return settingsOf(policy, now);
}

/** The issuer of a realm that has the service. */
export const issuerIn = ({ services, policy }: OpenamRealm): Issuer | undefined =>
  policy && services.issuer;
