/**
 * The registered clients of a realm, with their policies over time.
 *
 * 1. A client's row is read once and then kept at hand. It is only a hint: every transaction reads the row again, so
 *    a changed policy or secret takes effect with the next decision, in whatever process it was changed.
 * 2. A credential that fails against the row at hand is compared once more with a fresh one.
 * 3. Policies are parsed once per revision, not once per request.
 * 4. A client that may use no grant is a resource server: all it can do is introspect.
 */

import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import { scopesOf } from "../kernel/authorization.ts";
import { type ClientKind, combinations } from "../kernel/combinations.ts";
import { formatPolicy, policyOf } from "../kernel/parse-policy.ts";
import { newest, type Policy, type Revision } from "../kernel/policy.ts";
import type { ClientRefusal } from "../kernel/refusal.ts";
import type { Instant } from "../kernel/time.ts";
import type { KetenEvent } from "../store/events.ts";
import { everyRecord } from "../store/every.ts";
import { inRealm } from "../store/realm-key.ts";
import type { ClientRecord } from "../store/records.ts";
import { type Key, keyOf, type Store } from "../store/store.ts";
import { type Credentials, refuseClient, secretDigestOf } from "./client-auth.ts";
import type { Mac } from "./keys.ts";
import { policyRefused } from "./policy-input.ts";
import type { GrantType, Realm } from "./realm.ts";
import { SCOPE_VALUES_MAX } from "./token-format.ts";

export interface Registration {
  readonly clientId: string;
  readonly kind: ClientKind;
  readonly policy: Policy;
  readonly grantTypes: readonly GrantType[];
  readonly redirectUris?: readonly string[];
  readonly scope?: readonly string[];
  /** Whose app it is; default null, the realm's own. */
  readonly tenant?: string | null;
  /** Whether accounts of other tenants may authorize it; default true. */
  readonly approved?: boolean;
  /** Confidential clients get a fresh one where none is given. */
  readonly secret?: Secret;
}

export interface Clients {
  /** @throws KetenError `config_invalid`, `policy_invalid` */
  register(registration: Registration): Promise<{ readonly secret: Secret | null }>;
  /**
   * Adds a revision of a client's policy. What it shortens ends at once; what was dead stays dead unless `revive`.
   *
   * @throws KetenError `config_invalid` if there is no such client, `policy_invalid`
   */
  changePolicy(clientId: string, policy: Policy, revive: boolean): Promise<Revision>;
  /** Replaces a confidential client's secret; the one before is dead at once. @throws KetenError `config_invalid` */
  replaceSecret(clientId: string): Promise<Secret>;
  /** Whether accounts of other tenants may authorize it from now on. @throws KetenError `config_invalid` */
  approve(clientId: string, approved: boolean): Promise<ClientRecord>;
  /** All clients of the realm, by client id. */
  list(): AsyncIterable<ClientRecord>;
  /** By the row at hand, for who looks again in a transaction (`unchanged`); `afresh` by the row in the store. */
  authenticate(
    credentials: Credentials,
    afresh: boolean,
  ): Promise<{ readonly client: ClientRecord } | { readonly refusal: ClientRefusal }>;
  /** Whether the row inside a transaction still has the secret that was authenticated. */
  unchanged(authenticated: ClientRecord, row: ClientRecord | undefined): row is ClientRecord;
  revisionsOf(client: ClientRecord): readonly Revision[];
  policyOf(client: ClientRecord): Policy;
  /** The row, at hand or read. */
  find(clientId: string): Promise<ClientRecord | undefined>;
  key(clientId: string): Key<"client">;
}

const CLIENTS_AT_HAND_MAX = 1024;
const SECRET_BYTES = 32;

