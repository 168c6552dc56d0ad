/**
 * Redirect URIs. RFC 9700, section 2.1; RFC 8252, sections 7 and 8.3
 *
 * 1. A request's URI equals a registered one, character by character. Only the port of a loopback address may differ,
 *    since a native app gets the one that is free.
 * 2. `https`, a private-use scheme with a dot in it, or `http` at the loopback: nothing else is ever redirected to,
 *    not even if somebody registered it.
 */

import { isIP } from "node:net";

/** Host, port and the rest of a loopback URI. */
const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?((?:[/?].*)?)$/;
const PRIVATE_USE = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:/;
/** What RFC 3986 allows, without a fragment. */
const CHARACTERS = /^[A-Za-z0-9._~:/?[\]@!$&'()*+,;=%-]+$/;

/** Whether a client that registered these may be answered at this one. */
export function matchesRedirect(registered: readonly string[], uri: string): boolean {
  if (!isRedirectUri(uri)) return false;
  if (registered.includes(uri)) return true;
  const given = withoutPort(uri);
  return given !== undefined && registered.some((known) => withoutPort(known) === given);
}

/** Whether a URI is one that may be redirected to at all. */
export function isRedirectUri(uri: string): boolean {
  if (!CHARACTERS.test(uri) || !URL.canParse(uri)) return false;
  const { protocol, hostname, username, password } = new URL(uri);
  if (username !== "" || password !== "") return false;
  if (protocol === "https:") return hostname !== "";
  return protocol === "http:" ? LOOPBACK.test(uri) : PRIVATE_USE.test(uri);
}

export const isLoopbackRedirect = (uri: string): boolean => LOOPBACK.test(uri);

const NOT_PUBLIC = /(?:^|\.)(?:localhost|local|internal|test|invalid)$/;

/** Whether a URI is `https` at a host with a public name, as some vendors ask. */
export function isPublicRedirect(uri: string): boolean {
  if (!isRedirectUri(uri)) return false;
  const { protocol, hostname } = new URL(uri);
  if (protocol !== "https:" || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return false;
  return hostname.includes(".") && !NOT_PUBLIC.test(hostname);
}

/** A loopback URI as all of its ports share it; undefined for any other. */
function withoutPort(uri: string): string | undefined {
  const match = LOOPBACK.exec(uri);
  return match ? `${match[1]}${match[2]}` : undefined;
}
