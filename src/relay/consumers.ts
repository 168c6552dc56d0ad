/**
 * The consumers of connections: who they are, and how their owner adds and revokes them.
 *
 * 1. A consumer is a confidential client of the relay's realm, bound to one connection. It has a secret, and a refresh
 *    token of ours that never changes, unless it needs none (`client_credentials`).
 * 2. Its record is written last: a consumer exists once it is whole. What a crash leaves before is taken up by adding it
 *    again.
 * 3. A revoked consumer stays on record, and its id is not given to another.
 * 4. Once its connection is removed a consumer gets nothing any more, also when another is added under that name.
 */

import { BlockList, isIP } from "node:net";
import type { Clock } from "../env/clock.ts";
import { KetenError } from "../env/error.ts";
import type { Random } from "../env/random.ts";
import { Secret } from "../env/secret.ts";
import type { Issuer } from "../issuer/issuer.ts";
import type { Policy } from "../kernel/policy.ts";
import type { KetenEvent } from "../store/events.ts";
import { everyRecord } from "../store/every.ts";
import type { ConsumerRecord } from "../store/records.ts";
import { keyOf, type Store } from "../store/store.ts";

export interface NewConsumer {
  readonly connection: string;
  /** Made of the connection's name unless given. */
  readonly clientId?: string | undefined;
  /** Whose words its answers are in; the connection's provider's unless given. */
  readonly dialect?: string | undefined;
  /** Addresses and networks it may ask from, as `192.0.2.1` or `192.0.2.0/24`; all unless given. */
  readonly allowFrom?: readonly string[] | undefined;
  /** Whether it gets a refresh token; one that asks with `client_credentials` needs none. True unless given. */
  readonly refreshToken?: boolean | undefined;
}

/** Shown once: neither is kept where it could be read. */
export interface AddedConsumer {
  readonly consumer: ConsumerRecord;
  readonly clientSecret: Secret;
  readonly refreshToken: Secret | null;
}

export interface ConsumersParts {
  readonly issuer: Issuer;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** What every consumer's refresh token is kept by: it never changes. */
  readonly policy: Policy;
  /** The provider's preset of a connection. @throws KetenError `connection_unknown` */
  readonly providerOf: (connection: string) => Promise<string>;
  /** The dialects there are, by name. */
  readonly dialects: ReadonlySet<string>;
}

/** Client ids are used in URLs and on command lines. */
export const CLIENT_ID_PATTERN: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;

const ALLOWED_MAX = 64;

export class Consumers {
  readonly #parts: ConsumersParts;

  constructor(parts: ConsumersParts) {
    this.#parts = parts;
  }

  /** @throws KetenError `connection_unknown`, `config_invalid`, `store_unavailable` */
  async add(wanted: NewConsumer): Promise<AddedConsumer> {
    const { issuer, store, clock, policy, dialects } = this.#parts;
    const { connection, allowFrom = [], refreshToken: wantsToken = true } = wanted;
    checkNetworks(allowFrom);
    if (wanted.clientId !== undefined && !CLIENT_ID_PATTERN.test(wanted.clientId)) {
      throw invalid(
        `client id "${wanted.clientId.slice(0, 60)}" is malformed; expected 1 to 96 letters, digits, ".", "_" or "-", beginning with a letter or digit`,
      );
    }
    if (wanted.dialect !== undefined && !dialects.has(wanted.dialect)) {
      throw invalid(
        `dialect "${wanted.dialect}" is unknown; expected one of ${[...dialects].join(", ")}`,
      );
    }
    const provider = await this.#parts.providerOf(connection);
    const row = await store.read(keyOf("connection", connection));
    if (!row) throw new KetenError("connection_unknown", `there is no connection "${connection}"`);
    const clientId = wanted.clientId ?? `${connection}-${this.#unique()}`;
    if (await this.find(clientId)) throw invalid(`a consumer "${clientId}" exists already`);
    const registration = {
      clientId,
      kind: "confidential",
      policy,
      grantTypes: ["refresh_token"],
    } as const;
    const clientSecret = (await issuer.findClient(clientId))
      ? await issuer.replaceSecret(clientId)
      : (await issuer.registerClient(registration)).secret;
    const refreshToken = wantsToken ? await this.#grant(clientId, connection) : null;
    const consumer: ConsumerRecord = {
      clientId,
      connection,
      connectionCreatedAt: row.createdAt,
      createdAt: clock.now(),
      revokedAt: null,
      dialect: wanted.dialect ?? (dialects.has(provider) ? provider : null),
      allowFrom,
    };
    const data = { connection, refreshToken: wantsToken };
    const event: KetenEvent = { type: "consumer.added", about: clientId, data };
    await store.update([keyOf("consumer", clientId)], () => ({
      ...{ result: null, writes: [consumer], events: [event] },
    }));
    return { consumer, clientSecret: clientSecret as Secret, refreshToken };
  }