export function clientsOf(options: {
  readonly store: Store;
  readonly realm: Realm;
  readonly random: Random;
  readonly secretMac: Mac;
}): Clients {
  const { store, realm, random, secretMac } = options;
  const atHand = new Map<string, ClientRecord>();
  const revisionsOf = revisionsAtHand();
  const key = (clientId: string): Key<"client"> => keyOf("client", inRealm(realm.name, clientId));

  const keep = (client: ClientRecord): void => {
    if (atHand.size >= CLIENTS_AT_HAND_MAX) atHand.clear();
    atHand.set(client.clientId, client);
  };
  const readFresh = async (clientId: string): Promise<ClientRecord | undefined> => {
    const client = isClientId(clientId) ? await store.read(key(clientId)) : undefined;
    if (client) keep(client);
    else atHand.delete(clientId);
    return client;
  };

  return {
    key,
    revisionsOf,
    policyOf: (client) => newest(revisionsOf(client)).policy,
    find: async (clientId) => atHand.get(clientId) ?? (await readFresh(clientId)),
    async authenticate(credentials, afresh) {
      const { clientId, by } = credentials;
      if (clientId === null) return { refusal: { reason: "clientUnknown", clientId, by } };
      const { id } = key(clientId);
      const known = afresh ? undefined : atHand.get(clientId);
      if (!refuseClient(secretMac, id, known, credentials) && known) return { client: known };
      const client = await readFresh(clientId);
      const refusal = refuseClient(secretMac, id, client, credentials);
      return refusal || !client ? { refusal: refusal as ClientRefusal } : { client };
    },
    unchanged(authenticated, row): row is ClientRecord {
      if (row && row !== atHand.get(row.clientId)) keep(row);
      return row !== undefined && row.secretDigest === authenticated.secretDigest;
    },
    async register(registration) {
      checkRegistration(registration, realm);
      const { clientId, kind } = registration;
      const secret = kind === "public" ? null : (registration.secret ?? freshSecret(random));
      const digest = secret && secretDigestOf(secretMac, key(clientId).id, secret.reveal());
      const client = await store.update([key(clientId)], ([row]) => {
        if (row) throw invalid(`client "${clientId}" exists already in realm "${realm.name}"`);
        const record = recordOf(registration, realm, digest);
        const about = key(clientId).id;
        const events = [{ type: "client.registered", about, data: { kind } } as const];
        return { result: record, writes: [record], events };
      });
      keep(client);
      return { secret };
    },
    async replaceSecret(clientId) {
      const secret = freshSecret(random);
      const secretDigest = secretDigestOf(secretMac, key(clientId).id, secret.reveal());
      keep(await writeSecret(store, key(clientId), secretDigest));
      return secret;
    },
    async approve(clientId, approved) {
      const about = key(clientId);
      const events = [{ type: "client.reviewed", about: about.id, data: { approved } } as const];
      const change = (row: ClientRecord) => ({ record: { ...row, approved }, events });
      const client = await changeClient(store, about, change);
      keep(client);
      return client;
    },
    list: () => clientsIn(store, realm),
    async changePolicy(clientId, policy, revive) {
      const { id } = key(clientId);
      const client = await changeClient(store, key(clientId), (row, now) => {
        checkPolicy(policy, row.kind, revisionsOf(row));
        const last = row.revisions.at(-1);
        const revision = (last?.revision ?? 0) + 1;
        const at = Math.max(now, last?.at ?? now);
        const stored = { revision, at, revive, policy: formatPolicy(policy) };
        const record = { ...row, revisions: [...row.revisions, stored] };
        const events = [{ type: "policy.changed", about: id, data: { revision, revive } } as const];
        return { record, events };
      });
      keep(client);
      return newest(revisionsOf(client));
    },
  };
}

async function* clientsIn(store: Store, { name }: Realm): AsyncGenerator<ClientRecord> {
  for await (const { record } of everyRecord(store, "client", { owner: name })) yield record;
}

/** Writes a client's row anew. @throws KetenError `config_invalid` if there is none */
function changeClient(
  store: Store,
  key: Key<"client">,
  change: (
    row: ClientRecord,
    now: Instant,
  ) => { readonly record: ClientRecord; readonly events: readonly KetenEvent[] },
): Promise<ClientRecord> {
  return store.update([key], ([row], now) => {
    if (!row) throw invalid(`there is no client "${key.id}"`);
    const { record, events } = change(row, now);
    return { result: record, writes: [record], events };
  });
}

