/**
 * Logging in, step by step: password, then second factor where there is one. Whoever came for something is sent on to
 * it afterwards.
 *
 * 1. Nothing is kept between two steps but what their form brings back, sealed (authorize-browser.ts).
 * 2. The second step is only shown after the password was right, and only then is a code looked at.
 * 3. A session begins when the last step has passed, never before.
 */

import type { FastifyRequest } from "fastify";
import { Secret } from "../env/secret.ts";
import type { Account, Checked } from "../issuer/accounts.ts";
import type { RealmServices } from "../issuer/realms.ts";
import type { Parameters } from "../issuer/request.ts";
import type { Instant } from "../kernel/time.ts";
import type { Redirect } from "./authorize-answer.ts";
import { type Browser, isOf, type Login } from "./authorize-browser.ts";
import type { AuthorizationRequest } from "./authorize-request.ts";
import type { AuthorizationRules } from "./authorize-rules.ts";
import type { Dialect } from "./dialect.ts";
import type { Page, Setting } from "./pages/frame.ts";
import { loginPage, type Mistake, secondFactorPage } from "./pages/login.ts";
import { secondFactorMissingPage } from "./pages/notice.ts";
import { localeOf } from "./pages/words.ts";

/** One request of a browser, with all that its answer is made from. */
export interface Visit {
  readonly realm: RealmServices;
  readonly rules: AuthorizationRules;
  readonly dialect: Dialect;
  readonly testMode: boolean;
  readonly browser: Browser;
  readonly now: Instant;
  readonly request: FastifyRequest;
}

export type Answer = Page | Redirect;

/** What somebody came for. */
export type Errand =
  | { readonly to: "client"; readonly request: AuthorizationRequest }
  | { readonly to: "account" };

/** Goes on with an errand, once somebody is logged in. */
export type Arrive = (
  visit: Visit,
  errand: Errand,
  login: Login,
  account: Account,
) => Promise<Answer>;

/** What the forms of these steps bring back. */
export type LoginForm =
  | { readonly step: "login"; readonly errand: Errand }
  | { readonly step: "code"; readonly errand: Errand; readonly login: Login };

export function settingOf(
  { rules, request }: Pick<Visit, "rules" | "request">,
  errand: Errand,
): Setting {
  const uiLocales = errand.to === "client" ? errand.request.uiLocales : undefined;
  return {
    brand: rules.brand,
    locale: localeOf(uiLocales, request.headers["accept-language"]),
  };
}

/** Who is logged in by this browser's session; undefined if nobody is. */
export async function whoIsIn({
  browser,
  realm,
}: Visit): Promise<{ readonly login: Login; readonly account: Account } | undefined> {
  const login = browser.session();
  const account = login && (await realm.accounts.find(login.username));
  return login && isOf(login, account) ? { login, account } : undefined;
}

export function askLogin(
  visit: Visit,
  errand: Errand,
  again: { readonly username?: string; readonly mistake?: Mistake } = {},
): Page {
  const asked = errand.to === "client" ? errand.request : undefined;
  const state: LoginForm = { step: "login", errand };
  return loginPage(settingOf(visit, errand), {
    form: visit.browser.sealForm(state),
    client: asked?.clientId ?? null,
    username: again.username ?? asked?.loginHint,
    mistake: again.mistake,
  });
}

export async function takeLogin(
  visit: Visit,
  { errand }: Extract<LoginForm, { readonly step: "login" }>,
  parameters: Parameters,
  arrive: Arrive,
): Promise<Answer> {
  const { realm, browser, rules, request, now } = visit;
  const username = textOf(parameters, "username").trim();
  const password = new Secret(textOf(parameters, "password"));
  const from = { device: browser.deviceOf(username), address: request.ip };
  const checked = await realm.accounts.checkPassword(username, password, from);
  if (!checked.ok) return askLogin(visit, errand, { username, mistake: mistakeOf(checked) });
  const { account } = checked;
  const login = { username: account.username, at: now, epoch: account.sessionEpoch };
  if (account.hasSecondFactor) return askCode(visit, errand, login);
  if (rules.secondFactor === "required") return secondFactorMissingPage(settingOf(visit, errand));
  browser.keep(login);
  return arrive(visit, errand, login, account);
}

function askCode(visit: Visit, errand: Errand, login: Login, mistake?: Mistake): Page {
  const state: LoginForm = { step: "code", errand, login };
  return secondFactorPage(settingOf(visit, errand), {
    form: visit.browser.sealForm(state),
    username: login.username,
    mistake,
  });
}

export async function takeCode(
  visit: Visit,
  { errand, login: begun }: Extract<LoginForm, { readonly step: "code" }>,
  parameters: Parameters,
  arrive: Arrive,
): Promise<Answer> {
  const { realm, browser, now } = visit;
  if (!isOf(begun, await realm.accounts.find(begun.username))) return askLogin(visit, errand);
  const from = { device: browser.deviceOf(begun.username) };
  const checked = await realm.accounts.checkCode(begun.username, textOf(parameters, "code"), from);
  if (!checked.ok) return askCode(visit, errand, begun, mistakeOf(checked));
  const login = { ...begun, at: now };
  browser.keep(login);
  return arrive(visit, errand, login, checked.account);
}

const mistakeOf = (checked: Extract<Checked, { readonly ok: false }>): Mistake =>
  checked.reason === "throttled" ? { throttledFor: checked.retryAfter } : "wrong";

/** A field of a form; empty if it is absent or repeated. */
export function textOf(parameters: Parameters, name: string): string {
  const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  return typeof value === "string" ? value : "";
}
