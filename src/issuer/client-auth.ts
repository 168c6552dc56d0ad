/**
 * Client authentication: `client_secret_basic`, `client_secret_post`, and none for public clients.
 *
 * 1. One way per request: credentials in the header and in the body are refused. RFC 6749, section 2.3
 * 2. The store keeps an HMAC of the secret under a key of its own; digests of equal length are compared in constant time.
 * 3. An unknown client costs what a wrong secret costs: the same digest, the same comparison, the same reading.
 * 4. A secret is compared with the client's row as read, and again with the row inside the transaction that grants:
 *    a secret that was replaced in between does not pass.
 */

import { timingSafeEqual } from "node:crypto";
import type { ClientRefusal, RequestRefusal } from "../kernel/refusal.ts";
import type { ClientRecord } from "../store/records.ts";
import type { Mac } from "./keys.ts";
import { type IssuerRequest, parameterOf } from "./request.ts";

/** What a request says about its client, unverified. */
export interface Credentials {
  readonly clientId: string | null;
  readonly secret: string | null;
  readonly by: "body" | "basic" | "none";
}

export type ReadCredentials =
  | { readonly credentials: Credentials }
  | { readonly refusal: ClientRefusal | RequestRefusal };

const malformedHeader: ReadCredentials = {
  refusal: {
    reason: "parameterInvalid",
    parameter: "Authorization",
    expected:
      "Basic with base64 of the form-encoded client id, a colon and the form-encoded secret",
  },
};

/** Reads the credentials of a request; decides nothing about them. */
export function readCredentials(request: IssuerRequest): ReadCredentials {
  const { authorization, parameters } = request;
  const clientId = parameterOf(parameters, "client_id") ?? null;
  const secret = parameterOf(parameters, "client_secret") ?? null;
  if (authorization === undefined) {
    return { credentials: { clientId, secret, by: secret === null ? "none" : "body" } };
  }
  if (secret !== null) return { refusal: { reason: "clientAuthenticatedTwice" } };
  const basic = readBasic(authorization);
  if (!basic) return malformedHeader;
  if (clientId !== null && clientId !== basic.clientId) {
    return { refusal: { reason: "clientAuthenticatedTwice" } };
  }
  return { credentials: { ...basic, by: "basic" } };
}

/** RFC 6749, section 2.3.1: both parts are form-encoded before they are joined by a colon. */
function readBasic(header: string): { clientId: string; secret: string } | undefined {
  const match = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header);
  if (!match?.[1]) return undefined;
  const text = Buffer.from(match[1], "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  try {
    return {
      clientId: formDecode(text.slice(0, colon)),
      secret: formDecode(text.slice(colon + 1)),
    };
  } catch {
    return undefined;
  }
}

/** @throws URIError if the percent-encoding is malformed */
const formDecode = (text: string): string => decodeURIComponent(text.replaceAll("+", " "));

/** The digest under which a client's secret is stored. */
export const secretDigestOf = (mac: Mac, clientKey: string, secret: string): string =>
  mac(Buffer.from(JSON.stringify([clientKey, secret]))).toString("base64url");

const NO_DIGEST = "A".repeat(43);

/** Whether a client is who it says; undefined if so. `client` is undefined where there is none of that name. */
export function refuseClient(
  mac: Mac,
  clientKey: string,
  client: ClientRecord | undefined,
  { clientId, secret, by }: Credentials,
): ClientRefusal | undefined {
  const presented = secretDigestOf(mac, clientKey, secret ?? "");
  const stored = client?.secretDigest ?? NO_DIGEST;
  const equal = timingSafeEqual(Buffer.from(presented), Buffer.from(stored));
  if (!client) return { reason: "clientUnknown", clientId, by };
  if (client.kind === "public") {
    return secret === null ? undefined : { reason: "clientSecretWrong", by };
  }
  return equal && secret !== null ? undefined : { reason: "clientSecretWrong", by };
}
