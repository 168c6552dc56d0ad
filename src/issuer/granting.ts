/**
 * From a granted decision to a token response. By now everything that can fail has passed and the decision is durable:
 * the tokens are derived from it, and nothing here can refuse.
 */

import type { Random } from "../env/random.ts";
import type { Answer } from "../kernel/chain.ts";
import { chainKey } from "../kernel/ids.ts";
import type { Refusal } from "../kernel/refusal.ts";
import type { Instant } from "../kernel/time.ts";
import type { ClientRecord } from "../store/records.ts";
import type { CodeFormat } from "./code-format.ts";
import { SALT_BYTES } from "./keys.ts";
import type { Refused, TokenOutcome, Trace } from "./outcome.ts";
import { NO_TRACE } from "./outcome.ts";
import type { GrantType, Realm } from "./realm.ts";
import {
  CHAIN_SECRET_BYTES,
  type ChainName,
  scopeMaskOf,
  type TokenFormat,
} from "./token-format.ts";
import type { Transactor } from "./transaction.ts";

/** What every grant works with. */
export interface Desk extends Transactor {
  readonly realmSettings: Realm;
  readonly random: Random;
  readonly tokens: TokenFormat;
  readonly codes: CodeFormat;
  now(): Instant;
}

/** A granted decision with what its tokens are made from. */
export interface Granted {
  readonly answer: Answer;
  readonly chain: ChainName;
  readonly secret: string;
  readonly grantedScope: readonly string[];
  readonly scope: readonly string[];
  /** Whether its chain has a refresh token at all. */
  readonly refreshable: boolean;
}

/** What a decision hands back to its grant. */
export type Decided =
  | { readonly granted: Granted; readonly at: Instant }
  | { readonly refusal: Refusal };

const ATTEMPT_BYTES = 12;

/** Names one request in the row that it writes. */
export const newAttempt = (random: Random): string =>
  Buffer.from(random.bytes(ATTEMPT_BYTES)).toString("base64url");

/** Draws a chain's secret; it is sealed once the chain's key is known. */
export function newChainSecret({ random, tokens }: Desk): (chain: ChainName) => string {
  const secret = random.bytes(CHAIN_SECRET_BYTES);
  const salt = random.bytes(SALT_BYTES);
  return (chain) => tokens.sealSecret(chain, secret, salt);
}

export function refused(desk: Desk, refusal: Refusal, trace: Partial<Trace> = {}): Refused {
  return { granted: false, refusal, at: desk.now(), trace: { ...NO_TRACE, ...trace } };
}

/** The outcome of a decision, with the tokens that follow from it. */
export function outcomeOf(
  desk: Desk,
  client: ClientRecord,
  grantType: GrantType,
  decided: Decided,
  trace: Partial<Trace>,
): TokenOutcome {
  if ("refusal" in decided) return refused(desk, decided.refusal, trace);
  const { answer, chain, secret, grantedScope, scope, refreshable } = decided.granted;
  const { access, refresh, kind } = answer;
  const mask = scopeMaskOf(grantedScope, scope);
  const mayRefresh = refreshable && client.grantTypes.includes("refresh_token");
  const refreshToken =
    mayRefresh && refresh ? desk.tokens.refreshToken(chain, secret, refresh) : null;
  const own = {
    accessToken: desk.tokens.accessToken(chain, secret, access, mask),
    expiresIn: access.expiresAt - access.issuedAt,
    scope,
  };
  const { form, lifetime } = desk.clients.policyOf(client).access;
  // A refresh token that is its own access token has all of the grant's scope, and is as old as it is.
  const same =
    form === "refreshToken" && refreshToken !== null && refresh
      ? {
          accessToken: refreshToken,
          expiresIn: Math.max(0, refresh.issuedAt + lifetime - access.issuedAt),
          scope: grantedScope,
        }
      : own;
  return {
    granted: true,
    response: { ...same, refreshToken, grantType },
    trace: {
      clientId: client.clientId,
      chain: chainKey(chain.authorizationId, chain.ordinal),
      presented: trace.presented ?? null,
      answered: access.serial,
      kind,
    },
  };
}
