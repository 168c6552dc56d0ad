/** The owner's own page: the apps that have access, taking it away, and signing out. */

import type { Account } from "../issuer/accounts.ts";
import type { Parameters } from "../issuer/request.ts";
import { isOf, type Login } from "./authorize-browser.ts";
import { scopeWords } from "./authorize-consent.ts";
import {
  type Answer,
  askLogin,
  type Errand,
  settingOf,
  textOf,
  type Visit,
} from "./authorize-login.ts";
import { grantsPage } from "./pages/grants.ts";
import { signedOutPage } from "./pages/notice.ts";

/** What the form of this page brings back. */
export interface AccountForm {
  readonly step: "account";
  readonly login: Login;
}

const ERRAND: Errand = { to: "account" };

export async function showAccount(visit: Visit, login: Login, account: Account): Promise<Answer> {
  const { realm, browser, rules } = visit;
  const setting = settingOf(visit, ERRAND);
  const { username } = account;
  const grants = await realm.issuer.listGrants({ subject: username });
  const state: AccountForm = { step: "account", login };
  return grantsPage(setting, {
    form: browser.sealForm(state),
    username,
    grants: grants.map(({ clientId, scope, grantedAt, usedAt }) => ({
      client: clientId,
      scope: scopeWords(rules, scope, setting),
      grantedAt,
      usedAt,
    })),
  });
}

export async function takeAccount(
  visit: Visit,
  { login }: AccountForm,
  parameters: Parameters,
): Promise<Answer> {
  const { realm, browser, request } = visit;
  const account = await realm.accounts.find(login.username);
  if (!isOf(login, account)) return askLogin(visit, ERRAND);
  const { username } = account;
  if (textOf(parameters, "sign-out") !== "") {
    await realm.accounts.endSessions(username);
    browser.forget();
    return signedOutPage(settingOf(visit, ERRAND));
  }
  const clientId = textOf(parameters, "revoke");
  if (clientId !== "") await realm.issuer.revokeAuthorization({ clientId, subject: username });
  // Shown by GET, so that loading the page again takes nothing else away.
  return { location: request.originalUrl };
}
