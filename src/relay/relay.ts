/**
 * The relay: a token endpoint whose access tokens are another server's. Consumers of a connection ask with a refresh
 * token of ours that never changes, and get the provider's current access token, of a chain that the keychain keeps.
 *
 * 1. No outage of the provider, no doubt and no loss upstream is an `invalid_grant`: old products throw their token away
 *    when they read that. They are told to come again, and why, and where the owner connects the account anew.
 * 2. `expires_in` is the true end: the token's own, or the moment at which our next refresh ends it.
 * 3. A token that is about to end is not handed out while a newer one can be there within seconds: the answer waits.
 * 4. Whoever asks again right after it got a token has no use for that one. The token is tried at the provider, where an
 *    address for that is known, and replaced if it is dead. On suspicion alone nothing is refreshed: that may end the
 *    token in the hands of all the others. Trying one costs a call of the provider's limits: it is done rarely.
 * 5. A consumer gets the access token, its scope and end, and nothing else that the provider gave us.
 */

import { timingSafeEqual } from "node:crypto";
import { KetenError } from "../env/error.ts";
import type { ProbeToken } from "../env/http-probe.ts";
import type { Issuer } from "../issuer/issuer.ts";
import {
  type IntrospectionOutcome,
  NO_TRACE,
  type Refused,
  type RevocationOutcome,
  type TokenOutcome,
} from "../issuer/outcome.ts";
import type { Realm } from "../issuer/realm.ts";
import { type IssuerRequest, parameterOf, parseScope } from "../issuer/request.ts";
import type { Refusal } from "../kernel/refusal.ts";
import { type Duration, SECOND } from "../kernel/time.ts";
import type { HandOut } from "../keychain/hand-outs.ts";
import type { Keychain } from "../keychain/keychain.ts";
import type { ConsumerRecord } from "../store/records.ts";
import { Admission, type AdmissionParts, type Admitted } from "./admission.ts";
import { Consumers, type ConsumersParts, mayAskFrom } from "./consumers.ts";
import { FairShares, type Share } from "./fair-share.ts";

export interface RelayParts
  extends Pick<AdmissionParts, "issuer" | "clock">,
    Omit<ConsumersParts, "providerOf"> {
  readonly keychain: Pick<Keychain, "token" | "failed" | "show" | "look" | "atHand">;
  /** Where the owner of a connection connects it anew. */
  readonly reconnectUri: (connection: string) => string;
  /** Tries an access token at an address of the provider; undefined where none of its addresses is known. */
  readonly probe: (connection: string) => Promise<ProbeToken | undefined>;
  readonly share: Share;
}

export interface Relay {
  readonly realm: Realm;
  readonly consumers: Pick<Consumers, "add" | "list" | "find" | "revoke" | "replaceSecret">;
  /** RFC 6749, section 3.2; grants `refresh_token` and `client_credentials`. @throws KetenError, retryable */
  token(request: IssuerRequest): Promise<TokenOutcome>;
  /** RFC 7009: of our refresh tokens. */
  revoke(request: IssuerRequest): Promise<RevocationOutcome>;
  /** RFC 7662: a consumer asks of its own refresh token, and of its connection's access token. */
  introspect(request: IssuerRequest): Promise<IntrospectionOutcome>;
  /** The name of the dialect of a consumer; null for the standards'. */
  dialectOf(clientId: string): string | null;
}

/** With less left a newer token is waited for; a tenth of its life where that is shorter. */
const ENDING: Duration = 60 * SECOND;
/** So long an answer waits for a newer token while one is at hand, in unscaled milliseconds. */
const HOLD_MS = 10 * SECOND;
/** Asking again so soon after a hand-out says that the token was of no use; in unscaled milliseconds. */
const SUSPICIOUS_MS = 10 * SECOND;
/** So long what replaced a refused token is not tried: an address that refuses every token costs a refresh a minute. */
const REPLACED_MS = 60 * SECOND;
/** So long a token that was tried and not refused is not tried again, however often somebody asks. */
const TRIED_MS = 30 * SECOND;
const REMEMBERED_MAX = 50_000;

