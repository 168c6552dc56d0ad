/** Which language a page is in, and how its words are filled in. */

import type { Locale } from "../../issuer/accounts.ts";
import { type Duration, MINUTE, SECOND } from "../../kernel/time.ts";
import { type Html, html } from "./html.ts";
import { EN, type Words } from "./words-en.ts";
import { NL } from "./words-nl.ts";

export const WORDS: Readonly<Record<Locale, Words>> = { en: EN, nl: NL };

/** Fills in what stands in braces. */
export const fill = (text: string, values: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));

/** The same as HTML, with what is filled in set off from the words around it. */
export function fillStrong(text: string, values: Readonly<Record<string, string>>): Html {
  const parts = text.split(/\{(\w+)\}/);
  return html`${parts.map((part, i) => (i % 2 === 0 ? part : html`<strong>${values[part]}</strong>`))}`;
}

/** A wait in words, rounded up: whoever waits so long has waited long enough. */
export function wait(words: Words, duration: Duration): string {
  const seconds = Math.max(1, Math.ceil(duration / SECOND));
  if (seconds === 1) return words.second;
  if (seconds < 60) return fill(words.seconds, { count: seconds });
  const minutes = Math.ceil(duration / MINUTE);
  return minutes === 1 ? words.minute : fill(words.minutes, { count: minutes });
}

/**
 * The first language that is asked for and that the pages have. `ui_locales` are in order of preference, separated by
 * spaces (OpenID Connect Core, section 3.1.2.1); `Accept-Language` is weighed (RFC 9110, section 12.5.4).
 */
export function localeOf(
  uiLocales: string | undefined,
  acceptLanguage: string | undefined,
): Locale {
  const asked = [...(uiLocales?.split(" ") ?? []), ...byWeight(acceptLanguage ?? "")];
  const languages = asked.map((tag) => tag.toLowerCase().split("-", 1)[0]);
  return (
    languages.find((language): language is Locale => Object.hasOwn(WORDS, language ?? "")) ?? "en"
  );
}

function byWeight(header: string): readonly string[] {
  return header
    .split(",", 20)
    .map((item) => {
      const [tag = "", weight = "q=1"] = item.split(";").map((part) => part.trim());
      return { tag, weight: Number(weight.replace(/^q=/, "")) };
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag);
}