/** Writes a client's new secret. @throws KetenError `config_invalid` if there is none to replace */
function writeSecret(
  store: Store,
  key: Key<"client">,
  secretDigest: string,
): Promise<ClientRecord> {
  return changeClient(store, key, (row) => {
    if (row.secretDigest === null) throw invalid(`no client "${key.id}" has a secret`);
    const events = [{ type: "client.secretReplaced", about: key.id, data: {} } as const];
    return { record: { ...row, secretDigest }, events };
  });
}

const freshSecret = (random: Random): Secret =>
  new Secret(Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url"));

/** Reads a client's policies, each revision once. */
function revisionsAtHand(): Clients["revisionsOf"] {
  const parsed = new Map<string, readonly Revision[]>();
  return (client) => {
    const known = parsed.get(client.clientId);
    if (known && sameRevisions(known, client)) return known;
    const revisions = client.revisions.map(({ revision, at, revive, policy }) => ({
      revision,
      at,
      revive,
      policy: policyOf(policy, { client: client.kind }),
    }));
    if (parsed.size >= CLIENTS_AT_HAND_MAX) parsed.clear();
    parsed.set(client.clientId, revisions);
    return revisions;
  };
}

/** Revisions are numbered and never rewritten: the newest one's number and instant tell them apart. */
function sameRevisions(known: readonly Revision[], { revisions }: ClientRecord): boolean {
  const [a, b] = [known.at(-1), revisions.at(-1)];
  return a?.revision === b?.revision && a?.at === b?.at;
}

/** The first revision has always been in force: it is no change that could end anything. */
function recordOf(
  registration: Registration,
  realm: Realm,
  secretDigest: string | null,
): ClientRecord {
  const { clientId, kind, redirectUris = [], grantTypes, scope = [], policy } = registration;
  const { tenant = null, approved = true } = registration;
  return {
    realm: realm.name,
    clientId,
    kind,
    secretDigest,
    redirectUris,
    grantTypes,
    scope: [...new Set(scope)].sort(),
    tenant,
    approved,
    revisions: [{ revision: 1, at: 0, revive: false, policy: formatPolicy(policy) }],
  };
}

/** What a client may be called. A request that names another is of nobody, and its text reaches no store. */
const isClientId = (text: string): boolean => /^[\x21-\x7e]{1,128}$/.test(text);

const invalid = (message: string): KetenError => new KetenError("config_invalid", message);

function checkRegistration(
  { clientId, kind, grantTypes, scope, policy }: Registration,
  realm: Realm,
) {
  if (!isClientId(clientId)) {
    throw invalid(
      `client id ${JSON.stringify(clientId)}: expected 1 to 128 printable ASCII characters`,
    );
  }
  for (const grantType of grantTypes) {
    if (realm.grantTypes.includes(grantType)) continue;
    throw invalid(
      `client "${clientId}": realm "${realm.name}" grants ${realm.grantTypes.join(", ")}, not "${grantType}"`,
    );
  }
  if ((scope?.length ?? 0) > SCOPE_VALUES_MAX) {
    throw invalid(`client "${clientId}": expected at most ${SCOPE_VALUES_MAX} scope values`);
  }
  checkPolicy(policy, kind);
}

/** @throws KetenError `policy_invalid` naming every problem */
function checkPolicy(policy: Policy, kind: ClientKind, before: readonly Revision[] = []): void {
  const problems = combinations(policy, kind);
  const { form, ends } = policy.access;
  if (form === "jwt") {
    problems.push({ path: "access.form", message: "this issuer makes no jwt access tokens" });
  }
  if (form === "refreshToken" && (policy.rotate !== "always" || ends !== "notOpen")) {
    const message =
      'a refresh token that is its own access token needs rotate "always", to live on, and access.ends "notOpen", for so it ends';
    problems.push({ path: "access.form", message });
  }
  const next: Revision = { revision: before.length + 1, policy, at: 0, revive: false };
  if (scopesOf([...before, next]).length > 1) {
    const message =
      "counting over subject and over client needs five records, a decision locks four";
    problems.push({ path: "caps, quota", message });
  }
  if (problems.length === 0) return;
  throw policyRefused(problems);
}