interface Authenticated {
  readonly granted: true;
  readonly clientId: string;
  readonly consumer: ConsumerRecord | undefined;
}

interface Handed {
  readonly generation: number;
  readonly at: number;
}

interface Tried extends Handed {
  readonly isDead: boolean;
}

export function createRelay(parts: RelayParts): Relay {
  return new RelayEndpoint(parts);
}

class RelayEndpoint implements Relay {
  readonly realm: Realm;
  readonly consumers: Relay["consumers"];
  readonly #parts: RelayParts;
  readonly #issuer: Issuer;
  readonly #admission: Admission;
  readonly #shares: FairShares;
  /** What each consumer got last. */
  readonly #handed = new Map<string, Handed>();
  readonly #dialects = new Map<string, string | null>();
  /** Tokens that are being tried, by connection and generation. */
  readonly #probes = new Map<string, Promise<boolean>>();
  /** What was tried last, by connection. */
  readonly #tried = new Map<string, Tried>();

  constructor(parts: RelayParts) {
    this.#parts = parts;
    const { issuer, keychain, clock, share } = parts;
    this.#issuer = issuer;
    this.realm = issuer.realm;
    const providerOf = async (connection: string) => (await keychain.show(connection)).provider;
    const registry = new Consumers({ ...parts, providerOf });
    this.#admission = new Admission({ issuer, consumers: registry, clock });
    this.#shares = new FairShares(share);
    this.consumers = {
      add: (wanted) => registry.add(wanted),
      list: (connection) => registry.list(connection),
      find: (clientId) => registry.find(clientId),
      revoke: (clientId) => registry.revoke(clientId).finally(() => this.#admission.forget()),
      replaceSecret: (clientId) =>
        registry.replaceSecret(clientId).finally(() => this.#admission.forget()),
    };
  }

  dialectOf(clientId: string): string | null {
    return this.#dialects.get(clientId) ?? null;
  }

  async token(request: IssuerRequest): Promise<TokenOutcome> {
    // Once for all that is asked of it: that clock is a system call.
    const { at } = this.#parts.clock.boot();
    const admitted = await this.#admission.admit(request, at);
    if (!admitted.granted) return admitted;
    const { clientId, connection, dialect } = admitted.consumer;
    if (this.#dialects.size >= REMEMBERED_MAX) this.#dialects.clear();
    this.#dialects.set(clientId, dialect);
    const refuse = (refusal: Refusal): Refused => this.#admission.refuse(refusal, clientId);
    const retryAfter = this.#shares.take(clientId, at);
    if (retryAfter > 0) return refuse({ reason: "askedTooOften", retryAfter });
    try {
      const scope = await this.#scopeRefused(request, connection);
      if (scope) return refuse(scope);
      const handOut = await this.#handOut(clientId, connection, at);
      if (isOf(handOut, admitted.consumer)) return this.#answer(admitted, handOut);
      return refuse(goneFor(admitted));
    } catch (error) {
      const refusal = this.#refusalOf(error, connection);
      if (refusal) return refuse(refusal);
      throw error;
    }
  }

  #answer(admitted: Admitted, handOut: HandOut): TokenOutcome {
    const { consumer, grantType, refreshToken } = admitted;
    const response = {
      accessToken: handOut.accessToken.reveal(),
      refreshToken,
      expiresIn: Math.max(0, handOut.endsAt - this.#parts.clock.now()),
      scope: handOut.scope === null ? [] : (parseScope(handOut.scope) ?? [handOut.scope]),
      grantType,
      more: handOut.more,
    };
    return { granted: true, response, trace: { ...NO_TRACE, clientId: consumer.clientId } };
  }

  /** The token to answer with: the one at hand unless it is dead, or about to end. */
  async #handOut(clientId: string, connection: string, askedAt: number): Promise<HandOut> {
    const { keychain, clock } = this.#parts;
    let handOut = await this.#soon(clientId, connection, -1, HOLD_MS);
    if (
      this.#isSuspicious(clientId, handOut, askedAt) &&
      (await this.#isDead(connection, handOut, askedAt))
    ) {
      handOut = await keychain.failed(connection, handOut.generation, clientId);
    }
    const left = handOut.endsAt - clock.now();
    // Where a refresh ends the token, the others were told how long they have it.
    if (!handOut.endsByRefresh && left < Math.min(ENDING, handOut.lifetime / 10)) {
      const patienceMs = askedAt + HOLD_MS - clock.boot().at;
      if (patienceMs > 0) {
        handOut = await this.#soon(clientId, connection, handOut.generation, patienceMs);
      }
    }
    if (this.#handed.size >= REMEMBERED_MAX) this.#handed.clear();
    const { generation } = handOut;
    // What it had already was not waited for: no need to look at the clock again.
    const isKnown = this.#handed.get(clientId)?.generation === generation;
    this.#handed.set(clientId, { generation, at: isKnown ? askedAt : clock.boot().at });
    return handOut;
  }

  /** A token newer than a generation, if it comes soon; else the one at hand while it lives; else what comes. */
  async #soon(
    clientId: string,
    connection: string,
    newerThan: number,
    patienceMs: number,
  ): Promise<HandOut> {
    const { keychain } = this.#parts;
    try {
      return await keychain.token(connection, clientId, newerThan, patienceMs);
    } catch (error) {
      if (!(error instanceof KetenError && error.code === "connection_unavailable")) throw error;
      const atHand = await keychain.atHand(connection, clientId);
      return atHand ?? (await keychain.token(connection, clientId));
    }
  }

  #isSuspicious(clientId: string, { generation }: HandOut, askedAt: number): boolean {
    const before = this.#handed.get(clientId);
    if (before?.generation !== generation) return false;
    return askedAt - before.at < SUSPICIOUS_MS;
  }

  /** Whether the provider refuses a token; false where nobody can tell. One question for all who ask at once. */
  async #isDead(
    connection: string,
    { generation, accessToken }: HandOut,
    askedAt: number,
  ): Promise<boolean> {
    const { clock, probe: probeOf } = this.#parts;
    const known = this.#knownOf(connection, generation, askedAt);
    if (known !== undefined) return known;
    const key = `${connection} ${generation}`;
    const running = this.#probes.get(key);
    if (running !== undefined) return running;
    const probing = (async () => {
      const probe = await probeOf(connection);
      const isDead = probe !== undefined && (await probe(accessToken)) === "refused";
      this.#tried.set(connection, { generation, at: clock.boot().at, isDead });
      return isDead;
    })().finally(() => this.#probes.delete(key));
    this.#probes.set(key, probing);
    return probing;
  }

  /** Whether a token is dead, as far as the last try tells; undefined if it has to be tried. */
  #knownOf(connection: string, generation: number, at: number): boolean | undefined {
    const tried = this.#tried.get(connection);
    if (!tried || generation < tried.generation) return undefined;
    const age = at - tried.at;
    if (tried.isDead) return age < REPLACED_MS ? generation === tried.generation : undefined;
    return generation === tried.generation && age < TRIED_MS ? false : undefined;
  }

  /** Scope that is asked for must be what the token has: neither more nor less. RFC 6749, section 6 */
  async #scopeRefused(
    { parameters }: IssuerRequest,
    connection: string,
  ): Promise<Refusal | undefined> {
    const text = parameterOf(parameters, "scope");
    if (text === undefined) return undefined;
    const asked = parseScope(text);
    if (!asked) {
      const expected = "scope values of printable ASCII, one space between them";
      return { reason: "parameterInvalid", parameter: "scope", expected };
    }
    const { scope } = await this.#parts.keychain.show(connection);
    const has = scope === null ? [] : (parseScope(scope) ?? []);
    const wider = asked.filter((value) => !has.includes(value));
    if (wider.length > 0) return { reason: "scopeWidened", scopes: wider };
    return asked.length < has.length ? { reason: "scopeNarrower" } : undefined;
  }

