/**
 * The authorization endpoint with its pages, and the owner's own page. RFC 6749, section 3.1
 *
 * 1. A request comes by GET or as a form by POST. The pages' own forms are posted to the same address and say sealed
 *    which step they are of: nothing that is posted without that seal is taken for an answer of the owner.
 * 2. Nobody is redirected to an address that was not verified; what is wrong until then is said on a page.
 * 3. No other site may frame these pages or read them, and none of them runs a script (pages/frame.ts).
 * 4. Nothing of a request is logged here.
 */

import cookies from "@fastify/cookie";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { KetenError } from "../env/error.ts";
import type { RealmServices } from "../issuer/realms.ts";
import type { Parameters } from "../issuer/request.ts";
import type { Instant } from "../kernel/time.ts";
import { type AccountForm, showAccount, takeAccount } from "./authorize-account.ts";
import { type BrowserOptions, browserOf } from "./authorize-browser.ts";
import { authorize, type ConsentForm, fail, takeConsent } from "./authorize-consent.ts";
import {
  type Answer,
  type Arrive,
  askLogin,
  type Errand,
  type LoginForm,
  settingOf,
  takeCode,
  takeLogin,
  type Visit,
  whoIsIn,
} from "./authorize-login.ts";
import { checkRequest, clientIdOf } from "./authorize-request.ts";
import type { AuthorizationRules } from "./authorize-rules.ts";
import type { Dialect } from "./dialect.ts";
import { parseForm, readForms } from "./form.ts";
import type { RealmFor } from "./oauth.ts";
import { expiredPage, failedPage, refusedPage } from "./pages/notice.ts";

export interface AuthorizeRoutesOptions extends BrowserOptions {
  readonly realmFor: RealmFor<RealmServices>;
  readonly rules: AuthorizationRules;
  readonly dialect: Dialect;
  readonly paths: {
    readonly authorization: string;
    /** Where an owner sees what was granted; default `/account`. */
    readonly account?: string;
  };
  readonly now: () => Instant;
  /** Whether redirect URIs at the loopback pass where the rules want public ones. Default false. */
  readonly testMode?: boolean;
  /** Told of operating failures; the page says only that there was one. */
  readonly onFailure?: (error: unknown) => void;
}

type Form = LoginForm | ConsentForm | AccountForm;

/** Registers the pages in a scope of their own. */
export async function authorizeRoutes(
  fastify: FastifyInstance,
  options: AuthorizeRoutesOptions,
): Promise<void> {
  const { rules, paths, onFailure } = options;
  const { authorization, account = "/account" } = paths;
  await fastify.register(cookies);
  readForms(fastify);
  fastify.setErrorHandler((error: FastifyError, request, reply) => {
    const status = statusOf(error);
    const setting = settingOf({ rules, request }, NO_ERRAND);
    if (status < 500) {
      return send(reply, refusedPage(setting, status, "the request is malformed"));
    }
    onFailure?.(error);
    return send(reply, failedPage(setting, status));
  });
  const serve = (url: string, begin: (visit: Visit, parameters: Parameters) => Promise<Answer>) => {
    const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const visit = visitOf(options, request, reply);
      if ("unknown" in visit) {
        const setting = settingOf({ rules, request }, NO_ERRAND);
        return send(reply, refusedPage(setting, rules.refusalStatus, "there is no such realm"));
      }
      const posted = request.method === "POST" ? (request.body as Parameters) : undefined;
      const answer =
        posted?.form === undefined
          ? begin(visit, posted ?? parseForm(request.url.split("?").slice(1).join("?")))
          : take(visit, posted);
      return send(reply, await answer);
    };
    // A code is opened where all is clear already: not for somebody who only wants the headers.
    const route = { url, handler, schema: { hide: true }, exposeHeadRoute: false };
    fastify.route({ ...route, method: "GET" });
    fastify.route({ ...route, method: "POST" });
  };
  serve(authorization, beginAuthorization);
  if (rules.trailingSlash) serve(`${authorization}/`, beginAuthorization);
  serve(account, beginAccount);
}

const NO_ERRAND: Errand = { to: "account" };

function visitOf(
  options: AuthorizeRoutesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Visit | { readonly unknown: string } {
  const { realmFor, rules, dialect, testMode = false } = options;
  const realm = realmFor(request);
  if ("unknown" in realm) return realm;
  const browser = browserOf(options, realm.issuer.realm, request, reply);
  return { realm, rules, dialect, testMode, browser, now: options.now(), request };
}

async function beginAuthorization(visit: Visit, parameters: Parameters): Promise<Answer> {
  const { realm, rules, testMode, now } = visit;
  const { issuer } = realm;
  const clientId = clientIdOf(parameters);
  const checked = checkRequest(parameters, {
    rules,
    client: clientId === undefined ? undefined : await issuer.findClient(clientId),
    implicit: issuer.realm.grantTypes.includes("implicit"),
    scopeRequired: issuer.realm.scopeRequired ?? false,
    testMode,
  });
  if ("refused" in checked) {
    return refusedPage(settingOf(visit, NO_ERRAND), rules.refusalStatus, checked.refused);
  }
  if ("error" in checked) {
    return fail(visit, checked.to, checked.error.error, checked.error.description);
  }
  const { request } = checked;
  const who = await whoIsIn(visit);
  const { loginAgeMax } = request;
  const isFresh = who && (loginAgeMax === null || now < who.login.at + loginAgeMax);
  if (who && isFresh) return authorize(visit, request, who.login, who.account, { justNow: false });
  if (request.prompt.includes("none")) {
    return fail(visit, request, "login_required", "the owner has to log in");
  }
  return askLogin(visit, { to: "client", request });
}

async function beginAccount(visit: Visit): Promise<Answer> {
  const who = await whoIsIn(visit);
  return who ? showAccount(visit, who.login, who.account) : askLogin(visit, { to: "account" });
}

/** Takes what an owner filled in. */
async function take(visit: Visit, parameters: Parameters): Promise<Answer> {
  const form = visit.browser.openForm(parameters.form) as Form | undefined;
  switch (form?.step) {
    case "login":
      return takeLogin(visit, form, parameters, arrive);
    case "code":
      return takeCode(visit, form, parameters, arrive);
    case "consent":
      return takeConsent(visit, form, parameters);
    case "account":
      return takeAccount(visit, form, parameters);
    default:
      return expiredPage(settingOf(visit, NO_ERRAND));
  }
}

const arrive: Arrive = async (visit, errand, login, account) =>
  errand.to === "client"
    ? authorize(visit, errand.request, login, account, { justNow: true })
    : { location: visit.request.originalUrl };

const HTTP_SEE_OTHER = 303;

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  if ("location" in answer) {
    const headers = { location: answer.location, "cache-control": "no-store" };
    return reply
      .code(HTTP_SEE_OTHER)
      .headers({ ...headers, "referrer-policy": "no-referrer" })
      .send();
  }
  return reply.code(answer.status).headers(answer.headers).send(answer.body);
}

function statusOf(error: FastifyError): number {
  if (error instanceof KetenError) return error.retryable ? 503 : 500;
  return error.statusCode ?? 500;
}
