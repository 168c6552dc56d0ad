/**
 * Asking the owner, and answering the client.
 *
 * 1. Who has just logged in is always shown whom this is for, and goes on by a click: the pages that take a password
 *    may lead nowhere but here (pages/frame.ts).
 * 2. A consent counts for the account that gave it, as long as its session is not ended.
 * 3. The client and its redirect URI are looked at again at each step: what was taken from it while the page was open
 *    is not redirected to.
 * 4. What the owner picks is taken from what was there to pick, at the moment of the answer.
 */

import type { Account } from "../issuer/accounts.ts";
import type { Consent } from "../issuer/grant-code.ts";
import { isLoopbackRedirect, matchesRedirect } from "../issuer/redirect-uri.ts";
import type { Parameters } from "../issuer/request.ts";
import { oauthError, type Refusal } from "../kernel/refusal.ts";
import type { ClientRecord } from "../store/records.ts";
import { type Redirect, redirectTo, tokenFields } from "./authorize-answer.ts";
import { isOf, type Login } from "./authorize-browser.ts";
import { type Answer, askLogin, settingOf, textOf, type Visit } from "./authorize-login.ts";
import type { Addressee, AuthorizationRequest } from "./authorize-request.ts";
import type { AuthorizationRules, Resource } from "./authorize-rules.ts";
import { consentPage } from "./pages/consent.ts";
import type { Page, Setting } from "./pages/frame.ts";
import { refusedPage } from "./pages/notice.ts";

/** What the consent form brings back. */
export interface ConsentForm {
  readonly step: "consent";
  readonly request: AuthorizationRequest;
  readonly login: Login;
  /** Whether all of it was given before. */
  readonly remembered: boolean;
}

/** Goes on for somebody who is logged in: to the page that asks, or where there is nothing to ask, back to the client. */
export async function authorize(
  visit: Visit,
  request: AuthorizationRequest,
  login: Login,
  account: Account,
  { justNow }: { readonly justNow: boolean },
): Promise<Answer> {
  const client = await clientOf(visit, request);
  if (!client) return nobodyAsks(visit, request);
  const remembered = await isRemembered(visit, request, client, account);
  if (remembered && !justNow) return grant(visit, request, account, { remembered, resources: [] });
  if (request.prompt.includes("none")) {
    return fail(visit, request, "consent_required", "the owner has to be asked");
  }
  return askConsent(visit, { step: "consent", request, login, remembered }, client, account);
}

/** The client of a request, if it is still there and may still be answered there. */
async function clientOf(
  { realm }: Visit,
  { clientId, redirectUri }: AuthorizationRequest,
): Promise<ClientRecord | undefined> {
  const client = await realm.issuer.findClient(clientId);
  return client && matchesRedirect(client.redirectUris, redirectUri) ? client : undefined;
}

const nobodyAsks = (visit: Visit, request: AuthorizationRequest): Page =>
  refusedPage(
    settingOf(visit, { to: "client", request }),
    visit.rules.refusalStatus,
    "the client or its redirect URI is no longer registered",
  );

/** Only of a client that has proven who it is: any program can ask in a public client's name. RFC 8252, section 8.6 */
async function isRemembered(
  { realm, rules }: Visit,
  { prompt, scope }: AuthorizationRequest,
  client: ClientRecord,
  account: Account,
): Promise<boolean> {
  if (rules.consent === "always" || client.kind === "public" || prompt.includes("consent")) {
    return false;
  }
  if (resourcesOf(rules, account).length > 0) return false;
  const grants = await realm.issuer.listGrants({ subject: account.username });
  const given = grants.find(({ clientId }) => clientId === client.clientId);
  return given !== undefined && scope.every((value) => given.scope.includes(value));
}

function askConsent(
  visit: Visit,
  form: ConsentForm,
  client: ClientRecord,
  account: Account,
  resourceMissing = false,
): Page {
  const { browser, rules } = visit;
  const { request, remembered } = form;
  const setting = settingOf(visit, { to: "client", request });
  return consentPage(setting, {
    form: browser.sealForm(form),
    client: client.clientId,
    username: account.username,
    scope: scopeWords(rules, request.scope, setting),
    offline:
      request.responseType === "code" &&
      client.grantTypes.includes("refresh_token") &&
      isRefreshable(rules, request, remembered),
    resources: resourcesOf(rules, account),
    ...destination(request.redirectUri),
    remembered,
    resourceMissing,
  });
}

