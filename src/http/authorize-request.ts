/**
 * The authorization request, checked. RFC 6749, sections 3.1 and 4.1.1; RFC 7636; RFC 9700, section 2.1
 *
 * 1. First the client and its redirect URI: as long as they are not verified, nothing is redirected anywhere, and what
 *    is wrong is said on a page. After that, what is wrong is told to the client, at its redirect URI.
 * 2. No parameter that we read may be repeated; one that we do not know is ignored; one without a value is absent.
 * 3. Values in, values out: nothing is looked up here.
 */

import { isLoopbackRedirect, isPublicRedirect, matchesRedirect } from "../issuer/redirect-uri.ts";
import type { Parameters } from "../issuer/request.ts";
import { parseScope } from "../issuer/request.ts";
import { type Duration, SECOND } from "../kernel/time.ts";
import type { ClientRecord } from "../store/records.ts";
import type { AuthorizationRules, ResponseType } from "./authorize-rules.ts";

/** An authorization request in which nothing is wrong. It goes sealed into the forms of its pages. */
export interface AuthorizationRequest {
  readonly clientId: string;
  /** Where the client is answered. */
  readonly redirectUri: string;
  /** Whether the request named it: then the token request must repeat it. RFC 6749, section 4.1.3 */
  readonly namesRedirectUri: boolean;
  readonly responseType: ResponseType;
  readonly state?: string | undefined;
  readonly scope: readonly string[];
  readonly codeChallenge?: string | undefined;
  readonly prompt: readonly string[];
  /** How long ago the owner may have logged in; 0 asks for a login now. */
  readonly loginAgeMax: Duration | null;
  readonly uiLocales?: string | undefined;
  readonly loginHint?: string | undefined;
  /** Whether access is asked for while the owner is away. */
  readonly offline: boolean;
}

/** What the client is told at its redirect URI. */
export interface AuthorizationError {
  readonly error: string;
  readonly description: string;
}

/** To whom an answer goes, and how. */
export type Addressee = Pick<AuthorizationRequest, "redirectUri" | "responseType" | "state">;

export type CheckedRequest =
  /** For a page: nobody may be redirected. */
  | { readonly refused: string }
  | { readonly error: AuthorizationError; readonly to: Addressee }
  | { readonly request: AuthorizationRequest };

export interface RequestRoom {
  readonly rules: AuthorizationRules;
  /** Undefined where there is none of that name. */
  readonly client: ClientRecord | undefined;
  /** Whether the realm has the implicit grant. */
  readonly implicit: boolean;
  readonly scopeRequired: boolean;
  /** Whether redirect URIs at the loopback pass where the rules want public ones. */
  readonly testMode: boolean;
}

const KNOWN = [
  ...["response_type", "client_id", "redirect_uri", "scope", "state", "response_mode"],
  ...["code_challenge", "code_challenge_method", "prompt", "max_age", "ui_locales", "login_hint"],
  "access_type",
] as const;

export const clientIdOf = (parameters: Parameters): string | undefined =>
  read(parameters, "client_id");

export function checkRequest(parameters: Parameters, room: RequestRoom): CheckedRequest {
  const { client } = room;
  const redirect = checkRedirect(parameters, room);
  if (!client || "refused" in redirect) return redirect as { readonly refused: string };
  const responseType = read(parameters, "response_type");
  const to: Addressee = {
    redirectUri: redirect.uri,
    responseType: responseType === "token" && room.implicit ? "token" : "code",
    state: read(parameters, "state"),
  };
  const fail = (error: string, description: string): CheckedRequest => ({
    error: { error, description },
    to,
  });
  const repeated = repeatedOf(parameters, room.rules);
  if (repeated) return fail("invalid_request", `parameter '${repeated}' is repeated`);
  const wrong = checkResponse(parameters, client, room) ?? checkChallenge(parameters, client, room);
  if (wrong) return { error: wrong, to };
  const scope = checkScope(parameters, client, room);
  if ("error" in scope) return { error: scope, to };
  const login = checkLogin(parameters, room.rules);
  if ("error" in login) return { error: login, to };
  return {
    request: {
      ...to,
      ...login,
      clientId: client.clientId,
      namesRedirectUri: redirect.named,
      scope: scope.values,
      codeChallenge: read(parameters, "code_challenge"),
      uiLocales: read(parameters, "ui_locales"),
      loginHint: read(parameters, "login_hint"),
      offline: room.rules.refresh === "always" || read(parameters, "access_type") === "offline",
    },
  };
}

// --- who asks, and where the answer goes --------------------------------------------------------------------

