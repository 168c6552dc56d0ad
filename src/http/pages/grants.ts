/** The owner's own page: which apps have access, and a way to take it from each. */

import type { Locale } from "../../issuer/accounts.ts";
import type { Instant } from "../../kernel/time.ts";
import { type Page, page, type Setting, sealed } from "./frame.ts";
import { type Html, html } from "./html.ts";
import { fill } from "./words.ts";
import type { Words } from "./words-en.ts";

export interface GrantLine {
  readonly client: string;
  /** What was granted, in words. */
  readonly scope: readonly string[];
  readonly grantedAt: Instant;
  readonly usedAt: Instant;
}

export interface GrantsPage {
  readonly form: string;
  readonly username: string;
  readonly grants: readonly GrantLine[];
}

/** Day, month, year in both languages. */
const CALENDARS: Readonly<Record<Locale, string>> = { en: "en-GB", nl: "nl-NL" };

export function grantsPage(setting: Setting, { form, username, grants }: GrantsPage): Page {
  const dates = new Intl.DateTimeFormat(CALENDARS[setting.locale], {
    dateStyle: "long",
    timeZone: "UTC",
  });
  const line = (words: Words, { client, scope, grantedAt, usedAt }: GrantLine): Html => html`<li>
<div>
<strong>${client}</strong>
${scope.length > 0 && html`<p>${scope.join(", ")}</p>`}
<p class="quiet">${fill(words.grantedAt, { date: dates.format(grantedAt) })}, ${fill(words.usedAt, { date: dates.format(usedAt) })}</p>
</div>
<button class="second" name="revoke" value="${client}" aria-label="${fill(words.revokeOf, { client })}">${words.revoke}</button>
</li>`;
  const body = (words: Words): Html => html`<h1>${words.grants}</h1>
<p class="quiet">${fill(words.account, { username })}</p>
<form method="post">
${sealed(form)}
${
  grants.length === 0
    ? html`<p>${words.grantsNone}</p>`
    : html`<ul class="grants">${grants.map((grant) => line(words, grant))}</ul>`
}
<button name="sign-out" value="1" class="second">${words.signOut}</button>
</form>`;
  return page(setting, { title: (words) => words.grants, body, wide: true });
}