export async function takeConsent(
  visit: Visit,
  form: ConsentForm,
  parameters: Parameters,
): Promise<Answer> {
  const { realm, rules } = visit;
  const { request, login, remembered } = form;
  const [client, account] = await Promise.all([
    clientOf(visit, request),
    realm.accounts.find(login.username),
  ]);
  if (!client) return nobodyAsks(visit, request);
  const answer = textOf(parameters, "answer");
  if (answer === "deny") {
    return fail(visit, request, "access_denied", "the owner did not allow it");
  }
  if (answer === "other" || !isOf(login, account))
    return askLogin(visit, { to: "client", request });
  const offered = resourcesOf(rules, account).map(({ id }) => id);
  const picked = [parameters.resource ?? []].flat().filter((id) => offered.includes(id));
  const isMissing = offered.length > 0 && picked.length === 0;
  if (answer !== "allow" || isMissing) return askConsent(visit, form, client, account, isMissing);
  return grant(visit, request, account, { remembered, resources: picked });
}

/** Point of no return: what is granted here goes to the client. */
async function grant(
  visit: Visit,
  request: AuthorizationRequest,
  account: Account,
  given: { readonly remembered: boolean; readonly resources: readonly string[] },
): Promise<Redirect> {
  const { realm, rules, dialect } = visit;
  const { clientId, scope, redirectUri, namesRedirectUri, codeChallenge } = request;
  const consent: Consent = {
    clientId,
    subject: account.username,
    tenant: account.tenant,
    scope,
    resources: given.resources,
    refreshable: isRefreshable(rules, request, given.remembered),
    redirectUri: namesRedirectUri ? redirectUri : undefined,
    codeChallenge,
  };
  if (request.responseType === "token") {
    const outcome = await realm.issuer.grantAccess(consent);
    if (!outcome.granted) return failBy(visit, request, outcome.refusal);
    return answerTo(visit, request, tokenFields(dialect, outcome.response));
  }
  const opened = await realm.issuer.openCode(consent);
  if ("refusal" in opened) return failBy(visit, request, opened.refusal);
  return answerTo(visit, request, { code: opened.code });
}

const isRefreshable = (
  rules: AuthorizationRules,
  { offline }: AuthorizationRequest,
  remembered: boolean,
): boolean => rules.refresh === "always" || (offline && !remembered);

const resourcesOf = ({ resources }: AuthorizationRules, account: Account): readonly Resource[] =>
  resources?.(account) ?? [];

export const scopeWords = (
  rules: AuthorizationRules,
  scope: readonly string[],
  { locale }: Setting,
): readonly string[] => scope.map((value) => rules.scopeWords?.[value]?.[locale] ?? value);

/** Where the owner goes afterwards: in words, and as a policy of the page names it and what may follow on it. */
function destination(redirectUri: string): {
  readonly returnTo: string;
  readonly leadsTo: readonly string[];
} {
  const { protocol, host } = new URL(redirectUri);
  if (protocol === "https:") return { returnTo: host, leadsTo: ["https:"] };
  if (!isLoopbackRedirect(redirectUri))
    return { returnTo: protocol, leadsTo: ["https:", protocol] };
  // A policy has no word for an address of IPv6.
  const loopback = host.startsWith("[") ? ["http:"] : ["http://localhost:*", "http://127.0.0.1:*"];
  return { returnTo: host, leadsTo: ["https:", ...loopback] };
}

// --- answers ------------------------------------------------------------------------------------------------

function answerTo(
  { realm, rules }: Visit,
  request: Addressee,
  fields: Readonly<Record<string, string>>,
): Redirect {
  return redirectTo(request, fields, rules.issuerInAnswer ? realm.issuer.realm.issuer : null);
}

export const fail = (visit: Visit, to: Addressee, error: string, description: string): Redirect =>
  answerTo(visit, to, { error, error_description: description });

/** RFC 6749, section 4.1.2.1: what the token endpoint may say besides is a denial here. */
const ERRORS = [
  ...["invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type"],
  ...["invalid_scope", "server_error", "temporarily_unavailable"],
];

function failBy(visit: Visit, request: AuthorizationRequest, refusal: Refusal): Redirect {
  const { error, description } = oauthError(refusal, visit.now);
  return fail(visit, request, ERRORS.includes(error) ? error : "access_denied", description);
}