  async #grant(clientId: string, connection: string): Promise<Secret> {
    const granted = await this.#parts.issuer.grant({ clientId, subject: connection });
    const token = granted.granted ? granted.response.refreshToken : null;
    if (token === null) throw new Error("the relay's policy grants a refresh token");
    return new Secret(token);
  }

  #unique(): string {
    return Buffer.from(this.#parts.random.bytes(4)).toString("hex");
  }

  find(clientId: string): Promise<ConsumerRecord | undefined> {
    return this.#parts.store.read(keyOf("consumer", clientId));
  }

  /** Those of one connection, or all; revoked ones too. */
  async list(connection?: string): Promise<readonly ConsumerRecord[]> {
    const found: ConsumerRecord[] = [];
    const where = connection === undefined ? {} : { owner: connection };
    for await (const { record } of everyRecord(this.#parts.store, "consumer", where)) {
      found.push(record);
    }
    return found;
  }

  /** Ends a consumer's right to ask, in this moment and for ever. @throws KetenError `consumer_unknown` */
  async revoke(clientId: string): Promise<ConsumerRecord> {
    const { issuer, store } = this.#parts;
    const event: KetenEvent = { type: "consumer.revoked", about: clientId, data: {} };
    const revoked = await store.update([keyOf("consumer", clientId)], ([row], now) => {
      if (!row || row.revokedAt !== null) return { result: row };
      const after = { ...row, revokedAt: now };
      return { result: after, writes: [after], events: [event] };
    });
    if (!revoked) throw unknown(clientId);
    await issuer.revokeAuthorization({ clientId, subject: revoked.connection });
    return revoked;
  }

  /** Replaces a consumer's secret; the one before is dead. @throws KetenError `consumer_unknown`, `config_invalid` */
  async replaceSecret(clientId: string): Promise<Secret> {
    const consumer = await this.find(clientId);
    if (!consumer) throw unknown(clientId);
    if (consumer.revokedAt !== null) throw invalid(`consumer "${clientId}" is revoked`);
    return await this.#parts.issuer.replaceSecret(clientId);
  }
}

const lists = new WeakMap<readonly string[], BlockList>();

/** Whether a consumer may ask from an address. */
export function mayAskFrom({ allowFrom }: ConsumerRecord, address: string | undefined): boolean {
  if (allowFrom.length === 0) return true;
  let list = lists.get(allowFrom);
  if (!list) {
    list = networksOf(allowFrom);
    lists.set(allowFrom, list);
  }
  const version = isIP(address ?? "");
  return version !== 0 && list.check(address as string, version === 4 ? "ipv4" : "ipv6");
}

function checkNetworks(allowFrom: readonly string[]): void {
  if (allowFrom.length > ALLOWED_MAX) {
    throw invalid(`${allowFrom.length} networks are given; expected at most ${ALLOWED_MAX}`);
  }
  networksOf(allowFrom);
}

/** @throws KetenError `config_invalid` naming the first that is none */
function networksOf(allowFrom: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of allowFrom) {
    const [address = "", prefix] = text.split("/", 2);
    const version = isIP(address);
    const most = version === 4 ? 32 : 128;
    const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
    if (version === 0 || bits < 0 || bits > most) {
      throw invalid(
        `"${text.slice(0, 60)}" is no network; expected an IP address, or one with "/" and a prefix length`,
      );
    }
    list.addSubnet(address, bits, version === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

const invalid = (message: string): KetenError => new KetenError("config_invalid", message);

const unknown = (clientId: string): KetenError =>
  new KetenError("consumer_unknown", `no consumer has the client id "${clientId.slice(0, 80)}"`);