  /** What a failure of the keychain is to a consumer; undefined if it is one of ours. */
  #refusalOf(error: unknown, connection: string): Refusal | undefined {
    if (!(error instanceof KetenError)) return undefined;
    const { code, evidence } = error;
    switch (code) {
      case "connection_unavailable": {
        const { retryAfterMs, status } = evidence;
        const retryAfter = typeof retryAfterMs === "number" ? retryAfterMs : SECOND;
        return { reason: "upstreamUnavailable", state: String(status), retryAfter };
      }
      case "connection_lost":
      case "connection_unknown": {
        const cause = code === "connection_unknown" ? "removed" : String(evidence.cause);
        const reconnectUri = this.#parts.reconnectUri(connection);
        return { reason: "connectionLost", cause, reconnectUri };
      }
      default:
        return undefined;
    }
  }

  /** Who asks of a token, at an address that it may ask from. */
  async #authenticate(request: IssuerRequest): Promise<Authenticated | Refused> {
    const authenticated = await this.#issuer.authenticate(request);
    if (!authenticated.granted) return authenticated;
    const { clientId } = authenticated.client;
    const consumer = await this.consumers.find(clientId);
    if (!consumer || mayAskFrom(consumer, request.address)) {
      return { granted: true, clientId, consumer };
    }
    return this.#admission.refuse({ reason: "addressNotAllowed" }, clientId);
  }

  async revoke(request: IssuerRequest): Promise<RevocationOutcome> {
    const authenticated = await this.#authenticate(request);
    if (!authenticated.granted) return authenticated;
    const { clientId } = authenticated;
    const text = parameterOf(request.parameters, "token");
    const isRefresh = text !== undefined && (await this.#issuer.inspectToken(text)) !== undefined;
    const isHinted = parameterOf(request.parameters, "token_type_hint") === "refresh_token";
    if (text !== undefined && !isRefresh && !isHinted) {
      return this.#admission.refuse({ reason: "tokenTypeUnsupported" }, clientId);
    }
    return await this.#issuer.revoke(request).finally(() => this.#admission.forget());
  }

  async introspect(request: IssuerRequest): Promise<IntrospectionOutcome> {
    const authenticated = await this.#authenticate(request);
    if (!authenticated.granted) return authenticated;
    const own = await this.#issuer.introspect(request);
    if (!own.granted || own.introspection.active) return own;
    const { clientId, consumer } = authenticated;
    const text = parameterOf(request.parameters, "token");
    if (!consumer || consumer.revokedAt !== null || text === undefined) return own;
    const handOut = await this.#parts.keychain.look(consumer.connection).catch(() => undefined);
    if (!handOut || !isOf(handOut, consumer) || !isEqual(handOut.accessToken.reveal(), text)) {
      return own;
    }
    const introspection = {
      active: true,
      clientId,
      subject: consumer.connection,
      scope: handOut.scope === null ? [] : (parseScope(handOut.scope) ?? []),
      tokenType: "Bearer",
      issuedAt: handOut.endsAt - handOut.lifetime,
      expiresAt: handOut.endsAt,
    } as const;
    return { granted: true, introspection };
  }
}

/** Whether a token is of the connection that a consumer was added for, and not of another of that name. */
const isOf = ({ connectionCreatedAt: createdAt }: HandOut, consumer: ConsumerRecord): boolean =>
  createdAt === consumer.connectionCreatedAt;

/** What a consumer is told that has outlived its connection: its own token is dead. */
const goneFor = ({ consumer: { clientId }, grantType }: Admitted): Refusal =>
  grantType === "client_credentials"
    ? { reason: "clientUnknown", clientId, by: "none" }
    : { reason: "chainRevoked", by: "clientAndSubject", at: null };

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
