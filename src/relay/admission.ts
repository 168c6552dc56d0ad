/**
 * Who may have a token: a token request checked, from its parameters to the consumer that sent it.
 *
 * 1. The consumer's own refresh token is confirmed, not presented: it never changes, and asking writes nothing.
 * 2. What was found good is believed for a second, in this process. Revocation here takes effect at once, in another
 *    process within that second.
 * 3. `invalid_grant` means that the consumer's own token is dead, and nothing else means that.
 */

import { hash } from "node:crypto";
import type { Clock } from "../env/clock.ts";
import type { Issuer } from "../issuer/issuer.ts";
import { NO_TRACE, type Refused } from "../issuer/outcome.ts";
import { type IssuerRequest, parameterOf, repeatedParameter } from "../issuer/request.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { ConsumerRecord } from "../store/records.ts";
import { type Consumers, mayAskFrom } from "./consumers.ts";

export const RELAY_GRANT_TYPES = ["refresh_token", "client_credentials"] as const;
export type RelayGrantType = (typeof RELAY_GRANT_TYPES)[number];

export interface Admitted {
  readonly granted: true;
  readonly consumer: ConsumerRecord;
  readonly grantType: RelayGrantType;
  /** As presented; null with `client_credentials`. */
  readonly refreshToken: string | null;
}

export interface AdmissionParts {
  readonly issuer: Issuer;
  readonly consumers: Pick<Consumers, "find">;
  readonly clock: Clock;
}

interface Known {
  readonly admitted: Admitted;
  readonly at: number;
}

/** In unscaled milliseconds. */
const BELIEVED_MS = 1000;
const KNOWN_MAX = 50_000;

export class Admission {
  readonly #parts: AdmissionParts;
  /** By a digest of all that was presented: no secret is kept. */
  #known = new Map<string, Known>();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Who sent a token request, if they may; `at` is the time since boot. @throws KetenError `store_unavailable` */
  async admit(request: IssuerRequest, at: number): Promise<Admitted | Refused> {
    const repeated = repeatedParameter(request.parameters);
    if (repeated) return this.refuse(repeated);
    const grantType = parameterOf(request.parameters, "grant_type");
    if (grantType === undefined) {
      return this.refuse({ reason: "parameterMissing", parameter: "grant_type" });
    }
    if (!isRelayGrantType(grantType)) {
      return this.refuse({ reason: "grantTypeUnsupported", grantType });
    }
    const digest = digestOf(request, grantType);
    // Forgetting makes another: who was looked up before is not remembered after.
    const all = this.#known;
    const known = all.get(digest);
    const admitted =
      known && at - known.at < BELIEVED_MS ? known.admitted : await this.#look(request, grantType);
    if (!admitted.granted) return admitted;
    const { consumer } = admitted;
    if (!mayAskFrom(consumer, request.address)) {
      return this.refuse({ reason: "addressNotAllowed" }, consumer.clientId);
    }
    if (admitted !== known?.admitted) {
      if (all.size >= KNOWN_MAX) all.clear();
      all.set(digest, { admitted, at });
    }
    return admitted;
  }

  async #look(request: IssuerRequest, grantType: RelayGrantType): Promise<Admitted | Refused> {
    const { issuer, consumers } = this.#parts;
    const authenticated = await issuer.authenticate(request);
    if (!authenticated.granted) return authenticated;
    const { client } = authenticated;
    const { clientId } = client;
    const consumer = await consumers.find(clientId);
    if (!consumer) return this.refuse({ reason: "grantNotAllowed", grantType }, clientId);
    if (grantType === "client_credentials") {
      if (consumer.revokedAt === null) {
        return { granted: true, consumer, grantType, refreshToken: null };
      }
      return this.refuse({ reason: "clientUnknown", clientId, by: "none" }, clientId);
    }
    const refreshToken = parameterOf(request.parameters, "refresh_token");
    if (refreshToken === undefined) {
      return this.refuse({ reason: "parameterMissing", parameter: "refresh_token" }, clientId);
    }
    const confirmed = await issuer.confirm(client, refreshToken);
    if (!confirmed.granted) return confirmed;
    if (confirmed.subject !== consumer.connection) {
      const refusal = { reason: "tokenOfAnotherClient", parameter: "refresh_token" } as const;
      return this.refuse(refusal, clientId);
    }
    // A crash between the two writes of a revocation leaves the token alive.
    if (consumer.revokedAt !== null) {
      const refusal = { reason: "chainRevoked", by: "clientAndSubject", at: null } as const;
      return this.refuse(refusal, clientId);
    }
    return { granted: true, consumer, grantType, refreshToken };
  }

  /** Believes nothing from before: somebody was revoked, or has another secret. */
  forget(): void {
    this.#known = new Map();
  }

  refuse(refusal: Refusal, clientId: string | null = null): Refused {
    const trace = { ...NO_TRACE, clientId };
    return { granted: false, refusal, at: this.#parts.clock.now(), trace };
  }
}

const isRelayGrantType = (text: string): text is RelayGrantType =>
  (RELAY_GRANT_TYPES as readonly string[]).includes(text);

function digestOf({ authorization, parameters }: IssuerRequest, grantType: string): string {
  const { client_id, client_secret, refresh_token } = parameters;
  const presented = [grantType, authorization, client_id, client_secret, refresh_token];
  return hash("sha256", JSON.stringify(presented), "base64url");
}
