/** The page that asks for user name and password, and the one that asks for the second factor. */

import type { Duration } from "../../kernel/time.ts";
import { notice, type Page, page, type Setting, sealed } from "./frame.ts";
import { type Html, html } from "./html.ts";
import { fill, wait } from "./words.ts";
import type { Words } from "./words-en.ts";

/** Why the page is shown again. */
export type Mistake = "wrong" | { readonly throttledFor: Duration };

const HTTP_BAD_REQUEST = 400;
const HTTP_TOO_MANY_REQUESTS = 429;

export interface LoginPage {
  readonly form: string;
  /** Whom the login is for; null for the account's own pages. */
  readonly client: string | null;
  readonly username?: string | undefined;
  readonly mistake?: Mistake | undefined;
}

export function loginPage(setting: Setting, { form, client, username, mistake }: LoginPage): Page {
  const body = (words: Words): Html => html`<h1>${words.signIn}</h1>
<p class="quiet">${client === null ? words.signInForAccount : fill(words.signInFor, { client })}</p>
${mistake && notice(mistakeText(words, mistake, words.wrongPassword))}
<form method="post">
${sealed(form)}
<div class="field">
<label for="username">${words.username}</label>
<input id="username" name="username" type="text" value="${username}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="256" required${!username && AUTOFOCUS}>
</div>
<div class="field">
<label for="password">${words.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required${mistake && WRONG}${username && AUTOFOCUS}>
</div>
<button>${words.signIn}</button>
</form>`;
  return page(setting, { ...answerTo(mistake), title: (words) => words.signIn, body });
}

export interface SecondFactorPage {
  readonly form: string;
  readonly username: string;
  readonly mistake?: Mistake | undefined;
}

export function secondFactorPage(
  setting: Setting,
  { form, username, mistake }: SecondFactorPage,
): Page {
  const body = (words: Words): Html => html`<h1>${words.secondFactor}</h1>
<p class="quiet" id="hint">${fill(words.secondFactorHint, { username })}</p>
${mistake && notice(mistakeText(words, mistake, words.wrongCode))}
<form method="post">
${sealed(form)}
<div class="field">
<label for="code">${words.code}</label>
<input id="code" class="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 ]*" maxlength="16" required${mistake ? WRONG : HINTED}${AUTOFOCUS}>
</div>
<button>${words.confirm}</button>
</form>`;
  return page(setting, { ...answerTo(mistake), title: (words) => words.secondFactor, body });
}

const AUTOFOCUS = html` autofocus`;
const HINTED = html` aria-describedby="hint"`;
const WRONG = html` aria-invalid="true" aria-describedby="notice"`;

const mistakeText = (words: Words, mistake: Mistake, wrong: string): string =>
  mistake === "wrong" ? wrong : fill(words.throttled, { wait: wait(words, mistake.throttledFor) });

function answerTo(mistake: Mistake | undefined) {
  if (mistake === undefined) return {};
  if (mistake === "wrong") return { status: HTTP_BAD_REQUEST };
  const seconds = Math.max(1, Math.ceil(mistake.throttledFor / 1000));
  return { status: HTTP_TOO_MANY_REQUESTS, headers: { "retry-after": String(seconds) } };
}
