/**
 * Tokens as OpenAM's token store holds them and its endpoints show them. Sources: OpenAMAccessToken, OpenAMRefreshToken,
 * TokenResource of tags forgerock/12.0.0 and 13.0.0, the developer's guide of 12.0.0, facts 4.5.
 *
 * 1. Stored fields are lists of texts. What a list adds (`expireTime`, `display_name`, `scopes`) is plain text.
 * 2. There is no such store here. An entry is told again from its chain's register; a refresh token's id is the token.
 *    An access token's text is not kept anywhere: its id is a handle that opens nothing.
 * 3. The redirect URI and the code of a grant are not kept either: their lists are empty, as OpenAM's are for grants
 *    that have none.
 */

import { hash } from "node:crypto";
import { guidOf } from "../../env/guid.ts";
import type { ListedToken } from "../../issuer/listing.ts";
import type { Realms } from "../../issuer/realms.ts";
import type { ChainKey, Serial } from "../../kernel/ids.ts";
import { policyOf } from "../../kernel/parse-policy.ts";
import type { Policy } from "../../kernel/policy.ts";
import { FOREVER, type Instant, stepAt } from "../../kernel/time.ts";
import { keyOf } from "../../store/store.ts";
import type { SurfaceParts } from "../provider.ts";
import type { Directory, OpenamRealm } from "./directory.ts";
import { reapedAt } from "./reaper.ts";
import { rotatesIn } from "./settings.ts";
import type { Version } from "./versions.ts";

export interface StoredToken {
  readonly realm: OpenamRealm;
  readonly token: ListedToken;
  /** When it ends under the policy of now. */
  readonly expiresAt: Instant;
  /** An access token's refresh token, while that is in the store. */
  readonly refresh: StoredToken | undefined;
  /** Whether a refresh issues a new refresh token. */
  readonly rotates: boolean;
}

export interface TokenStore {
  /** The tokens of a user of a realm that the reaper has left. */
  list(realm: OpenamRealm, username: string): Promise<readonly StoredToken[]>;
  /** By its id: its text, or an access token's handle. */
  find(id: string): Promise<StoredToken | undefined>;
}

export function createTokenStore(
  directory: Directory,
  { realms, store, clock }: Pick<SurfaceParts, "realms" | "store" | "clock">,
): TokenStore {
  const list = async (realm: OpenamRealm, username: string): Promise<readonly StoredToken[]> => {
    const { issuer } = realm.services;
    const policies = new Map<string, Policy>();
    const tokens = await issuer.listTokens({ subject: username });
    for (const { clientId } of tokens) {
      const client = policies.has(clientId) ? undefined : await issuer.findClient(clientId);
      const revision = client?.revisions.at(-1);
      if (client && revision) {
        policies.set(clientId, policyOf(revision.policy, { client: client.kind }));
      }
    }
    return storedTokens(realm, tokens, policies, clock.now());
  };
  return {
    list,
    async find(id) {
      const name = (await inspected(realms, id)) ?? handleOf(id);
      const row = name && (await store.read(keyOf("chain", name.chain)));
      const realm = directory.list().find((one) => one.services.issuer.realm.name === row?.realm);
      if (!name || !row || !realm) return undefined;
      const tokens = await list(realm, row.subject);
      return tokens.find(({ token: { chain, serial, access } }) => {
        if (chain !== name.chain || access !== name.access) return false;
        return access !== null || serial === name.serial;
      });
    },
  };
}

interface TokenName {
  readonly chain: ChainKey;
  readonly access: number | null;
  readonly serial: Serial | null;
}

/** Which of our tokens a text is, in whatever realm. */
async function inspected(realms: Realms, text: string): Promise<TokenName | undefined> {
  const found = await realms.inspectToken(text);
  return found && { chain: found.chain, serial: found.serial, access: found.number };
}

function handleOf(text: string): TokenName | undefined {
  const match = /^([\w-]+\.\d{1,16})\.(\d{1,16})$/.exec(text);
  return match?.[1] === undefined
    ? undefined
    : { chain: match[1], serial: null, access: Number(match[2]) };
}