function checkRedirect(
  parameters: Parameters,
  { client, rules, testMode }: RequestRoom,
): { readonly uri: string; readonly named: boolean } | { readonly refused: string } {
  for (const name of ["client_id", "redirect_uri"]) {
    if (Array.isArray(parameters[name])) return { refused: `parameter '${name}' is repeated` };
  }
  if (clientIdOf(parameters) === undefined) return { refused: "missing parameter 'client_id'" };
  if (!client) return { refused: "there is no client of this 'client_id'" };
  const given = read(parameters, "redirect_uri");
  const [only, ...others] = client.redirectUris;
  const uri = given ?? (others.length === 0 ? only : undefined);
  if (uri === undefined) return { refused: "missing parameter 'redirect_uri'" };
  if (!matchesRedirect(client.redirectUris, uri)) {
    return { refused: "'redirect_uri' is not one that this client registered" };
  }
  const isPublic = isPublicRedirect(uri) || (testMode && isLoopbackRedirect(uri));
  if (rules.redirects === "httpsPublicOnly" && !isPublic) {
    return { refused: "'redirect_uri' is not a public https address" };
  }
  return { uri, named: given !== undefined };
}

// --- what it asks for ---------------------------------------------------------------------------------------

function checkResponse(
  parameters: Parameters,
  client: ClientRecord,
  { rules, implicit }: RequestRoom,
): AuthorizationError | undefined {
  const type = read(parameters, "response_type");
  if (type === undefined) return invalid("missing parameter 'response_type'");
  const known = rules.responseTypes.some((known) => known === type);
  if (!known || (type === "token" && !implicit)) {
    return { error: "unsupported_response_type", description: "no such response type here" };
  }
  const grantType = type === "token" ? "implicit" : "authorization_code";
  if (!client.grantTypes.includes(grantType)) {
    const description = "this client may not use this response type";
    return { error: "unauthorized_client", description };
  }
  const mode = read(parameters, "response_mode");
  const usual = type === "token" ? "fragment" : "query";
  return mode === undefined || mode === usual
    ? undefined
    : invalid(`'response_mode' is not '${usual}'`);
}

/** PKCE: S256 and nothing else, since a plain challenge shows the verifier. RFC 9700, section 2.1.1 */
function checkChallenge(
  parameters: Parameters,
  client: ClientRecord,
  { rules }: RequestRoom,
): AuthorizationError | undefined {
  const challenge = read(parameters, "code_challenge");
  const method = read(parameters, "code_challenge_method");
  if (challenge === undefined) {
    if (method !== undefined) return invalid("missing parameter 'code_challenge'");
    const isCode = read(parameters, "response_type") === "code";
    const needed = isCode && (rules.pkce === "required" || client.kind === "public");
    return needed ? invalid("missing parameter 'code_challenge'") : undefined;
  }
  if (method !== "S256") return invalid("'code_challenge_method' is not 'S256'");
  return /^[A-Za-z0-9_-]{43}$/.test(challenge)
    ? undefined
    : invalid("'code_challenge' is no S256 challenge of 43 characters");
}

function checkScope(
  parameters: Parameters,
  client: ClientRecord,
  { scopeRequired }: RequestRoom,
): { readonly values: readonly string[] } | AuthorizationError {
  const text = read(parameters, "scope");
  const wrong = (description: string) => ({ error: "invalid_scope", description });
  if (text === undefined) {
    const none = client.scope.length === 0 && scopeRequired;
    return none ? wrong("no scope requested and no default scope") : { values: client.scope };
  }
  const values = parseScope(text);
  if (!values) return wrong("the scope is malformed");
  return values.every((value) => client.scope.includes(value))
    ? { values }
    : wrong("the scope exceeds what this client may ask for");
}

/** Whether the owner has to log in, whatever session there is. OpenID Connect Core, section 3.1.2.1 */
function checkLogin(
  parameters: Parameters,
  rules: AuthorizationRules,
): Pick<AuthorizationRequest, "prompt" | "loginAgeMax"> | AuthorizationError {
  const prompt = read(parameters, "prompt")?.split(" ") ?? [];
  if (prompt.includes("none") && prompt.length > 1) {
    return invalid("'prompt' has a value besides 'none'");
  }
  const maxAge = read(parameters, "max_age");
  if (maxAge !== undefined && !/^\d{1,10}$/.test(maxAge)) {
    return invalid("'max_age' is no number of seconds");
  }
  const forced =
    prompt.some((value) => value === "login" || value === "select_account") ||
    (rules.forceLogin !== undefined && read(parameters, rules.forceLogin) === "1");
  return {
    prompt,
    loginAgeMax: forced ? 0 : maxAge === undefined ? null : Number(maxAge) * SECOND,
  };
}

// --- parameters ---------------------------------------------------------------------------------------------

const invalid = (description: string): AuthorizationError => ({
  error: "invalid_request",
  description,
});

function read(parameters: Parameters, name: string): string | undefined {
  const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}

function repeatedOf(
  parameters: Parameters,
  { forceLogin }: AuthorizationRules,
): string | undefined {
  const names: readonly string[] = forceLogin === undefined ? KNOWN : [...KNOWN, forceLogin];
  return names.find((name) => Array.isArray(parameters[name]));
}
