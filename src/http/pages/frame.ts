/**
 * What all pages have in common: no script, one style, nothing loaded from anywhere, no frame around them.
 *
 * A form of ours is sent to the address at which the page was shown. It may lead no further than ours, but for that
 * page from which the owner goes back to the app: browsers hold a page's `form-action` against every hop of the
 * redirects that follow, also those that the app makes after its own. That page takes no password.
 */

import type { Locale } from "../../issuer/accounts.ts";
import { type Html, html, Html as Raw } from "./html.ts";
import { STYLE, STYLE_SOURCE } from "./style.ts";
import { WORDS } from "./words.ts";
import type { Words } from "./words-en.ts";

/** A page ready to be sent. */
export interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** For whom a page is made, and by whom. */
export interface Setting {
  readonly locale: Locale;
  readonly brand: string;
}

export interface Content {
  readonly status?: number;
  readonly title: (words: Words) => string;
  readonly body: (words: Words) => Html;
  readonly wide?: boolean;
  /** Where the page's form may lead besides here. */
  readonly leadsTo?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

const STYLE_ELEMENT = new Raw(`<style>${STYLE}</style>`);

export function page({ locale, brand }: Setting, content: Content): Page {
  const words = WORDS[locale];
  const { status = 200, title, body, wide = false, leadsTo = [], headers = {} } = content;
  const text = html`<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title(words)} – ${brand}</title>
${STYLE_ELEMENT}
</head>
<body>
<header>${brand}</header>
<main${wide && new Raw(' class="wide"')}>
${body(words)}
</main>
</body>
</html>
`;
  return { status, headers: { ...headersFor(leadsTo), ...headers }, body: text.toString() };
}

const headersFor = (leadsTo: readonly string[]): Readonly<Record<string, string>> => ({
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": [
    "default-src 'none'",
    `style-src ${STYLE_SOURCE}`,
    ["form-action 'self'", ...leadsTo].join(" "),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; "),
  // For browsers from before `frame-ancestors`.
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
});

/** What went wrong, read out by screen readers at once. */
export const notice = (text: string): Html =>
  html`<p class="notice" id="notice" role="alert">${text}</p>`;

/** The sealed state of a form. */
export const sealed = (form: string): Html =>
  html`<input type="hidden" name="form" value="${form}">`;
