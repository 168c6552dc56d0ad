/**
 * What is stored, kind by kind. Instants are numbers; Infinity stands for never and survives a round trip.
 * A unique value is a key: there is no unique index besides it.
 */

import type { Authorization, Tally } from "../kernel/authorization.ts";
import type { Chain } from "../kernel/chain.ts";
import type { ClientKind } from "../kernel/combinations.ts";
import type { Instant } from "../kernel/time.ts";
import type { ConnectionRecord } from "./connection-record.ts";

/** A refresh-token chain. Key: `<authorization id>.<ordinal>`. One row for ever, however often it rotates. */
export interface ChainRecord {
  readonly chain: Chain;
  readonly client: string;
  readonly subject: string;
  readonly realm: string;
  /** Granted scope values, sorted. */
  readonly scope: readonly string[];
  /** What the owner picked for it, sorted: a vendor's companies, or resource indicators (RFC 8707). Empty for all. */
  readonly resources: readonly string[];
  /** False where an access token was all that was granted. */
  readonly refreshable: boolean;
  readonly grantType: string;
  /** The chain's token secret, sealed by the issuer's key, base64url. Its tokens cannot be made without it. */
  readonly secret: string;
}

/** A registered OAuth client. Key: `<realm>/<client id>`. */
export interface ClientRecord {
  readonly realm: string;
  readonly clientId: string;
  readonly kind: ClientKind;
  /** HMAC-SHA-256 of the client secret, base64url; null for public clients. */
  readonly secretDigest: string | null;
  readonly redirectUris: readonly string[];
  readonly grantTypes: readonly string[];
  readonly scope: readonly string[];
  /** Whose it is; null for the realm's own. */
  readonly tenant: string | null;
  /** Whether accounts of other tenants may authorize it. */
  readonly approved: boolean;
  /** The client's policy over time, each as `formatPolicy` writes it; never empty. */
  readonly revisions: readonly StoredRevision[];
}

export interface StoredRevision {
  readonly revision: number;
  readonly at: Instant;
  readonly revive: boolean;
  readonly policy: unknown;
}

/** A consumer of a connection: an OAuth client of ours that gets its access tokens. Key: its client id. */
export interface ConsumerRecord {
  readonly clientId: string;
  /** The one connection it is bound to, by name. */
  readonly connection: string;
  /** When that was added: one of the same name that is added later is another. */
  readonly connectionCreatedAt: Instant;
  readonly createdAt: Instant;
  /** Null while it may ask. */
  readonly revokedAt: Instant | null;
  /** Whose words its answers are in; null for the standards'. */
  readonly dialect: string | null;
  /** Addresses and networks it may ask from; empty for all. */
  readonly allowFrom: readonly string[];
}

/** A resource owner who logs in here. Key: `<realm>/<username>`. */
export interface AccountRecord {
  readonly realm: string;
  /** Also the subject of what it consents to. */
  readonly username: string;
  /** The organisation it belongs to; null where the realm knows none. */
  readonly tenant: string | null;
  readonly locale: "en" | "nl";
  readonly password: PasswordHash;
  /** The second factor's secret, sealed; null where there is none. */
  readonly totpSecret: string | null;
  /** The time step of the newest code that was accepted: this one and those before are spent. */
  readonly totpStep: number;
  /** Sessions of an earlier epoch have ended. */
  readonly sessionEpoch: number;
}

/** A password's Argon2id tag with what it was made with. RFC 9106 */
export interface PasswordHash {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
  /** Base64url. */
  readonly salt: string;
  /** Base64url. */
  readonly tag: string;
}

/** What is true of the whole deployment. Key: a name. */
export interface DeploymentRecord {
  readonly value: string;
}

export interface Records {
  readonly account: AccountRecord;
  readonly authorization: Authorization;
  readonly chain: ChainRecord;
  readonly client: ClientRecord;
  readonly connection: ConnectionRecord;
  readonly consumer: ConsumerRecord;
  readonly deployment: DeploymentRecord;
  /** Counts over a subject or a client. Key: `subject:<realm>/<id>` or `client:<realm>/<id>`. */
  readonly tally: Tally;
}

export type Kind = keyof Records;
