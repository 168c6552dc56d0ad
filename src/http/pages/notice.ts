/** Pages that only say something. */

import { type Page, page, type Setting } from "./frame.ts";
import { type Html, html } from "./html.ts";
import type { Words } from "./words-en.ts";

const HTTP_BAD_REQUEST = 400;
const HTTP_FORBIDDEN = 403;

/** A request that no redirect may answer. The reason is for the makers of the app, in the standards' language. */
export function refusedPage(setting: Setting, status: number, reason: string): Page {
  const body = (words: Words): Html => html`<h1>${words.refused}</h1>
<p>${words.refusedHint}</p>
<p><code>${reason}</code></p>`;
  return page(setting, { status, title: (words) => words.refused, body });
}

export const expiredPage = (setting: Setting): Page =>
  plain(setting, HTTP_BAD_REQUEST, "expired", "expiredHint");

export const secondFactorMissingPage = (setting: Setting): Page =>
  plain(setting, HTTP_FORBIDDEN, "secondFactorMissing", "secondFactorMissingHint");

export const signedOutPage = (setting: Setting): Page =>
  plain(setting, 200, "signedOut", "signedOutHint");

export const failedPage = (setting: Setting, status: number): Page =>
  plain(setting, status, "failed", "failedHint");

function plain(setting: Setting, status: number, title: keyof Words, hint: keyof Words): Page {
  const body = (words: Words): Html => html`<h1>${words[title]}</h1>
<p>${words[hint]}</p>`;
  return page(setting, { status, title: (words) => words[title], body });
}
