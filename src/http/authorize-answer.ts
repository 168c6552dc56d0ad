/**
 * Answers of the authorization endpoint, at a redirect URI that was verified. RFC 6749, sections 4.1.2 and 4.2.2
 *
 * 1. Always 303: whatever method asked, the browser goes on with GET and carries no password along. RFC 9700, 4.12
 * 2. The redirect URI is not rewritten: what is answered is put behind it. `state` comes back as it came.
 */

import type { TokenResponse } from "../issuer/outcome.ts";
import type { Addressee } from "./authorize-request.ts";
import type { Dialect } from "./dialect.ts";

/** A redirect ready to be sent. */
export interface Redirect {
  readonly location: string;
}

/** The address of an answer with these fields. `issuer` is null where answers do not say it. RFC 9207 */
export function redirectTo(
  { redirectUri, responseType, state }: Addressee,
  fields: Readonly<Record<string, string>>,
  issuer: string | null,
): Redirect {
  const answer = new URLSearchParams(fields);
  if (state !== undefined) answer.append("state", state);
  if (issuer !== null) answer.append("iss", issuer);
  const mark = responseType === "token" ? "#" : redirectUri.includes("?") ? "&" : "?";
  return { location: `${redirectUri}${mark}${answer}` };
}

/** The fields of an access token that is answered at once, as the vendor names them. */
export function tokenFields(
  dialect: Dialect,
  response: TokenResponse,
): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const { name, value } of dialect.fields) {
    const field = value(response);
    if (field !== undefined) fields[name] = String(field);
  }
  return fields;
}
