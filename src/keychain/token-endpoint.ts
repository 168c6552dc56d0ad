/**
 * The wire side of a refresh: the request as RFC 6749 writes it, and an answer's tokens sealed as they are read.
 * Names as the RFC spells them stay in this file.
 */

import type { RawAnswer } from "../env/exchange.ts";
import { Secret } from "../env/secret.ts";
import { classify, type Outcome, type Reading, type Tokens } from "../kernel/outcome.ts";
import type { Fresh, Result } from "../kernel/settle.ts";
import type { ConnectionRecord } from "../store/connection-record.ts";
import type { KeyedDigest } from "./keyed-digest.ts";
import type { Sealer } from "./seal.ts";

/** Attempt ids begin with their epoch: it is the generation in the seals of what they bring. */
export const attemptIdOf = (epoch: number, unique: string): string => `${epoch}-${unique}`;

export const epochOf = (attemptId: string): number => Number.parseInt(attemptId, 10);

/** Seals and opens a connection's secrets, each bound to its chain, its column and the attempt that brought it. */
export interface Vault {
  seal(column: Column, chainId: string, by: string, secret: string): string;
  open(column: Column, chainId: string, by: string, sealed: string): Secret;
  print(token: string): string;
}

export type Column = "refreshToken" | "accessToken" | "clientSecret";

export function createVault(sealer: Sealer, digest: KeyedDigest): Vault {
  const place = (column: Column, chainId: string, by: string) => ({
    kind: "connection",
    column,
    id: chainId,
    generation: epochOf(by),
  });
  return {
    seal: (column, chainId, by, secret) =>
      sealer.seal(place(column, chainId, by), new Secret(secret)),
    open: (column, chainId, by, sealed) => sealer.open(place(column, chainId, by), sealed),
    print: (token) => digest.of(new Secret(token)),
  };
}

/** One refresh request. RFC 6749, section 6; client credentials by section 2.3.1. */
export function refreshRequest(
  record: ConnectionRecord,
  refreshToken: Secret,
  clientSecret: Secret | null,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Secret } {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: refreshToken.reveal(),
  });
  const headers: Record<string, string> = {
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
  };
  if (clientSecret && record.provider.clientAuthentication === "basic") {
    const encode = (text: string) => new URLSearchParams({ "": text }).toString().slice(1);
    const pair = `${encode(record.clientId)}:${encode(clientSecret.reveal())}`;
    headers.authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
  } else {
    form.set("client_id", record.clientId);
    if (clientSecret) form.set("client_secret", clientSecret.reveal());
  }
  return { headers, body: new Secret(form.toString()) };
}

/** Classifies a journaled answer and seals the tokens in it. */
export function readAnswer(vault: Vault, answer: RawAnswer, readings: readonly Reading[]): Result {
  const { chainId, attemptId, status, headers, body, complete } = answer;
  const report = { kind: "answered", status, headers, body: body.reveal(), complete } as const;
  const outcome = classify(report, readings);
  const fresh = (token: string): Fresh => ({
    sealed: vault.seal("refreshToken", chainId, attemptId, token),
    print: vault.print(token),
  });
  return sealed(outcome, fresh, (token) => vault.seal("accessToken", chainId, attemptId, token));
}

function sealed(
  outcome: Outcome,
  fresh: (token: string) => Fresh,
  sealAccess: (token: string) => string,
): Result {
  const found = (tokens: Tokens | null) => (tokens?.refresh ? fresh(tokens.refresh) : null);
  switch (outcome.class) {
    case "notSent":
      return outcome;
    case "refusedUnspent":
      return { ...outcome, found: found(outcome.found) };
    case "inDoubt": {
      const { why, status, retryAfter } = outcome;
      return { class: "inDoubt", why, status, retryAfter };
    }
    case "answered": {
      const { access, expiresIn, tokenType, scope, more } = outcome.tokens;
      return {
        class: "answered",
        refresh: found(outcome.tokens),
        access: access === null ? null : { sealed: sealAccess(access), ...(more && { more }) },
        expiresIn,
        tokenType,
        scope,
      };
    }
  }
}
