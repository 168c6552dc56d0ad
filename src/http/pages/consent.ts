/** The page that asks whether an app may have access, and to what. */

import type { Resource } from "../authorize-rules.ts";
import { notice, type Page, page, type Setting, sealed } from "./frame.ts";
import { type Html, html } from "./html.ts";
import { fill, fillStrong } from "./words.ts";
import type { Words } from "./words-en.ts";

export interface ConsentPage {
  readonly form: string;
  readonly client: string;
  readonly username: string;
  /** What is asked for, in words; empty where there is no scope. */
  readonly scope: readonly string[];
  /** Whether a refresh token is asked for. */
  readonly offline: boolean;
  readonly resources: readonly Resource[];
  /** Where the owner goes afterwards, and how the page's policy names it. */
  readonly returnTo: string;
  readonly leadsTo: readonly string[];
  /** Nothing is asked for that was not given before: there is only the login to confirm. */
  readonly remembered: boolean;
  /** None of the resources was chosen. */
  readonly resourceMissing?: boolean;
}

const CHECKED = html` checked`;

const HTTP_BAD_REQUEST = 400;

export function consentPage(setting: Setting, consent: ConsentPage): Page {
  const { form, client, username, remembered, returnTo, leadsTo, resourceMissing } = consent;
  const title = (words: Words): string =>
    remembered ? fill(words.remembered, { client }) : words.consent;
  const body = (words: Words): Html => html`<h1>${title(words)}</h1>
<p>${remembered ? words.rememberedHint : fillStrong(words.consentAsks, { client })}</p>
<form method="post">
${sealed(form)}
${!remembered && asked(words, consent)}
<p class="quiet">${fill(words.account, { username })}. ${fill(words.returnTo, { host: returnTo })}</p>
<button name="answer" value="allow">${remembered ? words.goOn : words.allow}</button>
<button name="answer" value="deny" class="second">${remembered ? words.cancel : words.deny}</button>
<button name="answer" value="other" class="link">${words.otherAccount}</button>
</form>`;
  const status = resourceMissing ? HTTP_BAD_REQUEST : 200;
  return page(setting, { status, title, body, leadsTo });
}

const asked = (
  words: Words,
  { scope, offline, resources, resourceMissing }: ConsentPage,
): Html => html`
<h2>${words.scopeList}</h2>
<ul>
${(scope.length > 0 ? scope : [words.scopeAll]).map((value) => html`<li>${value}</li>\n`)}
${offline && html`<li>${words.scopeOffline}</li>`}
</ul>
${
  resources.length > 0 &&
  html`<fieldset>
<legend>${words.resourceList}</legend>
${resourceMissing && notice(words.resourceMissing)}
${resources.map(
  ({ id, label }) => html`<label class="choice">
<input type="checkbox" name="resource" value="${id}"${!resourceMissing && CHECKED}>
<span>${label}</span>
</label>`,
)}
</fieldset>`
}`;