function storedTokens(
  realm: OpenamRealm,
  tokens: readonly ListedToken[],
  policies: ReadonlyMap<string, Policy>,
  now: Instant,
): readonly StoredToken[] {
  const stored = tokens.flatMap((token): readonly StoredToken[] => {
    const policy = policies.get(token.clientId);
    const expiresAt = policy ? endOf(token, policy) : token.expiresAt;
    if (now >= reapedAt(expiresAt)) return [];
    const rotates = policy !== undefined && rotatesIn(policy);
    return [{ realm, token, expiresAt, refresh: undefined, rotates }];
  });
  const refreshOf = ({ token }: StoredToken): StoredToken | undefined =>
    stored.find(
      ({ token: { chain, serial, access } }) =>
        access === null && chain === token.chain && serial === token.serial,
    );
  return stored.map((one) =>
    one.token.access === null ? one : { ...one, refresh: refreshOf(one) },
  );
}

/** A refresh token lives as long as its policy says now; one that died under an earlier policy stays dead. */
function endOf({ access, issuedAt, expiresAt, accepted }: ListedToken, policy: Policy): Instant {
  if (access !== null) return expiresAt;
  const end = issuedAt + stepAt(policy.expiry.lifetime, issuedAt);
  return accepted ? end : Math.min(end, expiresAt);
}

type Fields = Readonly<Record<string, readonly string[]>>;

/** The fields in the store, in the order of the vendor's own examples. */
export function fieldsOf(stored: StoredToken, version: Version): Fields {
  const { token, realm, expiresAt, refresh } = stored;
  const { access, serial, grantType, chain, id, clientId, subject, scope } = token;
  const isFirst = access === null ? serial === 0 : access === 1;
  const trail = version.auditTrail
    ? { auditTrackingId: [`${uuidOf(`audit ${chain}`)}-${auditNumber(token)}`] }
    : {};
  const grant = version.grantIds ? { authGrantId: [uuidOf(`grant ${chain}`)] } : {};
  return {
    expireTime: [millisecondsOf(expiresAt)],
    tokenName: [access === null ? "refresh_token" : "access_token"],
    scope,
    ...grant,
    grant_type: [isFirst ? grantType : "refresh_token"],
    clientID: [clientId],
    ...(access === null ? { authModules: [] } : { parent: [] }),
    ...trail,
    id: [id],
    tokenType: ["Bearer"],
    redirectURI: [],
    ...(access === null ? { acr: [] } : { nonce: [] }),
    realm: [realm.path],
    userName: [subject],
    ...(refresh ? { refreshToken: [refresh.token.id] } : {}),
  };
}

/** What a list shows of a token. */
export const listedOf = (stored: StoredToken, version: Version) => ({
  ...fieldsOf(stored, version),
  expireTime: shownEnd(stored),
  display_name: "",
  scopes: stored.token.scope.join(","),
});

const HIDDEN_FROM_OWNERS = ["id", "parent", "auditTrackingId", "authGrantId", "refreshToken"];

/** Without what the one who looks may not see. */
export function visibleTo<T extends object>(
  { isAdministrator }: { readonly isAdministrator: boolean },
  fields: T,
  { ownersSeeIds }: Version,
): Partial<T> {
  if (isAdministrator || ownersSeeIds) return fields;
  const shown = Object.entries(fields).filter(([name]) => !HIDDEN_FROM_OWNERS.includes(name));
  return Object.fromEntries(shown) as Partial<T>;
}

/** An access token that can be refreshed shows for how long that goes on, not when it ends itself. */
function shownEnd({ expiresAt, refresh, rotates }: StoredToken): string {
  if (refresh && rotates) return INDEFINITELY;
  const end = refresh ? refresh.expiresAt : expiresAt;
  return end === FOREVER ? INDEFINITELY : dateText(end);
}

const INDEFINITELY = "Indefinitely";

const millisecondsOf = (at: Instant): string => (at === FOREVER ? "-1" : String(at));

/** Java's medium date and short time in English: "Oct 10, 2017 10:02 PM", in UTC. */
export function dateText(at: Instant): string {
  const parts = Object.fromEntries(
    DATE_PARTS.formatToParts(at).map(({ type, value }) => [type, value]),
  );
  const { month, day, year, hour, minute, dayPeriod } = parts;
  return `${month} ${day}, ${year} ${hour}:${minute} ${dayPeriod}`;
}

const DATE_PARTS = new Intl.DateTimeFormat("en-US", {
  timeZone: "UTC",
  month: "short",
  day: "numeric",
  year: "numeric",
  hour: "numeric",
  minute: "2-digit",
});

/** An id that is the same whenever it is asked for, in the shape of OpenAM's. */
const uuidOf = (text: string): string => guidOf(hash("sha256", text, "buffer"));

const auditNumber = ({ serial, access }: ListedToken): number =>
  access === null ? 2 * serial : 2 * access - 1;
